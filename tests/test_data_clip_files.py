import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from synthetic import SUPPLEMENTAL, TRAIN, clip_table
from test_data_conventions import changed, mirrored, pixels, simulated, swapped, zeros
from test_data_extraction import edit_parquet

from fingerspelling.data import clip_files
from fingerspelling.data.clip_files import write_clips
from fingerspelling.data.competition import read_table
from fingerspelling.data.conventions import ExtractionConfig
from fingerspelling.data.parquet import read_clip
from fingerspelling.files import DataError
from fingerspelling.landmarks import COLUMNS, SELECTED_COLUMNS
from fingerspelling.runs.config import CHAPTERS

__all__ = ["simulated"]  # a fixture


def test_clips_become_files_as_in_the_hidden_set(competition, tmp_path):
    tables = [read_table(competition)[::4], read_table(competition, "supplemental")[::4]]
    written = pd.concat([write_clips(competition, table, tmp_path) for table in tables])
    originals = {clip.sequence_id: clip for file in [*TRAIN.values(), *SUPPLEMENTAL.values()] for clip in file}
    assert written["sequence_id"].tolist() == [1001, 1005, 2003, 3001, 3005]
    expected = pd.concat(tables).drop(columns="path")
    pd.testing.assert_frame_equal(written.drop(columns="path").reset_index(drop=True), expected.reset_index(drop=True))
    for path, clip in zip(written["path"], map(originals.get, written["sequence_id"]), strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(path), clip_table(clip))
        assert pq.read_schema(path).names == ["frame", *COLUMNS, "sequence_id"]
        assert read_clip(path).shape == (clip.n_frames, len(SELECTED_COLUMNS))


def modified(folder: Path) -> Iterator[int]:
    return (path.stat().st_mtime_ns for path in sorted(folder.rglob("*.parquet")))


def test_a_second_run_writes_only_what_is_missing_or_outdated(own_competition, tmp_path):
    table, folder = read_table(own_competition), tmp_path / "clips"
    first = write_clips(own_competition, table, folder)
    before = list(modified(folder))
    Path(first["path"][3]).unlink()
    assert write_clips(own_competition, table, folder).equals(first)
    assert [new == old for new, old in zip(modified(folder), before, strict=True)] == [
        i != 3 for i in range(len(first))
    ]

    before = list(modified(folder))
    source = own_competition / table["path"].iat[0]
    source.touch()  # its content is the same
    write_clips(own_competition, table, folder)
    assert list(modified(folder)) == before
    edit_parquet(source, lambda clips: clips.assign(x_face_0=np.float32(0.5)))
    write_clips(own_competition, table, folder)
    assert [new > old for new, old in zip(modified(folder), before, strict=True)] == [True] * 6 + [False] * 6


def test_a_copy_of_the_files_is_kept_and_damaged_ones_are_written_anew(own_competition, tmp_path):
    table, folder = read_table(own_competition), tmp_path / "clips"
    write_clips(own_competition, table, folder)
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)  # files of now
    copied = list(modified(tmp_path / "copy"))
    clips = write_clips(own_competition, table, tmp_path / "copy")
    assert list(modified(tmp_path / "copy")) == copied
    whole = Path(clips["path"][4]).read_bytes()
    for damaged in (whole[:-100], whole[:5000], whole[:9000] + b"\0" * 100 + whole[9100:], b""):
        Path(clips["path"][4]).write_bytes(damaged)
        write_clips(own_competition, table, tmp_path / "copy")
        assert Path(clips["path"][4]).read_bytes() == whole
    for note in (tmp_path / "copy").rglob("files.json"):
        note.write_text(note.read_text()[:50])
    assert write_clips(own_competition, table, tmp_path / "copy").equals(clips)


