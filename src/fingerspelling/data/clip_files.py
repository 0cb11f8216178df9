"""Files of many clips -> files of one clip each, as the hidden test set has them."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fingerspelling.data.parquet import UNREADABLE, clip_starts
from fingerspelling.files import DataError, written_whole
from fingerspelling.progress import track

ROWS_PER_READ = 1024
BUFFER_BYTES = 1 << 16  # per column; without it, Arrow holds all of a row group, 600 MB in the competition's files


def write_clips(data_dir: str | Path, table: pd.DataFrame, folder: str | Path) -> pd.DataFrame:
    """Write clips of the competition's files as files of their own, as the hidden test set has them.

    Files that exist already and are newer than their source are kept. Clips and source files that cannot be read are
    reported and skipped. Memory holds a clip and a batch of rows, whatever the size of the source.

    Args:
        data_dir: the competition's data.
        table: rows of its table: path (relative to data_dir), sequence_id, phrase, and any other columns.
        folder: receives the files: <folder of the source>/<source>/<sequence_id>.parquet.

    Returns:
        The table without the skipped clips, in which path is the clip's own file.

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
    """Write the missing clips of one source file, reading only the row groups that hold any of them."""
    try:
        changed = source.stat().st_mtime_ns
        targets = {i: t for i, t in targets.items() if not (t.is_file() and t.stat().st_mtime_ns > changed)}
        if not targets:
            return
        with pq.ParquetFile(source, buffer_size=BUFFER_BYTES) as file:
            ids = _sequence_ids(source, file, targets)
            left = dict(zip(*np.unique(ids, return_counts=True), strict=True))  # rows still to come, by clip
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
        for batch in file.iter_batches(ROWS_PER_READ, row_groups=[group]):
            here = ids[row : row + batch.num_rows]
            row += batch.num_rows
            starts = clip_starts(here)
            for start, length in zip(starts, np.diff(starts, append=len(here)), strict=True):
                if here[start] in wanted:
                    yield int(here[start]), batch.slice(start, length)
