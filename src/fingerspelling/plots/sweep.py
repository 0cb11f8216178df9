"""The figure of a sweep."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from fingerspelling.plots.style import BLUE, GREY, finished
from fingerspelling.text import CONSTANT_SCORE


def sweep_scores(results: pd.DataFrame) -> Figure:
    """Draw each run's score, the best at the top.

    Args:
        results: a row per run, named by the index, with score (NaN where it failed).
    """
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
    figure.legend(frameon=False, fontsize=8, loc="outside upper right")  # no run's word lies under it
    failed = int(ranked.isna().sum())
    reading = f"Best of {len(ranked)}: {ranked.index[-1]}, {ranked.iloc[-1]:.3f}." if failed < len(ranked) else ""
    return finished(figure, f"Dots of each run's score; {failed} of {len(ranked)} failed.", reading)
