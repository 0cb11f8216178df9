"""Figures of many clips: how long they are, what is spelled, how they compare with the competition's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from fingerspelling.plots.style import BLUE, GREEN, ORANGE, finished
from fingerspelling.text import CHARACTERS

_MARK: dict[str, Any] = {"color": "black", "markersize": 13, "markeredgewidth": 2, "linestyle": "none"}


def quantiles(columns: Mapping[str, Sequence[float]], competition: Mapping[str, Mapping[int, float]]) -> Figure:
    """Draw the quantiles of numbers, and those of the competition's clips as far as they were published.

    Args:
        columns: what was counted -> one number per clip.
        competition: what was counted -> {percentage: value}.
    """
    rows = -(-len(columns) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(12, 2.7 * rows), squeeze=False)
    percentages = np.linspace(0.5, 99.5, 200)
    for axis in axes.flat[len(columns) :]:
        axis.axis("off")
    for axis, (label, values) in zip(axes.flat, columns.items(), strict=False):
        if len(values):
            axis.plot(percentages, np.percentile(values, percentages), color=BLUE, label="these clips")
        marks = competition.get(label, {})
        axis.plot(list(marks), list(marks.values()), "o", color="black", markersize=4, label="the competition's 67,208")
        axis.set(title=label, xticks=[0, 25, 50, 75, 100], ylim=(0, None))
        axis.xaxis.set_major_formatter("{x:.0f} %")
    axes[0, 0].legend(frameon=False, fontsize=8)
    return finished(figure)


def shares(these: pd.Series, competition: pd.Series) -> Figure:
    """Draw one share per row, with its name at the left: a bar for these clips, a mark for the competition's."""
    figure, axes = plt.subplots(figsize=(7, 0.3 * len(these) + 0.6))
    places = np.arange(len(these))
    axes.barh(places, 100 * these, color=BLUE, label="these clips")
    axes.plot(100 * competition, places, "|", label="the competition", **_MARK)
    axes.set_yticks(places, these.index)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set(xlabel="%")
    axes.legend(frameon=False, fontsize=8)
    return finished(figure)


def characters(phrases: Sequence[str], competition: Mapping[str, float]) -> Figure:
    """Draw how often each of the 59 characters occurs; competition: character -> its share there, of some."""
    counts = Counter("".join(phrases))
    order = sorted(CHARACTERS, key=lambda character: -counts[character])
    heights = np.array([counts[character] for character in order]) / max(sum(counts.values()), 1)
    kinds = [GREEN if c.isdigit() else BLUE if c.isalpha() else ORANGE for c in order]
    figure, axes = plt.subplots(figsize=(12, 2.8))
    axes.bar(range(len(order)), 100 * heights, color=kinds)
    marked = [place for place, character in enumerate(order) if character in competition]
    axes.plot(marked, [100 * competition[order[place]] for place in marked], "_", label="the competition", **_MARK)
    axes.set_xticks(range(len(order)), ["␣" if c == " " else c for c in order], family="monospace")
    axes.set(ylabel="% of all characters", xlim=(-0.7, len(order) - 0.3))
    axes.grid(axis="x", visible=False)
    for label, colour in (("letter", BLUE), ("digit", GREEN), ("space and symbols", ORANGE)):
        axes.bar(0, 0, color=colour, label=label)
    axes.legend(frameon=False)
    return finished(figure)


def bars(values: pd.Series, label: str, reference: float | None = None) -> Figure:
    """Draw one bar per row, with its name at the left; a dashed line marks a reference, such as the overall score."""
    figure, axes = plt.subplots(figsize=(7, 0.28 * len(values) + 0.7))
    axes.barh(range(len(values)), values, color=BLUE)
    axes.set_yticks(range(len(values)), values.index.astype(str))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    for row, value in enumerate(values):  # at the foot of the bar, far from the line, or behind one that is too short
        place, colour = (max(value, 0), "black") if value < 0.15 * values.max() else (0, "white")
        axes.text(place, row, f" {value:.3f}", color=colour, va="center", fontsize=8)
    if reference is not None:
        axes.axvline(reference, color="black", linestyle="--")
        axes.set_title(f"dashed: all clips, {reference:.3f}", fontsize=9)
    axes.set(xlabel=label)
    return finished(figure)


def scatter(x: ArrayLike, y: ArrayLike, x_label: str, y_label: str) -> Figure:
    """Draw one dot per clip, and the mean of y in ten bins of x that hold equally many clips."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    figure, axes = plt.subplots(figsize=(7, 3.2))
    axes.scatter(x, y, s=8, alpha=0.35, color=BLUE, linewidths=0)
    groups = np.array_split(np.argsort(x, kind="stable"), min(10, len(x)))
    means = [(x[group].mean(), y[group].mean()) for group in groups]
    axes.plot(*zip(*means, strict=True), "o-", color=ORANGE, label="mean of a tenth of the clips")
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.legend(frameon=False)
    return finished(figure)


def lengths_in_batches(batches: Sequence[Sequence[int]]) -> Figure:
    """Draw the frames of each batch: real ones, and the padding up to the length of its longest clip."""
    real = np.array([sum(lengths) for lengths in batches])
    padded = np.array([max(lengths) * len(lengths) for lengths in batches])
    order = np.argsort(padded)
    figure, axes = plt.subplots(figsize=(9, 2.6))
    axes.bar(range(len(order)), padded[order], color=ORANGE, width=1, label="padding")
    axes.bar(range(len(order)), real[order], color=BLUE, width=1, label="real frames")
    waste = 1 - real.sum() / padded.sum()
    axes.set(xlabel="batch, sorted by size", ylabel="frames", title=f"{100 * waste:.1f} % of the frames are padding")
    axes.legend(frameon=False)
    return finished(figure)
