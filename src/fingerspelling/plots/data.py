"""Figures of many clips: how long they are, what is spelled, how they compare with the competition's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fingerspelling.plots.style import BLUE, GREEN, ORANGE, WIDTH, finished
from fingerspelling.text import CHARACTERS, visible

_MARK: dict[str, Any] = {"color": "black", "markersize": 13, "markeredgewidth": 2, "linestyle": "none"}


def quantiles(columns: Mapping[str, Sequence[float]], competition: Mapping[str, Mapping[int, float]]) -> Figure:
    """Draw which share of the clips has at most how much, and the competition's clips as far as that was published.

    For each thing that was counted, columns have one number per clip, and competition {percentage: value}.
    """
    rows = -(-len(columns) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(WIDTH, 3 * rows), squeeze=False)
    percentages = np.linspace(0.5, 99.5, 200)
    for axis in axes.flat[len(columns) :]:
        axis.axis("off")
    for axis, (label, values) in zip(axes.flat, columns.items(), strict=False):
        if len(values):
            axis.plot(np.percentile(values, percentages), percentages, color=BLUE, label="these clips")
        marks = competition.get(label, {})
        axis.plot(list(marks.values()), list(marks), "o", color="black", markersize=4, label="the competition's 67,208")
        axis.set(xlabel=label, yticks=[0, 25, 50, 75, 100], ylim=(0, 101), xlim=(0, None))
        axis.yaxis.set_major_formatter("{x:.0f}%")
    axes[0, 0].set_ylabel("of the clips have at most ...")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=2)  # no dot of it among the dots
    known = {label: competition.get(label, {}).get(50) for label in columns}
    beside = {label: "" if median is None else f" (there {median:.3g})" for label, median in known.items()}
    medians = [f"{label} **{np.median(values):.3g}**{beside[label]}" for label, values in columns.items()]
    reading = f"Medians, and the competition's in brackets: {'; '.join(medians)}."
    return finished(figure, f"Cumulative curves of {', '.join(columns)}.", reading)


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
    axes.legend()
    apart = (these - competition).abs()
    most = apart.idxmax()
    reading = f"The largest difference is in **{most}**: {these[most]:.1%} here, {competition[most]:.1%} there."
    return finished(figure, "Bars of shares beside the competition's.", reading)


def characters(phrases: Sequence[str], competition: Mapping[str, float]) -> Figure:
    """Draw how often each of the 59 characters occurs; competition: character -> its share there, of some."""
    counts = Counter("".join(phrases))
    order = sorted(CHARACTERS, key=lambda character: -counts[character])
    heights = np.array([counts[character] for character in order]) / max(sum(counts.values()), 1)
    kinds = [GREEN if c.isdigit() else BLUE if c.isalpha() else ORANGE for c in order]
    figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
    axes.bar(range(len(order)), 100 * heights, color=kinds)
    marked = [place for place, character in enumerate(order) if character in competition]
    axes.plot(marked, [100 * competition[order[place]] for place in marked], "_", label="the competition", **_MARK)
    axes.set_xticks(range(len(order)), [*map(visible, order)], family="monospace")
    axes.set(ylabel="% of all characters", xlim=(-0.7, len(order) - 0.3))
    axes.grid(axis="x", visible=False)
    for label, colour in (("letter", BLUE), ("digit", GREEN), ("space and symbols", ORANGE)):
        axes.bar(0, 0, color=colour, label=label)
    axes.legend()
    half = int(np.searchsorted(heights.cumsum(), 0.5)) + 1
    reading = (
        f"The {half} commonest characters make up half of all that is spelled, the {len(order) // 2} rarest "
        f"{heights[-(len(order) // 2) :].sum():.1%}. The competition's shares are known of {len(marked)} characters."
    )
    return finished(figure, "Bars of how often each of the 59 characters occurs.", reading)


def lengths_in_batches(batches: Sequence[Sequence[int]], max_frames: int) -> Figure:
    """Draw the frames of each batch, given by its clips' lengths: real ones, and padding up to the longest.

    Every clip would be padded to max_frames if clips of like lengths were not together.
    """
    real = np.array([sum(lengths) for lengths in batches])
    padded = np.array([max(lengths) * len(lengths) for lengths in batches])
    order = np.argsort(padded)
    figure, axes = plt.subplots(figsize=(9, 2.6))
    axes.bar(range(len(order)), padded[order], color=ORANGE, width=1, label="padding")
    axes.bar(range(len(order)), real[order], color=BLUE, width=1, label="real frames")
    waste, all_alike = 1 - real.sum() / padded.sum(), max_frames * sum(map(len, batches))
    axes.set(xlabel="batch, sorted by size", ylabel="frames")
    axes.legend()
    reading = (
        f"**{waste:.1%}** of the frames are padding. Were every clip padded to {max_frames} frames, as the winner did, "
        f"it would be {1 - real.sum() / all_alike:.0%}."
    )
    return finished(figure, "Bars of real frames and padding in each batch.", reading)
