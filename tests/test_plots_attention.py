import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fingerspelling import plots
from fingerspelling.decoding.inspection import Inspection
from fingerspelling.plots.attention import NEAR, SHARP
from fingerspelling.text import CHARACTERS


def clip(n_frames: int = 40) -> np.ndarray:
    return np.random.default_rng(0).random((n_frames, 130, 3)).astype(np.float16)


def seen(ctc: bool) -> Inspection:
    """Of a clip of 40 frames, halved, in which b is read at frame 10 and a at 30; the decoder looks exactly there."""
    attention = np.zeros((3, 20))
    attention[[0, 1, 2], [5, 15, 19]] = 1
    found = np.zeros((20, 60))
    found[:, -1] = 1
    found[[5, 15]] = np.eye(60)[[CHARACTERS.index("b"), CHARACTERS.index("a")]]
    return Inspection(np.arange(0, 40, 2), attention, found if ctc else None, np.array([10, 30]))


def test_maps_show_what_each_character_was_read_from() -> None:
    signed = np.repeat([-1, 0, 1, -1], 10)
    figure = plots.attention(clip(), "ba", "ba", seen(True), signed)
    film, looks, finds = figure.axes[:3]
    assert [text.get_text() for text in film.texts] == ["b", "a"]
    assert [label.get_text() for label in looks.get_yticklabels()] == ["b", "a", "end"]
    assert [label.get_text() for label in finds.get_yticklabels()] == ["b", "a", "none"]
    np.testing.assert_array_equal(finds.collections[0].get_array().argmax(0)[[4, 5, 15]], [2, 0, 1])
    np.testing.assert_array_equal(looks.lines[0].get_xydata(), [[10, 0], [30, 1]])
    label = figure.get_label()
    assert "**100%** of its attention" in label and f"within {NEAR} frames" in label
    assert "letter is read in the middle of the time" in label
    late = plots.attention(clip(), "ba", "ba", seen(True)._replace(read_at=np.array([20, 34])), signed)
    assert "letter is read 8 frames after the middle" in late.get_label()


def test_without_ctc_and_without_known_letters_the_rest_is_drawn() -> None:
    figure = plots.attention(clip(), "ba", "b", seen(False)._replace(read_at=np.array([10]), attention=np.eye(2, 20)))
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == [
        "the hand",
        "where the decoder looks as it spells each character; dots: where the character is read",
    ]
    assert "it is signed" not in figure.get_label()
    nothing = seen(False)._replace(read_at=np.array([], int), attention=np.eye(1, 20))
    assert plots.attention(clip(), "ba", "", nothing).get_label().endswith("Nothing was read.")


def test_dots_are_seen_on_black() -> None:
    for axes in plots.attention(clip(), "ba", "ba", seen(True)).axes[1:3]:
        colours = [np.array(to_rgb(axes.lines[0].get_markeredgecolor())), np.array(to_rgb(axes.lines[0].get_color()))]
        assert max(colour.mean() for colour in colours) == 1 and min(colour.mean() for colour in colours) < 0.6


def test_a_look_everywhere_is_pale() -> None:
    everywhere = seen(False)._replace(attention=np.full((3, 20), 1 / 20))
    looks = plots.attention(clip(), "ba", "ba", everywhere).axes[1]
    assert looks.collections[0].get_array().max() == pytest.approx(1 / SHARP)
