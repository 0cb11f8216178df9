import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerspelling.clips import ClipStore, folds_by_signer, read_about, write_shard, written_whole
from fingerspelling.landmark_files import DataError

LENGTHS = [3, 1, 7]


def write(path: Path, first_id: int = 1) -> np.ndarray:
    """Write a shard of three clips; returns their frames."""
    rng = np.random.default_rng(first_id)
    frames = rng.normal(size=(sum(LENGTHS), 130, 3)).astype(np.float16)
    frames[rng.random(frames.shape[:2]) < 0.2] = np.nan
    clips = pd.DataFrame(
        {
            "sequence_id": first_id + np.arange(3),
            "participant_id": [5, 6, 5],
            "file_id": 9,
            "phrase": ["a b", "~", "null"],
            "n_frames": LENGTHS,
        }
    )
    write_shard(path, clips, frames, {"first": first_id})
    return frames


def test_a_store_gives_back_what_its_shards_were_written_from(tmp_path: Path) -> None:
    written = [write(tmp_path / "supplemental/1.arrow", 10), write(tmp_path / "train/2.arrow", 20)]
    written.append(write(tmp_path / "train/3.arrow", 30))
    store = ClipStore(tmp_path)
    assert len(store) == 9
    assert store.table["sequence_id"].tolist() == [10, 11, 12, 20, 21, 22, 30, 31, 32]
    assert store.table["supplemental"].tolist() == [True] * 3 + [False] * 6
    assert store.table["phrase"].tolist() == ["a b", "~", "null"] * 3
    assert store.table["n_frames"].tolist() == LENGTHS * 3
    clips = [clip for frames in written for clip in np.split(frames, np.cumsum(LENGTHS)[:-1])]
    for i, clip in enumerate(clips):
        np.testing.assert_array_equal(store.frames(i), clip)
        assert store.frames(i).dtype == np.float16


def test_frames_are_a_view_of_the_file_that_cannot_be_written_to(tmp_path: Path) -> None:
    write(tmp_path / "train/1.arrow")
    with pytest.raises(ValueError, match="read-only"):
        ClipStore(tmp_path).frames(0)[0] = 0


def test_a_store_travels_to_another_process_by_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "train/1.arrow")
    store = ClipStore(tmp_path)
    letter = pickle.dumps(store)
    assert len(letter) < 1000
    np.testing.assert_array_equal(pickle.loads(letter).frames(2), store.frames(2))


def test_no_clips_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path}.*holds no clips"):
        ClipStore(tmp_path)
    empty = pd.DataFrame(columns=["sequence_id", "participant_id", "file_id", "phrase", "n_frames"])
    write_shard(tmp_path / "train/1.arrow", empty, np.zeros((0, 130, 3), np.float16), {})
    with pytest.raises(DataError, match="holds no clips"):
        ClipStore(tmp_path)
    write(tmp_path / "train/2.arrow")
    assert len(ClipStore(tmp_path)) == 3  # an empty shard beside others does no harm


@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_damaged_shard_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "train/1.arrow"
    write(path)
    assert read_about(path) == {"first": 1}
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"1\.arrow: not a readable shard"):
        ClipStore(tmp_path)
    assert read_about(path) is None


def test_a_missing_shard_tells_nothing(tmp_path: Path) -> None:
    assert read_about(tmp_path / "1.arrow") is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "folder/file.txt"
    with written_whole(path) as temporary:
        temporary.write_text("old")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt), written_whole(path) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["file.txt"]


def test_what_a_killed_write_left_is_overwritten(tmp_path: Path) -> None:
    kill = "import os, sys; from pathlib import Path; from fingerspelling.clips import written_whole\n"
    kill += "with written_whole(Path(sys.argv[1])) as temporary: temporary.write_text('half'); os._exit(1)"
    path = tmp_path / "file.txt"
    subprocess.run([sys.executable, "-c", kill, path], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert not path.exists()
    assert len(os.listdir(tmp_path)) == 1
    with written_whole(path) as temporary:
        temporary.write_text("whole")
    assert os.listdir(tmp_path) == ["file.txt"]


signers = st.lists(st.integers(0, 12), min_size=1, max_size=200)


@given(signers, st.integers(1, 5))
def test_no_signer_stands_in_two_folds(participants: list[int], n_folds: int) -> None:
    series = pd.Series(participants)
    if series.nunique() < n_folds:
        with pytest.raises(DataError, match=f"cannot be split into {n_folds} folds"):
            folds_by_signer(series, n_folds)
        return
    folds = folds_by_signer(series, n_folds)
    assert set(folds) == set(range(n_folds))
    assert len(set(zip(participants, folds, strict=True))) == len(set(participants))


@given(signers, st.randoms())
def test_folds_do_not_depend_on_the_order_of_clips(participants: list[int], random) -> None:
    shuffled = random.sample(range(len(participants)), len(participants))
    series = pd.Series(participants)
    n_folds = min(3, series.nunique())
    assert (folds_by_signer(series, n_folds)[shuffled] == folds_by_signer(series.iloc[shuffled], n_folds)).all()


def test_folds_are_of_about_the_same_size() -> None:
    rng = np.random.default_rng(0)
    participants = pd.Series(np.repeat(np.arange(94), rng.integers(1, 1500, 94)))
    sizes = np.bincount(folds_by_signer(participants, 4))
    assert sizes.max() / sizes.min() < 1.01
