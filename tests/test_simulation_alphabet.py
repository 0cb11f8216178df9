from itertools import combinations

import numpy as np
import pytest

from fingerspelling.simulation.alphabet import PLACE, SHAPES, SIGNS, TURN, VARIANTS, hand_shape
from fingerspelling.simulation.hand import LIMITS
from fingerspelling.text import CHARACTERS


def track(character: str) -> np.ndarray:
    """A sign's joints about the path's middle at eight moments of its movement: [8 * 63]."""
    hands = hand_shape(character)
    hands = hands - hands[:, :1].mean(0)
    moments = np.linspace(0, len(hands) - 1, 8)
    left = np.minimum(moments.astype(int), max(len(hands) - 2, 0))
    right = np.minimum(left + 1, len(hands) - 1)
    share = (moments - left)[:, None, None]
    return (hands[left] * (1 - share) + hands[right] * share).ravel()


def test_every_character_can_be_signed() -> None:
    assert set(SIGNS) == set(CHARACTERS)
    for character in CHARACTERS:
        hands = hand_shape(character)
        assert hands.shape[1:] == (21, 3) and np.isfinite(hands).all()
    with pytest.raises(ValueError, match="'A' is not one of"):
        hand_shape("A")


def test_no_two_characters_look_the_same() -> None:
    tracks = {character: track(character) for character in CHARACTERS}
    for one, other in combinations(CHARACTERS, 2):
        distance = np.sqrt(np.mean((tracks[one] - tracks[other]) ** 2))
        assert distance > 0.04, f"{one!r} and {other!r} are {distance:.3f} palms apart"


def test_shapes_respect_the_limits_of_the_joints() -> None:
    for name, shape in SHAPES.items():
        angles = np.array(shape[: TURN.start])
        assert (angles >= LIMITS[:, 0]).all() and (angles <= LIMITS[:, 1]).all(), name


def test_variants_leave_room_for_the_usual_sign() -> None:
    for character, variants in VARIANTS.items():
        assert 0 < sum(share for share, _ in variants) < 1
        usual = SIGNS[character]
        for _, postures in variants:
            assert postures.shape != usual.shape or np.abs(postures - usual).max() > 5


def test_fingers_that_tell_letters_apart() -> None:
    def raised(character: str) -> list[bool]:
        hands = hand_shape(character)[0]
        return [hands[tip, 1] < hands[tip - 2, 1] - 0.1 for tip in (8, 12, 16, 20)]

    assert raised("b") == raised("4") == [True] * 4
    assert raised("u") == raised("v") == raised("2") == [True, True, False, False]
    assert raised("w") == raised("6") == [True, True, True, False]
    assert raised("f") == raised("9") == [False, True, True, True]
    assert raised("i") == raised("y") == [False, False, False, True]
    assert raised("a") == raised("s") == [False] * 4
    gap = {c: np.linalg.norm(hand_shape(c)[0, 8] - hand_shape(c)[0, 12]) for c in "ruv"}
    assert gap["v"] > 2 * gap["u"]
    crossed = hand_shape("r")[0]
    assert crossed[8, 0] < crossed[12, 0] + 0.1  # the index is at or behind the middle finger


def test_j_hooks_and_z_zigzags() -> None:
    z = SIGNS["z"][:, PLACE]
    assert np.sign(np.diff(z[:, 0])).tolist() == [-1, 1, -1]
    assert z[-1, 1] > z[0, 1] + 0.5
    j = SIGNS["j"]
    assert j[1, PLACE.start + 1] > j[0, PLACE.start + 1] + 0.5
    assert j[-1, TURN.start] > j[0, TURN.start] + 45
