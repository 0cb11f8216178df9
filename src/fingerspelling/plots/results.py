"""Figures of training, of runs side by side, of the first round, and of the scorer's time."""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from fingerspelling.plots.style import BLUE, GREEN, GREY, ORANGE, RED, WIDTH, finished
from fingerspelling.text import CONSTANT_SCORE

MARKERS = ("", "v", "s", "^", "D")  # of the parts of a loss, whose lines are too thin for colours alone


def training_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw losses, the score of the validation clips, read greedily, and the learning rate over epochs.

    Each model, given by name with its metrics.jsonl, has its own style of line.
    """
    figure, (losses, score, rate) = plt.subplots(1, 3, figsize=(WIDTH, 3.1))
    for (model, history), line in zip(histories.items(), itertools.cycle(("-", "--", ":", "-.")), strict=False):
        first = model == next(iter(histories))
        names = [name for name in history if name.startswith("loss_")]
        for i, name in enumerate(["loss", *(names if len(names) > 1 else [])]):
            rows = history.dropna(subset=[name])
            part = name.removeprefix("loss_") if i else "all"
            label, colour = (f"training, {part}" if first else None), "black" if i == 0 else f"C{i - 1}"
            marker, every = MARKERS[i % len(MARKERS)], max(1, len(rows) // 6)
            (curve,) = losses.plot(rows["epoch"], rows[name], line, color=colour, linewidth=1.2, label=label)
            curve.set(marker=marker, markevery=(i * every // 4, every), markersize=4)
        validated = history.dropna(subset=["eval_loss"])
        label = "validation, all" if first else None
        losses.plot(validated["epoch"], validated["eval_loss"], "o" + line, color=RED, markersize=4, label=label)
        score.plot(validated["epoch"], validated["eval_score"], "o" + line, color=GREEN, markersize=4, label=model)
        rows = history.dropna(subset=["learning_rate"])
        rate.plot(rows["epoch"], rows["learning_rate"], line, color=ORANGE)
    losses.set(xlabel="epoch", title="loss", yscale="log")
    _label_plainly(losses.yaxis)
    losses.legend()
    score.axhline(CONSTANT_SCORE, color=GREY, linestyle="--", linewidth=1, label="a constant answer")
    score.set(xlabel="epoch", title="validation score, greedy", ylim=(min(0, score.get_ylim()[0]), 1))
    score.legend()
    rate.set(xlabel="epoch", title="learning rate")
    rate.yaxis.set_major_formatter("{x:g}")
    drawn = "Curves over the epochs: losses, the score of the validation clips, the learning rate."
    return finished(figure, drawn, _learning(*next(iter(histories.items()))))


def _label_plainly(logarithmic: Axis) -> None:
    logarithmic.set_major_locator(LogLocator(subs=(1, 2, 5)))
    logarithmic.set_major_formatter("{x:g}")
    logarithmic.set_minor_locator(NullLocator())


def _learning(model: str, history: pd.DataFrame) -> str:
    validated = history.dropna(subset=["eval_loss"])
    if validated.empty:
        return ""
    passed = validated[validated["eval_score"] > CONSTANT_SCORE]["epoch"]
    when = (
        f"passed that of a constant answer by epoch {passed.iloc[0]:g}" if len(passed) else "never passed a constant's"
    )
    last, before = validated["eval_loss"].iloc[-1], validated["eval_loss"].iloc[:-1]
    falls = "was lowest at the end" if last <= before.min() or before.empty else "had been lower before the end"
    scores = validated["eval_score"]
    return (
        f"The score of {model}, read greedily, went from {scores.iloc[0]:.3f} to **{scores.iloc[-1]:.3f}** and {when}; "
        f"the validation loss {falls}."
    )


def run_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the validation loss and score of runs over each other, of their metrics.jsonl by name."""
    figure, (loss, score) = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    styles = itertools.cycle(itertools.product(("-", "--", ":"), (BLUE, ORANGE, GREEN, RED, "black")))
    last = {}
    for (name, history), (line, colour) in zip(histories.items(), styles, strict=False):
        validated = history.dropna(subset=["eval_loss"])
        loss.plot(validated["epoch"], validated["eval_loss"], line, color=colour, label=name)
        score.plot(validated["epoch"], validated["eval_score"], line, color=colour, label=name)
        last[name] = validated["eval_score"].iloc[-1] if len(validated) else np.nan
    score.axhline(CONSTANT_SCORE, color=GREY, linestyle="--", linewidth=1)
    loss.set(xlabel="epoch", title="validation loss")
    score.set(xlabel="epoch", title="validation score, greedy; dashed: a constant answer", ylim=(None, 1))
    loss.legend()
    best = max(last, key=lambda name: np.nan_to_num(last[name], nan=-np.inf), default="none")
    reading = (
        f"After its last epoch, {best} scores best of {len(last)} runs: {last.get(best, np.nan):.3f}, read greedily."
    )
    return finished(figure, "Curves of validation loss and score, a line per run.", reading)


