"""The competition's parquet files -> clip store: one shard per file, one task per file, resumable."""

import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from fingerspelling.data.conventions import AS_THEY_ARE, Convention, ExtractionConfig, recognise
from fingerspelling.data.health import examine, report
from fingerspelling.data.parallel import LostTask, unordered
from fingerspelling.data.parquet import FRAME, SEQUENCE, clip_starts, frame_numbers, open_parquet, readable, row_clips
from fingerspelling.data.sources import NOTHING, Source, list_sources
from fingerspelling.data.store import SUFFIX, VALUES_PER_FRAME, write_shard
from fingerspelling.files import DataError
from fingerspelling.landmarks import FARTHEST, SELECTED
from fingerspelling.processes import track
from fingerspelling.text import unknown_characters

STORE_COLUMNS = [f"{axis}_{point}" for point in SELECTED for axis in "xyz"]  # the competition's, in the store's order
# Few enough that a column stays in the processor's cache and that PyTorch starts no threads (below 32,768 values), many
# enough that the overhead of each column does not count.
ROWS_PER_BATCH = 30_000
ALONE = 8e9  # bytes of source files that one process has extracted by the time that others would have started
LONGEST_PHRASE = 64  # characters; twice as many as the competition's longest phrase has
MEMORY = 0.6e9  # bytes that extracting takes in addition to the size of the source file

Item = TypeVar("Item")


def extract(
    data_dir: Path, store: Path, dask_address: str | None = None, config: ExtractionConfig = AS_THEY_ARE
) -> pd.DataFrame:
    """Extract all clips of the competition's tables.

    A shard whose source file and rows are unchanged is kept, so that a killed run resumes where it was. A file or a
    clip that cannot be used is reported and skipped. `health.report` puts the summary in words.

    Args:
        data_dir: the competition's data.
        store: receives the shards.
        dask_address: of a dask cluster ("tcp://host:8786") whose workers see both folders under the same paths. By
            default this machine extracts, if there is much to do, as many files at a time as cores and memory allow.
        config: what is to be changed in the files' points.

    Returns:
        One row per source file: part, file, rows (clips that the table names), doubled (rows that stand in the table
        more than once), the facts of `read_source`, megabytes (of the source), seconds (0 where the shard was kept),
        copies (clips whose points another clip has, too), error (str, empty if the file could be read).

    Raises:
        DataError: a table cannot be read, a sequence_id stands for clips of several files, no clip at all could be
            extracted, or the scheduler does not answer.
        OSError: a shard cannot be written.
    """
    sources = list_sources(data_dir, store, config)
    results = {place: facts for place, source in enumerate(sources) if (facts := source.finished()) is not None}
    if waiting := [place for place in range(len(sources)) if place not in results]:
        tasks = [sources[place] for place in waiting]
        sizes = [source.path.stat().st_size for source in tasks if source.path.is_file()]
        processes = 1 if sum(sizes) <= ALONE else 0
        extracted = unordered(_extract, tasks, MEMORY + max(sizes, default=0), processes, dask_address)
        with track(extracted, "extraction", "files", len(tasks)) as progress:
            for place, facts in progress:
                if isinstance(facts, LostTask):
                    facts = {"error": f"{tasks[place].path}: {facts}"}
                results[waiting[place]] = facts
                if facts["error"]:
                    progress.write(f"skipped {facts['error']}")
    facts_of = [NOTHING | results[place] for place in range(len(sources))]
    shards = {source.shard for source, facts in zip(sources, facts_of, strict=True) if facts["clips"]}
    for shard in set(Path(store).resolve().rglob(f"*{SUFFIX}")) - shards:  # of another state of the data
        shard.unlink()
    tables = [{"part": s.part, "file": s.file, "rows": s.clips, "doubled": s.doubled} for s in sources]
    summary = pd.DataFrame([row | facts for row, facts in zip(tables, facts_of, strict=True)])
    if not shards:
        reasons = [reason for facts in facts_of for reason in (facts["error"], *facts["skipped"]) if reason]
        raise DataError(f"{data_dir}: no clip could be extracted; first reason: {reasons[0]}")
    prints = summary.pop("prints").explode().dropna()
    summary["copies"] = prints.duplicated(keep=False).groupby(level=0).sum().reindex(summary.index, fill_value=0)
    if waiting:
        for question, row in report(summary).query("not fine").iterrows():
            print(f"{question}: {'; '.join(filter(None, (row['found'], row['advice'])))}")
    return summary


def _extract(source: Source) -> dict:
    """Write a source's shard and return the facts for the summary; what cannot be written ends the extraction."""
    start = time.perf_counter()
    try:
        fingerprint = source.fingerprint()
        clips, frames, facts = read_source(source.path, source.rows, source.config)
    except DataError as error:
        return {"error": str(error)}
    facts |= {"megabytes": fingerprint[0] / 1e6}
    write_shard(source.shard, clips, frames, {"source": fingerprint, "facts": facts})
    return facts | {"seconds": time.perf_counter() - start, "error": ""}


