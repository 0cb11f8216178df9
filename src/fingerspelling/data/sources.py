"""The competition's parquet files as sources of the clip store: which rows name them, and whether they have changed."""

import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fingerspelling.data.competition import read_tables
from fingerspelling.data.conventions import AS_THEY_ARE, ExtractionConfig
from fingerspelling.data.store import SUFFIX, is_whole, read_about
from fingerspelling.files import DataError, refuse_no_file

# What the summary of the extraction says of a file that has no clips.
NOTHING: dict[str, Any] = {
    **{"clips": 0, "frames": 0, "without_hand": 0, "sorted": 0, "gaps": 0, "skipped": [], "changed": ""},
    **{"left": 0, "right": 0, "mirrored": math.nan, "upside_down": math.nan, "crossed": math.nan, "turned": math.nan},
    **{"prints": [], "megabytes": 0.0, "seconds": 0.0, "error": ""},
}
SAMPLE = 1 << 18  # bytes of a file that its fingerprint reads in each of four places; the footer takes about as many


def fingerprint(path: Path) -> list[int]:
    """Return what changes when a large file does, and is the same for a copy.

    That is its size and the checksum of three samples and of its end, where parquet says what each column takes. A
    DataError says that it cannot be read.
    """
    refuse_no_file(path)
    try:
        with path.open("rb") as file:
            size, checksum = file.seek(0, os.SEEK_END), 0
            for place in (0, size // 3, 2 * size // 3, size - SAMPLE):
                file.seek(max(place, 0))
                checksum = zlib.crc32(file.read(SAMPLE), checksum)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    return [size, checksum]


@dataclass(frozen=True)
class Source:
    """A parquet file of the competition, the rows of the table that name it, and the shard it becomes."""

    part: str  # "train" or "supplemental"
    file: str  # the path as the table has it, relative to the competition's data
    path: Path
    rows: pd.DataFrame
    shard: Path
    config: ExtractionConfig = AS_THEY_ARE
    doubled: int = 0  # rows that stand in the table once more

    @property
    def clips(self) -> int:
        """How many clips the table names."""
        return self.rows["sequence_id"].nunique()

    def fingerprint(self) -> list:
        """Return what changes when the file, its rows or the parameters do, and is the same for a copy."""
        parameters = [] if self.config == AS_THEY_ARE else [str(self.config)]
        return [*fingerprint(self.path), zlib.crc32(self.rows.to_csv(index=False).encode()), *parameters]

    def finished(self) -> dict | None:
        """Return the facts for the summary that a shard holds; None if it is missing, damaged or of another source."""
        about = read_about(self.shard)
        if about is None or not self.path.is_file() or about.get("source") != self.fingerprint():
            return None
        return about["facts"] if is_whole(self.shard) else None


def list_sources(data_dir: Path, store: Path, config: ExtractionConfig = AS_THEY_ARE) -> list[Source]:
    """Return the files that train.csv and, where there is one, supplemental_metadata.csv name.

    Raises:
        DataError: a table cannot be read, or a sequence_id stands for clips of several files.
    """
    data_dir, store = Path(data_dir).resolve(), Path(store).resolve()
    sources = []
    for part, table in read_tables(data_dir).items():
        doubled = table.attrs["doubled"]
        for file, rows in table.groupby("path", sort=False):
            shard = store / part / f"{file}{SUFFIX}"
            sources.append(Source(part, file, data_dir / file, rows, shard, config, doubled.get(file, 0)))
    _refuse_shared_ids(data_dir, sources)
    return sources


def _refuse_shared_ids(data_dir: Path, sources: Sequence[Source]) -> None:
    """Raise a DataError where a sequence_id stands for clips of several files: everything after this goes by it."""
    ids = pd.concat([source.rows[["path", "sequence_id"]].drop_duplicates() for source in sources])
    if (shared := ids[ids["sequence_id"].duplicated(keep=False)]).empty:
        return
    number = shared["sequence_id"].iat[0]
    files = " and ".join(shared["path"][shared["sequence_id"] == number].iloc[:2])
    others = shared["sequence_id"].nunique() - 1
    raise DataError(
        f"{data_dir}: sequence_id {number} and {others} others stand for clips of several files ({files}); number the "
        "clips throughout"
    )
