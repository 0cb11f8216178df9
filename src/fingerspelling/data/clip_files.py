"""Files of many clips -> files of one clip each, as the hidden test set has them.

Beside the clips of a source lies files.json: what the source was when they were written, and each file's content.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fingerspelling.data.conventions import AS_THEY_ARE, ExtractionConfig, recognise
from fingerspelling.data.extraction import ROWS_PER_BATCH
from fingerspelling.data.parquet import SEQUENCE, clip_starts, frame_numbers, open_parquet, readable, row_clips
from fingerspelling.data.sources import fingerprint
from fingerspelling.files import DataError, content, read_entries, write_whole, written_whole
from fingerspelling.landmarks import SELECTED_COLUMNS
from fingerspelling.processes import track

NOTE = "files.json"
ROWS_PER_READ = 4096
BUFFER_BYTES = 1 << 16  # per column; without it, Arrow holds all of a row group, 600 MB in the competition's files


def write_clips(
    data_dir: str | Path, table: pd.DataFrame, folder: str | Path, config: ExtractionConfig = AS_THEY_ARE
) -> pd.DataFrame:
    """Write clips of the competition's files as files of their own, as the hidden test set has them.

    Files that are there, whole and of the same source are kept. Clips and source files that cannot be read are reported
    and skipped. Memory holds a clip and a batch of rows, whatever the size of the source. Points of another convention
    than the competition's are put right, as the extraction does it.

    Args:
        data_dir: the competition's data.
        table: rows of its table: path (relative to data_dir), sequence_id, and any other columns.
        folder: receives the files: <the source's path>/<sequence_id>.parquet.
        config: what is to be changed in the files' points.

    Returns:
        The table without the skipped clips, in which path is the clip's own file.

    Raises:
        DataError: not one clip could be written.
        OSError: a clip's file cannot be written.
    """
    table = table.drop_duplicates(["path", "sequence_id"]).reset_index(drop=True)
    sources = list(table.groupby("path", sort=False))
    written, reason = [table[:0]], "the table is empty"
    with track(sources, "splitting into clips", "files") as progress:
        for name, rows in progress:
            source, place = Path(data_dir) / name, Path(folder) / name.removesuffix(".parquet")
            targets = {i: place / f"{i}.parquet" for i in rows["sequence_id"]}
            reason = f"not in {source}"
            finished: set[int] = set()
            try:
                finished = _split(source, place / NOTE, targets, config)
            except DataError as error:
                reason = str(error)
            if missing := [i for i in targets if i not in finished]:
                progress.write(f"skipped {len(missing)} clips, the first {missing[0]}: {reason}")
            rows = rows.assign(path=[str(targets[i]) for i in rows["sequence_id"]])
            written.append(rows[rows["sequence_id"].isin(finished)])
    clips = pd.concat(written).sort_index()
    if clips.empty:
        raise DataError(f"{data_dir}: no clip could be written; {reason}")
    return clips


def _split(source: Path, note: Path, targets: dict[int, Path], config: ExtractionConfig) -> set[int]:
    """Write a source file's missing clips, reading only the row groups that hold any; returns those there are."""
    made_of = [*fingerprint(source), str(config)]
    noted = read_entries(note)
    contents = noted["files"] if noted.get("source") == made_of else {}
    finished = {i for i, target in targets.items() if target.is_file() and contents.get(target.name) == content(target)}
    missing = {i: target for i, target in targets.items() if i not in finished}
    if not missing:
        return finished
    contents = {targets[i].name: contents[targets[i].name] for i in finished}
    with open_parquet(source, SELECTED_COLUMNS, buffer_size=BUFFER_BYTES) as file:
        for sequence_id, clip in _whole_clips(source, file, set(missing), config):
            with written_whole(missing[sequence_id]) as temporary:
                pq.write_table(clip, temporary, use_dictionary=False, write_statistics=False)
            contents[missing[sequence_id].name] = content(missing[sequence_id])
            finished.add(sequence_id)
    write_whole(note, json.dumps({"source": made_of, "files": contents}))
    return finished


def _whole_clips(
    source: Path, file: pq.ParquetFile, wanted: set[int], config: ExtractionConfig
) -> Iterator[tuple[int, pa.Table]]:
    """Yield the wanted clips of a file, each with all of its rows, in the order of their frames' numbers."""
    with readable(source):
        ids = row_clips(source, file.read([SEQUENCE]), [*wanted])
        left = dict(zip(*np.unique(ids, return_counts=True), strict=True))  # rows still to come, by clip
        pieces = defaultdict(list)
        for sequence_id, piece in _pieces(file, ids, wanted, config):
            pieces[sequence_id].append(piece)
            left[sequence_id] -= piece.num_rows
            if left[sequence_id] == 0:
                clip = pa.Table.from_batches(pieces.pop(sequence_id))
                numbers = frame_numbers(clip)
                in_order = (np.diff(numbers) >= 0).all()  # as nearly always; taking rows of 1,631 columns is slow
                yield sequence_id, clip if in_order else clip.take(np.argsort(numbers, kind="stable"))


def _pieces(
    file: pq.ParquetFile, ids: np.ndarray, wanted: set[int], config: ExtractionConfig
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield neighbouring rows of one wanted clip at a time, from the row groups that hold any."""
    first = next(file.iter_batches(ROWS_PER_BATCH, columns=SELECTED_COLUMNS), None)  # by which the extraction goes, too
    convention, row = None if first is None else recognise(first, config), 0
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
                    piece = batch.slice(start, length)
                    yield int(here[start]), convention.apply(piece) if convention else piece