def read_source(
    source: Path, rows: pd.DataFrame, config: ExtractionConfig = AS_THEY_ARE
) -> tuple[pd.DataFrame, np.ndarray, dict]:
    """Read the clips of one parquet file.

    A file without the index sequence_id holds a single clip, the one that its only row of the table names.

    Returns:
        The clips (the rows that could be used, in the file's order, with n_frames), their landmarks, float16
        [frames, 130, 3], and facts for the summary: clips, frames, sorted (clips whose frames were out of order), gaps
        (missing or doubled frames), skipped (list of "sequence_id: reason"), changed (how the points have been put
        right, in words), and those of `health.examine`.

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    ids, numbers, frames, convention = _read_columns(source, rows["sequence_id"].tolist(), config)
    ids, numbers, frames, disordered = _in_order(ids, numbers, frames)
    starts = clip_starts(ids)
    lengths = pd.Series(np.diff(starts, append=len(ids)), index=ids[starts], name="n_frames")
    reasons = _reasons_to_skip(rows, lengths.index, source)
    rows = rows.drop_duplicates("sequence_id")
    usable = rows[~rows["sequence_id"].isin(list(reasons))].set_index("sequence_id")
    clips = lengths.to_frame().join(usable, how="inner").rename_axis("sequence_id").reset_index()
    if len(clips) < len(lengths):
        usable_rows = np.isin(ids, clips["sequence_id"])
        ids, numbers, frames = ids[usable_rows], numbers[usable_rows], frames[usable_rows]
    facts = {
        "clips": len(clips),
        "frames": len(frames),
        "sorted": disordered,
        "gaps": int((np.diff(numbers)[np.diff(ids) == 0] != 1).sum()) if numbers.any() else 0,
        "skipped": [f"{sequence_id}: {reason}" for sequence_id, reason in reasons.items()],
        "changed": str(convention or ""),
        **examine(frames, clip_starts(ids)),
    }
    return clips, frames, facts


def _in_order(
    ids: np.ndarray, numbers: np.ndarray, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Bring clips' rows together, in the order of their frames' numbers; also returns how many clips were not in it."""
    starts = clip_starts(ids)
    falls = 1 + np.flatnonzero((np.diff(numbers) < 0) & (np.diff(ids) == 0))
    if not len(falls) and len(np.unique(ids[starts])) == len(starts):
        return ids, numbers, frames, 0
    order = np.lexsort((numbers, ids))
    return ids[order], numbers[order], frames[order], len(np.unique(ids[falls]))


def _reasons_to_skip(rows: pd.DataFrame, present: pd.Index, source: Path) -> dict[int, str]:
    """Return why rows of the table cannot be used, by sequence_id; `present` are the clips that the file holds."""
    reasons = {}
    phrases = rows.groupby("sequence_id")["phrase"].nunique().to_dict()
    for sequence_id, phrase in zip(rows["sequence_id"].tolist(), rows["phrase"].tolist(), strict=True):
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


def _read_columns(
    source: Path, expected: list[int], config: ExtractionConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Convention | None]:
    """Return each row's clip and `frame_numbers`, int64 [rows], points, float16 [rows, 130, 3], and their change."""
    convention, row = None, 0
    # Buffering ahead, made for distant storage, would cost a fifth of the speed and 250 MB.
    with open_parquet(source, STORE_COLUMNS, pre_buffer=False) as file, readable(source):
        numbering = file.read([SEQUENCE, FRAME], use_threads=False)
        ids, numbers = row_clips(source, numbering, expected), frame_numbers(numbering)
        total = file.metadata.num_rows
        frames = np.empty((total, VALUES_PER_FRAME), np.float16)
        columns = np.empty((len(STORE_COLUMNS), min(total, ROWS_PER_BATCH)), np.float16)
        halves = torch.from_numpy(columns)  # PyTorch rounds in hardware, NumPy does not
        present = np.ones(columns.shape, bool)
        batches = file.iter_batches(ROWS_PER_BATCH, columns=STORE_COLUMNS, use_threads=False)
        with closing(_ahead(batches)) as decoded:
            for batch in decoded:
                n = batch.num_rows
                if row + n > total:
                    raise ValueError(f"it holds more than the {total} rows that its footer says")
                convention = convention if row else recognise(batch, config)
                for half, there, name in zip(halves, present, STORE_COLUMNS, strict=True):
                    if convention:
                        half[:n] = torch.tensor(convention.column(batch, name))
                    else:
                        half[:n], there[:n] = _values(batch[name])
                _drop(columns, present)
                frames[row : row + n] = columns[:, :n].T
                row += n
    if not row == len(ids) == total:
        raise DataError(f"{source}: holds {row} rows, not the {total} that its footer says")
    return ids, numbers, frames.reshape(total, len(SELECTED), 3), convention


def _ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """Yield what an iterator yields, while a thread already makes the next item."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


def _values(column: pa.Array) -> tuple[torch.Tensor, np.ndarray | bool]:
    """Return a column's values, float32 [rows], anything where it has none, and where it has one, uint8 [rows]."""
    if column.type != pa.float32():
        column = column.cast(pa.float32())  # which takes its time also where there is nothing to do
    bits, values = column.buffers()
    whole = pa.Array.from_buffers(column.type, len(column), [None, values], offset=column.offset)
    first, stop = column.offset, column.offset + len(column)
    present = bits is None or np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[first:stop]
    return torch.from_dlpack(whole), present


def _drop(columns: np.ndarray, present: np.ndarray) -> None:
    """Replace what is not there or beyond `FARTHEST` by NaN in place; by the bits, which NumPy compares in hardware."""
    farthest, nan = np.array([FARTHEST, np.nan], np.float16).view(np.uint16)
    tens = (-1, 10, columns.shape[1])  # ten columns stay in the cache
    for bits, there in zip(columns.reshape(tens).view(np.uint16), present.reshape(tens), strict=True):
        np.copyto(bits, nan, where=((bits & 0x7FFF) > farthest) | ~there)
