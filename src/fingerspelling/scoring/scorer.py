"""The competition's scorer: what Kaggle does with a submission, clip by clip, and how long it takes."""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fingerspelling.data.parquet import read_clip
from fingerspelling.files import DataError, refuse_missing_folder, visible_files, write_whole
from fingerspelling.processes import track
from fingerspelling.scoring import metric
from fingerspelling.scoring.runtime import ModelDied, ModelError
from fingerspelling.scoring.submission import Submission

SHOWN_ERRORS = 5
LIMIT_HOURS = 5.0  # for the whole hidden test set
# Kaggle has not said how many clips the hidden test set has. As many as there are for training is a cautious
# guess: of the "over three million characters" announced, the public clips hold about 2.7 million.
HIDDEN_CLIPS = 67_208
NOTHING = {"prediction": "", "frames": 0, "reading_seconds": np.nan, "seconds": np.nan, "error": ""}  # read of a clip


@dataclass(frozen=True)
class Summary:
    """What a submission is worth and what it costs."""

    score: float  # (N - D) / N, clips with an error counting as empty predictions
    clips: int
    errors: int
    median_seconds: float  # of the model, per clip
    p95_seconds: float
    peak_memory_mb: float  # of the model's process
    hidden_hours: float  # for the hidden test set: model and reading (Kaggle's pandas takes some ms more per clip)
    fits: bool  # hidden_hours are within Kaggle's limit


def find_clips(folder: str | Path, phrases: str | Path) -> pd.DataFrame:
    """List the clips of a folder with their phrases.

    Clips for which the table has no phrase, or several, are reported and left out.

    Args:
        folder: holds, at any depth, one parquet file per clip, named after its sequence_id (as `write_clips` writes).
        phrases: a CSV table with the columns sequence_id and phrase, such as the competition's train.csv.

    Returns:
        One row per clip: path, sequence_id (str) and phrase.

    Raises:
        DataError: no clip of the folder is in the table, or the table cannot be read or lacks a column.
    """
    if not Path(folder).is_dir():
        raise DataError(f"{folder}: no such folder")
    try:
        table = pd.read_csv(phrases, usecols=["sequence_id", "phrase"], dtype=str, keep_default_na=False)
    except OSError as error:
        raise DataError(f"{phrases}: {error.strerror or error}") from error
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{phrases}: not a CSV table with the columns sequence_id and phrase") from error
    # A spreadsheet may have written 12 as 12.0 or 012; the extraction reads all of them as the number.
    table["sequence_id"] = table["sequence_id"].str.replace(r"^\s*\+?0*(\d+)(\.0*)?\s*$", r"\1", regex=True)
    table = table[table["phrase"] != ""].drop_duplicates()
    paths = visible_files(Path(folder), "*.parquet")
    names = [path.stem.encode(errors="replace").decode() for path in paths]  # what is not UTF-8 names no clip
    clips = pd.DataFrame({"path": paths, "sequence_id": names})
    clips = clips.merge(table[~table["sequence_id"].duplicated(keep=False)], on="sequence_id")
    if not paths:
        raise DataError(f"{folder}: holds no parquet files")
    if clips.empty:
        raise DataError(f"{folder}: none of its {len(paths)} parquet files is named after a clip in {phrases}")
    if without := len(paths) - len(clips):
        print(f"left out {without} of {len(paths)} clips, for which {phrases} has no phrase, or several")
    return clips


def score_submission(submission: Submission, clips: pd.DataFrame) -> tuple[pd.DataFrame, Summary]:
    """Score a submission on clips as the competition does.

    A clip that cannot be read or run does not end the scoring: its error is noted and it counts as empty. A model that
    takes its process down with it would do the same to Kaggle's scorer: all clips count as empty, the score is 0.

    Args:
        submission: the competitor's files.
        clips: one row per clip: path (a parquet file that holds this clip alone), phrase, and any other columns.

    Returns:
        The clips with the columns prediction, clip_score (0..1), frames, reading_seconds, seconds (of the model)
        and error (empty where there was none); and the summary.

    Raises:
        DataError: there is no clip, a column is missing, or all phrases are empty.
    """
    if missing := [name for name in ("path", "phrase") if name not in clips]:
        raise DataError(f"the table of clips lacks the columns {', '.join(missing)}")
    if not clips["phrase"].str.len().sum():
        raise DataError("there is nothing to score: no clips, or none with a phrase")
    try:
        with track(clips["path"], "scoring", "clips", len(clips)) as paths:
            rows = [_score_clip(submission, path) for path in paths]
    except ModelDied as error:
        rows = [NOTHING | {"error": f"{error}; none of the clips counts"}] * len(clips)
    results = clips.assign(**pd.DataFrame(rows, index=clips.index))
    predictions, phrases = results["prediction"].tolist(), results["phrase"].tolist()
    results["clip_score"] = metric.clip_scores(predictions, phrases)
    hours = float((results["reading_seconds"] + results["seconds"]).mean()) * HIDDEN_CLIPS / 3600
    return results, Summary(
        score=metric.score(predictions, phrases),
        clips=len(results),
        errors=int((results["error"] != "").sum()),
        median_seconds=float(results["seconds"].median()),
        p95_seconds=float(results["seconds"].quantile(0.95)),
        peak_memory_mb=submission.process.peak_memory_mb,
        hidden_hours=hours,
        fits=hours <= LIMIT_HOURS,
    )


def _score_clip(submission: Submission, path: str | Path) -> dict[str, Any]:
    result = dict(NOTHING)
    start = time.perf_counter()
    try:
        frames = read_clip(path, submission.columns)
        result |= {"frames": len(frames), "reading_seconds": time.perf_counter() - start}
        start = time.perf_counter()
        result["prediction"] = submission.transcribe(frames)
        result["seconds"] = time.perf_counter() - start
    except ModelDied as error:
        raise ModelDied(f"{path}: {error}") from None
    except ModelError as error:
        result["error"] = f"{path}: the model failed ({error})"
    except DataError as error:
        result["error"] = str(error)
    return result


def run(options: argparse.Namespace) -> int:
    """Run `fingerspelling score`: print what a submission scores and takes; returns the exit status, 1 at any error."""
    refuse_missing_folder(options.table)
    submission = Submission(options.submission, threads=options.threads)
    results, summary = score_submission(submission, find_clips(options.folder, options.phrases))
    for sentence in results.loc[results["error"] != "", "error"].unique()[:SHOWN_ERRORS]:
        print(sentence, file=sys.stderr)
    print(f"score        {summary.score:.4f} on {summary.clips} clips, {summary.errors} with an error")
    print(
        f"model        {1e3 * summary.median_seconds:.1f} ms per clip (median), {1e3 * summary.p95_seconds:.1f} (95 %)"
    )
    print(f"hidden set   {summary.hidden_hours:.2f} of {LIMIT_HOURS:g} hours")
    print(f"memory       {summary.peak_memory_mb:.0f} MB at most, of the model's process", flush=True)
    if options.table:
        write_whole(options.table, results.to_csv(index=False))
    return int(summary.errors > 0)
