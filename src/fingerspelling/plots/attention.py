"""What a model sees in a clip: where the decoder looks and what CTC finds, under the clip's film."""

from statistics import median
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fingerspelling.decoding.inspection import Inspection
from fingerspelling.landmarks import spelling_hand
from fingerspelling.plots.clips import close_up, letter_runs, nearest_seen
from fingerspelling.plots.style import ORANGE, WIDTH, bare, finished
from fingerspelling.text import CHARACTERS, align, visible

# Seen on black as well as on white.
DOT: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 4.5, "color": ORANGE, "markeredgecolor": "w"}
FILM = 12  # pictures
NEAR = 6  # frames; a fifth of a second
SHARP = 5  # times as much attention as a look everywhere alike has, is drawn black; a look everywhere stays pale


def attention(
    frames: np.ndarray, phrase: str, prediction: str, seen: Inspection, signed: np.ndarray | None = None
) -> Figure:
    """Draw the attention of the decoder and the probabilities of CTC, characters by frames, under the clip's film.

    Args:
        frames: float [frames, 130, 3], raw landmarks.
        phrase: what is spelled.
        prediction: what was read.
        seen: what the models saw, by `inspect_clip`.
        signed: int [frames], the place in the phrase of what is signed, -1 for none; None where it is not known.
    """
    spelled = [*visible(prediction), "end"]
    ctc = seen.ctc
    letters = list(dict.fromkeys(prediction + phrase)) if ctc is not None else []
    heights = [1.0, 0.19 * len(spelled), 0.19 * (len(letters) + 1)]
    figure = plt.figure(figsize=(WIDTH, sum(heights) + 1.4))
    grid = figure.add_gridspec(2 if ctc is None else 3, 1, height_ratios=heights[: 2 if ctc is None else 3])
    film, looks = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    _film(film, frames, phrase, signed)
    edges = np.append(seen.frames, len(frames)) - 0.5
    black = np.maximum(seen.attention.max(1, keepdims=True), SHARP / seen.attention.shape[1])
    _map(looks, edges, seen.attention / black, spelled)
    looks.set_title(
        "where the decoder looks as it spells each character; dots: where the character is read", fontsize=9
    )
    looks.plot(seen.read_at, range(len(seen.read_at)), **DOT)
    if ctc is not None:
        finds = figure.add_subplot(grid[2], sharex=looks)
        rows = np.vstack([ctc[:, [CHARACTERS.index(c) for c in letters]].T, ctc[:, -1]])
        _map(finds, edges, rows, [*map(visible, letters), "none"])
        finds.plot(seen.read_at, [letters.index(c) for c in prediction], **DOT)
        finds.set_title("what CTC finds in each frame", fontsize=9)
    figure.axes[-1].set_xlabel("frame")
    drawn = f"Two maps of characters by frames for a clip that spells {phrase!r}, under pictures of its hand."
    return finished(figure, drawn, _reading(phrase, prediction, seen, signed))


def _map(axes: Axes, edges: np.ndarray, values: np.ndarray, names: list[str]) -> None:
    axes.pcolormesh(edges, np.arange(len(values) + 1) - 0.5, values, cmap="Greys", vmin=0, vmax=1)
    axes.set_yticks(range(len(names)), names, family="monospace", fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(edges[0], edges[-1])
    axes.grid(False)


def _film(axes: Axes, frames: np.ndarray, phrase: str, signed: np.ndarray | None) -> None:
    """Draw hands in a row, each above its time, and over them what is signed where that is known."""
    bare(axes)
    axes.set(xlim=(-0.5, len(frames) - 0.5), ylim=(0, 1))
    joints = spelling_hand(frames)
    for place in range(FILM):
        middle, reach = (place + 0.5) / FILM * len(frames), len(frames) / FILM / 2
        hand = frames[nearest_seen(frames, int(middle), int(reach)), joints]
        picture = axes.inset_axes((place / FILM, 0, 1 / FILM, 0.8))
        close_up(picture, hand, 1.4)
        picture.axis("off")
    for letter, run in [] if signed is None else letter_runs(phrase, signed):
        axes.text(run.mean(), 0.97, letter, ha="center", va="top", family="monospace", weight="bold")
    axes.set_title("the hand, and the letters as they are signed" if signed is not None else "the hand", fontsize=9)


def _reading(phrase: str, prediction: str, seen: Inspection, signed: np.ndarray | None) -> str:
    if not prediction:
        return "Nothing was read."
    near = np.abs(seen.frames - seen.read_at[:, None]) <= NEAR
    share, even = (seen.attention[:-1] * near).sum(1).mean(), near.mean()
    text = (
        f"The decoder spends **{share:.0%}** of its attention within {NEAR} frames of where the character is read; "
        f"looking everywhere alike would be {even:.0%}."
    )
    lags, signed_place, read_place = [], -1, -1
    for spelled, found in align(phrase, prediction):
        signed_place, read_place = signed_place + bool(spelled), read_place + bool(found)
        if signed is not None and spelled == found and len(when := np.flatnonzero(signed == signed_place)):
            lags.append(seen.read_at[read_place] - when.mean())
    if lags:
        lag = median(lags)
        moment = "in" if abs(lag) < 1 else f"{abs(lag):.0f} frames {'after' if lag > 0 else 'before'}"
        text += f" The median letter is read {moment} the middle of the time for which it is signed."
    return text
