"""The competition's scorer: what Kaggle does with a submission, clip by clip.

Source: the competition's evaluation page. A clip's selected columns go through the signature serving_default of
model.tflite; the characters are the arg-max of every row of "outputs", and an index outside the map gives none.
"""

import json
import resource
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fingerspelling import metric
from fingerspelling.clips import written_whole
from fingerspelling.competition import UNREADABLE, DataError, read_clip
from fingerspelling.progress import track
from fingerspelling.text import CHARACTERS

MODEL_FILE, ARGUMENTS_FILE = "model.tflite", "inference_args.json"
SIGNATURE, INPUT, OUTPUT = "serving_default", "inputs", "outputs"
LIMIT_HOURS = 5.0  # for the whole hidden test set
# Kaggle has not said how many clips the hidden test set has. As many as there are for training is a cautious
# guess: of the "over three million characters" announced, the public clips hold about 2.7 million.
HIDDEN_CLIPS = 67_208
ROWS_PER_BATCH = 1024
BUFFER_BYTES = 1 << 16  # a column; without, Arrow holds all of a row group, 600 MB in the competition's files


@dataclass(frozen=True)
class Summary:
    """What a submission is worth and what it costs."""

    score: float  # (N - D) / N, clips with an error counting as empty predictions
    clips: int
    errors: int
    median_seconds: float  # of the model, a clip
    p95_seconds: float
    peak_memory_mb: float  # of the whole process so far
    hidden_hours: float  # for the hidden test set: reading and model
    fits: bool  # hidden_hours are within Kaggle's limit


