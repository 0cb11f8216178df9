from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerspelling.simulation import hand
from fingerspelling.simulation.alphabet import SHAPES

angle_rows = st.lists(
    st.lists(st.floats(-400, 400, width=32), min_size=len(hand.ANGLES), max_size=len(hand.ANGLES)),
    min_size=1,
    max_size=5,
).map(lambda rows: np.array(rows, np.float32))
UPRIGHT = np.zeros((1, len(hand.ANGLES)), np.float32)


@settings(deadline=None)
@given(angle_rows, st.integers(0, 5))
def test_bones_keep_their_lengths(angles: np.ndarray, seed: int) -> None:
    skeleton = hand.sample_skeleton(np.random.default_rng(seed))
    digits = hand.joints(angles, skeleton).T[:, 1:].reshape(-1, 5, 4, 3)
    np.testing.assert_allclose(digits[:, :, 0], np.broadcast_to(skeleton.roots, digits[:, :, 0].shape), atol=1e-5)
    lengths = np.linalg.norm(np.diff(digits, axis=2), axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(skeleton.bones, lengths.shape), atol=1e-4)


@given(angle_rows)
def test_limits_hold_and_leave_possible_angles_alone(angles: np.ndarray) -> None:
    cut = hand.within_limits(angles)
    assert (cut >= hand.LIMITS[:, 0]).all() and (cut <= hand.LIMITS[:, 1]).all()
    possible = (angles >= hand.LIMITS[:, 0]) & (angles <= hand.LIMITS[:, 1])
    assert (cut[possible] == angles[possible]).all()


def test_flexed_fingers_come_to_the_palm_and_abducted_ones_to_the_thumb() -> None:
    straight = hand.joints(UPRIGHT)[..., 0].T
    assert (straight[[8, 12, 16, 20], 1] < straight[[5, 9, 13, 17], 1]).all()  # up
    fist = UPRIGHT.copy()
    fist[0, [hand.ANGLES.index(f"{digit}_{joint}") for digit in hand.DIGITS[1:] for joint in ("mcp", "pip")]] = 85
    assert (hand.joints(fist)[2, [8, 12, 16, 20]] < -0.2).all()  # in front of the palm
    spread = UPRIGHT.copy()
    spread[0, hand.ANGLES.index("index_abduction")] = 20
    assert hand.joints(spread)[0, 8] > straight[8, 0] + 0.2
    opposed = UPRIGHT.copy()
    opposed[0, hand.ANGLES.index("thumb_palmar")] = 60
    assert hand.joints(opposed)[2, 4] < straight[4, 2] - 0.5


def test_the_thumb_of_a_closed_hand_seems_longer_and_that_of_an_open_one_does_not() -> None:
    usual = hand.MEAN_SKELETON
    grown = replace(usual, thumb_of_fist=0.3)
    for shape, factor in (("a", 1.3), ("b", 1.0)):
        angles = np.array([SHAPES[shape]], np.float32)
        plain, thumb = (hand.joints(angles, skeleton)[..., 0] for skeleton in (usual, grown))
        np.testing.assert_allclose(np.diff(thumb[:, 1:5]), factor * np.diff(plain[:, 1:5]), atol=1e-5)
        assert np.array_equal(thumb[:, 5:], plain[:, 5:])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_fingers_deviate_together_as_much_as_alone(share: float) -> None:
    noise = np.random.default_rng(0).standard_normal((20_000, 26), np.float32)
    mixed = hand.in_unison(noise, share)
    np.testing.assert_allclose(mixed.std(0), 1, atol=0.03)
    assert np.array_equal(mixed[:, :4], noise[:, :4])  # the thumb is as it was, and so is what is no finger's
    assert np.array_equal(mixed[:, 20:], noise[:, 20:])
    index, middle = mixed[:, 4], mixed[:, 8]
    np.testing.assert_allclose(np.corrcoef(index, middle)[0, 1], share - (1 - share) / 3 * (share > 0), atol=0.03)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_touching_brings_thumb_and_finger_together_and_moves_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    skeleton = hand.sample_skeleton(rng)
    meeting = {"o": 1, "f": 1, "d": 2, "8": 2, "7": 3, "6": 4}
    hands = np.array([SHAPES[shape] for shape in meeting], np.float32)
    hands[:, : len(hand.ANGLES)] += rng.normal(0, 4, (len(hands), len(hand.ANGLES)))
    fingers = np.array(list(meeting.values()))
    met = hand.touching(hands, skeleton, fingers, np.full(len(hands), 0.15))
    places = hand.joints(met, skeleton).T
    rows = np.arange(len(hands))
    distances = np.linalg.norm(places[rows, 4] - places[rows, 4 * (1 + fingers)], axis=1)
    assert (distances < 0.4).all()  # 0.31 at most, of 10,000 seeds
    before = hand.joints(hand.within_limits(hands[:, : len(hand.ANGLES)]), skeleton).T
    for row, finger in enumerate(fingers):
        others = [digit for digit in range(1, 5) if digit != finger]
        tips = [1 + 4 * digit + joint for digit in others for joint in range(4)]
        np.testing.assert_allclose(places[row, tips], before[row, tips], atol=1e-5)
    assert np.array_equal(met[:, len(hand.ANGLES) :], hands[:, len(hand.ANGLES) :])


def test_tips_that_meet_already_stay() -> None:
    met = hand.touching(np.array([SHAPES["o"]], np.float32), hand.MEAN_SKELETON, np.array([1]), np.array([1.0]))
    np.testing.assert_allclose(met, [SHAPES["o"]])
