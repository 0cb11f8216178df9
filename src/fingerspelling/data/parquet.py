"""Landmarks from parquet files, with NumPy and PyArrow alone: predicting needs no other library."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fingerspelling.files import DataError, refuse_no_file
from fingerspelling.landmarks import LARGEST_MEDIAN, SAMPLE, SELECTED_COLUMNS

SEQUENCE = "sequence_id"  # the index of the competition's files: which clip a row belongs to
FRAME = "frame"  # a column: the number of a clip's frame
# What reading a damaged or foreign parquet file raises.
UNREADABLE = (OSError, pa.ArrowException, UnicodeError)  # the last also of a file whose name is no UTF-8
NUMBERS = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal, pa.types.is_null)  # null: never detected
# Files that claim more than LARGEST bytes in memory, and more than MOST_PACKED times their size, are passed over: the
# competition's take about as much as on disk.
LARGEST, MOST_PACKED = 1e9, 30
SAMPLE_COLUMNS = {f"{axis}_{point}" for axis in "xy" for point in SAMPLE}
MARKED = 0.005  # share of points at one place that mark undetected ones: a detected point is hardly ever exactly there


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Raise what reading a damaged or foreign parquet file leads to as a DataError that names it."""
    try:
        yield
    except (*UNREADABLE, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path}: not a readable parquet file ({error})") from error


def open_parquet(path: str | Path, columns: list[str], **options: Any) -> pq.ParquetFile:
    """Open a parquet file of numbers; options are those of `pq.ParquetFile`.

    Raises:
        DataError: the file cannot be read, lacks a column or has it twice, a column holds no numbers, or it would take
            far more memory than a file of its size can need.
    """
    path = Path(path)
    refuse_no_file(path)
    with readable(path):
        file = pq.ParquetFile(path, **options)
    schema = file.schema_arrow  # made anew whenever it is asked for
    count, kinds = Counter(schema.names), dict(zip(schema.names, schema.types, strict=True))
    if missing := [name for name in columns if not count[name]]:
        raise DataError(f"{path}: lacks {len(missing)} columns, {missing[0]} the first")
    if doubled := [name for name in (*columns, SEQUENCE, FRAME) if count[name] > 1]:
        raise DataError(f"{path}: has {len(doubled)} columns more than once, {doubled[0]} the first")
    for name in columns:
        if not any(test(kinds[name]) for test in NUMBERS):
            raise DataError(f"{path}: {name} holds no numbers, but values of the type {kinds[name]}")
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    unpacked = max(4 * file.metadata.num_rows * len(columns), sum(group.total_byte_size for group in groups))
    if unpacked > max(LARGEST, MOST_PACKED * path.stat().st_size):
        raise DataError(f"{path}: would take {unpacked / 1e9:.1f} GB in memory, too much for a file of its size")
    return file


