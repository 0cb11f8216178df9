"""Figures of training and of what a model reads."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fingerspelling.plots.style import BLUE, GREEN, GREY, ORANGE, RED, finished, log_scale
from fingerspelling.text import CONSTANT_SCORE, align


def training_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw losses, the score of the validation clips and the learning rate over epochs.

    Args:
        histories: a model's name -> its metrics.jsonl; each model has its own style of line.
    """
    figure, (losses, score, rate) = plt.subplots(1, 3, figsize=(13, 3))
    for (model, history), line in zip(histories.items(), itertools.cycle(("-", "--", ":", "-.")), strict=False):
        first = model == next(iter(histories))
        names = [name for name in history if name.startswith("loss_")]
        for i, name in enumerate(names if len(names) > 1 else ["loss"]):
            rows = history.dropna(subset=[name])
            label = f"training, {name.removeprefix('loss_')}" if first else None
            losses.plot(rows["epoch"], rows[name], line, color=f"C{i}", label=label)
        validated = history.dropna(subset=["eval_loss"])
        label = "validation" if first else None
        losses.plot(validated["epoch"], validated["eval_loss"], "o" + line, color="black", markersize=3, label=label)
        score.plot(validated["epoch"], validated["eval_score"], "o" + line, color=GREEN, markersize=4, label=model)
        rows = history.dropna(subset=["learning_rate"])
        rate.plot(rows["epoch"], rows["learning_rate"], line, color=ORANGE)
    losses.set(xlabel="epoch", title="loss")
    log_scale(losses)
    losses.legend(frameon=False, fontsize=8)
    score.axhline(CONSTANT_SCORE, color=GREY, linestyle="--", linewidth=1, label="a constant answer")
    score.set(xlabel="epoch", title="score of the validation clips", ylim=(min(0, score.get_ylim()[0]), 1))
    score.legend(frameon=False, fontsize=8)
    rate.set(xlabel="epoch", title="learning rate")
    rate.ticklabel_format(axis="y", scilimits=(-2, 2))
    return finished(figure)


def clip_scores(scores: Sequence[float], least: float) -> Figure:
    """Draw how many clips have which score.

    Args:
        scores: of each clip, 0..1.
        least: clips that score less are not worth reading; their bars are grey.
    """
    figure, axes = plt.subplots(figsize=(7, 3))
    edges = np.linspace(0, 1, 21)
    shares = 100 * np.histogram(scores, edges)[0] / max(len(scores), 1)
    colours = [GREY if left < least else BLUE for left in edges[:-1]]
    axes.bar(edges[:-1], shares, 0.045, align="edge", color=colours)
    axes.axvline(
        least, color=GREY, linestyle="--", linewidth=1, label="below: better answered with the constant phrase"
    )
    axes.set(xlabel="score of a clip whose signer the model never saw", ylabel="% of the clips", xlim=(-0.01, 1.01))
    axes.legend(frameon=False, fontsize=8)
    return finished(figure)


def confusions(counts: Mapping[tuple[str, str], int], most: int = 24) -> Figure:
    """Draw which characters are taken for which: one row per true character, as shares of that row.

    Args:
        counts: (true, predicted) -> number, as `metric.edit_operations` returns.
        most: how many characters to show, those with the most errors.
    """
    errors: Counter[str] = Counter()
    for (true, predicted), count in counts.items():
        if true and true != predicted:
            errors[true] += count
    shown = sorted(character for character, _ in errors.most_common(most))
    columns = [*shown, ""]
    totals: Counter[str] = Counter()
    for (true, _), count in counts.items():
        totals[true] += count
    shares = [
        [np.nan if row == column else counts.get((row, column), 0) / totals[row] for column in columns] for row in shown
    ]
    figure, axes = plt.subplots(figsize=(0.33 * len(columns) + 2, 0.33 * len(shown) + 1))
    image = axes.imshow(100 * np.array(shares).reshape(len(shown), len(columns)), cmap="Blues", vmin=0)
    axes.set_facecolor("#e6e6e6")  # of the diagonal, which is no error
    names = ["␣" if character == " " else character for character in shown]
    axes.set_xticks(range(len(columns)), [*names, "missed"], family="monospace")
    axes.get_xticklabels()[-1].set_rotation(90)
    axes.set_yticks(range(len(shown)), names, family="monospace")
    axes.set(xlabel="read as", ylabel="true character")
    axes.grid(False)
    figure.colorbar(image, label="% of the true character's occurrences", shrink=0.8)
    return finished(figure)


def compared(predictions: Sequence[str], phrases: Sequence[str], scores: Sequence[float]) -> Figure:
    """Draw true phrases above what was read, with the differences in red."""
    figure, axes = plt.subplots(figsize=(7.2, 0.5 * len(phrases) + 0.3))
    for place, (predicted, true, score) in enumerate(zip(predictions, phrases, scores, strict=True)):
        axes.text(0, place, f"{score:.2f}", va="center", color=GREY, family="monospace")
        pairs = align(true, predicted)
        for side, row in enumerate((place - 0.2, place + 0.2)):
            for i, pair in enumerate(pair for pair in pairs if pair[side]):
                colour = "black" if pair[0] == pair[1] else RED
                character = pair[side].replace(" ", "␣")
                axes.text(0.09 + 0.0235 * i, row, character, va="center", color=colour, family="monospace")
    axes.set(xlim=(0, 1), ylim=(len(phrases) - 0.4, -0.6))
    axes.axis("off")
    axes.set_title("score, true phrase above, what was read below; differences in red", fontsize=9)
    return finished(figure)


def latency(
    frames: Sequence[float], seconds: Sequence[float], published: Mapping[str, Mapping[int, float]] | None = None
) -> Figure:
    """Draw how long the scorer took for each clip over the clip's length.

    Args:
        frames: of each clip.
        seconds: of each clip.
        published: name -> {frames: milliseconds}, other submissions' figures to compare with.
    """
    figure, axes = plt.subplots(figsize=(7, 3.2))
    axes.scatter(frames, 1000 * np.asarray(seconds), s=10, alpha=0.5, linewidths=0, label="one clip")
    for (name, points), colour in zip((published or {}).items(), (ORANGE, RED, GREY), strict=False):
        axes.plot(list(points), list(points.values()), "s--", color=colour, label=name)
    axes.set(xlabel="frames", ylabel="milliseconds")
    log_scale(axes)
    axes.legend(frameon=False)
    return finished(figure)
