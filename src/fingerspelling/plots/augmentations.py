"""Figures of augmentations: a clip before and after each of them."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from fingerspelling.landmarks import PARTS, hand_seen
from fingerspelling.plots.clips import draw_hands
from fingerspelling.plots.style import BLUE, GREY, ORANGE, RED, WIDTH, bare, finished

BANDS = {"face": 1, "pose": 5, "left_hand": 3, "right_hand": 3}  # rows of the raster per point, from above
TIP = 8  # the index finger's, among a hand's points
TIES = 6  # lines, about, that connect moments before and after
COLUMNS = 4  # of clips side by side
KEPT, DROPPED = "#c4c4c4", "black"  # points; no colour of a finger, which mean something else


def changed_points(
    before: np.ndarray, versions: Mapping[str, np.ndarray], probabilities: Mapping[str, float]
) -> Figure:
    """Draw a clip after each augmentation: one of its frames above, and below which points are there when.

    In the raster, points that are there are grey, dropped ones black; a line marks the frame above. In the frame, pale
    dots show where all points were.

    Args:
        before: float [frames, 130, 3], normalised, NaN where a point is missing.
        versions: name of an augmentation -> float [frames, 130, 3].
        probabilities: name of an augmentation -> how often the run applies it; its title is grey where it does not.
    """
    columns = min(COLUMNS, len(versions))
    bands = -(-len(versions) // columns)
    size = (WIDTH * columns / COLUMNS, 4.7 * bands)
    figure, axes = plt.subplots(2 * bands, columns, figsize=size, height_ratios=(3, 2) * bands, squeeze=False)
    rows = np.concatenate([np.repeat(PARTS[part], times) for part, times in BANDS.items()])
    was = np.isfinite(before[..., 0])
    pairs = np.concatenate([axes[2 * band : 2 * band + 2].T for band in range(bands)])
    for unused in pairs[len(versions) :].flat:
        unused.remove()
    for (top, bottom), (name, after) in zip(pairs, versions.items(), strict=False):
        there = np.isfinite(after[..., 0])
        # Of the frames with a hand, one in the middle of those that lose most.
        lost = np.where(hand_seen(before), (was & ~there).sum(1), -1)
        worst = np.flatnonzero(lost == lost.max())
        frame = worst[len(worst) // 2]
        _draw_frame(top, before[frame], after[frame])
        bare(top)
        _title(top, name, probabilities)
        raster = np.ones((len(rows), len(before), 3))
        raster[there.T[rows]] = mpl.colors.to_rgb(KEPT)
        raster[(was & ~there).T[rows]] = mpl.colors.to_rgb(DROPPED)
        bottom.imshow(raster, aspect="auto", interpolation="nearest")
        bottom.axvline(frame, color=RED, linewidth=1)
        bottom.set(xticks=[0, len(before) - 1], yticks=[])
        bottom.grid(False)
    heights = np.array([times * len(PARTS[part]) for part, times in BANDS.items()])
    names = [part.replace("_", " ").replace("pose", "arms") for part in BANDS]
    for _, bottom in pairs[: len(versions) : columns]:
        bottom.set_yticks(heights.cumsum() - heights / 2, names, fontsize=8)
        bottom.set_xlabel("frame", fontsize=8)
    drawn = "A clip after each augmentation: a frame above, below which points are there when."
    return finished(figure, drawn, _applied(versions, probabilities))


def _applied(names: Collection[str], probabilities: Mapping[str, float]) -> str:
    on = [name for name in names if probabilities.get(name)]
    return f"This run applies {len(on)} of these {len(names)}: {', '.join(on) or 'none'}."


def _title(axes: Axes, name: str, probabilities: Mapping[str, float]) -> None:
    """Say what it is and how often the run does it; grey where it never does."""
    share = probabilities.get(name, 0)
    label = f"{name.replace('_', ' ')}, {f'p {share:g}' if share else 'off in this run'}"
    axes.set_title(label, fontsize=9, loc="left", color="black" if share else GREY)


def _draw_frame(axes: Axes, before: np.ndarray, after: np.ndarray) -> None:
    axes.scatter(before[:, 0], before[:, 1], s=2, color="#d8d8d8")
    axes.scatter(after[:, 0], after[:, 1], s=3, color=GREY)
    draw_hands(axes, after, 1.4)
    points = np.concatenate([before, after])[:, :2]
    (left, top), (right, bottom) = np.fmin([-2.6, -1.8], np.nanmin(points, 0)), np.fmax([2.6, 3], np.nanmax(points, 0))
    axes.set(xlim=(left - 0.1, right + 0.1), ylim=(bottom + 0.1, top - 0.1))


class Change(NamedTuple):
    """A clip before and after an augmentation in time."""

    # phrase -> float [frames, 130, 3], raw landmarks of the clip, or of the two that are joined.
    before: dict[str, np.ndarray]
    after: np.ndarray  # float [frames, 130, 3]
    phrase: str  # what is spelled after it


def changed_time(changes: Mapping[str, Change], probabilities: Mapping[str, float]) -> Figure:
    """Draw how high the tip of the index finger is, before and after each augmentation in time.

    Thin lines connect the same moments. Probabilities are as those of `changed_points`.
    """
    heights = [1 + len(change.before) for change in changes.values()]  # curves of each
    figure, axes = plt.subplots(
        len(changes), 1, figsize=(WIDTH, 0.95 * sum(heights)), height_ratios=heights, squeeze=False
    )
    longest = max(len(frames) for change in changes.values() for frames in (change.after, *change.before.values()))
    for axis, (name, change) in zip(axes.flat, changes.items(), strict=True):
        _title(axis, name, probabilities)
        axis.text(1, 1.02, f"spells {change.phrase!r} afterwards", ha="right", fontsize=9, transform=axis.transAxes)
        for row, ((phrase, frames), colour) in enumerate(zip(change.before.items(), (BLUE, ORANGE), strict=False)):
            height = len(change.before) - row
            label = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # keeps the other clip's lines off it
            axis.text(len(frames) + 2, height, repr(phrase), color=colour, va="center", fontsize=9, bbox=label)
            places = _places(frames, change.after)
            tips = _tips(frames)
            axis.plot(height + tips, color=GREY)
            axis.plot(np.where(places >= 0, tips[places], np.nan), color=colour)
            ties = [[(places[after], height - 0.05), (after, 0.65)] for after in _ties(places)]
            axis.add_collection(LineCollection(ties, colors=colour, linewidths=0.7, alpha=0.6))
        axis.set(xlim=(0, longest * 1.25), yticks=[0.3, 1.3], yticklabels=["after", "before"])
        axis.set_ylabel("height of the fingertip", fontsize=8)
        axis.grid(False)
    axes[-1, 0].set_xlabel("frame")
    drawn = "How high the index finger's tip is before and after each change in time."
    return finished(figure, drawn, _applied(changes, probabilities))


def _tips(frames: np.ndarray) -> np.ndarray:
    """Return how high the index finger's tip is in each frame, 0..0.6, NaN without a hand; float [frames]."""
    height = -np.fmin(*(frames[:, PARTS[hand][TIP], 1].astype(float) for hand in ("left_hand", "right_hand")))
    seen = height[np.isfinite(height)]
    return height if not len(seen) else 0.6 * (height - seen.min()) / max(np.ptp(seen), 1e-6)


def _places(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return which frame of `before` each frame of `after` is, by its bytes; -1 for none."""
    places = {frame.tobytes(): place for place, frame in enumerate(before) if np.isfinite(frame).any()}
    return np.array([places.get(frame.tobytes(), -1) for frame in after])


def _ties(places: np.ndarray) -> np.ndarray:
    """Return some frames after, evenly spaced, no two of which are the same frame before."""
    new = np.flatnonzero((places >= 0) & (np.diff(places, prepend=-1) != 0))
    return new[:: -(-len(new) // TIES) or 1]
