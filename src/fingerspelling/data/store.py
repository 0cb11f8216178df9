"""The clip store: the 130 selected points of every clip, memory-mapped from Arrow files, one per source file.

Each file, a shard, holds one record batch with the columns sequence_id, participant_id, file_id, phrase and frames, a
list of float16 values that reshapes to [frames, 130, 3]. Half precision resolves 0.0005 of the frame's width, less
than the tracker's jitter, and halves what training has to read.
"""

import json
import os
import zlib
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from fingerspelling.data.parquet import UNREADABLE
from fingerspelling.files import DataError, visible_files, written_whole
from fingerspelling.landmarks import SELECTED

VALUES_PER_FRAME = len(SELECTED) * 3
SUFFIX = ".arrow"
COLUMNS = ["sequence_id", "participant_id", "file_id", "phrase"]


def write_shard(path: Path, clips: pd.DataFrame, frames: np.ndarray, about: dict) -> None:
    """Write one shard of the store, which appears only when whole.

    Args:
        path: the file.
        clips: one row per clip, as frames has them; columns sequence_id, participant_id, file_id, phrase, n_frames.
        frames: float16 [sum of n_frames, 130, 3].
        about: facts about the shard (JSON values) that `read_about` returns.
    """
    offsets = np.concatenate([[0], np.cumsum(clips["n_frames"].to_numpy(np.int64))]) * VALUES_PER_FRAME
    about = about | {"content": _content(clips, frames, about)}
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(frames.reshape(-1), pa.float16()))
    columns = {name: pa.array(clips[name], pa.string() if name == "phrase" else pa.int64()) for name in COLUMNS}
    batch = pa.record_batch(columns | {"frames": lists}).replace_schema_metadata({"about": json.dumps(about)})
    with written_whole(path) as temporary, temporary.open("wb") as file:
        if hasattr(os, "posix_fallocate"):  # three times as fast as growing page by page; macOS has none
            os.posix_fallocate(file.fileno(), 0, max(frames.nbytes, 1))
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)


def read_about(path: Path) -> dict | None:
    """Return the facts about a shard that `write_shard` wrote, or None if there is no readable shard."""
    try:
        with pa.memory_map(str(path)) as source:
            return dict(json.loads(pa.ipc.open_file(source).schema.metadata[b"about"]))
    except (*UNREADABLE, KeyError, TypeError, ValueError, RecursionError):
        return None


def is_whole(path: Path) -> bool:
    """Tell whether a shard holds what was written to it; reads all of it."""
    about = read_about(path) or {}
    content = about.pop("content", None)
    try:
        return content == _content(*_read_shard(path), about)
    except DataError:
        return False


def _content(clips: pd.DataFrame, frames: np.ndarray, about: dict) -> list[int]:
    """Return the checksums of what a shard holds; of frames, the sum of their words, six times as fast as a CRC."""
    texts = clips[[*COLUMNS, "n_frames"]].to_csv(index=False) + json.dumps(about)
    values = np.ascontiguousarray(frames).reshape(-1).view(np.uint16)
    words = values[: len(values) // 4 * 4].view(np.uint64)
    return [zlib.crc32(texts.encode()), int(np.add.reduce(words)), int(values[len(words) * 4 :].sum())]


def _read_shard(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the clips of a shard, with n_frames, and a view of all of their frames, float16 [frames, 130, 3]."""
    try:
        batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        batch.validate(full=True)
        lists = batch["frames"]
        offsets = lists.offsets.to_numpy()
        if lists.values.type != pa.float16() or (offsets % VALUES_PER_FRAME).any():
            raise ValueError("its frames are not 130 points of three coordinates in half precision")
        table = batch.select(COLUMNS).to_pandas().assign(n_frames=np.diff(offsets) // VALUES_PER_FRAME)
        values = lists.values.to_numpy(zero_copy_only=True)[offsets[0] : offsets[-1]]
        return table, values.reshape(-1, len(SELECTED), 3)
    except (*UNREADABLE, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise DataError(f"{path}: not a readable shard of the clip store ({error})") from error


class Clips(Protocol):
    """What plans and datasets take clips from: a `ClipStore`, or the `training.stream.Cast`, which has no ids."""

    table: pd.DataFrame

    def __len__(self) -> int: ...

    def frames(self, clip: int) -> np.ndarray: ...


class ClipStore:
    """The clips of a folder of shards, in a fixed order.

    Attributes:
        table: one row per clip: sequence_id, participant_id, file_id, phrase, n_frames, supplemental (bool).
    """

    def __init__(self, folder: str | Path) -> None:
        """Open a store; a DataError says that it holds no clip, or a shard that cannot be read."""
        self.folder = Path(folder)
        self._paths = visible_files(self.folder, f"*{SUFFIX}")
        shards = [_read_shard(path) for path in self._paths]
        if not any(len(table) for table, _ in shards):
            raise DataError(f"{self.folder}: holds no clips; notebooks/02_extraction.ipynb writes them")
        supplemental = [path.relative_to(self.folder).parts[0] == "supplemental" for path in self._paths]
        tables = [table.assign(supplemental=extra) for (table, _), extra in zip(shards, supplemental, strict=True)]
        self.table = pd.concat(tables, ignore_index=True)
        clips_of = (np.split(values, table["n_frames"].cumsum())[:-1] for table, values in shards)
        self._frames = [clip for clips in clips_of for clip in clips]  # views

    @cached_property
    def fingerprint(self) -> str:
        """What changes when a source file, a row of the competition's tables, or what is left out does.

        It is the same for a copy. Made when it is asked for: the processes that only read clips need none.
        """
        names = [str(path.relative_to(self.folder)) for path in self._paths]
        sources = [(read_about(path) or {}).get("source") for path in self._paths]
        checksum = zlib.crc32(json.dumps([*zip(names, sources, strict=True)]).encode())
        clips = pd.util.hash_pandas_object(self.table, index=False).to_numpy()
        return f"{zlib.crc32(clips.tobytes(), checksum):08x}"

    def __len__(self) -> int:
        return len(self.table)

    def __reduce__(self) -> tuple:
        return ClipStore, (self.folder,)  # a loader's process opens memory maps of its own

    def frames(self, clip: int) -> np.ndarray:
        """Return a clip's landmarks, float16 [frames, 130, 3], NaN where missing; a read-only view."""
        return self._frames[clip]
