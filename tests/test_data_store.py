import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fingerspelling.data.store import ClipStore, is_whole, read_about, write_shard
from fingerspelling.files import DataError

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
    write(tmp_path / "train/.ipynb_checkpoints/2-checkpoint.arrow")
    assert len(ClipStore(tmp_path)) == 3  # an empty shard next to others does no harm, nor what Jupyter leaves


@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_damaged_shard_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "train/1.arrow"
    write(path)
    assert read_about(path)["first"] == 1
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"1\.arrow: not a readable shard"):
        ClipStore(tmp_path)
    assert read_about(path) is None


def test_a_shard_is_whole_only_with_every_bit_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "train/1.arrow"
    frames = write(path)
    assert is_whole(path)
    content = path.read_bytes()
    for word in (b"first", b"null", frames[2, 5].tobytes()):  # a fact, a phrase, a frame
        place = content.rindex(word) + 1  # the schema stands twice in a file; the last is read
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not is_whole(path), word
    path.write_bytes(content)
    assert is_whole(path)
    path.unlink()
    assert not is_whole(path)


def test_a_missing_shard_has_no_facts(tmp_path: Path) -> None:
    assert read_about(tmp_path / "1.arrow") is None
