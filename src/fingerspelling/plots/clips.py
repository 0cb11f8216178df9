"""Figures of single clips: what the camera saw, and when a hand was detected."""

from collections.abc import Sequence
from typing import TypeVar

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fingerspelling.landmarks import HAND_BONES, MIRROR, PARTS, SELECTED, WRISTS, spelling_hand
from fingerspelling.plots.style import BLUE, FINGERS, GREY, HEIGHT_OVER_WIDTH, ORANGE, WIDTH, bare, finished
from fingerspelling.text import visible

Moment = TypeVar("Moment")
NOTHING = "#dddddd"  # where no hand was found
LONGEST = 24  # characters of a label


def _places(part: str, numbers: Sequence[int]) -> list[int]:
    return [SELECTED.index(f"{part}_{number}") for number in numbers]


_ARMS = [_places("pose", [11, 13, 15]), _places("pose", [12, 14, 16]), _places("pose", [11, 12])]
_EYES = [_places("face", [33, 160, 158, 133, 153, 144, 33]), _places("face", [263, 387, 385, 362, 380, 373, 263])]
_LIPS = [_places("face", [61, 39, 0, 269, 291, 405, 17, 181, 61])]
_NOSE = [_places("face", [98, 2, 327]), _places("face", [1, 2])]
BODY = [*_ARMS, *_EYES, *_LIPS, *_NOSE]  # lines of a person without the hands, as places among the selected points


