import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fingerspelling.landmarks import (
    COLUMNS,
    HAND_BONES,
    MIRROR,
    PARTS,
    POINTS,
    SELECTED,
    SELECTED_COLUMNS,
    WRISTS,
    as_columns,
    as_points,
    hand_seen,
    spelling_hand,
)

either_library = pytest.mark.parametrize("library", [np.asarray, torch.tensor], ids=["NumPy", "PyTorch"])


def test_columns_stand_in_the_competitions_order() -> None:
    assert len(COLUMNS) == 1629
    assert len(set(COLUMNS)) == 1629
    blocks = {0: "x_face_0", 467: "x_face_467", 468: "x_left_hand_0", 489: "x_pose_0", 522: "x_right_hand_0"}
    blocks |= {542: "x_right_hand_20", 543: "y_face_0", 1086: "z_face_0", 1628: "z_right_hand_20"}
    assert {place: COLUMNS[place] for place in blocks} == blocks


def test_130_points_are_selected_once_each() -> None:
    assert len(SELECTED) == len(set(SELECTED)) == 130
    assert set(SELECTED) <= set(POINTS)
    assert [f"{axis}_{point}" for axis in "xyz" for point in SELECTED] == SELECTED_COLUMNS


def test_parts_divide_the_selected_points() -> None:
    assert {part: len(places) for part, places in PARTS.items()} == {
        "left_hand": 21,
        "right_hand": 21,
        "face": 76,
        "pose": 12,
    }
    assert sorted(np.concatenate(list(PARTS.values()))) == list(range(130))
    for part, places in PARTS.items():
        assert all(SELECTED[place].startswith(part) for place in places)
    for hand in ("left_hand", "right_hand"):
        assert [SELECTED[place] for place in PARTS[hand]] == [f"{hand}_{joint}" for joint in range(21)]


def test_mirror_is_an_involution_that_swaps_the_hands() -> None:
    assert (MIRROR[MIRROR] == np.arange(130)).all()
    assert (MIRROR[PARTS["left_hand"]] == PARTS["right_hand"]).all()
    assert sorted(MIRROR[PARTS["pose"]]) == sorted(PARTS["pose"])
    mirrored = {SELECTED[i]: SELECTED[MIRROR[i]] for i in range(130)}
    assert mirrored["pose_15"] == "pose_16"  # wrists
    assert mirrored["face_33"] == "face_263"  # outer corners of the eyes
    assert mirrored["face_61"] == "face_291"  # corners of the mouth
    assert [point for point, image in mirrored.items() if point == image] == [
        *("face_0", "face_17", "face_13", "face_14", "face_1", "face_2")  # lips and nose on the axis of the face
    ]


@either_library
@pytest.mark.parametrize("shape", [(5,), (0,), (2, 3), ()])
def test_columns_become_points_and_columns_again(library: Callable, shape: tuple[int, ...]) -> None:
    names = library(np.broadcast_to(np.arange(390), (*shape, 390)))
    points = as_points(names)
    assert points.shape == (*shape, 130, 3)
    assert (as_columns(points) == names).all() and as_columns(points).shape == names.shape
    place, axis = SELECTED.index("pose_15"), "xyz".index("y")
    assert (points[..., place, axis] == SELECTED_COLUMNS.index("y_pose_15")).all()
    assert as_points(names, axes=2).shape == (*shape, 195, 2)


@either_library
def test_a_hand_is_seen_where_its_wrist_is(library: Callable) -> None:
    assert [SELECTED[place] for place in WRISTS] == ["left_hand_0", "right_hand_0"]
    frames = np.zeros((2, 4, 130, 3), np.float16)
    frames[:, 1:3, PARTS["left_hand"]] = np.nan
    frames[1, 2:, PARTS["right_hand"]] = np.nan
    frames[:, :, PARTS["face"]] = np.nan
    assert hand_seen(library(frames)).tolist() == [[True] * 4, [True, True, False, True]]
    assert hand_seen(library(frames[0, 0])).tolist() is True
    assert hand_seen(library(frames[:, :0])).shape == (2, 0)


def test_bones_span_a_tree_over_the_hand_with_the_palm_closed() -> None:
    assert {joint for bone in HAND_BONES for joint in bone} == set(range(21))
    fingers = [(4 * finger + joint, 4 * finger + joint + 1) for finger in range(5) for joint in (1, 2, 3)]
    assert set(fingers) <= set(HAND_BONES)
    assert {(5, 9), (9, 13), (13, 17)} <= set(HAND_BONES)


def test_selected_columns_are_the_winners(real_data: Path) -> None:
    winners = json.loads((real_data / "competition-meta/inference_args_1stplace_darragh.json").read_text())
    assert winners["selected_columns"] == SELECTED_COLUMNS


def test_mirror_images_are_the_winners(real_data: Path) -> None:
    with (real_data / "competition-meta/symmetry.csv").open() as file:
        images = {row["id"]: row["corresponding_id"] for row in csv.DictReader(file)}
    assert [SELECTED[place] for place in MIRROR] == [images[point] for point in SELECTED]


def of_hands(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    frames = np.full((len(left), len(SELECTED), 3), np.nan)
    frames[:, PARTS["left_hand"]], frames[:, PARTS["right_hand"]] = left, right
    return frames


def test_the_hand_whose_fingers_move_spells_however_often_the_other_one_is_seen() -> None:
    rng = np.random.default_rng(0)
    resting = np.repeat(rng.random((1, 21, 3)), 40, 0) + rng.normal(0, 1e-4, (40, 21, 3)) + np.arange(40)[:, None, None]
    moving = rng.random((40, 21, 3))
    moving[::2] = np.nan
    assert spelling_hand(of_hands(resting, moving)) is PARTS["right_hand"]
    assert spelling_hand(of_hands(moving, resting)) is PARTS["left_hand"]
    seen_once, never = np.concatenate([moving[1:2], moving[:1]]), np.full((2, 21, 3), np.nan)
    assert spelling_hand(of_hands(never, seen_once)) is PARTS["right_hand"]
