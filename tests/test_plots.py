import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb

from fingerspelling import plots
from fingerspelling.plots.hands import DIGITS, PIXELS, hand_picture
from fingerspelling.plots.style import BLUE, FINGERS, GREY
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
    assert [finger_of(at(image, hand[tip])) for tip in DIGITS[:, -1]] == [0, 1, 2, 3, 4]
    assert [finger_of(at(image, hand[row[1:3]].mean(0))) for row in DIGITS] == [0, 1, 2, 3, 4]
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


def test_quantiles_beside_the_known_ones() -> None:
    figure = plots.quantiles({"frames": np.arange(101), "others": [3, 3]}, {"frames": {5: 7, 50: 40}})
    ours, known = figure.axes[0].lines
    np.testing.assert_allclose(ours.get_ydata(), ours.get_xdata())
    np.testing.assert_array_equal(known.get_xydata(), [[5, 7], [50, 40]])
    assert len(figure.axes[1].lines[1].get_xdata()) == 0


def test_shares_beside_the_known_ones() -> None:
    names = ["letters", "digits"]
    axes = plots.shares(pd.Series([0.5, 0.25], names), pd.Series([0.6, 0.2], names)).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [50, 25]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[60, 0], [20, 1]])


def test_characters_beside_the_known_ones() -> None:
    axes = plots.characters(["aab", "b-bb"], {"a": 0.1, "b": 0.2}).axes[0]
    assert [bar.get_height() for bar in axes.patches[:3]] == pytest.approx([400 / 7, 200 / 7, 100 / 7])
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, 20], [1, 10]])


def test_each_model_has_its_curves() -> None:
    history = pd.DataFrame(
        {"epoch": [1, 1, 2, 2], "loss": [3, None, 2, None], "learning_rate": [1e-3, None, 1e-4, None]}
        | {"eval_loss": [None, 2.5, None, 1.5], "eval_score": [None, 0.1, None, -0.3]}
    )
    parts = history.assign(loss_forward=[4, None, 3, None], loss_ctc=[5, None, 4, None])
    losses, score, rate = plots.training_curves({"seed1": parts, "seed2": history}).axes
    assert [line.get_ydata().tolist() for line in losses.lines] == [[4, 3], [5, 4], [2.5, 1.5], [3, 2], [2.5, 1.5]]
    assert [text.get_text() for text in losses.get_legend().texts] == [
        "training, forward",
        "training, ctc",
        "validation",
    ]
    assert [text.get_text() for text in score.get_legend().texts] == ["seed1", "seed2", "a constant answer"]
    assert len({line.get_linestyle() for line in rate.lines}) == 2
    assert len({line.get_color() for line in losses.lines[:3]}) == 3
    assert score.get_ylim()[0] <= -0.3


def test_shares_of_clips_by_score() -> None:
    axes = plots.clip_scores([0.0, 0.01, 0.12, 0.5, 1.0], 0.15).axes[0]
    heights = {round(bar.get_x(), 2): bar.get_height() for bar in axes.patches if bar.get_height()}
    assert heights == {0.0: 40, 0.1: 20, 0.5: 20, 0.95: 20}
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert {to_hex(colour) for colour in colours[:3]} == {GREY} and {to_hex(colour) for colour in colours[3:]} == {BLUE}
