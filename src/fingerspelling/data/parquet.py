"""Landmarks from parquet files, with NumPy and PyArrow alone: predicting needs no other library."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fingerspelling.files import DataError
from fingerspelling.landmarks import SELECTED_COLUMNS

SEQUENCE = "sequence_id"  # the index of the competition's files: which clip a row belongs to
FRAME = "frame"  # a column: the number of a clip's frame
# What reading a damaged or foreign parquet file raises.
UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)


def require_columns(path: str | Path, schema: pa.Schema, columns: list[str]) -> None:
    """Raise a DataError that names the file and the first column that its schema lacks, if there is one."""
    present = set(schema.names)
    if missing := [name for name in columns if name not in present]:
        raise DataError(f"{path}: lacks {len(missing)} columns, {missing[0]} the first")


def parquet_files(folder: Path) -> list[Path]:
    """Return the parquet files of a folder at any depth, sorted, without hidden ones, such as macOS leaves."""
    return sorted(path for path in folder.rglob("*.parquet") if not path.name.startswith("."))


def read_ids(path: str | Path, column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return a column of sequence ids as int64.

    Raises:
        DataError: it holds text, fractions, or rows without an id.
    """
    if column.null_count or not pa.types.is_integer(column.type):
        what = f"{column.null_count} rows without an id" if column.null_count else f"values of the type {column.type}"
        raise DataError(f"{path}: {SEQUENCE} has {what}; it must be a whole number in every row")
    return column.cast(pa.int64()).to_numpy()


def clip_starts(ids: np.ndarray) -> np.ndarray:
    """Return the rows at which another clip begins, given the clip of each row, int64 [rows]."""
    return np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1))


def read_clip(path: str | Path, columns: list[str] | None = None, sequence_id: int | None = None) -> np.ndarray:
    """Read one clip as the competition's scorer does: all rows of a parquet file.

    Args:
        path: a parquet file that holds one clip.
        columns: the landmark columns to read; by default the 390 of the winning solution.
        sequence_id: which clip to read, if the file holds several.

    Returns:
        float32 [frames, columns], NaN where a point was not detected.

    Raises:
        DataError: the file cannot be read, lacks a column, or does not hold the clip.
    """
    frames, ids = _read(path, columns or SELECTED_COLUMNS)
    if sequence_id is None:
        return frames
    if ids is None or sequence_id not in ids:
        raise DataError(f"{path}: holds no clip with the {SEQUENCE} {sequence_id}")
    return frames[ids == sequence_id]


def read_clips(path: str | Path, columns: list[str] | None = None) -> dict[int | None, np.ndarray]:
    """Read all clips of a parquet file, the competition's with many or one of a single clip.

    Args:
        path: a parquet file; without the index sequence_id it holds one clip.
        columns: the landmark columns to read; by default the 390 of the winning solution.

    Returns:
        sequence_id, rising (None if the file has none) -> float32 [frames, columns].

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    frames, ids = _read(path, columns or SELECTED_COLUMNS)
    if ids is None or not len(ids):
        return {None: frames}
    rows = np.argsort(ids, kind="stable")  # a clip's rows may lie apart
    clips, starts = np.unique(ids[rows], return_index=True)
    return {int(clip): frames[of_clip] for clip, of_clip in zip(clips, np.split(rows, starts[1:]), strict=True)}


def _read(path: str | Path, columns: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return all rows, float32 [rows, columns], and the clip of each, int64 [rows] (None if the file does not say)."""
    try:
        with pq.ParquetFile(path) as file:
            require_columns(path, file.schema_arrow, columns)
            has_ids = SEQUENCE in file.schema_arrow.names
            table = file.read([*columns, SEQUENCE] if has_ids else columns)
        frames = np.empty((table.num_rows, len(columns)), np.float32)
        for place, name in enumerate(columns):
            frames[:, place] = table[name]
        return frames, read_ids(path, table[SEQUENCE]) if has_ids else None
    except (*UNREADABLE, ValueError) as error:  # a ValueError: values that are no numbers
        raise DataError(f"{path}: not a readable parquet file ({error})") from error
