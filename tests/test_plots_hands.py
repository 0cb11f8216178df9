import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fingerspelling import plots
from fingerspelling.plots.hands import FINGER_JOINTS, hand_picture
from fingerspelling.plots.render3d import PIXELS
from fingerspelling.plots.style import FINGERS
from fingerspelling.simulation import hand_shape
from fingerspelling.text import CHARACTERS

LOW, SIZE = np.array([-1.2, -2.1]), 2.6


def picture(hand: np.ndarray) -> np.ndarray:
    return hand_picture(hand, LOW, SIZE)


def at(image: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """The picture's colour where a joint lies."""
    column, row = ((joint[:2] - LOW) * PIXELS).round().astype(int)
    return image[row, column]


def finger_of(colour: np.ndarray) -> int:
    """Which finger's hue a shaded colour has: by its direction once the grey is taken out."""
    hues = np.array([to_rgb(finger) for finger in FINGERS])
    hues = hues - hues.mean(1, keepdims=True)
    hue = colour[:3] - colour[:3].mean()
    return int((hues @ hue / np.linalg.norm(hues, axis=1)).argmax())


def test_each_finger_has_its_colour_where_its_tip_is() -> None:
    hand = hand_shape("5")[0]
    image = picture(hand)
    assert image.shape == (round(SIZE * PIXELS),) * 2 + (4,)
    assert [finger_of(at(image, hand[tip])) for tip in FINGER_JOINTS[:, -1]] == [0, 1, 2, 3, 4]
    assert [finger_of(at(image, hand[row[1:3]].mean(0))) for row in FINGER_JOINTS] == [0, 1, 2, 3, 4]
    assert (at(image, hand[[0, 9, 13]].mean(0))[3], image[0, 0, 3]) == (1, 0)


@pytest.mark.parametrize("character", CHARACTERS)
def test_every_hand_fills_about_its_outline(character: str) -> None:
    hand = hand_shape(character)[0]
    hand = hand - hand[0]
    image = hand_picture(hand, np.array([-2.5, -2.5]), 5.0)
    assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1
    rows, columns = np.nonzero(image[..., 3])
    drawn = np.stack([columns, rows], 1) / PIXELS - 2.5
    assert drawn.min(0) == pytest.approx(hand[:, :2].min(0), abs=0.16)
    assert drawn.max(0) == pytest.approx(hand[:, :2].max(0), abs=0.16)


def test_what_is_nearer_hides_what_is_behind_it() -> None:
    hand = hand_shape("5")[0]
    for away, finger in ((-0.5, 1), (0.5, 2)):  # the index finger before the middle finger, or behind it
        crossed = hand.copy()
        crossed[5:9] = hand[9:13] + np.array([0, 0, away])
        assert finger_of(at(picture(crossed), hand[10])) == finger
    assert not np.array_equal(picture(hand), picture(hand * [1, 1, -1]))


def test_a_hand_seen_from_its_edge_is_drawn() -> None:
    hand = np.zeros((21, 3))
    hand[:, 1] = -np.linspace(0, 1.5, 21)
    hand[:, 2] = np.linspace(0, 0.5, 21)
    assert at(picture(hand), hand[20])[3] == 1


def test_pages_of_hands() -> None:
    figure = plots.alphabet({character: hand_shape(character) for character in "abcz "}, columns=3)
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["a", "b", "c", "z", "space"]
    assert [len(axes.images) for axes in drawn] == [1, 1, 1, 2, 2]
    assert len(figure.axes) == 6 and not plt.get_fignums()
    tip = hand_shape("z")[:, 8, :2]
    np.testing.assert_allclose(drawn[3].lines[0].get_xydata(), tip)


def test_what_is_alike_and_what_moves_far_is_said() -> None:
    held = plots.alphabet({character: hand_shape(character) for character in "uvbx"})
    assert "Most alike: u and v (0.0" in held.get_label()
    hand = hand_shape("z")
    longer = plots.alphabet({"z": hand, " ": np.stack([hand[0], hand[0] + [3, 0, 0]])}).get_label()
    assert longer.endswith("palms for `z`, the least, and 3.0 for `space`, the most.")
    assert plots.alphabet({"a": hand_shape("a")}).get_label().strip().endswith("stand for a.")
