import os
import sys
from pathlib import Path

import pandas as pd
import pytest
from competitor import CLASSES, IGNORED, frames_that_spell, make_deadly_tflite, write_submission

from fingerspelling import text
from fingerspelling.files import DataError
from fingerspelling.scoring import scorer
from fingerspelling.scoring.runtime import _interpreter_class
from fingerspelling.scoring.scorer import LIMIT_HOURS, find_clips, score_submission
from fingerspelling.scoring.submission import Submission


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Submission:
    return Submission(write_submission(tmp_path_factory.mktemp("competitor") / "submission"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Three clips that can be read and four that cannot: of a class too many, the model fails."""
    folder = tmp_path_factory.mktemp("clips")
    ids_by_name = {
        "right": text.encode("dog 7"),
        "outside": [*text.encode("a"), 59, 63, *text.encode("b")],
        "wrong": text.encode("cat"),
        "fails": [CLASSES],
    }
    for name, ids in ids_by_name.items():
        frames_that_spell(ids).to_parquet(folder / f"{name}.parquet")
    frames_that_spell([1, 2]).drop(columns=IGNORED).to_parquet(folder / "lacks.parquet")
    whole = (folder / "right.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    names = [*ids_by_name, "lacks", "cut", "absent"]
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


def test_the_summary_extrapolates_to_the_hidden_set(submission, clips, monkeypatch):
    monkeypatch.setattr(scorer, "HIDDEN_CLIPS", 36_000)
    results, summary = score_submission(submission, clips[:3])
    mean = (results["reading_seconds"] + results["seconds"]).mean()
    assert summary.hidden_hours == pytest.approx(10 * mean)
    assert summary.fits == (10 * mean <= LIMIT_HOURS)  # however busy the machine is
    assert summary.median_seconds <= summary.p95_seconds <= results["seconds"].max()
    most = 1500 if _interpreter_class().__module__.startswith("tensorflow") else 200  # the runtime's, and little more
    assert 20 < summary.peak_memory_mb < most  # of the model's process, not of this one
    monkeypatch.setattr(scorer, "HIDDEN_CLIPS", 10**12)
    assert not score_submission(submission, clips[:3])[1].fits


def test_a_model_that_dies_gets_no_clip(clips: pd.DataFrame, tmp_path: Path) -> None:
    folder = write_submission(tmp_path / "submission")
    (folder / "model.tflite").write_bytes(make_deadly_tflite())
    results, summary = score_submission(Submission(folder), clips)
    assert summary.score == 0 and summary.errors == summary.clips == 7
    first = clips["path"].iloc[0]
    sentence = f"{first}: {folder}: model.tflite crashed its process (SIGSEGV); none of the clips counts"
    assert results["error"].unique().tolist() == [sentence]


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


def test_clips_are_found_by_their_sequence_id(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("10/1002", "10/1001", "20/77"):
        path = tmp_path / f"clips/{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    table = tmp_path / "train.csv"
    table.write_text("path,sequence_id,phrase\na,1001,null\na,1002,0012\nb,9,absent\nc,1001,null\n")
    clips = find_clips(tmp_path / "clips", table)
    assert clips["path"].tolist() == [tmp_path / f"clips/10/{name}.parquet" for name in ("1001", "1002")]
    assert clips["phrase"].tolist() == ["null", "0012"]
    assert "left out 1 of 3 clips" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (None, "train.csv: No such file"),
        ("sequence_id,text\n1,a\n", "train.csv: not a CSV table with the columns sequence_id and phrase$"),
        ('"', "train.csv: not a CSV table with the columns sequence_id and phrase$"),
        ("sequence_id,phrase\n2,a\n", "clips: none of its 1 parquet files is named after a clip in .*train.csv"),
    ],
)
def test_clips_that_cannot_be_found_are_an_error(tmp_path: Path, table: str | None, reason: str) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/1.parquet").touch()
    if table is not None:
        (tmp_path / "train.csv").write_text(table)
    with pytest.raises(DataError, match=reason):
        find_clips(tmp_path / "clips", tmp_path / "train.csv")


def test_a_folder_without_clips_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("sequence_id,phrase\n1,a\n")
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        find_clips(tmp_path / "nowhere", tmp_path / "train.csv")
    with pytest.raises(DataError, match=r"train\.csv: no such folder"):
        find_clips(tmp_path / "train.csv", tmp_path / "train.csv")
    with pytest.raises(DataError, match=r"holds no parquet files"):
        find_clips(tmp_path, tmp_path / "train.csv")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_file_whose_name_is_not_utf_8_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in (b"1.parquet", b"\xff.parquet"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    (tmp_path / "train.csv").write_text("sequence_id,phrase\n1,a\n")
    assert find_clips(tmp_path, tmp_path / "train.csv")["sequence_id"].tolist() == ["1"]
    assert "left out 1 of 2 clips" in capsys.readouterr().out


def test_clips_without_a_phrase_or_with_several_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for clip in "1234":
        (tmp_path / f"{clip}.parquet").touch()
    (tmp_path / "train.csv").write_text("sequence_id,phrase\n1,a\n1,a\n2,\n3,c\n3,d\n4,e\n")
    found = find_clips(tmp_path, tmp_path / "train.csv")
    assert dict(zip(found["sequence_id"], found["phrase"], strict=True)) == {"1": "a", "4": "e"}
    assert "left out 2 of 4 clips" in capsys.readouterr().out


@pytest.mark.parametrize("written", ["7.0", "007", " 7", "+7", "7."])
def test_ids_that_a_spreadsheet_wrote_are_whole_numbers(tmp_path: Path, written: str) -> None:
    (tmp_path / "7.parquet").touch()
    (tmp_path / "train.csv").write_text(f"sequence_id,phrase\n{written},a\n")
    assert find_clips(tmp_path, tmp_path / "train.csv")["phrase"].tolist() == ["a"]
