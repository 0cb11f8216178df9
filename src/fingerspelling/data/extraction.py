"""The competition's parquet files -> clip store: one shard per file, one task per file, resumable."""

import os
import time
import zlib
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from fingerspelling.data.competition import TABLES, read_table
from fingerspelling.data.parallel import LostTask, unordered
from fingerspelling.data.parquet import FRAME, SEQUENCE, UNREADABLE, clip_starts, read_ids, require_columns
from fingerspelling.data.store import SUFFIX, VALUES_PER_FRAME, read_about, write_shard
from fingerspelling.files import DataError
from fingerspelling.landmarks import FARTHEST, SELECTED, hand_seen
from fingerspelling.progress import track
from fingerspelling.text import unknown_characters

STORE_COLUMNS = [f"{axis}_{point}" for point in SELECTED for axis in "xyz"]  # the competition's, in the store's order
# Few enough that a column stays in the processor's cache and that PyTorch starts no threads (below 32,768 values), many
# enough that the overhead of each column does not count.
ROWS_PER_BATCH = 30_000
ALONE = 8e9  # bytes of source files that one process has extracted by the time that others would have started
SAMPLE = 1 << 18  # bytes of a file that its fingerprint reads in each of four places; the footer takes about as many
LONGEST_PHRASE = 64  # characters; twice as many as the competition's longest phrase has
MEMORY = 0.6e9  # bytes that extracting takes in addition to the size of the source file

Item = TypeVar("Item")


