import math

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fingerspelling import plots
from fingerspelling.landmarks import PARTS
from fingerspelling.plots.augmentations import DROPPED, KEPT


def clip(n_frames: int, seed: int) -> np.ndarray:
    """Points of which no two frames have the same; the left hand is never seen."""
    frames = np.random.default_rng(seed).normal(size=(n_frames, 130, 3)).astype(np.float16)
    frames[:, PARTS["left_hand"]] = math.nan
    return frames


def share(axes: object, colour: str) -> float:
    return float((axes.images[0].get_array() == to_rgb(colour)).all(-1).mean())


def test_dropped_points_are_black_and_what_was_never_seen_is_white() -> None:
    before = clip(20, 0)
    without_face = before.copy()
    without_face[:, PARTS["face"]] = math.nan
    blank = before.copy()
    blank[5:10] = math.nan
    figure = plots.changed_points(before, {"nothing": before, "face": without_face, "frames": blank}, {"face": 0.5})
    tops, bottoms = figure.axes[:3], figure.axes[3:]
    titles = ["nothing, off in this run", "face, p 0.5", "frames, off in this run"]
    assert [axes.get_title(loc="left") for axes in tops] == titles
    assert "applies 1 of these 3: face." in figure.get_label()
    assert [share(axes, DROPPED) > 0 for axes in bottoms] == [False, True, True]
    assert share(bottoms[0], KEPT) == share(bottoms[1], KEPT) + share(bottoms[1], DROPPED) < 1
    assert share(bottoms[2], DROPPED) == pytest.approx(share(bottoms[0], KEPT) * 5 / 20)
    assert bottoms[2].lines[0].get_xdata()[0] == 7  # the frame in the middle of those that are masked
    assert len(tops[2].collections[1].get_offsets().compressed()) == 0


def test_lines_tie_a_moment_before_to_the_same_after() -> None:
    first, second = clip(40, 0), clip(30, 1)
    joined = np.concatenate([second[12:], first[:24]])
    late = np.concatenate([np.full((10, 130, 3), np.nan, np.float16), first[:30]])
    changes = {
        "cut-mix": plots.Change({"second": second, "first": first}, joined, "condfirst"),
        "shift": plots.Change({"first": first}, late, "first"),
    }
    above, below = plots.changed_time(changes, {"shift": 0.5}).axes
    ties = [[(int(a), int(b)) for (a, _), (b, _) in lines.get_segments()] for lines in above.collections]
    assert ties == [[(12 + i, i) for i in range(0, 18, 3)], [(i, 18 + i) for i in range(0, 24, 4)]]
    assert [(int(a), int(b)) for (a, _), (b, _) in below.collections[0].get_segments()] == [
        (i, 10 + i) for i in range(0, 30, 5)
    ]
    assert above.get_title(loc="left") == "cut-mix, off in this run" and below.get_title(loc="left") == "shift, p 0.5"
    assert [text.get_text() for text in above.texts] == ["spells 'condfirst' afterwards", "'second'", "'first'"]
    after = below.lines[1].get_ydata()
    assert np.isnan(after[:10]).all() and np.isfinite(after[10:]).all()


def test_no_point_is_cut_off_and_two_clips_have_more_room_than_one() -> None:
    before = clip(10, 0)
    step = np.array([5, 0, 0])
    for axes in plots.changed_points(before, {"right": before + step, "left": before - step}, {}).axes[:2]:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        x, y = np.concatenate([points.get_offsets().compressed().reshape(-1, 2) for points in axes.collections[:2]]).T
        assert left < x.min() and x.max() < right and top < y.min() and y.max() < bottom
    changes = {
        "two": plots.Change({"a": before, "b": before}, before, "ab"),
        "one": plots.Change({"a": before}, before, "a"),
    }
    figure = plots.changed_time(changes, {})
    figure.draw_without_rendering()
    two, one = (axes.get_position().height for axes in figure.axes)
    assert two == pytest.approx(1.5 * one, rel=0.05)


def test_clips_without_a_hand_are_drawn() -> None:
    frames = clip(10, 0)
    frames[:, PARTS["right_hand"]] = math.nan
    assert len(plots.changed_points(frames, {"nothing": frames, "one": frames}, {}).axes) == 4
    assert len(plots.changed_time({"nothing": plots.Change({"a": frames}, frames, "a")}, {}).axes) == 1


def test_more_than_four_augmentations_go_into_further_rows() -> None:
    frames = clip(10, 0)
    figure = plots.changed_points(frames, dict.fromkeys("abcdef", frames), {})
    assert len(figure.axes) == 12 and figure.get_size_inches()[0] <= 9.5
