"""Competition parquet -> clip store: one shard a source file, resumable."""

import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from fingerspelling.clips import SUFFIX, read_about, write_shard
from fingerspelling.competition import TABLES, UNREADABLE, DataError, read_table, require_columns
from fingerspelling.landmarks import PARTS, SELECTED, SELECTED_COLUMNS
from fingerspelling.progress import track
from fingerspelling.text import unknown_characters

FARTHEST = 1000.0  # frame widths; what lies beyond is no landmark, and would overflow half precision
ROWS_PER_BATCH = 4096  # a batch of 390 columns then fits a processor's cache


def extract(data_dir: Path, store: Path) -> pd.DataFrame:
    """Extract all clips of train.csv and, where there is one, supplemental_metadata.csv.

    A shard whose source file and rows are unchanged is kept, so that a run that was killed goes on where it was. A
    file or a clip that cannot be used is skipped and reported.

    Returns:
        A row a source file: part, file, clips, frames, without_hand (clips), megabytes (of the source), seconds,
        skipped (list of "sequence_id: reason"), error (str, empty where the file could be read).

    Raises:
        DataError: a table cannot be read, or no clip at all could be extracted.
    """
    sources = [
        (part, path, rows)
        for part, name in TABLES.items()
        if part == "train" or (data_dir / name).is_file()
        for path, rows in read_table(data_dir, part).groupby("path", sort=False)
    ]
    summary = []
    with track(sources, "extraction", "files") as progress:
        for part, path, rows in progress:
            shard = store / part / Path(path).with_suffix(SUFFIX).name
            summary.append({"part": part, "file": path, **_extract_unless_done(data_dir / path, rows, shard)})
            if summary[-1]["error"]:
                progress.write(f"skipped {summary[-1]['error']}")
    if not any(row["clips"] for row in summary):
        reasons = [reason for row in summary for reason in (row["error"], *row["skipped"]) if reason]
        raise DataError(f"{data_dir}: no clip could be extracted; first reason: {(reasons or ['no rows'])[0]}")
    return pd.DataFrame(summary)


def _extract_unless_done(source: Path, rows: pd.DataFrame, shard: Path) -> dict:
    """Return what is known of a shard, extracting it first unless it is there and its source is the same."""
    try:
        stat = source.stat()
        fingerprint = [stat.st_size, stat.st_mtime_ns, zlib.crc32(rows.to_csv(index=False).encode())]
        about = read_about(shard)
        if about is None or about["source"] != fingerprint:
            start = time.perf_counter()
            clips, frames, facts = read_source(source, rows)
            about = facts | {
                "source": fingerprint,
                "megabytes": stat.st_size / 1e6,
                "seconds": time.perf_counter() - start,
                "error": "",
            }
            write_shard(shard, clips, frames, about)
    except (OSError, DataError) as error:
        reason = str(error) if isinstance(error, DataError) else f"{source}: {error.strerror}"
        about = {"clips": 0, "frames": 0, "without_hand": 0, "megabytes": 0.0, "seconds": 0.0}
        about |= {"skipped": [], "error": reason}
    return {key: value for key, value in about.items() if key != "source"}


def read_source(source: Path, rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, dict]:
    """Read the clips of one parquet file.

    A file without the index sequence_id holds a single clip, that of its only row.

    Args:
        source: a parquet file in the competition's format.
        rows: the rows of the competition's table that name this file.

    Returns:
        The clips (the rows that could be used, in the file's order, with n_frames), their landmarks, float16
        [frames, 130, 3], and facts for the summary.

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    ids, frames = _read_columns(source)
    if ids is None:
        if len(rows) != 1:
            raise DataError(f"{source}: lacks the column sequence_id, and {len(rows)} clips are expected in it")
        ids = np.full(len(frames), rows["sequence_id"].iat[0])
    starts = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1))
    if len(np.unique(ids[starts])) < len(starts):  # a clip's rows lie apart
        order = np.argsort(ids, kind="stable")
        ids, frames = ids[order], frames[order]
        starts = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1))
    lengths = pd.Series(np.diff(starts, append=len(ids)), index=ids[starts], name="n_frames")

    rows = rows.drop_duplicates("sequence_id")
    skipped = []
    for sequence_id, phrase in zip(rows["sequence_id"], rows["phrase"], strict=True):
        if sequence_id not in lengths.index:
            skipped.append(f"{sequence_id}: not in {source}")
        elif unknown := unknown_characters(phrase):
            skipped.append(f"{sequence_id}: phrase {phrase!r} has {unknown!r}, not among the 59 characters")
        elif not phrase:
            skipped.append(f"{sequence_id}: the phrase is empty")
    left_out = {int(reason.split(":")[0]) for reason in skipped}
    rows = rows[~rows["sequence_id"].isin(left_out)]
    clips = lengths.to_frame().join(rows.set_index("sequence_id"), how="inner")
    clips = clips.rename_axis("sequence_id").reset_index()
    if len(clips) < len(lengths):
        frames = frames[np.isin(ids, clips["sequence_id"])]

    hands = np.concatenate([PARTS["left_hand"], PARTS["right_hand"]])
    has_hand = ~np.isnan(frames[:, hands, 0]).all(1)
    clip_starts = np.cumsum(clips["n_frames"]) - clips["n_frames"]
    hand_frames = np.add.reduceat(has_hand.astype(int), clip_starts) if len(clips) else np.zeros(0)
    facts = {
        "clips": len(clips),
        "frames": len(frames),
        "without_hand": int((hand_frames == 0).sum()),
        "skipped": skipped,
    }
    return clips, frames, facts


def _read_columns(source: Path) -> tuple[np.ndarray | None, np.ndarray]:
    """Read sequence_id, int64 [rows] (None where there is none), and the points, float16 [rows, 130, 3]."""
    try:
        with pq.ParquetFile(source) as file:
            require_columns(source, file.schema_arrow, SELECTED_COLUMNS)
            has_id = "sequence_id" in file.schema_arrow.names
            columns = [*SELECTED_COLUMNS, *(["sequence_id"] if has_id else [])]
            frames = np.empty((file.metadata.num_rows, len(SELECTED), 3), np.float16)
            ids = np.empty(len(frames), np.int64)
            row = 0
            for batch in file.iter_batches(ROWS_PER_BATCH, columns=columns):
                rows = slice(row, row := row + batch.num_rows)
                values = np.stack([batch[name].to_numpy(zero_copy_only=False) for name in SELECTED_COLUMNS])
                values[~(np.abs(values) < FARTHEST)] = np.nan
                frames[rows] = values.reshape(3, len(SELECTED), -1).transpose(2, 1, 0)
                if has_id:
                    ids[rows] = batch["sequence_id"].to_numpy()
    except UNREADABLE as error:
        raise DataError(f"{source}: not a readable parquet file ({error})") from error
    return (ids if has_id else None), frames