@dataclass(frozen=True)
class Source:
    """A parquet file of the competition, the rows of the table that name it, and the shard it becomes."""

    part: str  # "train" or "supplemental"
    file: str  # the path as the table has it, relative to the competition's data
    path: Path
    rows: pd.DataFrame
    shard: Path

    def fingerprint(self) -> list[int]:
        """Return what changes when the file or its rows do, and is the same for a copy.

        That is the file's size, the checksum of three samples and of its end, where parquet says what each column
        takes, and that of the rows.

        Raises:
            DataError: the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                size, checksum = file.seek(0, os.SEEK_END), 0
                for place in (0, size // 3, 2 * size // 3, size - SAMPLE):
                    file.seek(max(place, 0))
                    checksum = zlib.crc32(file.read(SAMPLE), checksum)
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror or error}") from error
        return [size, checksum, zlib.crc32(self.rows.to_csv(index=False).encode())]


def extract(data_dir: Path, store: Path, dask_address: str | None = None) -> pd.DataFrame:
    """Extract all clips of train.csv and, where there is one, supplemental_metadata.csv.

    A shard whose source file and rows are unchanged is kept, so that a killed run resumes where it was. A file or a
    clip that cannot be used is reported and skipped.

    Args:
        data_dir: the competition's data.
        store: receives the shards.
        dask_address: the address of a dask cluster ("tcp://host:8786") whose workers see both folders under the same
            paths. By default this machine extracts, and if there is much to do, several files at a time, as many as
            cores and memory allow.

    Returns:
        One row per source file: part, file, clips, frames, without_hand (clips), sorted (clips whose frames were out of
        order), gaps (missing or doubled frames), megabytes (of the source), seconds, skipped (list of "sequence_id:
        reason"), error (str, empty if the file could be read).

    Raises:
        DataError: a table cannot be read, a sequence_id stands for clips of several files, no clip at all could be
            extracted, or the scheduler does not answer.
        OSError: a shard cannot be written.
    """
    data_dir, store = Path(data_dir).resolve(), Path(store).resolve()
    sources = [
        Source(part, file, data_dir / file, rows, store / part / f"{file}{SUFFIX}")
        for part, name in TABLES.items()
        if part == "train" or (data_dir / name).is_file()
        for file, rows in read_table(data_dir, part).groupby("path", sort=False)
    ]
    _refuse_shared_ids(sources)
    kept = ((place, _finished(source)) for place, source in enumerate(sources))
    results = {place: facts for place, facts in kept if facts is not None}
    if waiting := [place for place in range(len(sources)) if place not in results]:
        tasks = [sources[place] for place in waiting]
        sizes = [source.path.stat().st_size for source in tasks if source.path.is_file()]
        processes = 1 if sum(sizes) <= ALONE else 0
        extracted = unordered(_extract, tasks, MEMORY + max(sizes, default=0), processes, dask_address)
        with track(extracted, "extraction", "files", len(tasks)) as progress:
            for place, facts in progress:
                if isinstance(facts, LostTask):
                    facts = _failed(f"{tasks[place].path}: {facts}")
                results[waiting[place]] = facts
                if facts["error"]:
                    progress.write(f"skipped {facts['error']}")
    shards = {source.shard for i, source in enumerate(sources) if results[i]["clips"]}
    for shard in set(store.rglob(f"*{SUFFIX}")) - shards:  # of another state of the data
        shard.unlink()
    summary = [{"part": source.part, "file": source.file, **results[i]} for i, source in enumerate(sources)]
    if not any(row["clips"] for row in summary):
        reasons = [reason for row in summary for reason in (row["error"], *row["skipped"]) if reason]
        raise DataError(f"{data_dir}: no clip could be extracted; first reason: {(reasons or ['no rows'])[0]}")
    return pd.DataFrame(summary)


def _refuse_shared_ids(sources: Sequence[Source]) -> None:
    """Raise a DataError where a sequence_id stands for clips of several files: everything after this goes by it."""
    ids = pd.concat([pd.DataFrame(), *(source.rows[["path", "sequence_id"]].drop_duplicates() for source in sources)])
    if ids.empty:
        return
    if (shared := ids[ids["sequence_id"].duplicated(keep=False)]).empty:
        return
    number = shared["sequence_id"].iat[0]
    files = " and ".join(shared["path"][shared["sequence_id"] == number].iloc[:2])
    raise DataError(
        f"sequence_id {number} and {shared['sequence_id'].nunique() - 1} others stand for clips of several files "
        f"({files}); number the clips throughout"
    )


def _finished(source: Source) -> dict | None:
    """Return the facts that a shard holds for the summary, or None where it is missing or its source has changed."""
    facts = read_about(source.shard)
    if facts is None or not source.path.is_file() or facts.get("source") != source.fingerprint():
        return None
    return {name: value for name, value in facts.items() if name != "source"}


def _extract(source: Source) -> dict:
    """Write a source's shard and return the facts for the summary; what cannot be written ends the extraction."""
    start = time.perf_counter()
    try:
        fingerprint = source.fingerprint()
        clips, frames, facts = read_source(source.path, source.rows)
    except DataError as error:
        return _failed(str(error))
    facts |= {"megabytes": fingerprint[0] / 1e6, "seconds": time.perf_counter() - start, "error": ""}
    write_shard(source.shard, clips, frames, facts | {"source": fingerprint})
    return facts


def _failed(error: str) -> dict:
    facts = {"clips": 0, "frames": 0, "without_hand": 0, "sorted": 0, "gaps": 0, "skipped": []}
    facts |= {"megabytes": 0.0, "seconds": 0.0}
    return facts | {"error": error}


def read_source(source: Path, rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, dict]:
    """Read the clips of one parquet file.

    A file without the index sequence_id holds a single clip, the one that its only row of the table names.

    Args:
        source: a parquet file in the competition's format.
        rows: the rows of the competition's table that name this file.

    Returns:
        The clips (the rows that could be used, in the file's order, with n_frames), their landmarks, float16
        [frames, 130, 3], and facts for the summary.

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    ids, numbers, frames = _read_columns(source)
    if ids is None:
        if len(rows) != 1:
            raise DataError(f"{source}: lacks the column sequence_id, and {len(rows)} clips are expected in it")
        ids = np.full(len(frames), rows["sequence_id"].iat[0])
    ids, numbers, frames, disordered = _in_order(ids, numbers, frames)
    starts = clip_starts(ids)
    lengths = pd.Series(np.diff(starts, append=len(ids)), index=ids[starts], name="n_frames")
    reasons = _reasons_to_skip(rows, lengths.index, source)
    rows = rows.drop_duplicates("sequence_id")
    usable = rows[~rows["sequence_id"].isin(list(reasons))].set_index("sequence_id")
    clips = lengths.to_frame().join(usable, how="inner").rename_axis("sequence_id").reset_index()
    if len(clips) < len(lengths):
        kept = np.isin(ids, clips["sequence_id"])
        ids, frames = ids[kept], frames[kept]
        numbers = None if numbers is None else numbers[kept]
    facts = {
        "clips": len(clips),
        "frames": len(frames),
        "without_hand": len(clips) - len(np.unique(ids[hand_seen(frames)])),
        "sorted": disordered,
        "gaps": 0 if numbers is None else int((np.diff(numbers)[np.diff(ids) == 0] != 1).sum()),
        "skipped": [f"{sequence_id}: {reason}" for sequence_id, reason in reasons.items()],
    }
    return clips, frames, facts


def _in_order(
    ids: np.ndarray, numbers: np.ndarray | None, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, int]:
    """Bring a clip's rows together, in the order of its frames' numbers; else the rows stay as they are.

    Returns:
        The arguments in order, and the number of clips whose frames were not.
    """
    starts = clip_starts(ids)
    falls = np.zeros(0, int) if numbers is None else 1 + np.flatnonzero((np.diff(numbers) < 0) & (np.diff(ids) == 0))
    if not len(falls) and len(np.unique(ids[starts])) == len(starts):
        return ids, numbers, frames, 0
    order = np.argsort(ids, kind="stable") if numbers is None else np.lexsort((numbers, ids))
    return ids[order], None if numbers is None else numbers[order], frames[order], len(np.unique(ids[falls]))


def _reasons_to_skip(rows: pd.DataFrame, present: pd.Index, source: Path) -> dict[int, str]:
    """Return why rows of the table cannot be used, by sequence_id; `present` are the clips that the file holds."""
    reasons = {}
    phrases = rows.groupby("sequence_id")["phrase"].nunique()
    for sequence_id, phrase in zip(rows["sequence_id"], rows["phrase"], strict=True):
        if sequence_id not in present:
            reasons[sequence_id] = f"not in {source}"
        elif unknown := unknown_characters(phrase):
            reasons[sequence_id] = f"phrase {phrase!r} has {unknown!r}, not among the 59 characters"
        elif not phrase:
            reasons[sequence_id] = "the phrase is empty"
        elif len(phrase) > LONGEST_PHRASE:
            reasons[sequence_id] = f"the phrase has {len(phrase)} characters, more than {LONGEST_PHRASE}"
        elif phrases[sequence_id] > 1:
            reasons[sequence_id] = f"the table gives it {phrases[sequence_id]} different phrases"
    return reasons


def _read_columns(source: Path) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
    """Read sequence_id and frame, int64 [rows] (None if there is none), and the points, float16 [rows, 130, 3]."""
    try:
        # Buffering ahead, made for distant storage, would cost a fifth of the speed and 250 MB.
        with pq.ParquetFile(source, pre_buffer=False) as file:
            require_columns(source, file.schema_arrow, STORE_COLUMNS)
            has_id, has_number = (name in file.schema_arrow.names for name in (SEQUENCE, FRAME))
            total = file.metadata.num_rows
            ids, numbers = np.empty(total, np.int64), np.empty(total, np.int64)
            frames = np.empty((total, VALUES_PER_FRAME), np.float16)
            columns = np.empty((len(STORE_COLUMNS), min(total, ROWS_PER_BATCH)), np.float16)
            halves = torch.from_numpy(columns)  # PyTorch rounds in hardware, NumPy does not
            row = 0
            batches = file.iter_batches(
                ROWS_PER_BATCH,
                columns=[*STORE_COLUMNS, *([SEQUENCE] if has_id else []), *([FRAME] if has_number else [])],
                use_threads=False,
            )
            with closing(_ahead(batches)) as decoded:
                for batch in decoded:
                    n = batch.num_rows
                    for half, name in zip(halves, STORE_COLUMNS, strict=True):
                        half[:n] = torch.from_dlpack(batch[name].cast(pa.float32()).fill_null(np.nan))
                    _drop_far(columns)
                    frames[row : row + n] = columns[:, :n].T
                    if has_id:
                        ids[row : row + n] = read_ids(source, batch[SEQUENCE])
                    if has_number:
                        numbers[row : row + n] = batch[FRAME].cast(pa.int64()).fill_null(-1)
                    row += n
    except UNREADABLE as error:
        raise DataError(f"{source}: not a readable parquet file ({error})") from error
    return (ids if has_id else None), (numbers if has_number else None), frames.reshape(total, len(SELECTED), 3)


def _ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """Yield what an iterator yields, while a thread already makes the next item."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


def _drop_far(columns: np.ndarray) -> None:
    """Replace what is beyond `FARTHEST` by NaN in place, on the bits: NumPy compares half precision in software."""
    farthest, nan = np.array([FARTHEST, np.nan], np.float16).view(np.uint16)
    for bits in columns.reshape(-1, 10, columns.shape[1]).view(np.uint16):  # ten columns stay in the cache
        np.copyto(bits, nan, where=(bits & 0x7FFF) > farthest)