def test_what_cannot_be_written_is_no_fault_of_the_source(own_competition, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "clip")

    monkeypatch.setattr(clip_files.pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_clips(own_competition, read_table(own_competition), tmp_path / "clips")


def test_clips_are_in_the_competitions_convention(simulated, tmp_path):
    table = read_table(simulated)
    other = changed(simulated, tmp_path / "other", lambda clips: zeros(pixels(swapped(mirrored(clips)))))
    config = ExtractionConfig(mirror=True, swap_hands=True)
    expected, clips = write_clips(simulated, table, tmp_path / "1"), write_clips(other, table, tmp_path / "2", config)
    for one, two in zip(expected["path"], clips["path"], strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(two), rtol=0, atol=1e-4)
    assert write_clips(other, table, tmp_path / "2")["path"].tolist() == clips["path"].tolist()
    assert not pd.read_parquet(clips["path"][0]).equals(pd.read_parquet(expected["path"][0]))


@pytest.mark.parametrize("row_group_size", [60, 1000])
def test_rows_of_a_clip_may_lie_apart(own_competition, tmp_path, row_group_size):
    source = own_competition / "train_landmarks/10.parquet"
    shuffled = pd.read_parquet(source).sort_values("frame", kind="stable")
    shuffled.to_parquet(source, row_group_size=row_group_size)
    table = read_table(own_competition)
    table = table[table["sequence_id"].isin([1002, 1005])]
    written = write_clips(own_competition, table, tmp_path / "clips")
    for path, clip in zip(written["path"], (TRAIN[10][1], TRAIN[10][4]), strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(path), clip_table(clip))


def test_frames_are_brought_in_order(own_competition, tmp_path):
    source = own_competition / "train_landmarks/10.parquet"
    pd.read_parquet(source).sample(frac=1, random_state=3).to_parquet(source, row_group_size=50)
    table = read_table(own_competition)
    written = write_clips(own_competition, table[table["sequence_id"] == 1002], tmp_path / "clips")
    pd.testing.assert_frame_equal(pd.read_parquet(written["path"][0]), clip_table(TRAIN[10][1]))


def test_what_cannot_be_read_is_reported_and_left_out(own_competition, tmp_path, capsys):
    table = read_table(own_competition)
    absent = table.iloc[[0]].assign(sequence_id=9999)
    source = own_competition / "train_landmarks/20.parquet"
    source.write_bytes(source.read_bytes()[:5000])
    written = write_clips(own_competition, pd.concat([absent, table]), tmp_path / "clips")
    assert written["sequence_id"].tolist() == [clip.sequence_id for clip in TRAIN[10]]
    output = capsys.readouterr().out
    assert f"skipped 1 clips, the first 9999: not in {own_competition}" in output
    assert f"skipped 6 clips, the first 2001: {source}: not a readable parquet file" in output


def test_no_clip_at_all_is_an_error(own_competition, tmp_path):
    table = read_table(own_competition)
    for source in set(table["path"]):
        (own_competition / source).unlink()
    with pytest.raises(DataError, match=r"no clip could be written.*\.parquet"):
        write_clips(own_competition, table, tmp_path / "clips")
    with pytest.raises(DataError, match="table is empty"):
        write_clips(own_competition, table[:0], tmp_path / "clips")


def test_a_recording_of_one_clip_needs_no_sequence_id(real_data, tmp_path):
    table = pd.DataFrame({"path": ["ase-letters-pose/a.parquet"], "sequence_id": [1], "phrase": ["a"]})
    written = write_clips(real_data, table, tmp_path)
    recording = read_clip(real_data / "ase-letters-pose/a.parquet")
    np.testing.assert_array_equal(read_clip(written["path"][0]), recording)
    with pytest.raises(DataError, match="lacks the column sequence_id, and 2 clips"):
        write_clips(real_data, pd.concat([table, table.assign(sequence_id=2)]), tmp_path / "other")


def test_chapters_write_clips_by_the_parameters_of_the_extraction() -> None:
    cells = [
        ast.parse(cell.source)
        for notebook in CHAPTERS.glob("*.ipynb")
        for cell in nbformat.read(notebook, 4).cells
        if cell.cell_type == "code"
    ]
    calls = [node for cell in cells for node in ast.walk(cell) if isinstance(node, ast.Call)]
    written = [call for call in calls if ast.unparse(call.func).endswith("write_clips")]
    assert len(written) == 2
    assert all(ast.unparse(call.args[-1]) == "book.config.extraction" for call in written)
