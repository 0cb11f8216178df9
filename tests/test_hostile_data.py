"""Parquet files and tables that nobody would write by intention are named and passed over."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic import TRAIN

from fingerspelling.data import parquet
from fingerspelling.data.clip_files import write_clips
from fingerspelling.data.competition import read_table
from fingerspelling.data.extraction import extract
from fingerspelling.data.measures import measure_files
from fingerspelling.data.parquet import read_clips
from fingerspelling.data.store import ClipStore
from fingerspelling.files import DataError

Edit = Callable[[pa.Table], pa.Table]


def replaced(name: str, values: Callable[[int], object]) -> Edit:
    def edit(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.names.index(name), name, pa.array(values(len(table))))

    return edit


def write(path: Path, edit: Edit) -> None:
    pq.write_table(edit(pq.read_table(path)), path)


def change_footer(path: Path, claimed: int) -> None:
    """Let the footer claim another number of rows than its row groups have."""
    content, rows = path.read_bytes(), pq.read_metadata(path).num_rows
    is_rows, is_groups = b"\x16", b"\x19"  # the fields num_rows and row_groups, in Thrift's compact protocol
    place = content.rindex(is_rows + varint(rows) + is_groups) + 1
    path.write_bytes(content[:place] + varint(claimed) + content[place + len(varint(rows)) :])
    assert pq.read_metadata(path).num_rows == claimed


def varint(number: int) -> bytes:
    """Encode a number as Thrift's compact protocol does."""
    zigzag, encoded = 2 * number, b""
    while zigzag > 127:
        encoded, zigzag = encoded + bytes([zigzag & 127 | 128]), zigzag >> 7
    return encoded + bytes([zigzag])


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "struct": (
        lambda path: write(path, replaced("x_face_0", lambda n: [{"a": 1.0}] * n)),
        "x_face_0 holds no numbers, but values of the type struct",
    ),
    "list": (
        lambda path: write(path, replaced("y_left_hand_3", lambda n: [[1.0, 2.0]] * n)),
        "y_left_hand_3 holds no numbers, but values of the type list",
    ),
    "text": (lambda path: write(path, replaced("x_face_0", lambda n: ["1.5"] * n)), "x_face_0 holds no numbers"),
    "doubled column": (
        lambda path: write(path, lambda table: table.append_column("x_face_0", table["x_face_0"])),
        "has 1 columns more than once, x_face_0 the first",
    ),
    "doubled ids": (
        lambda path: write(path, lambda table: table.append_column("sequence_id", table["sequence_id"])),
        "has 1 columns more than once, sequence_id the first",
    ),
    "ids beyond 64 bits": (
        lambda path: write(path, replaced("sequence_id", lambda n: np.full(n, 2**63 + 5, np.uint64))),
        "not a readable parquet file",
    ),
    "ids as lists": (lambda path: write(path, replaced("sequence_id", lambda n: [[1]] * n)), "sequence_id has values"),
    "more rows in the footer": (lambda path: change_footer(path, 300), "264"),
    "a pipe": (lambda path: (path.unlink(), os.mkfifo(path)), "is a folder, a pipe or a device"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is a folder, a pipe or a device"),
    "fewer rows in the footer": (lambda path: change_footer(path, 200), "not a readable parquet file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_named_and_costs_no_other(own_competition: Path, tmp_path: Path, name: str) -> None:
    spoil, reason = HOSTILE[name]
    path = own_competition / "train_landmarks/10.parquet"
    spoil(path)
    summary = extract(own_competition, tmp_path / "clips")
    assert summary["clips"].tolist() == [0, 6, 5]
    assert str(path) in summary["error"][0] and reason in summary["error"][0]
    assert len(ClipStore(tmp_path / "clips")) == 11
    table = read_table(own_competition)
    written = write_clips(own_competition, table, tmp_path / "held_out")
    assert {clip.sequence_id for clip in TRAIN[20]} <= set(written["sequence_id"])
    assert {clip.sequence_id for clip in TRAIN[20]} <= set(measure_files(own_competition, table)["sequence_id"])
    if "rows" not in name:
        with pytest.raises(DataError, match=path.name):
            read_clips(path)


def test_what_unpacks_to_far_more_than_its_size_is_refused(
    tmp_path: Path, competition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pq.read_table(competition / "train_landmarks/10.parquet").slice(0, 1)
    bomb = rows.take(pa.array(np.zeros(20_000, int)))
    pq.write_table(bomb, tmp_path / "bomb.parquet", compression="zstd")
    monkeypatch.setattr(parquet, "LARGEST", 1e6)
    with pytest.raises(DataError, match=r"bomb\.parquet: would take .* GB in memory"):
        read_clips(tmp_path / "bomb.parquet")
    for file in (competition / "train_landmarks").iterdir():
        assert read_clips(file)


HEADER = "path,file_id,sequence_id,participant_id,phrase\n"
GOOD = "train_landmarks/10.parquet,10,1001,1,a\n"


CUT = pytest.mark.skipif(pd.__version__ < "3", reason="pandas 2 cuts a text at a null byte: the path is another one")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../x.parquet", pytest.param("a\\0b.parquet", marks=CUT), "x" * 300, ""]
)
def test_rows_whose_path_leads_elsewhere_are_named_and_passed_over(
    own_competition: Path, tmp_path: Path, capsys: pytest.CaptureFixture, path: str
) -> None:
    row = GOOD.replace("train_landmarks/10.parquet", path.replace("\\0", "\0"))
    (own_competition / "train.csv").write_text(HEADER + GOOD + row)
    table = read_table(own_competition)
    assert table["path"].tolist() == ["train_landmarks/10.parquet"]
    assert "train.csv: the path" in capsys.readouterr().out
    assert extract(own_competition, tmp_path / "clips")["clips"].sum() == 6


@pytest.mark.parametrize("number", ["9" * 30, str(2**63), "-" + "9" * 25, "1e30", "0x10", "1_000"])
def test_ids_that_are_no_whole_numbers_of_64_bits_are_an_error_that_names_the_table(
    own_competition: Path, number: str
) -> None:
    for value in ("10", "1001", "1"):
        (own_competition / "train.csv").write_text(HEADER + GOOD + GOOD.replace(f",{value},", f",{number},"))
        with pytest.raises(DataError, match=r"train\.csv"):
            read_table(own_competition)


def test_a_table_of_text_for_ever_is_read_or_refused(own_competition: Path) -> None:
    (own_competition / "train.csv").write_text(HEADER + GOOD + f'"{"x" * 10**6}\n' + "y" * 10**6)
    with pytest.raises(DataError, match=r"train\.csv"):
        read_table(own_competition)