def bone_colours() -> list[str]:
    """Return the colour of the finger that each of a hand's bones belongs to."""
    return [FINGERS[max(first, last) // 4 - (max(first, last) % 4 == 0)] for first, last in HAND_BONES]


def draw_hand(axes: Axes, points: np.ndarray, width: float) -> None:
    """Draw a hand, float [21, >= 2], each finger in its colour."""
    lines = [points[list(bone), :2] for bone in HAND_BONES]
    axes.add_collection(LineCollection(lines, colors=bone_colours(), linewidths=width, capstyle="round"))


def draw_hands(axes: Axes, frame: np.ndarray, width: float) -> None:
    """Draw both hands of a frame, float [130, >= 2]."""
    for hand in ("left_hand", "right_hand"):
        draw_hand(axes, frame[PARTS[hand]], width)


def clip_strip(frames: np.ndarray, phrase: str, n_frames: int = 10, signed: np.ndarray | None = None) -> Figure:
    """Draw a clip over time: the whole picture above, a close-up of the spelling hand below.

    Args:
        frames: float [frames, 130, 3], raw landmarks.
        phrase: what is spelled, for the title.
        n_frames: how many pictures at most: of letters of the phrase where `signed` says when they are, in the middle
            of each, or else of frames, evenly spaced.
        signed: int [frames], the place in the phrase of what is signed, -1 for none; None where it is not known.
    """
    frames = np.asarray(frames, np.float32)
    hand = spelling_hand(frames)
    shown = evenly(moments(frames, phrase, signed), n_frames)
    figure, axes = plt.subplots(2, len(shown), figsize=(WIDTH * min(1, len(shown) / 8), 3.3), squeeze=False)
    figure.suptitle(f"{phrase!r}, {len(frames)} frames", x=0.01, ha="left", fontsize=11)
    for column, (i, letter) in enumerate(shown):
        _draw_body(axes[0, column], frames[i])
        bare(axes[0, column], f"frame {i}")
        close_up(axes[1, column], frames[i, hand], 2.2)
        bare(axes[1, column])
        axes[1, column].set_xlabel(letter, fontsize=14, fontweight="bold", family="monospace")
    share = np.isfinite(frames[:, hand[0], 0]).mean()
    drawn = f"Pictures of a clip that spells {phrase!r}: the signer above, the spelling hand close up below."
    return finished(figure, drawn, f"The spelling hand was found in **{share:.0%}** of the {len(frames)} frames.")


def moments(frames: np.ndarray, phrase: str, signed: np.ndarray | None) -> list[tuple[int, str]]:
    """Return frames to show and the letter that is signed in each: the middle of every letter, if that is known."""
    if signed is None:
        return [(i, "") for i in range(len(frames))]
    runs = letter_runs(phrase, signed)
    return [(nearest_seen(frames, int(run[len(run) // 2]), len(run) // 2), letter) for letter, run in runs]


def letter_runs(phrase: str, signed: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the letters that are signed, as figures show them, and the frames of each."""
    runs = [(visible(letter), np.flatnonzero(signed == place)) for place, letter in enumerate(phrase)]
    return [(letter, run) for letter, run in runs if len(run)]


def evenly(moments: Sequence[Moment], most: int) -> list[Moment]:
    """Return at most so many of the moments, the first and the last among them."""
    chosen = np.linspace(0, len(moments) - 1, min(most, len(moments))).round().astype(int)
    return [moments[place] for place in chosen]


def nearest_seen(frames: np.ndarray, frame: int, reach: int) -> int:
    """Return the frame nearest to one, and within reach of it, in which the spelling hand was found, or else itself."""
    seen = np.flatnonzero(np.isfinite(frames[:, spelling_hand(frames)[0], 0]))
    near = seen[np.abs(seen - frame) <= reach]
    return int(near[np.abs(near - frame).argmin()]) if len(near) else frame


def close_up(axes: Axes, points: np.ndarray, width: float) -> None:
    """Draw a hand, float [21, >= 2], as large as the axes; where none was found, say so."""
    if np.isnan(points).any():
        axes.text(0.5, 0.5, "no hand", ha="center", va="center", color="#555555", fontsize=9, transform=axes.transAxes)
        axes.set_aspect("equal", adjustable="box")
        return
    draw_hand(axes, points, width)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    centre, reach = (low + high) / 2, max((high - low) * [1, HEIGHT_OVER_WIDTH]) * 0.6
    axes.set(
        xlim=(centre[0] - reach, centre[0] + reach),
        ylim=(centre[1] + reach / HEIGHT_OVER_WIDTH, centre[1] - reach / HEIGHT_OVER_WIDTH),
        aspect=HEIGHT_OVER_WIDTH,
    )


def _draw_body(axes: Axes, frame: np.ndarray) -> None:
    """Draw one frame, float [130, 3], as the camera saw it."""
    for chain in BODY:
        axes.plot(*frame[chain, :2].T, color=GREY, linewidth=1.2)
    draw_hands(axes, frame, 1.6)
    axes.set(xlim=(0, 1), ylim=(1, 0), aspect=HEIGHT_OVER_WIDTH)


def selected_points(frame: np.ndarray) -> Figure:
    """Draw the 130 points of one frame with its bones, and next to them the frame mirrored; a point keeps its colour.

    Thin lines join each point with its partner, whose place it takes in the mirror.
    """
    mirrored = frame[MIRROR] * [-1, 1, 1] + [1, 0, 0]
    sides = np.sign(np.arange(len(MIRROR)) - MIRROR)  # which of two partners a point is; 0 if it is its own
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 5.6))
    versions = (frame, sides, "as recorded"), (mirrored, sides[MIRROR], "mirrored")
    for axis, (points, own, name) in zip(axes, versions, strict=True):
        pairs = [points[[i, partner], :2] for i, partner in enumerate(MIRROR) if i < partner]
        axis.add_collection(LineCollection(pairs, colors="#c8c8c8", linewidths=0.6))
        for chain in BODY:
            axis.plot(*points[chain, :2].T, color=GREY, linewidth=1)
        draw_hands(axis, points, 1.6)
        for side, colour, label in (
            (-1, ORANGE, "one of two partners"),
            (1, BLUE, "the other"),
            (0, "black", "neither"),
        ):
            axis.scatter(*points[own == side, :2].T, s=7, color=colour, label=label, zorder=3)
        (left, top), (right, bottom) = np.nanmin(points[:, :2], 0) - 0.05, np.nanmax(points[:, :2], 0) + 0.05
        axis.set(xlim=(left, right), ylim=(min(bottom, 1), top), aspect=HEIGHT_OVER_WIDTH)
        bare(axis, name)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    names = {"pose": "arms"}
    seen = [
        f"{np.isfinite(frame[places, 0]).sum()} of the {names.get(part, part.replace('_', ' '))}"
        for part, places in PARTS.items()
    ]
    reading = f"Of the 130 points, {np.isfinite(frame[:, 0]).sum()} were found in this frame: {', '.join(seen)}."
    return finished(figure, "The points of one frame as recorded and mirrored, with lines between partners.", reading)


def visibility(store_frames: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """Draw when each hand was detected: one row per clip, time to the right; long labels are cut."""
    longest = max(map(len, store_frames))
    colours = {"right hand detected": BLUE, "left hand detected": ORANGE, "no hand": NOTHING}
    right_hand, left_hand, no_hand = map(mpl.colors.to_rgb, colours.values())
    seen = np.zeros((len(store_frames), longest, 3))
    for row, frames in zip(seen, store_frames, strict=True):
        left, right = np.isfinite(frames[:, WRISTS, 0]).T
        row[:] = 1.0
        row[: len(frames)] = no_hand
        row[: len(frames)][right] = right_hand
        row[: len(frames)][left] = left_hand
    figure, axes = plt.subplots(figsize=(WIDTH, 0.26 * len(store_frames) + 0.8))
    axes.imshow(seen, aspect="auto", interpolation="nearest")
    names = [label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…" for label in labels]
    axes.set_yticks(range(len(names)), names, fontsize=7, family="monospace")
    axes.set(xlabel="frame")
    patches = [Patch(color=colour, label=label) for label, colour in colours.items()]
    figure.legend(handles=patches, fontsize=9, loc="outside upper center", ncols=len(patches))
    axes.grid(False)
    none = sum(int((~np.isfinite(frames[:, WRISTS, 0]).any(1)).sum()) for frames in store_frames)
    frames_in_all = max(sum(map(len, store_frames)), 1)
    reading = f"No hand was found in **{none / frames_in_all:.0%}** of the frames of these {len(store_frames)} clips."
    return finished(figure, "When each hand was detected, a row per clip.", reading)
