import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import TRAIN, Clip, clip_table, landmarks, selected

from fingerspelling.data.parquet import read_clip, read_clips, unit_and_mark
from fingerspelling.files import DataError
from fingerspelling.landmarks import SELECTED_COLUMNS, as_columns


def test_clip_is_read_as_the_scorer_reads_it(tmp_path: Path) -> None:
    clip = Clip(7, 1, "abc", 9)
    clip_table(clip).to_parquet(tmp_path / "7.parquet")
    frames = read_clip(tmp_path / "7.parquet")
    assert frames.dtype == np.float32
    assert frames.shape == (9, 390)
    np.testing.assert_array_equal(frames, as_columns(selected(landmarks(clip))))
    columns = ["y_pose_3", "x_face_0"]
    np.testing.assert_array_equal(
        read_clip(tmp_path / "7.parquet", columns), clip_table(clip)[columns].to_numpy(np.float32)
    )


def test_columns_of_any_kind_of_number_are_read_as_pandas_does(tmp_path: Path) -> None:
    table = pd.DataFrame({"half": np.float16([1, 2]), "count": [3, 4], "gap": pd.array([5, None], "Int64")})
    table.to_parquet(tmp_path / "clip.parquet")
    read = read_clip(tmp_path / "clip.parquet", ["gap", "half", "count"])
    np.testing.assert_array_equal(read, table[["gap", "half", "count"]].astype(np.float32).to_numpy())


def test_one_clip_of_many_is_read_by_its_id(competition: Path) -> None:
    clip = TRAIN[10][2]
    frames = read_clip(competition / "train_landmarks/10.parquet", sequence_id=clip.sequence_id)
    np.testing.assert_array_equal(frames, clip_table(clip)[SELECTED_COLUMNS].to_numpy())


@pytest.mark.parametrize("path", ["train_landmarks/10.parquet", "clip.parquet"])
def test_a_clip_that_a_file_does_not_hold_is_an_error(competition: Path, tmp_path: Path, path: str) -> None:
    clip_table(Clip(7, 1, "abc", 4)).reset_index(drop=True).to_parquet(tmp_path / "clip.parquet")
    folder = competition if (competition / path).is_file() else tmp_path
    with pytest.raises(DataError, match=rf"{folder / path}: holds no clip with the sequence_id 7"):
        read_clip(folder / path, sequence_id=7)


@pytest.mark.parametrize("apart", [False, True], ids=["in order", "rows apart"])
def test_all_clips_of_a_file_are_read(competition: Path, tmp_path: Path, apart: bool) -> None:
    table = pd.read_parquet(competition / "train_landmarks/10.parquet")
    table = table.sort_values("frame", kind="stable") if apart else table
    table.to_parquet(tmp_path / "10.parquet", row_group_size=60)
    clips = read_clips(tmp_path / "10.parquet")
    assert list(clips) == [clip.sequence_id for clip in TRAIN[10]]
    for clip, frames in zip(TRAIN[10], clips.values(), strict=True):
        np.testing.assert_array_equal(frames, clip_table(clip)[SELECTED_COLUMNS].to_numpy())


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    clip = clip_table(Clip(7, 1, "abc", 9))
    expected = clip[["x_face_0"]].to_numpy()
    for shuffled in (clip.sample(frac=1, random_state=2), clip.iloc[::-1].reset_index(drop=True)):
        shuffled.to_parquet(tmp_path / "7.parquet")
        ((_, frames),) = read_clips(tmp_path / "7.parquet", ["x_face_0"]).items()
        np.testing.assert_array_equal(frames, expected)
    clip.iloc[::-1].to_parquet(tmp_path / "7.parquet")
    np.testing.assert_array_equal(read_clip(tmp_path / "7.parquet", ["x_face_0"], 7), expected)


