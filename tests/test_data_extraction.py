import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster
from synthetic import SUPPLEMENTAL, TRAIN, Clip, clip_table, landmarks, selected

from fingerspelling.data import extraction
from fingerspelling.data.extraction import extract
from fingerspelling.data.parallel import LostTask
from fingerspelling.data.store import ClipStore
from fingerspelling.files import DataError

ALL = [clip for files in (SUPPLEMENTAL, TRAIN) for clips in files.values() for clip in clips]


def edit_parquet(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    edit(pd.read_parquet(path)).to_parquet(path)


def edit_train(competition: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    edit(pd.read_csv(competition / "train.csv")).to_csv(competition / "train.csv", index=False)


def of_file(summary: pd.DataFrame, file_id: int) -> pd.Series:
    """Return a file's row of the summary."""
    return summary[summary["file"].str.endswith(f"/{file_id}.parquet")].iloc[0]


def shards(store: Path) -> dict[str, tuple[int, int]]:
    """Return the files of a store with inode and time of writing, which change when one is written anew."""
    files = (path for path in store.rglob("*") if path.is_file())
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def test_every_clip_is_there_with_its_points_on_the_right_axes(store: ClipStore) -> None:
    assert store.table["sequence_id"].tolist() == [clip.sequence_id for clip in ALL]
    assert store.table["phrase"].tolist() == [clip.phrase for clip in ALL]
    assert store.table["participant_id"].tolist() == [clip.participant_id for clip in ALL]
    assert store.table["supplemental"].tolist() == [clip.sequence_id > 3000 for clip in ALL]
    for i, clip in enumerate(ALL):
        expected = selected(landmarks(clip))
        assert store.frames(i).shape == (clip.n_frames, 130, 3)
        np.testing.assert_array_equal(np.isnan(store.frames(i)), np.isnan(expected))
        np.testing.assert_allclose(store.frames(i), expected, atol=2**-11)


def test_summary_reports_what_was_done(competition: Path, tmp_path: Path) -> None:
    summary = extract(competition, tmp_path)
    assert summary["file"].tolist() == [
        "train_landmarks/10.parquet",
        "train_landmarks/20.parquet",
        "supplemental_landmarks/30.parquet",
    ]
    assert summary["part"].tolist() == ["train", "train", "supplemental"]
    assert summary["clips"].tolist() == [6, 6, 5]
    assert of_file(summary, 10)["frames"] == sum(clip.n_frames for clip in TRAIN[10])
    assert summary["without_hand"].tolist() == [0, 1, 0]
    size = (competition / "train_landmarks/10.parquet").stat().st_size
    assert of_file(summary, 10)["megabytes"] == pytest.approx(size / 1e6)
    assert (summary["seconds"] > 0).all()
    assert (summary["error"] == "").all()
    assert not summary["skipped"].map(len).any()


def test_supplemental_clips_need_not_be_there(own_competition: Path, tmp_path: Path) -> None:
    (own_competition / "supplemental_metadata.csv").unlink()
    assert set(extract(own_competition, tmp_path / "clips")["part"]) == {"train"}


def test_a_second_run_writes_and_prints_nothing_and_returns_the_same(
    competition: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, written = extract(competition, tmp_path), shards(tmp_path)
    assert "hands:" in capsys.readouterr().out
    second = extract(competition, tmp_path)
    assert capsys.readouterr().out == ""
    assert shards(tmp_path) == written
    pd.testing.assert_frame_equal(first.drop(columns="seconds"), second.drop(columns="seconds"))
    assert (second["seconds"] == 0).all()


def test_only_what_is_missing_or_changed_is_done_again(own_competition: Path, tmp_path: Path) -> None:
    store = tmp_path / "clips"
    extract(own_competition, store)
    before = shards(store)
    (store / "train/train_landmarks/10.parquet.arrow").unlink()
    (store / "supplemental/supplemental_landmarks/30.parquet.arrow").write_bytes(b"half a shard")
    edit_parquet(own_competition / "train_landmarks/20.parquet", lambda table: table.assign(x_face_0=np.float32(0.5)))
    extract(own_competition, store)
    after = shards(store)
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in ("10.parquet.arrow", "20.parquet.arrow", "30.parquet.arrow"))
    clips = ClipStore(store)
    assert clips.table["sequence_id"].tolist() == [clip.sequence_id for clip in ALL]
    assert (clips.frames(len(clips) - 1)[:, 0, 0] == 0.5).all()
    (store / "train/train_landmarks/20.parquet.arrow").unlink()
    extract(own_competition, store)
    assert shards(store)["10.parquet.arrow"] == after["10.parquet.arrow"]
    assert shards(store)["30.parquet.arrow"] == after["30.parquet.arrow"]


def same_store(store: Path, other: Path) -> bool:
    """Return whether two stores hold the same shards with the same clips."""
    one, two = ClipStore(store), ClipStore(other)
    same = (np.array_equal(one.frames(i), two.frames(i), equal_nan=True) for i in range(len(one)))
    return shards(store).keys() == shards(other).keys() and one.table.equals(two.table) and all(same)


def test_processes_write_what_one_process_writes(
    competition: Path, store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "ALONE", 0)
    monkeypatch.setattr("dask.system.CPU_COUNT", 2)
    here = extract(competition, store.folder).drop(columns="seconds")
    pd.testing.assert_frame_equal(extract(competition, tmp_path).drop(columns="seconds"), here)
    assert same_store(tmp_path, store.folder)


def test_a_cluster_writes_what_is_missing_and_reports_as_one_process_does(
    own_competition: Path, store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips, broken = tmp_path / "clips", own_competition / "train_landmarks/20.parquet"
    whole = broken.read_bytes()
    broken.write_bytes(b"PAR1")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        summary = extract(own_competition, clips, cluster.scheduler_address)
        assert of_file(summary, 20)["error"].startswith(f"{broken}: not a readable parquet file")
        assert f"skipped {broken}" in capsys.readouterr().out
        before = shards(clips)
        assert before.keys() == {"10.parquet.arrow", "30.parquet.arrow"}
        broken.write_bytes(whole)
        summary = extract(own_competition, clips, cluster.scheduler_address)
    assert summary["clips"].tolist() == [6, 6, 5]
    assert before.items() <= shards(clips).items()
    assert same_store(clips, store.folder)


def test_a_file_whose_process_dies_is_reported(
    competition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_second(function: Callable, tasks: list, *_: object) -> Iterator[tuple]:
        for place, task in enumerate(tasks):
            yield place, LostTask() if place == 1 else function(task)

    monkeypatch.setattr(extraction, "unordered", lose_the_second)
    summary = extract(competition, tmp_path)
    assert summary["error"].tolist() == ["", f"{competition / 'train_landmarks/20.parquet'}: {LostTask()}", ""]
    assert summary["clips"].tolist() == [6, 0, 5]


def test_a_changed_phrase_is_taken_over(own_competition: Path, tmp_path: Path) -> None:
    extract(own_competition, tmp_path / "clips")
    edit_train(own_competition, lambda table: table.assign(phrase=table["phrase"].replace("it", "us")))
    extract(own_competition, tmp_path / "clips")
    assert ClipStore(tmp_path / "clips").table["phrase"].iat[-1] == "us"


def test_a_file_that_cannot_be_read_costs_no_other(
    own_competition: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own_competition / "train_landmarks"
    (folder / "10.parquet").write_bytes((folder / "10.parquet").read_bytes()[:-1000])
    edit_parquet(own_competition / "supplemental_landmarks/30.parquet", lambda table: table.drop(columns="y_face_61"))
    summary = extract(own_competition, tmp_path / "clips")
    assert of_file(summary, 10)["error"].startswith(f"{folder / '10.parquet'}: not a readable parquet file")
    assert of_file(summary, 30)["error"].endswith("30.parquet: lacks 1 columns, y_face_61 the first")
    assert summary["clips"].tolist() == [0, 6, 0]
    assert f"skipped {folder / '10.parquet'}" in capsys.readouterr().out
    assert len(ClipStore(tmp_path / "clips")) == 6


def test_a_missing_file_is_named(own_competition: Path, tmp_path: Path) -> None:
    missing = own_competition / "train_landmarks/20.parquet"
    missing.unlink()
    summary = extract(own_competition, tmp_path / "clips")
    assert of_file(summary, 20)["error"] == f"{missing}: No such file or directory"


def test_rows_that_cannot_be_used_are_named(own_competition: Path, tmp_path: Path) -> None:
    def edit(table: pd.DataFrame) -> pd.DataFrame:
        absent = table.iloc[:1].assign(sequence_id=1099)
        phrases = table["phrase"].replace({"3 creekhouse": "3 Creekhäuser", "it": ""})
        return pd.concat([table.assign(phrase=phrases), absent, table.iloc[1:2]])  # the last row stands twice

    edit_train(own_competition, edit)
    summary = extract(own_competition, tmp_path / "clips")
    assert of_file(summary, 10)["skipped"] == [
        "1001: phrase '3 Creekhäuser' has 'Cä', not among the 59 characters",
        f"1099: not in {own_competition / 'train_landmarks/10.parquet'}",
    ]
    assert of_file(summary, 20)["skipped"] == ["2006: the phrase is empty"]
    assert (summary["error"] == "").all()
    store = ClipStore(tmp_path / "clips")
    assert store.table["sequence_id"].tolist() == [c.sequence_id for c in ALL if c.sequence_id not in (1001, 2006)]
    for i, clip in enumerate(c for c in ALL if c.sequence_id not in (1001, 2006)):
        np.testing.assert_allclose(store.frames(i), selected(landmarks(clip)), atol=2**-11)


def test_clips_that_no_row_names_stay_out(own_competition: Path, tmp_path: Path) -> None:
    edit_train(own_competition, lambda table: table[table["sequence_id"] != 1003])
    summary = extract(own_competition, tmp_path / "clips")
    assert of_file(summary, 10)["clips"] == 5
    assert of_file(summary, 10)["frames"] == sum(clip.n_frames for clip in TRAIN[10] if clip.sequence_id != 1003)
    assert 1003 not in ClipStore(tmp_path / "clips").table["sequence_id"].tolist()


def test_a_clip_whose_rows_lie_apart_is_put_together(own_competition: Path, tmp_path: Path) -> None:
    def shuffle(table: pd.DataFrame) -> pd.DataFrame:
        clip_of = np.random.default_rng(0).permutation(table.index)  # frames of a clip keep their order
        rows = {clip: iter(np.flatnonzero(table.index == clip)) for clip in table.index.unique()}
        return table.iloc[[next(rows[clip]) for clip in clip_of]]

    edit_parquet(own_competition / "train_landmarks/10.parquet", shuffle)
    extract(own_competition, tmp_path / "clips")
    store = ClipStore(tmp_path / "clips")
    for i, clip in enumerate(ALL):
        assert store.table["sequence_id"].iat[i] == clip.sequence_id
        np.testing.assert_allclose(store.frames(i), selected(landmarks(clip)), atol=2**-11)


@pytest.mark.filterwarnings("error")
def test_values_that_are_no_landmarks_count_as_missing(own_competition: Path, tmp_path: Path) -> None:
    wild = [np.inf, -np.inf, 1e38, -1e30, 70_000.0, 1001.0, -1001.0]

    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        values = table["x_face_61"].to_numpy(copy=True)
        values[: len(wild)] = wild
        return table.assign(x_face_61=values, y_face_61=np.float32(-3.0), z_face_61=np.float32(1000.0))

    edit_parquet(own_competition / "train_landmarks/10.parquet", spoil)
    extract(own_competition, tmp_path / "clips")
    frames = ClipStore(tmp_path / "clips").frames(len(SUPPLEMENTAL[30]))
    assert np.isnan(frames[: len(wild), 1, 0]).all()
    assert not np.isnan(frames[len(wild) :, 1, 0]).any()
    assert (frames[:, 1, 1] == -3.0).all()
    assert (frames[:, 1, 2] == 1000.0).all()


def test_no_usable_clip_at_all_is_an_error_with_the_first_reason(own_competition: Path, tmp_path: Path) -> None:
    (own_competition / "supplemental_metadata.csv").unlink()
    edit_train(own_competition, lambda table: table.assign(phrase="ÄÖÜ"))
    with pytest.raises(DataError, match="no clip could be extracted; first reason: 1001: phrase 'ÄÖÜ'"):
        extract(own_competition, tmp_path / "clips")
    shutil.rmtree(own_competition / "train_landmarks")
    with pytest.raises(DataError, match=r"no clip could be extracted; first reason: .*10\.parquet: No such file"):
        extract(own_competition, tmp_path / "other")
    edit_train(own_competition, lambda table: table.iloc[:0])
    with pytest.raises(DataError, match=r"train\.csv: names no clip"):
        extract(own_competition, tmp_path / "other")


def one_clip_a_file(folder: Path, rows: list[tuple[str, int]]) -> None:
    """Write a train.csv with rows of (path, sequence_id)."""
    table = pd.DataFrame(rows, columns=["path", "sequence_id"]).assign(file_id=1, participant_id=1, phrase="a")
    table.to_csv(folder / "train.csv", index=False)


def test_a_file_without_sequence_ids_holds_one_clip(tmp_path: Path) -> None:
    clip = Clip(5, 1, "a", 8)
    clip_table(clip).reset_index(drop=True).to_parquet(tmp_path / "5.parquet")
    one_clip_a_file(tmp_path, [("5.parquet", 5)])
    assert extract(tmp_path, tmp_path / "clips")["clips"].tolist() == [1]
    np.testing.assert_allclose(ClipStore(tmp_path / "clips").frames(0), selected(landmarks(clip)), atol=2**-11)
    one_clip_a_file(tmp_path, [("5.parquet", 5), ("5.parquet", 6)])
    with pytest.raises(DataError, match=r"5\.parquet: lacks the column sequence_id, and 2 clips are expected"):
        extract(tmp_path, tmp_path / "clips")


def test_columns_of_other_kinds_of_number_are_read(own_competition: Path, tmp_path: Path) -> None:
    kinds = {"x_face_0": np.float64, "y_face_0": np.float16, "z_face_0": np.int64}
    path = own_competition / "train_landmarks/10.parquet"
    edit_parquet(path, lambda table: table.assign(**{name: np.arange(len(table)) for name in kinds}).astype(kinds))
    extract(own_competition, tmp_path / "clips")
    clips = ClipStore(tmp_path / "clips")
    first = clips.frames(len(SUPPLEMENTAL[30]))
    np.testing.assert_array_equal(first[:, 0], np.arange(len(first))[:, None].repeat(3, 1))
    edit_parquet(path, lambda table: table.assign(x_face_0="left"))
    error = of_file(extract(own_competition, tmp_path / "clips"), 10)["error"]
    assert error.startswith(f"{path}: x_face_0 holds no numbers")


def test_files_of_more_than_a_batch_of_rows_are_read(
    competition: Path, store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "ROWS_PER_BATCH", 17)
    extract(competition, tmp_path)
    assert same_store(tmp_path, store.folder)


def test_files_of_the_smallest_clips_are_read(tmp_path: Path) -> None:
    clip_table(Clip(1, 1, "a", 1)).to_parquet(tmp_path / "1.parquet")
    clip_table(Clip(2, 1, "a", 1)).iloc[:0].to_parquet(tmp_path / "2.parquet")
    missing = clip_table(Clip(3, 1, "a", 20))
    missing.loc[:, missing.columns != "frame"] = np.float32(np.nan)
    missing.to_parquet(tmp_path / "3.parquet")
    clip_table(Clip(4, 1, "a", 5000)).to_parquet(tmp_path / "4.parquet")
    one_clip_a_file(tmp_path, [(f"{i}.parquet", i) for i in (1, 2, 3, 4)])
    summary = extract(tmp_path, tmp_path / "clips")
    assert summary["frames"].tolist() == [1, 0, 20, 5000]
    assert summary["without_hand"].iat[2] == 1
    assert summary["skipped"].iat[1] == [f"2: not in {tmp_path / '2.parquet'}"]
    store = ClipStore(tmp_path / "clips")
    assert store.table["n_frames"].tolist() == [1, 20, 5000]
    assert np.isnan(store.frames(1)).all()


def test_real_recordings_are_extracted(real_data: Path, tmp_path: Path) -> None:
    sources = sorted((real_data / "ase-letters-pose").resolve().glob("*.parquet"))
    for path in sources:
        (tmp_path / path.name).symlink_to(path)
    one_clip_a_file(tmp_path, [(path.name, i) for i, path in enumerate(sources)])
    summary = extract(tmp_path, tmp_path / "clips")
    assert (summary["error"] == "").all()
    assert summary["clips"].sum() == len(sources) == 26
    assert not summary["without_hand"].any()
    store = ClipStore(tmp_path / "clips")
    table = pd.read_parquet(sources[9])
    np.testing.assert_allclose(store.frames(9), selected(table[clip_table(ALL[0]).columns[1:]].to_numpy()), atol=2e-3)


def test_two_files_of_one_stem_have_a_shard_each(tmp_path: Path) -> None:
    for i, name in enumerate(("a/1.parquet", "b/1.parquet", "b/1.pq")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        clip_table(Clip(i, 1, "a", 20 + i)).to_parquet(tmp_path / name)
    one_clip_a_file(tmp_path, [("a/1.parquet", 0), ("b/1.parquet", 1), ("b/1.pq", 2)])
    for _ in range(2):
        assert extract(tmp_path, tmp_path / "clips")["clips"].tolist() == [1, 1, 1]
        assert ClipStore(tmp_path / "clips").table["n_frames"].tolist() == [20, 21, 22]


@pytest.mark.parametrize("change", ["rows gone", "file broken", "file gone", "dealt otherwise"])
def test_the_store_holds_what_the_summary_says(own_competition: Path, tmp_path: Path, change: str) -> None:
    extract(own_competition, tmp_path / "clips")
    file = own_competition / "train_landmarks/20.parquet"
    if change == "rows gone":
        edit_train(own_competition, lambda table: table[table["file_id"] != 20])
    elif change == "dealt otherwise":
        file.rename(file.with_name("21.parquet"))
        edit_train(own_competition, lambda table: table.assign(path=table["path"].str.replace("20", "21")))
    else:
        file.write_bytes(b"PAR1") if change == "file broken" else file.unlink()
    summary = extract(own_competition, tmp_path / "clips")
    clips = ClipStore(tmp_path / "clips").table
    assert len(clips) == summary["clips"].sum() == (17 if change == "dealt otherwise" else 11)
    assert not clips["sequence_id"].duplicated().any()


def test_corrected_labels_reach_the_store_and_its_fingerprint(own_competition: Path, tmp_path: Path) -> None:
    extract(own_competition, tmp_path / "clips")
    before = ClipStore(tmp_path / "clips")
    copied = Path(shutil.copytree(own_competition, tmp_path / "copy", copy_function=shutil.copyfile))
    extract(copied, tmp_path / "clips_of_the_copy")
    assert ClipStore(tmp_path / "clips_of_the_copy").fingerprint == before.fingerprint
    edit_train(own_competition, lambda table: table.assign(phrase=["right", *table["phrase"][1:]]))
    extract(own_competition, tmp_path / "clips")
    after = ClipStore(tmp_path / "clips")
    assert "right" in after.table["phrase"].tolist()
    assert after.fingerprint != before.fingerprint


def test_a_sequence_id_of_two_files_is_refused(own_competition: Path, tmp_path: Path) -> None:
    edit_train(own_competition, lambda table: table.assign(sequence_id=table.groupby("path").cumcount()))
    with pytest.raises(
        DataError, match=r"sequence_id 0 and 5 others stand for clips of several files \(.*10.* and .*20"
    ):
        extract(own_competition, tmp_path / "clips")


def test_frames_out_of_order_are_sorted_and_counted(own_competition: Path, tmp_path: Path) -> None:
    extract(own_competition, tmp_path / "ordered")
    edit_parquet(own_competition / "train_landmarks/20.parquet", lambda table: table.sample(frac=1, random_state=1))
    summary = extract(own_competition, tmp_path / "clips")
    assert summary["sorted"].tolist()[0] == 0 < summary["sorted"].tolist()[1]
    assert summary["gaps"].tolist() == [0, 0, 0]
    one, two = ClipStore(tmp_path / "ordered"), ClipStore(tmp_path / "clips")
    place = {clip: i for i, clip in enumerate(two.table["sequence_id"])}
    for i, clip in enumerate(one.table["sequence_id"]):
        np.testing.assert_array_equal(one.frames(i), two.frames(place[clip]))


def test_missing_and_doubled_frames_are_counted(own_competition: Path, tmp_path: Path) -> None:
    file = own_competition / "train_landmarks/20.parquet"
    edit_parquet(file, lambda table: table.drop_duplicates("frame").iloc[[0, 1, 2, 2, 3, 5]])
    assert extract(own_competition, tmp_path / "clips")["gaps"].tolist()[1] == 2


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a.parquet", 7, "a"), ("a.parquet", 7, "a")], None),
        ([("a.parquet", 7, "a"), ("a.parquet", 7, "b")], "7: the table gives it 2 different phrases"),
        ([("a.parquet", 7, "a" * 65)], "7: the phrase has 65 characters, more than 64"),
    ],
)
def test_rows_of_the_table_that_cannot_be_right_are_left_out(tmp_path: Path, rows: list, reason: str | None) -> None:
    clips = [clip_table(Clip(i, 1, "a", 20)).assign(sequence_id=i) for i in (7, 8)]
    pd.concat(clips).set_index("sequence_id").to_parquet(tmp_path / "a.parquet")
    table = pd.DataFrame([*rows, ("a.parquet", 8, "x")], columns=["path", "sequence_id", "phrase"])
    table.assign(file_id=1, participant_id=1).to_csv(tmp_path / "train.csv", index=False)
    summary = extract(tmp_path, tmp_path / "clips")
    assert summary["skipped"].iat[0] == ([reason] if reason else [])
    assert len(ClipStore(tmp_path / "clips")) == (1 if reason else 2)


@pytest.mark.parametrize("path", ["/etc/x.parquet", "../x.parquet", "a/../../x.parquet", "", "x" * 300, "a\0b"])
def test_a_path_out_of_the_folder_is_refused(own_competition: Path, tmp_path: Path, path: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        table = pd.read_csv(own_competition / "train.csv").assign(path=path)
        patch.setattr(pd, "read_csv", lambda *_, **__: table)
        with pytest.raises(DataError, match=r"train\.csv: the path .* is none of a visible file inside of "):
            extract(own_competition, tmp_path / "clips")


@pytest.mark.parametrize("ids", [["a", "b"], [1.5, 2.5], [1, None]])
def test_ids_that_are_no_whole_numbers_are_named(tmp_path: Path, ids: list) -> None:
    clip_table(Clip(1, 1, "a", 2)).assign(sequence_id=ids).to_parquet(tmp_path / "1.parquet")
    one_clip_a_file(tmp_path, [("1.parquet", 1)])
    with pytest.raises(DataError, match=r"1\.parquet: sequence_id has .*; it must be a whole number in every row"):
        extract(tmp_path, tmp_path / "clips")


def test_what_cannot_be_written_ends_the_extraction(
    own_competition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "shard")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(extraction, "write_shard", full)
        extract(own_competition, tmp_path / "clips")
    assert extract(own_competition, tmp_path / "clips")["error"].tolist() == ["", "", ""]


def test_hidden_files_are_passed_over(own_competition: Path, tmp_path: Path) -> None:
    extract(own_competition, tmp_path / "clips")
    (tmp_path / "clips/train/train_landmarks/._10.parquet.arrow").write_bytes(b"of macOS")
    assert len(ClipStore(tmp_path / "clips")) == 17
