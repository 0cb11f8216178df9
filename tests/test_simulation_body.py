from dataclasses import replace

import numpy as np
import pytest

from fingerspelling.landmarks import POINTS
from fingerspelling.simulation import Signer, SimulationConfig
from fingerspelling.simulation.body import pose_person, sway_head
from fingerspelling.simulation.camera import FACE_POINTS, LEFT_HAND, POSE_POINTS, RIGHT_HAND
from fingerspelling.simulation.movement import sign


def person_and_scene(seed: int = 0, side: int = 1) -> tuple[Signer, np.ndarray]:
    signer = Signer.sample(np.random.default_rng(seed), left_handed=0)
    if side < 0:
        mirrored = {"wrist": signer.wrist * [-1, 1, 1] + [1, 0, 0], "head": signer.head * [-1, 1, 1] + [1, 0, 0]}
        signer = replace(signer, side=-1, **mirrored)
    rng = np.random.default_rng(seed)
    motion, _ = sign("hello 42", signer, rng, SimulationConfig())
    turn, place = sway_head(signer, len(motion), 30, rng)
    return signer, pose_person(signer, motion, turn, place, rng)


def points(scene: np.ndarray, *names: str) -> np.ndarray:
    return scene[:, [POINTS.index(name) - len(POINTS) for name in names]]


def test_parts_lie_where_the_columns_say() -> None:
    for part, name in [
        (FACE_POINTS, "face"),
        (LEFT_HAND, "left_hand"),
        (POSE_POINTS, "pose"),
        (RIGHT_HAND, "right_hand"),
    ]:
        assert all(point.startswith(f"{name}_") for point in POINTS[part])
        assert len(POINTS[part]) == sum(point.startswith(f"{name}_") for point in POINTS)


@pytest.mark.parametrize("seed", range(4))
def test_arms_hold_together(seed: int) -> None:
    signer, scene = person_and_scene(seed)
    shoulder, elbow, wrist, hand = points(scene, "pose_12", "pose_14", "pose_16", "right_hand_0").swapaxes(0, 1)
    upper = np.linalg.norm(elbow - shoulder, axis=0)
    np.testing.assert_allclose(upper, signer.arm[0], rtol=1e-3)
    within_reach = np.linalg.norm(wrist - shoulder, axis=0) < signer.arm.sum() - 0.01
    fore = np.linalg.norm(wrist - elbow, axis=0)
    np.testing.assert_allclose(fore[within_reach], signer.arm[1], rtol=1e-3)
    np.testing.assert_allclose(wrist, hand)


@pytest.mark.parametrize("seed", range(4))
def test_hand_keeps_its_bone_lengths_in_space(seed: int) -> None:
    signer, scene = person_and_scene(seed)
    index = points(scene, *(f"right_hand_{joint}" for joint in (5, 6, 7, 8)))
    lengths = np.linalg.norm(np.diff(index, axis=1), axis=0)
    np.testing.assert_allclose(
        lengths, np.broadcast_to(signer.skeleton.bones[1][:, None] * signer.palm, lengths.shape), rtol=1e-3
    )


def test_a_left_hander_is_a_right_handers_mirror_image() -> None:
    _, right = person_and_scene(side=1)
    _, left = person_and_scene(side=-1)
    assert np.isnan(right[:, LEFT_HAND]).all() and np.isnan(left[:, RIGHT_HAND]).all()
    own = right[:, RIGHT_HAND] - right[:, RIGHT_HAND][:, :1]
    other = left[:, LEFT_HAND] - left[:, LEFT_HAND][:, :1]
    np.testing.assert_allclose(other, own * np.array([-1, 1, 1])[:, None, None], atol=1e-6)
    # The spelling arm: right of the signer, so left in the image, and the other way round.
    assert (points(right, "pose_12")[0] < points(right, "pose_11")[0]).all()
    assert (points(left, "pose_12")[0] < points(left, "pose_11")[0]).all()
    np.testing.assert_allclose(points(left, "pose_15"), points(left, "left_hand_0"))