def sweep_scores(results: pd.DataFrame) -> Figure:
    """Draw each run's score (NaN where it failed), a row per run, named by the index; the best at the top."""
    ranked = results["score"].sort_values(na_position="first")
    figure, axes = plt.subplots(figsize=(8, 1 + 0.3 * len(ranked)))
    places = range(len(ranked))
    axes.hlines(places, min(0.0, ranked.min()), ranked, color=BLUE, linewidth=1)
    axes.plot(ranked, places, "o", color=BLUE)
    for place, score in zip(places, ranked, strict=True):
        failed = pd.isna(score)
        axes.annotate("failed" if failed else f"{score:.3f}", (0 if failed else score, place), (6, 0), va="center",
                      textcoords="offset points", color=GREY if failed else "black", fontsize=9)  # fmt: skip
    axes.axvline(CONSTANT_SCORE, color=GREY, linestyle="--", linewidth=1, label="a constant answer")
    axes.set(yticks=places, yticklabels=ranked.index, ylim=(-0.6, len(ranked) - 0.4), xlabel="score", title="Sweep")
    axes.margins(x=0.1)
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper right")  # no run's word lies under it
    failed = int(ranked.isna().sum())
    reading = f"Best of {len(ranked)}: {ranked.index[-1]}, {ranked.iloc[-1]:.3f}." if failed < len(ranked) else ""
    return finished(figure, f"Dots of each run's score; {failed} of {len(ranked)} failed.", reading)


def clip_scores(scores: Sequence[float], least: float) -> Figure:
    """Draw how many clips have which score, 0..1; bars of those below `least`, not worth reading, are grey."""
    figure, axes = plt.subplots(figsize=(7, 3))
    edges = np.linspace(0, 1, 21)
    shares = 100 * np.histogram(scores, edges)[0] / max(len(scores), 1)
    colours = [GREY if left < least else BLUE for left in edges[:-1]]
    axes.bar(edges[:-1], shares, 0.045, align="edge", color=colours)
    axes.axvline(
        least, color=GREY, linestyle="--", linewidth=1, label="below: better answered with the constant phrase"
    )
    axes.set(xlabel="score of a clip whose signer the model never saw", ylabel="% of the clips", xlim=(-0.01, 1.01))
    axes.legend()
    below = np.mean(np.asarray(scores) < least) if len(scores) else 0
    reading = f"**{below:.1%}** of {len(scores)} clips score below {least:g}."
    return finished(figure, "Bars of how many clips have which score.", reading)


def latency(
    frames: Sequence[float], seconds: Sequence[float], published: Mapping[str, Mapping[int, float]] | None = None
) -> Figure:
    """Draw how long the scorer took for each clip over the clip's length.

    Other submissions' published figures, by name {frames: milliseconds}, are there to compare with.
    """
    figure, axes = plt.subplots(figsize=(7, 3.4))
    milliseconds = 1000 * np.asarray(seconds)
    axes.scatter(frames, milliseconds, s=10, alpha=0.5, linewidths=0, label="a clip, read by this run's file")
    for (name, points), colour in zip((published or {}).items(), (ORANGE, RED, GREY), strict=False):
        axes.plot(list(points), list(points.values()), "s--", color=colour, label=name)
    axes.set(xlabel="frames of the clip", ylabel="milliseconds", yscale="log")
    _label_plainly(axes.yaxis)
    axes.legend()
    reading = (
        f"This run's file takes **{np.median(milliseconds):.0f} ms** for a clip in the median of {len(milliseconds)}, "
        f"and {milliseconds.max():.0f} ms at most."
    )
    return finished(figure, "Dots of how long the file takes for clips of which length.", reading)
