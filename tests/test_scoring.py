import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from synthetic import SUPPLEMENTAL, TRAIN, clip_table

from fingerspelling import text
from fingerspelling.competition import DataError, read_clip, read_table
from fingerspelling.landmarks import COLUMNS, SELECTED_COLUMNS
from fingerspelling.scoring import Submission, load_runner, score_submission, write_clips

# The competitor of these tests reads two columns: one tells the character of every frame, one is ignored.
TOLD, IGNORED = "x_right_hand_8", "z_pose_11"
CLASSES = 64


@pytest.fixture(scope="module")
def model() -> bytes:
    """A model.tflite whose row i has its maximum where the first column of frame i says."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="inputs")])
    def serve(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": tf.gather(tf.eye(CLASSES), tf.cast(inputs[:, 0], tf.int32))}

    module = tf.Module()
    module.serve = serve
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], module)
    return converter.convert()


@pytest.fixture
def folder(model: bytes, tmp_path: Path) -> Path:
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(model)
    (folder / "inference_args.json").write_text(json.dumps({"selected_columns": [TOLD, IGNORED]}))
    return folder


@pytest.fixture
def submission(folder: Path) -> Submission:
    return Submission(folder)


def frames_that_spell(ids: list[int | float]) -> pd.DataFrame:
    """A clip of all columns whose frames tell these class numbers."""
    values = np.full((len(ids), len(COLUMNS)), np.nan, np.float32)
    values[:, COLUMNS.index(TOLD)] = ids
    return pd.DataFrame(values, columns=COLUMNS)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Three clips that can be read and four that cannot: of a class too many, the model fails."""
    folder = tmp_path_factory.mktemp("clips")
    told = {
        "right": text.encode("dog 7"),
        "outside": [*text.encode("a"), 59, 63, *text.encode("b")],
        "wrong": text.encode("cat"),
        "fails": [CLASSES],
    }
    for name, ids in told.items():
        frames_that_spell(ids).to_parquet(folder / f"{name}.parquet")
    frames_that_spell([1, 2]).drop(columns=IGNORED).to_parquet(folder / "lacks.parquet")
    whole = (folder / "right.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    names = [*told, "lacks", "cut", "absent"]
    phrases = ["dog 7", "ab", "cot", "no", "no", "no", "no"]
    paths = [folder / f"{name}.parquet" for name in names]
    return pd.DataFrame({"path": paths, "phrase": phrases, "signer": range(7)}, index=names)


def test_clips_are_scored_as_kaggle_does(submission, clips):
    results, summary = score_submission(submission, clips)
    assert results["prediction"].tolist() == ["dog 7", "ab", "cat", "", "", "", ""]
    assert results["clip_score"].tolist() == pytest.approx([1, 1, 2 / 3, 0, 0, 0, 0])
    assert results["frames"].tolist()[:4] == [5, 4, 3, 1]
    assert results.index.equals(clips.index) and results["signer"].tolist() == list(range(7))
    # 18 characters; one of "cot" is wrong, the four "no" are missed.
    assert summary.score == pytest.approx((18 - 1 - 8) / 18)


def test_a_clip_with_an_error_counts_as_empty_and_says_why(submission, clips):
    results, summary = score_submission(submission, clips)
    errors = results["error"]
    assert (errors[:3] == "").all() and summary.errors == 4 and summary.clips == 7
    for name, reason in {
        "fails": "model failed",
        "lacks": IGNORED,
        "cut": "not a readable",
        "absent": "No such",
    }.items():
        assert f"{name}.parquet" in errors[name] and reason in errors[name]
    assert results["seconds"][:3].gt(0).all() and results["seconds"][3:].isna().all()


def test_the_summary_extrapolates_to_the_hidden_set(submission, clips):
    results, summary = score_submission(submission, clips[:3], hidden_clips=36_000)
    mean = (results["reading_seconds"] + results["seconds"]).mean()
    assert summary.hidden_hours == pytest.approx(10 * mean) and summary.fits
    assert summary.median_seconds <= summary.p95_seconds <= results["seconds"].max()
    assert summary.peak_memory_mb > 50
    assert not score_submission(submission, clips[:3], hidden_clips=10**12)[1].fits


def test_any_map_of_characters_serves(folder, clips):
    submission = Submission(folder, characters={i: "AB"[i % 2] for i in range(60)})
    assert submission.spell(read_clip(clips.loc["outside", "path"], submission.columns)) == "ABB"


def test_a_zip_is_read_like_a_folder(folder, clips, tmp_path):
    with zipfile.ZipFile(tmp_path / "submission.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    results, _ = score_submission(Submission(tmp_path / "submission.zip"), clips[:1])
    assert results["prediction"].tolist() == ["dog 7"]


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("model.tflite", None, "cannot read model.tflite"),
        ("model.tflite", b"no model", "model.tflite"),
        ("inference_args.json", None, "cannot read inference_args.json"),
        ("inference_args.json", b"{", "selected_columns"),
        ("inference_args.json", b'{"columns": []}', "selected_columns"),
    ],
)
def test_a_broken_submission_is_named(folder, file, content, reason):
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=f"{folder}.*{reason}"):
        Submission(folder)


def test_a_file_that_is_no_zip_is_named(tmp_path):
    (tmp_path / "submission.zip").write_bytes(b"PK but no zip")
    with pytest.raises(DataError, match=r"submission\.zip"):
        Submission(tmp_path / "submission.zip")


def test_a_model_without_the_signature_is_refused():
    import tensorflow as tf

    function = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None, 2], tf.float32, name="frames")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    with pytest.raises(ValueError, match="no signature serving_default from 'inputs'"):
        load_runner(converter.convert())


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (pd.DataFrame({"path": ["a"]}), "phrase"),
        (pd.DataFrame({"path": [], "phrase": []}, dtype=str), "nothing to score"),
        (pd.DataFrame({"path": ["a"], "phrase": [""]}), "nothing to score"),
    ],
)
def test_a_table_that_cannot_be_scored_is_refused(submission, table, reason):
    with pytest.raises(DataError, match=reason):
        score_submission(submission, table)


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
    (own_competition / table["path"].iat[0]).touch()  # a newer source
    write_clips(own_competition, table, folder)
    assert [new > old for new, old in zip(modified(folder), before, strict=True)] == [True] * 6 + [False] * 6


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
