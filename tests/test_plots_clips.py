import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from fingerspelling import plots
from fingerspelling.landmarks import PARTS
from fingerspelling.plots.style import BLUE, ORANGE


def clip(left: str, right: str) -> np.ndarray:
    """Points of a clip whose hands are seen in the frames marked x."""
    frames = np.random.default_rng(0).random((len(left), 130, 3)).astype(np.float16)
    for hand, marks in (("left_hand", left), ("right_hand", right)):
        unseen = [mark != "x" for mark in marks]
        frames[np.ix_(unseen, PARTS[hand])] = np.nan
    return frames


@pytest.mark.parametrize(("left", "right", "seen"), [("xx..", "xxx.", 3), ("xx..", "...x", 2), ("....", "....", 0)])
def test_the_hand_that_is_seen_more_often_is_shown_close_up(left: str, right: str, seen: int) -> None:
    figure = plots.clip_strip(clip(left, right), "abc", n_frames=9)
    assert [axes.get_title() for axes in figure.axes[:4]] == ["frame 0", "frame 1", "frame 2", "frame 3"]
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes[4:]]
    assert texts.count(["no hand"]) == 4 - seen and texts.count([]) == seen


def test_a_row_shows_when_which_hand_was_seen() -> None:
    figure = plots.visibility([clip("x..", ".x."), clip(".xx..", ".....")], ["first", "a second " * 3])
    assert "**50%** of the frames of these 2 clips" in figure.get_label()
    rows = figure.axes[0].images[0].get_array()
    nothing, white = to_rgb("#dddddd"), (1, 1, 1)
    np.testing.assert_allclose(rows[0], [to_rgb(ORANGE), to_rgb(BLUE), nothing, white, white])
    np.testing.assert_allclose(rows[1], [nothing, to_rgb(ORANGE), to_rgb(ORANGE), nothing, nothing])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["first", "a second a second a sec…"]
    meant = {to_hex(patch.get_facecolor()): patch.get_label() for patch in figure.legends[0].get_patches()}
    assert meant == {BLUE: "right hand detected", ORANGE: "left hand detected", "#dddddd": "no hand"}


def test_a_point_keeps_its_colour_in_the_mirror() -> None:
    frame = clip("x", "x")[0].astype(float)
    recorded, mirrored = plots.selected_points(frame).axes
    dots = [[points for points in axes.collections if points.get_label()[0] != "_"] for axes in (recorded, mirrored)]
    assert [[points.get_label() for points in of] for of in dots] == [
        ["one of two partners", "the other", "neither"]
    ] * 2
    for before, after in zip(*dots, strict=True):
        places = [{(round(x, 6), round(y, 6)) for x, y in points.get_offsets()} for points in (before, after)]
        assert places[1] == {(round(1 - x, 6), y) for x, y in places[0]}
        assert (before.get_facecolor() == after.get_facecolor()).all()
    assert len(dots[0][0].get_offsets()) == len(dots[0][1].get_offsets()) > 55


def test_letters_stand_under_a_frame_in_which_they_are_signed_and_seen() -> None:
    figure = plots.clip_strip(clip("........", ".xxxx..."), "a b", 9, np.array([-1, 0, 0, 0, 1, 1, 2, 2]))
    above, below = figure.axes[:3], figure.axes[3:]
    assert [axes.get_title() for axes in above] == ["frame 2", "frame 4", "frame 7"]
    assert [axes.get_xlabel() for axes in below] == ["a", "␣", "b"]
    assert "**50%** of the 8 frames" in figure.get_label()