def test_pixels_are_told_from_shares_of_the_picture(tmp_path: Path) -> None:
    clip = clip_table(Clip(7, 1, "abc", 9))
    points = clip.drop(columns="frame")
    for factor, told in ((1.0, False), (640.0, True), (np.nan, False), (0.0, False)):
        (points * np.float32(factor)).to_parquet(tmp_path / "7.parquet")
        assert unit_and_mark(tmp_path / "7.parquet")[0] == told
    points[["z_face_3"]].to_parquet(tmp_path / "7.parquet")
    assert unit_and_mark(tmp_path / "7.parquet") == (False, None)


@pytest.mark.parametrize("mark", [0.0, -1.0, -999.0])
def test_what_stands_for_undetected_points_is_told_and_taken_out(tmp_path: Path, mark: float) -> None:
    clip = clip_table(Clip(7, 1, "abc", 9))
    hand = [name for name in clip if "left_hand" in name]
    clip[hand] = np.float32(np.nan)
    clip.to_parquet(tmp_path / "7.parquet")
    assert unit_and_mark(tmp_path / "7.parquet") == (False, None)
    expected = read_clip(tmp_path / "7.parquet")
    clip.fillna(np.float32(mark)).to_parquet(tmp_path / "7.parquet")
    assert unit_and_mark(tmp_path / "7.parquet") == (False, mark)
    np.testing.assert_array_equal(read_clip(tmp_path / "7.parquet", mark=mark), expected)
    alone = read_clip(tmp_path / "7.parquet", ["frame", "z_left_hand_0"], 7, mark)  # as another's model may select them
    np.testing.assert_array_equal(alone, clip[["frame", "z_left_hand_0"]].to_numpy(np.float32))


def test_a_file_of_one_clip_is_read_with_and_without_its_id(tmp_path: Path) -> None:
    table = clip_table(Clip(7, 1, "abc", 4))
    for part in (table, table.reset_index(drop=True), table[:0]):
        part.to_parquet(tmp_path / "7.parquet")
        ((sequence_id, frames),) = read_clips(tmp_path / "7.parquet", ["y_pose_3"]).items()
        assert sequence_id == (7 if part is table else None)
        np.testing.assert_array_equal(frames, part[["y_pose_3"]].to_numpy())


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "7.parquet")
    for path in (tmp_path / "7.parquet", tmp_path, Path("/dev/zero")):
        for read in (read_clips, unit_and_mark):
            with pytest.raises(DataError, match=f"^{path}: is a folder, a pipe or a device, not a file"):
                read(path)


def test_a_clip_of_no_frames_is_read(tmp_path: Path) -> None:
    clip_table(Clip(7, 1, "abc", 4)).iloc[:0].to_parquet(tmp_path / "7.parquet")
    assert read_clip(tmp_path / "7.parquet").shape == (0, 390)


def test_a_bad_clip_is_named_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "7.parquet"
    with pytest.raises(DataError, match=r"7\.parquet: not a readable parquet file"):
        read_clip(path)
    table = clip_table(Clip(7, 1, "abc", 9))
    table.drop(columns=["z_face_0", "x_pose_11"]).to_parquet(path)
    with pytest.raises(DataError, match=r"7\.parquet: lacks 2 columns, x_pose_11 the first"):
        read_clip(path)
    table.assign(x_pose_11="left").to_parquet(path)
    with pytest.raises(DataError, match=r"7\.parquet: x_pose_11 holds no numbers, but values of the type"):
        read_clip(path)
    table.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"7\.parquet: not a readable parquet file"):
        read_clip(path)


def test_real_recordings_are_read(real_data: Path) -> None:
    for path in sorted((real_data / "ase-letters-pose").glob("*.parquet")):
        frames = read_clip(path)
        assert len(frames) > 5
        assert not np.isnan(frames).all()


def test_a_file_whose_name_is_no_utf8_is_named() -> None:
    with pytest.raises(DataError, match="not a readable parquet file"):
        read_clip(Path("\udcff.parquet"))
