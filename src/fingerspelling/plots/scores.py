"""Figures of scores: with their intervals, and beside how sure the reader was."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from fingerspelling.plots.style import BLUE, GREY, ORANGE, WIDTH, finished

BINS = 8
NEAR = 0.02  # of the best: as good as it gets


def score_bars(table: pd.DataFrame, label: str, overall: float) -> Figure:
    """Draw a group's score per row (`scoring.uncertainty.score_table`), with its interval, clips and signers.

    The label says what the groups are, such as "kind of phrase"; a dashed line marks the score of all clips.
    """
    row = 0.36 if len(table) <= 20 else 0.2  # inches; of the competition's signers there are many
    figure, axes = plt.subplots(figsize=(WIDTH, row * len(table) + 0.9))
    places = range(len(table))
    axes.barh(places, table["score"], 0.7, color=BLUE)
    reach = [table["score"] - table["low"], table["high"] - table["score"]]
    axes.errorbar(table["score"], places, xerr=np.clip(reach, 0, None), fmt="none", color="black", capsize=3)
    axes.axvline(overall, color="black", linestyle="--", linewidth=1)
    axes.set_yticks(places, table.index.astype(str), fontsize=9)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    right = max(1.0, table["high"].max()) + 0.02
    for place, row in zip(places, table.itertuples(), strict=True):
        signers = f", {row.signers:.0f} signers" if row.signers > 1 else ""
        axes.text(right, place, f"{row.score:.3f}   {row.clips:.0f} clips{signers}", va="center", fontsize=9)
    axes.set(xlabel="score; the lines hold 95% of the bootstrap's draws; dashed: all clips", xlim=(None, right))
    return finished(figure, f"Bars of the score by {label}, with 95% intervals.", _spread(table, label))


def _spread(table: pd.DataFrame, label: str) -> str:
    if len(table) < 2:
        return ""
    low, high = table.iloc[0], table.iloc[-1]
    apart = low["high"] < high["low"]
    return (
        f"By {label}, the score goes from **{low['score']:.3f}** ({table.index[0]}) to **{high['score']:.3f}** "
        f"({table.index[-1]}); the intervals of these two "
        f"{'do not overlap' if apart else 'overlap'}, so the difference {'is more than' if apart else 'may be'} chance."
    )


def score_over(values: ArrayLike, scores: ArrayLike, label: str, most: float) -> Figure:
    """Draw one dot per clip, and the mean score of groups of equally many clips.

    The values, float [clips] as the scores, are what a score may depend on; those above `most` are drawn there.
    """
    values, scores = np.asarray(values, float), np.asarray(scores, float)
    figure, axes = plt.subplots(figsize=(7.5, 3.4))
    axes.scatter(values.clip(max=most), scores, s=9, alpha=0.35, color=BLUE, linewidths=0)
    groups = np.array_split(np.argsort(values, kind="stable"), min(BINS, len(values)))
    means = np.array([(np.median(values[group]), scores[group].mean()) for group in groups])
    axes.plot(means[:, 0].clip(max=most), means[:, 1], "o-", color=ORANGE, label="mean of an eighth of the clips")
    axes.set(xlabel=f"{label} ({most:g} and more at the right edge)", ylabel="score of the clip", ylim=(-0.02, 1.02))
    axes.legend(loc="lower right")
    best = means[means[:, 1].argmax()]
    far = np.flatnonzero(means[:, 1] < best[1] - NEAR)
    if len(far) and far[-1] == len(means) - 1:
        rest = f"the best eighth, about {best[0]:.1f}, {best[1]:.3f}, and that with the most {means[-1, 1]:.3f}."
    else:
        enough = means[far[-1] + 1 if len(far) else 0, 0]
        rest = f"from about {enough:.1f} on, clips score within {NEAR} of the best eighth's {best[1]:.3f}."
    least = f"The eighth of the clips with the least, about {means[0, 0]:.1f} {label}, scores **{means[0, 1]:.3f}**; "
    return finished(figure, f"Dots of each clip's score over its {label}, with means.", least + rest)


def reliability(sure: np.ndarray, scores: np.ndarray, thresholds: pd.DataFrame, label: str) -> Figure:
    """Draw how sure a reader was beside how well it read, and what each threshold for the constant phrase would score.

    Both are float [clips], 0..1; the thresholds are those of `scoring.uncertainty.threshold_scores`; the label says
    what says how sure it is.
    """
    sure, scores = np.asarray(sure, float), np.asarray(scores, float)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.8))
    left.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="as sure as it is right")
    left.scatter(sure, scores, s=9, alpha=0.35, color=BLUE, linewidths=0, label="a clip")
    groups = np.array_split(np.argsort(sure, kind="stable"), min(BINS, len(sure)))
    means = np.array([(sure[group].mean(), scores[group].mean()) for group in groups])
    left.plot(*means.T, "o-", color=ORANGE, label=f"mean of an eighth of the {len(sure)} clips")
    left.set(xlabel=label, ylabel="score of the clip", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    left.legend()
    best = thresholds.loc[thresholds["score"].idxmax()]
    right.plot(thresholds["threshold"], thresholds["score"], color=BLUE)
    right.plot(best["threshold"], best["score"], "o", color=ORANGE, label=f"best: {best['threshold']:.2f}")
    right.legend()
    right.set(xlabel="below this, the constant phrase", ylabel="score of all clips", xlim=(-0.02, 1.02))
    gap, gain = (means[:, 0] - means[:, 1]).mean(), best["score"] - thresholds["score"].iloc[0]
    word = "surer than" if gap > 0.02 else "less sure than" if gap < -0.02 else "about as sure as"
    correlation = np.corrcoef(sure, scores)[0, 1] if len(sure) > 1 and np.ptp(sure) and np.ptp(scores) else 0.0
    reading = (
        f"The model is {word} it should be (by {abs(gap):.2f} on average), and how sure it is goes with the score "
        f"(correlation {correlation:.2f}). The best threshold, {best['threshold']:.2f}, gives the constant phrase to "
        f"{best['share']:.1%} of the clips and adds {gain:.4f} to the score."
    )
    drawn = (
        "Reliability: how sure the model is beside each clip's score, and the score of all clips for each threshold."
    )
    return finished(figure, drawn, reading)
