"""How sure a score is, and from when on a constant answer is better."""

from collections.abc import Iterable
from itertools import repeat

import numpy as np
import pandas as pd

from fingerspelling.text import CONSTANT_PHRASE, edit_distance

DRAWS = 2000
COVERED = 95  # percent of the draws lie in the interval


def score_table(clips: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Score groups of clips (rows of participant_id, phrase, prediction), each with an interval by the bootstrap.

    What is drawn anew, with replacement, are the signers of a group: other people would be other people, while clips of
    one person are alike. Of a group with a single signer, clips are drawn.

    Returns:
        A row per group, from the lowest score to the highest: score, low, high, clips, signers.
    """
    counts = pd.DataFrame(
        {
            "edits": _edits(clips["prediction"], clips["phrase"]),
            "characters": clips["phrase"].str.len().to_numpy(),
            "signer": clips["participant_id"].to_numpy(),
        }
    )
    rows = {name: _score(rows) for name, rows in counts.groupby(np.asarray(groups))}
    return pd.DataFrame.from_dict(rows, "index").sort_values("score", kind="stable")


def _score(counts: pd.DataFrame) -> dict[str, float]:
    signers = counts["signer"].nunique()
    units = counts.drop(columns="signer") if signers == 1 else counts.groupby("signer").sum()
    high, score, low = (1 - share for share in _per_character(units["edits"], units["characters"]))
    return {"score": score, "low": low, "high": high, "clips": len(counts), "signers": signers}


def _per_character(edits: pd.Series, characters: pd.Series) -> tuple[float, float, float]:
    """Return the edits per character of units that are drawn anew: the interval's lower end, all units', the upper."""
    drawn = np.random.default_rng(0).integers(0, len(edits), (DRAWS, len(edits)))
    shares = edits.to_numpy()[drawn].sum(1) / np.maximum(characters.to_numpy()[drawn].sum(1), 1)
    low, high = np.percentile(shares, [50 - COVERED / 2, 50 + COVERED / 2])
    return low, edits.sum() / max(characters.sum(), 1), high


def _edits(predictions: Iterable[str], phrases: Iterable[str]) -> np.ndarray:
    return np.array([*map(edit_distance, predictions, phrases)], int)


def threshold_scores(sure: np.ndarray, clips: pd.DataFrame) -> pd.DataFrame:
    """Score all clips with the constant phrase wherever the reader is less sure than a threshold, for each threshold.

    Clips are rows of phrase and prediction; how sure the reader is of each, is float [clips].

    Returns:
        A row per threshold that makes a difference, rising from 0, where everything is read: threshold, score, share of
        the clips that get the constant phrase.
    """
    order = np.argsort(sure, kind="stable")
    read = _edits(clips["prediction"], clips["phrase"])[order]
    constant = _edits(repeat(CONSTANT_PHRASE), clips["phrase"])[order]
    edits = read.sum() + np.concatenate([[0], np.cumsum(constant - read)])
    characters = max(int(clips["phrase"].str.len().sum()), 1)
    sorted_sure = np.asarray(sure)[order]
    thresholds = np.append(0, np.append((sorted_sure[1:] + sorted_sure[:-1]) / 2, 1))
    share = np.arange(len(order) + 1) / max(len(order), 1)
    return pd.DataFrame({"threshold": thresholds, "score": 1 - edits / characters, "share": share})


def score_difference(clips: pd.DataFrame, others: pd.DataFrame) -> dict[str, float]:
    """Return how much better clips were read than in another reading of the same, with an interval by the bootstrap.

    Both have a row per clip: sequence_id, participant_id, phrase, prediction. They are drawn together, signer by
    signer, as what makes a signer hard is the same for both.

    Returns:
        difference, low, high, and clips: how many both have read. NaN where there are none.
    """
    both = clips.merge(others[["sequence_id", "prediction"]], on="sequence_id", suffixes=("", "_other"))
    if both.empty:
        return {"difference": np.nan, "low": np.nan, "high": np.nan, "clips": 0}
    fewer = _edits(both["prediction_other"], both["phrase"]) - _edits(both["prediction"], both["phrase"])
    units = pd.DataFrame({"fewer": fewer, "characters": both["phrase"].str.len()})
    if len(both["participant_id"].unique()) > 1:
        units = units.groupby(both["participant_id"]).sum()
    low, difference, high = _per_character(units["fewer"], units["characters"])
    return {"difference": difference, "low": low, "high": high, "clips": len(both)}