def read_ids(path: str | Path, column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return a column of sequence ids as int64.

    Raises:
        DataError: it holds text, fractions, or rows without an id.
    """
    if column.null_count or not pa.types.is_integer(column.type):
        what = f"{column.null_count} rows without an id" if column.null_count else f"values of the type {column.type}"
        raise DataError(f"{path}: {SEQUENCE} has {what}; it must be a whole number in every row")
    return column.cast(pa.int64()).to_numpy()


def row_clips(path: str | Path, rows: pa.Table, expected: list[int]) -> np.ndarray:
    """Return the clip of each row, int64 [rows]: by its id, or the only clip that is expected of a file without ids.

    Raises:
        DataError: as `read_ids`, or several clips are expected.
    """
    if SEQUENCE in rows.schema.names:
        return read_ids(path, rows[SEQUENCE])
    if len(expected) != 1:
        raise DataError(f"{path}: lacks the column {SEQUENCE}, and {len(expected)} clips are expected in it")
    return np.full(rows.num_rows, expected[0])


def clip_starts(ids: np.ndarray) -> np.ndarray:
    """Return the rows at which another clip begins, given the clip of each row, int64 [rows]."""
    return np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1))


def read_clip(
    path: str | Path, columns: list[str] | None = None, sequence_id: int | None = None, mark: float | None = None
) -> np.ndarray:
    """Read one clip as the competition's scorer does, all rows of a parquet file; or a certain one as `read_clips`.

    Returns:
        float32 [frames, columns], NaN where a point was not detected.

    Raises:
        DataError: the file cannot be read, lacks a column, or does not hold the clip.
    """
    if sequence_id is None:
        return _read(path, columns or SELECTED_COLUMNS, mark)[0]
    if (clip := read_clips(path, columns, mark).get(sequence_id)) is None:
        raise DataError(f"{path}: holds no clip with the {SEQUENCE} {sequence_id}")
    return clip


def read_clips(
    path: str | Path, columns: list[str] | None = None, mark: float | None = None
) -> dict[int | None, np.ndarray]:
    """Read all clips of a parquet file, the competition's with many or one of a single clip.

    Args:
        path: a parquet file; without the index sequence_id it holds one clip.
        columns: the landmark columns to read; by default the 390 of the winning solution.
        mark: x and y of undetected points, from `unit_and_mark`; None where they are NaN.

    Returns:
        sequence_id, rising (None if the file has none) -> float32 [frames, columns], in the order of the file's column
        frame, where it has one.

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    frames, ids, numbers = _read(path, columns or SELECTED_COLUMNS, mark)
    if ids is None or not len(ids):
        return {None: frames[np.argsort(numbers, kind="stable")]}
    rows = np.lexsort((numbers, ids))  # a clip's rows may lie apart
    clips, starts = np.unique(ids[rows], return_index=True)
    return {int(clip): frames[of_clip] for clip, of_clip in zip(clips, np.split(rows, starts[1:]), strict=True)}


def detected(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Return which points are there, and which value, 0 or below, x and y of the others have, such as 0 or -1.

    The value is None for NaN alone; a few points at 0, 0 are not there either.
    """
    values, counts = np.unique(x[(x == y) & (x <= 0)], return_counts=True)
    mark = float(values[counts.argmax()]) if counts.size and counts.max() > MARKED * x.size else None
    return np.isfinite(x) & np.isfinite(y) & ~((x == y) & (x == (0.0 if mark is None else mark))), mark


def in_pixels(points: np.ndarray) -> bool:
    """Tell whether coordinates of points that are there are pixels, not shares of the picture's width and height."""
    return bool(points.size and np.median(np.abs(points)) > LARGEST_MEDIAN)


def unit_and_mark(path: str | Path) -> tuple[bool, float | None]:
    """Return whether a file's coordinates are pixels, and the mark of undetected points, as `detected` does."""
    with open_parquet(path, []) as file, readable(path):
        _, points = sample_points(file.read([*SAMPLE_COLUMNS]))
    there, mark = detected(*points)
    return in_pixels(points[:, there]), mark


def sample_points(rows: pa.RecordBatch | pa.Table) -> tuple[list[str], np.ndarray]:
    """Return which of SAMPLE's points rows have, and their x and y, float32 [2, points, rows]."""
    names = [name for name in SAMPLE if {f"x_{name}", f"y_{name}"} <= {*rows.schema.names}]
    points = np.array([[read_column(rows, f"{axis}_{name}") for name in names] for axis in "xy"], np.float32)
    return names, points


def read_column(rows: pa.RecordBatch | pa.Table, name: str, mark: float | None = None) -> np.ndarray:
    """Return a column, float32 [rows], NaN where its point was not detected: it is null, or x and y are the mark."""
    values = np.asarray(rows[name], np.float32)
    if mark is None or name == FRAME:
        return values
    x, y = (np.asarray(rows[f"{axis}{name[1:]}"], np.float32) for axis in "xy")
    return np.where((x == mark) & (y == mark), np.float32(np.nan), values)


def frame_numbers(table: pa.RecordBatch | pa.Table) -> np.ndarray:
    """Return the number of each row's frame, int64 [rows]; all the same where the rows do not say."""
    if FRAME not in table.schema.names:
        return np.zeros(table.num_rows, np.int64)
    numbers = table[FRAME].cast(pa.int64()).to_numpy(zero_copy_only=False)  # NaN where null; fill_null needs pandas
    return np.nan_to_num(numbers, nan=-1).astype(np.int64)


def _read(
    path: str | Path, columns: list[str], mark: float | None = None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Return all rows, float32 [rows, columns], the clip of each, int64 [rows] (None without), and `frame_numbers`."""
    of_points = [] if mark is None else [f"{axis}{name[1:]}" for name in columns for axis in "xy"]
    with open_parquet(path, columns) as file, readable(path):
        table = file.read(list(dict.fromkeys([*columns, SEQUENCE, FRAME, *of_points])))  # those that there are
        frames = np.empty((table.num_rows, len(columns)), np.float32)
        for place, name in enumerate(columns):
            frames[:, place] = read_column(table, name, mark)
        ids = read_ids(path, table[SEQUENCE]) if SEQUENCE in table.schema.names else None
        return frames, ids, frame_numbers(table)