class Submission:
    """A competitor's model.tflite and inference_args.json, ready to run.

    Attributes:
        columns: the landmark columns that the model reads.
    """

    def __init__(self, path: str | Path, characters: Mapping[int, str] | None = None, threads: int | None = None):
        """Load a submission.

        Args:
            path: submission.zip, or a folder with its two files.
            characters: index to character; the competition's 59 unless told.
            threads: for the model; TensorFlow Lite's own choice, as on Kaggle, unless told.

        Raises:
            DataError: a file is missing or is not what it should be.
        """
        arguments, model = (_read_member(Path(path), name) for name in (ARGUMENTS_FILE, MODEL_FILE))
        try:
            self.columns = list(json.loads(arguments)["selected_columns"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: {ARGUMENTS_FILE} has no list selected_columns ({error!r})") from error
        self._characters = dict(enumerate(CHARACTERS)) if characters is None else characters
        try:
            self._run = load_runner(model, threads)
        except ValueError as error:
            raise DataError(f"{path}: {MODEL_FILE}: {error}") from error

    def spell(self, frames: np.ndarray) -> str:
        """Read one clip, float32 [frames, columns].

        Raises:
            ValueError, RuntimeError: the model cannot run on this clip, or gives something else than a matrix.
        """
        outputs = self._run(**{INPUT: frames})[OUTPUT]
        if outputs.ndim != 2:
            raise ValueError(f"{OUTPUT} has the shape {outputs.shape}, not [length, classes]")
        return "".join(self._characters.get(int(i), "") for i in outputs.argmax(axis=1))


def load_runner(model: bytes, threads: int | None = None) -> Any:
    """Return the signature runner of a TensorFlow Lite model, with whichever runtime is installed.

    Raises:
        ValueError: these are not the bytes of a model with the competition's signature.
    """
    interpreter = _interpreter_class()(model_content=model, num_threads=threads)
    signatures = interpreter.get_signature_list()
    signature = signatures.get(SIGNATURE)
    if signature is None or INPUT not in signature["inputs"] or OUTPUT not in signature["outputs"]:
        raise ValueError(f"no signature {SIGNATURE} from {INPUT!r} to {OUTPUT!r}; it has {signatures}")
    return interpreter.get_signature_runner(SIGNATURE)


def _interpreter_class() -> type:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError:
            import tensorflow

            Interpreter = tensorflow.lite.Interpreter
    return Interpreter


def _read_member(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            return (path / name).read_bytes()
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot read {name} ({error})") from error


def score_submission(
    submission: Submission, clips: pd.DataFrame, hidden_clips: int = HIDDEN_CLIPS
) -> tuple[pd.DataFrame, Summary]:
    """Score a submission on clips as the competition does.

    A clip that cannot be read or run does not end the scoring: its error is noted and it counts as empty.

    Args:
        submission: the competitor's files.
        clips: a row a clip: path (a parquet file that holds this clip alone), phrase, and what else there is.
        hidden_clips: how many clips to extrapolate the time to.

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
    with track(clips["path"], "scoring", "clips", len(clips)) as paths:
        rows = [_score_clip(submission, path) for path in paths]
    results = clips.assign(**pd.DataFrame(rows, index=clips.index))
    predictions, phrases = results["prediction"].tolist(), results["phrase"].tolist()
    results["clip_score"] = metric.clip_scores(predictions, phrases)
    hours = float((results["reading_seconds"] + results["seconds"]).mean()) * hidden_clips / 3600
    return results, Summary(
        score=metric.score(predictions, phrases),
        clips=len(results),
        errors=int((results["error"] != "").sum()),
        median_seconds=float(results["seconds"].median()),
        p95_seconds=float(results["seconds"].quantile(0.95)),
        peak_memory_mb=_peak_memory(),
        hidden_hours=hours,
        fits=hours <= LIMIT_HOURS,
    )


def _score_clip(submission: Submission, path: str | Path) -> dict[str, Any]:
    result = {"prediction": "", "frames": 0, "reading_seconds": np.nan, "seconds": np.nan, "error": ""}
    start = time.perf_counter()
    try:
        frames = read_clip(path, submission.columns)
        result |= {"frames": len(frames), "reading_seconds": time.perf_counter() - start}
        start = time.perf_counter()
        result["prediction"] = submission.spell(frames)
        result["seconds"] = time.perf_counter() - start
    except DataError as error:
        result["error"] = str(error)
    except (ValueError, RuntimeError) as error:  # what TensorFlow Lite raises
        result["error"] = f"{path}: the model failed ({error})"
    return result


def _peak_memory() -> float:
    """Return the process's largest resident memory so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kilobytes elsewhere


def write_clips(data_dir: str | Path, table: pd.DataFrame, folder: str | Path) -> pd.DataFrame:
    """Write clips of the competition's files as files of their own, as the hidden test set has them.

    Clips that are there already, and newer than their source, are kept. Clips and source files that cannot be
    read are reported and left out. Memory holds a clip and a batch of rows, whatever the size of the source.

    Args:
        data_dir: the competition's data.
        table: rows of its table: path (relative to data_dir), sequence_id, phrase, and what else there is.
        folder: where the files go: <folder of the source>/<source>/<sequence_id>.parquet.

    Returns:
        The table without the clips left out, path being that of the clip's own file.

    Raises:
        DataError: not one clip could be written.
    """
    table = table.drop_duplicates(["path", "sequence_id"]).reset_index(drop=True)
    sources = list(table.groupby("path", sort=False))
    written, reason = [table[:0]], "the table is empty"
    with track(sources, "splitting into clips", "files") as progress:
        for name, rows in progress:
            source = Path(data_dir) / name
            place = Path(folder) / source.parent.name / source.stem
            targets = {i: place / f"{i}.parquet" for i in rows["sequence_id"]}
            reason = f"not in {source}"
            try:
                _split(source, targets)
            except DataError as error:
                reason = str(error)
            if missing := [i for i, target in targets.items() if not target.is_file()]:
                progress.write(f"skipped {len(missing)} clips, the first {missing[0]}: {reason}")
            rows = rows.assign(path=[str(targets[i]) for i in rows["sequence_id"]])
            written.append(rows[~rows["sequence_id"].isin(missing)])
    clips = pd.concat(written).sort_index()
    if clips.empty:
        raise DataError(f"{data_dir}: no clip could be written; {reason}")
    return clips


def _split(source: Path, targets: dict[int, Path]) -> None:
    """Write the clips of one source file that are not there yet, reading only the row groups that hold them."""
    try:
        changed = source.stat().st_mtime_ns
        targets = {i: t for i, t in targets.items() if not (t.is_file() and t.stat().st_mtime_ns > changed)}
        if not targets:
            return
        with pq.ParquetFile(source, buffer_size=BUFFER_BYTES) as file:
            ids = _sequence_ids(source, file, targets)
            left = dict(zip(*np.unique(ids, return_counts=True), strict=True))  # rows still to come, a clip
            pieces = defaultdict(list)
            for sequence_id, piece in _pieces(file, ids, set(targets)):
                pieces[sequence_id].append(piece)
                left[sequence_id] -= piece.num_rows
                if left[sequence_id] == 0:
                    clip = pa.Table.from_batches(pieces.pop(sequence_id))
                    with written_whole(targets[sequence_id]) as temporary:
                        pq.write_table(clip, temporary, use_dictionary=False, write_statistics=False)
    except UNREADABLE as error:
        raise DataError(f"{source}: not a readable parquet file ({error})") from error


def _sequence_ids(source: Path, file: pq.ParquetFile, targets: dict[int, Path]) -> np.ndarray:
    """Return the clip of every row, int64; a file without sequence_id is one clip."""
    if "sequence_id" in file.schema_arrow.names:
        return file.read(["sequence_id"])["sequence_id"].to_numpy()
    if len(targets) > 1:
        raise DataError(f"{source}: lacks the column sequence_id, and {len(targets)} clips are expected in it")
    return np.full(file.metadata.num_rows, next(iter(targets)))


def _pieces(file: pq.ParquetFile, ids: np.ndarray, wanted: set[int]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield neighbouring rows of one wanted clip at a time, from the row groups that hold any."""
    row = 0
    for group in range(file.num_row_groups):
        end = row + file.metadata.row_group(group).num_rows
        if wanted.isdisjoint(ids[row:end].tolist()):
            row = end
            continue
        for batch in file.iter_batches(ROWS_PER_BATCH, row_groups=[group]):
            here = ids[row : row + batch.num_rows]
            row += batch.num_rows
            starts = np.flatnonzero(np.diff(here, prepend=here[:1] - 1))
            for start, length in zip(starts, np.diff(starts, append=len(here)), strict=True):
                if here[start] in wanted:
                    yield int(here[start]), batch.slice(start, length)
