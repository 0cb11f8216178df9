"""Figures of what a model gets wrong: which characters, for which others, and where in the phrases."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fingerspelling.plots.hands import PALM_RADIUS, hand_picture
from fingerspelling.plots.style import BLUE, GREY, WIDTH, finished
from fingerspelling.simulation import hand_shape
from fingerspelling.text import align, visible

OTHER = "other"
DARK = "#8a1020"  # under white letters


def confusions(counts: Mapping[tuple[str, str], int], most: int = 16) -> Figure:
    """Draw how often which character was read as which: every error is in one of the cells.

    Rows are the characters with the most errors, then all others together, then those that were read where there was
    nothing; columns are what was read most often instead, then all others, then nothing.

    Args:
        counts: (true, predicted) -> number, as `metric.edit_operations` returns.
        most: rows and columns of single characters.
    """
    errors = Counter({pair: count for pair, count in counts.items() if pair[0] != pair[1]})
    rows, columns = (_commonest(errors, side, most) for side in (0, 1))
    names = [*map(visible, rows), OTHER, "invented"], [*map(visible, columns), OTHER, "missed"]
    cells = np.zeros((len(rows) + 2, len(columns) + 2), int)
    for (true, read), count in errors.items():
        row = rows.index(true) if true in rows else len(rows) + (not true)
        cells[row, columns.index(read) if read in columns else len(columns) + (not read)] += count
    figure, axes = plt.subplots(figsize=(0.36 * len(names[1]) + 1.6, 0.27 * len(names[0]) + 0.9))
    axes.imshow(np.sqrt(cells), cmap="Blues", aspect="auto", vmax=1.6 * np.sqrt(max(cells.max(), 1)))
    for row, column in zip(*np.nonzero(cells), strict=True):
        axes.text(column, row, cells[row, column], ha="center", va="center", fontsize=8)
    for place in (len(rows), len(rows) + 1):
        axes.axhline(place - 0.5, color=GREY, linewidth=0.8)
    for place in (len(columns), len(columns) + 1):
        axes.axvline(place - 0.5, color=GREY, linewidth=0.8)
    axes.set_xticks(range(len(names[1])), names[1], family="monospace")
    axes.set_yticks(range(len(names[0])), names[0], family="monospace")
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    for label in axes.get_xticklabels()[-2:]:
        label.set(rotation=45, ha="left")
    axes.set(xlabel="read as", ylabel="true character")
    axes.grid(False)
    drawn = "A table of how often each character was read as which other one, was missed, or was invented."
    return finished(figure, drawn, _kinds(errors, sum(counts.values()) - _totals(counts, 0)[""]))


def _commonest(errors: Mapping[tuple[str, str], int], side: int, most: int) -> list[str]:
    """Return the characters with the most errors, true ones (side 0) or those that were read (side 1), sorted."""
    totals = _totals(errors, side)
    del totals[""]
    return sorted(character for character, _ in totals.most_common(most))


def _totals(counts: Mapping[tuple[str, str], int], side: int) -> Counter[str]:
    """Count by the true character (side 0) or by what was read (side 1)."""
    totals: Counter[str] = Counter()
    for pair, count in counts.items():
        totals[pair[side]] += count
    return totals


def _kinds(errors: Mapping[tuple[str, str], int], characters: int) -> str:
    total = sum(errors.values())
    if not total:
        return f"All {characters} characters were read right."
    invented, missed = (_totals(errors, side)[""] for side in (0, 1))
    return (
        f"**{total}** errors on {characters} characters: {total - missed - invented} read as another one, "
        f"{missed} missed, {invented} invented."
    )


def commonest_confusions(counts: Mapping[tuple[str, str], int], most: int = 8) -> Figure:
    """Draw the pairs of characters that are confused most often as bars, beside the shapes of both hands.

    The counts are those of `confusions`.
    """
    confused = Counter({(a, b): count for (a, b), count in counts.items() if a and b and a != b})
    pairs, totals = confused.most_common(most), _totals(counts, 0)
    figure = plt.figure(figsize=(WIDTH * 0.75, 0.72 * max(len(pairs), 1) + 0.6))
    grid = figure.add_gridspec(max(len(pairs), 1), 3, width_ratios=(1, 1, 8), hspace=0.02, wspace=0.02)
    bars = figure.add_subplot(grid[:, 2])
    bars.barh(range(len(pairs)), [count for _, count in pairs], 0.55, color=BLUE)
    for place, ((true, read), count) in enumerate(pairs):
        for column, character in enumerate((true, read)):
            _draw_hand(figure.add_subplot(grid[place, column]), character)
        spelled, share = visible(true), count / totals[true]
        label = f"{spelled} read as {visible(read)}: {count} times, {share:.1%} of all {spelled}"
        bars.text(0, place - 0.4, label, va="center", fontsize=9)
    bars.set(yticks=[], ylim=(max(len(pairs), 1) - 0.5, -0.6), xlabel="times")
    bars.grid(axis="y", visible=False)
    drawn = "Bars of the commonest confusions, each beside the two shapes of the hand."
    if not pairs:
        return finished(figure, drawn, "No character was read as another one.")
    (true, read), count = pairs[0]
    share = sum(count for _, count in pairs) / confused.total()
    as_common = sum(other == count for other in confused.values()) - 1
    others = f", as often as {as_common} other pair{'s' * (as_common > 1)}" if as_common else ""
    reading = (
        f"The commonest confusion: **{visible(true)}** read as **{visible(read)}**, {count} times{others}. The "
        f"{len(pairs)} pairs shown are {share:.0%} of all that were read as another character."
    )
    return finished(figure, drawn, reading)


def _draw_hand(axes: Axes, character: str) -> None:
    hand = hand_shape(character)[0]
    low, high = hand[:, :2].min(0), hand[:, :2].max(0)
    size = (high - low).max() + 3 * PALM_RADIUS
    axes.imshow(hand_picture(hand, (low + high - size) / 2, size))
    beside: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "center"}
    axes.text(0, 0.5, visible(character), fontsize=11, family="monospace", fontweight="bold", **beside)
    axes.axis("off")


def compared(predictions: Sequence[str], phrases: Sequence[str], scores: Sequence[float]) -> Figure:
    """Draw true phrases above what was read, character above character.

    What is wrong stands in a dark box; a dot in the box says that this side has no character there.
    """
    pairs = [align(true, read) for read, true in zip(predictions, phrases, strict=True)]
    longest = max(map(len, pairs))
    width = 0.15 * longest + 0.7
    figure, axes = plt.subplots(figsize=(width, 0.52 * len(pairs) + 0.4))
    for place, (row, score) in enumerate(zip(pairs, scores, strict=True)):
        axes.text(0, place, f"{score:.2f}", va="center", color="#555555", family="monospace")
        for i, pair in enumerate(row):
            for side, height in enumerate((place - 0.2, place + 0.2)):
                character = visible(pair[side]) or "·"
                style: dict[str, Any] = {"va": "center", "ha": "center", "family": "monospace", "fontsize": 10}
                if pair[0] != pair[1]:
                    box = {"facecolor": DARK, "pad": 1.2, "linewidth": 0}
                    style |= {"color": "white", "weight": "bold", "bbox": box}
                axes.text(0.6 + 0.15 * i, height, character, **style)
    axes.set(xlim=(0, width), ylim=(len(pairs) - 0.4, -0.6))
    axes.axis("off")
    axes.set_title("score; the true phrase, and below it what was read (dark: differs, ·: nothing there)", fontsize=9)
    right = sum(all(a == b for a, b in row) for row in pairs)
    spelled = sum(map(len, phrases))
    return finished(
        figure,
        "Phrases above what was read of them, aligned, with the differences in dark boxes.",
        f"{right} of these {len(pairs)} phrases were read without an error. "
        + _kinds(Counter(pair for row in pairs for pair in row if pair[0] != pair[1]), spelled),
    )
