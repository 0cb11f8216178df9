"""The model card of what the package ships: what its reader scores, how sure it is, and how it was made."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from fingerspelling import plots
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring.confidence import DOUBTFUL, REFUSED
from fingerspelling.scoring.uncertainty import score_table, threshold_scores

FIGURE = "reliability.png"  # beside the card
STEPS = [0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]  # of the confidences in the table
LEGIBLE = 0.5  # score of a clip that is worth an answer
CARD = Template(Path(__file__).with_name("card.md").read_text(encoding="utf-8"))


def write_card(
    folder: Path, scores: pd.DataFrame, read: pd.DataFrame, empty: pd.DataFrame, threshold: float, **words: str
) -> None:
    """Write the card and its figure.

    Args:
        folder: of the PyTorch weights.
        scores: a row per kind of clip, as `score_table` returns.
        read: a row per clip that was read: kind, phrase, prediction, score and confidence.
        empty: a row per clip in which nothing is spelled: kind and confidence.
        threshold: the confidence below which the reader answers nothing.
        words: what else the card says, by its names there.
    """
    sure = read["confidence"].to_numpy()
    figure = plots.reliability(sure, read["score"].to_numpy(), threshold_scores(sure, read), "confidence")
    plots.save(figure, folder / FIGURE)
    intervals = [f"{low:.3f} to {high:.3f}" for low, high in zip(scores["low"], scores["high"], strict=True)]
    shown = score_table(as_shown(read, threshold), read["kind"])
    columns = ["signers", "clips", "score", "interval", "as shown"]
    tables = {
        "scores": scores.assign(interval=intervals, **{"as shown": shown["score"]})[columns],
        "reliability": reliability(read),
        "refused": refused(read, empty, threshold),
    }
    body = CARD.substitute(
        words,
        **{name: _markdown(table) for name, table in tables.items()},
        figure=f"![{plots.Picture(figure).alt}]({FIGURE})",
        threshold=f"{threshold:.0%}",
        most=f"{REFUSED:.0%}",
        doubtful=f"{DOUBTFUL:.0%}",
    )
    ModelCard(f"---\n{_head(scores).to_yaml()}\n---\n\n{body}").save(folder / "README.md")


def reliability(read: pd.DataFrame) -> pd.DataFrame:
    """Return what clips scored at which confidence: a row per step of confidence, as far as there are clips."""
    steps = pd.cut(
        read["confidence"], STEPS, include_lowest=True, labels=[f"{a:.0%} to {b:.0%}" for a, b in pairwise(STEPS)]
    )
    groups = read.groupby(steps, observed=True)
    means = groups[["confidence", "score"]].mean().add_prefix("mean ")
    return means.assign(clips=groups.size())[["clips", *means]]


def as_shown(read: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return clips with the predictions that a user is shown: nothing where the confidence is below the threshold."""
    return read.assign(prediction=read["prediction"].where(read["confidence"] >= threshold, ""))


def refused(read: pd.DataFrame, empty: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return of what share of clips it is said that nothing is readable, and what share is doubtful: a row per kind."""
    legible = (read["score"] >= LEGIBLE).map({True: "read at least half right", False: "read less than half right"})
    every = pd.concat([read.assign(kind=read["kind"] + ", " + legible), empty])
    below = every["confidence"] < threshold
    every = every.assign(refused=below, doubtful=~below & (every["confidence"] < DOUBTFUL))
    groups = every.groupby("kind")
    return groups[["refused", "doubtful"]].mean().assign(clips=groups.size())[["clips", "refused", "doubtful"]]


def training_in_words(recipe: dict[str, Any]) -> str:
    """Return what a recipe has trained on."""
    training = recipe["training"]
    simulation = training.get("simulation") or {}
    clips = training["epochs"] * simulation.get("clips", 0)
    share = simulation.get("wild", {}).get("share", 0.0)
    earlier = (
        ", after the clips of earlier trainings (docs/experiments.md)" if "pretrained" in recipe.get("data", {}) else ""
    )
    return f"{clips:,} clips, none seen twice, {share:.0%} of them by wild signers{earlier}"


def real_clips(package: Path) -> str:
    """Return what benchmarks/real_clips.py prints of the sets of real clips that are at hand, without their signers."""
    command = [sys.executable, str(ROOT / "benchmarks/real_clips.py"), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if line[:4].strip() or line.split()[:1] == ["signers"])


def _markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown; pandas would need another package for it."""
    rows = [["", *table.columns], ["---", *["---:"] * len(table.columns)]]
    for name, *values in table.itertuples():
        rows.append([str(name), *(f"{value:.3f}" if isinstance(value, float) else str(value) for value in values)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _head(scores: pd.DataFrame) -> ModelCardData:
    """Return the card's head: licence, tags and scores, in Hugging Face's terms."""
    results = [
        EvalResult(
            task_type="image-to-text",
            task_name="fingerspelling recognition",
            dataset_type="simulated",
            dataset_config=kind,
            dataset_name=f"simulated signers, {kind}; {row.clips} clips of {row.signers} unseen signers",
            metric_type="score",
            metric_name="1 - edit distance / length",
            metric_value=round(float(row.score), 4),
        )
        for kind, row in zip(scores.index, scores.itertuples(), strict=True)
    ]
    return ModelCardData(
        language=["en", "ase"],
        license="mit",
        library_name="fingerspelling",
        tags=["fingerspelling", "sign-language", "mediapipe", "tflite", "pytorch"],
        model_name="fingerspelling-reader",
        eval_results=results,
    )
