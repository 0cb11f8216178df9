"""The command line: `fingerspelling predict` and `fingerspelling score`."""

import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from competitor import CLASSES, frames_that_spell, make_deadly_tflite, write_submission

import fingerspelling
from fingerspelling import text
from fingerspelling.__main__ import main
from fingerspelling.landmarks import COLUMNS, SELECTED
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring.submission import MODEL_FILE, NOTHING, WEIGHTS
from fingerspelling.video import command
from fingerspelling.video.recording import Recording

# What a computer that only predicts need not have.
HEAVY = ["torch", "tensorflow", "transformers", "pandas", "pydantic", "matplotlib", "papermill"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """submission.zip; one.parquet of one clip; many.parquet of two, and of one that no model can run."""
    folder = tmp_path_factory.mktemp("predict")
    files = write_submission(folder / "files")
    with zipfile.ZipFile(folder / "submission.zip", "w") as archive:
        for file in files.iterdir():
            archive.write(file, file.name)
    clips = folder / "clips"
    clips.mkdir()
    frames_that_spell(text.encode("dog 7")).to_parquet(clips / "one.parquet")
    ids_by_sequence = {5: text.encode("+1-234"), 3: text.encode("a.com"), 8: [CLASSES]}
    tables = [frames_that_spell(ids).assign(sequence_id=i) for i, ids in ids_by_sequence.items()]
    pd.concat(tables).set_index("sequence_id").to_parquet(clips / "many.parquet")
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    "command",
    [
        "predict ''",
        "predict x --submission=",
        "read ''",
        "read x.mp4 --keep ''",
        "score '' clips train.csv",
        "score x.zip '' train.csv",
        "status ''",
        "compare ''",
        "run --data ''",
        "train --params ''",
        "sweep '' training.epochs=1",
        "kaggle weights ''",
    ],
)
def test_an_empty_path_is_not_the_working_folder(command: str, capsys: pytest.CaptureFixture) -> None:
    """As of a shell's variable without a value."""
    with pytest.raises(SystemExit, match="2"):
        main(shlex.split(command))
    assert capsys.readouterr().err.endswith(": an empty path\n")


def test_home_is_found_by_its_sign(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("HOME", str(folder))  # which no shell puts in here
    assert main(["predict", "~/clips/one.parquet", "--submission=~/submission.zip"]) == 0
    assert capsys.readouterr().out == "dog 7\n"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["clips/one.parquet", "--submission", "submission.zip"], "dog 7\n"),
        (["clips/many.parquet", "--submission", "files", "--sequence", "3"], "a.com\n"),
        (["clips/one.parquet", "clips/one.parquet", "--submission", "files"], 2 * "clips/one.parquet\tdog 7\n"),
    ],
)
def test_the_text_of_clips_is_printed(arguments: list[str], output: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", *arguments]) == 0
    assert capsys.readouterr().out == output


@pytest.mark.usefixtures("here")
def test_what_fails_is_said_and_the_others_are_printed(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "film.MP4").write_bytes(b"film")
    paths = [str(tmp_path / name) for name in ("broken.parquet", "empty", "film.MP4")]
    arguments = ["absent.parquet", *paths, "clips"]
    assert main(["predict", "--submission", "files", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "clips/many.parquet:3\ta.com",
        "clips/many.parquet:5\t+1-234",
        "clips/one.parquet\tdog 7",
    ]
    absent, broken, empty, film, fails = err.splitlines()
    assert absent == "absent.parquet: no such file or folder"
    assert film == f"{tmp_path / 'film.MP4'}: is a video, which `fingerspelling read` reads"
    assert broken.startswith(f"{tmp_path / 'broken.parquet'}: not a readable parquet file")
    assert empty == f"{tmp_path / 'empty'}: holds no parquet files"
    assert fails.startswith("clips/many.parquet:8: the model failed (files: model.tflite: ")
    for path in ("clips", "absent.parquet"):
        assert main(["predict", path, "--submission", "files"]) == 2


@pytest.mark.usefixtures("here")
def test_a_sequence_or_submission_that_is_not_there_is_said(capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "clips/many.parquet", "--sequence", "4", "--submission", "files"]) == 2
    assert capsys.readouterr().err == "clips/many.parquet: holds no clip with the sequence_id 4\n"
    assert main(["predict", "clips/one.parquet", "--submission", "absent.zip"]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("absent.zip: cannot read inference_args.json")


def test_nothing_readable_is_status_1_of_either_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    frames_that_spell(text.encode(text.CONSTANT_PHRASE)).to_parquet(tmp_path / "none.parquet")
    assert main(["predict", str(tmp_path / "none.parquet"), "--submission", str(folder / "files")]) == 1
    assert capsys.readouterr().out == f"{NOTHING}\n"
    both = [str(tmp_path / "none.parquet"), str(folder / "clips/one.parquet")]
    assert main(["predict", *both, "--submission", str(folder / "files")]) == 0
    monkeypatch.setattr(command, "Reader", lambda path: None)
    Recording(np.full((9, len(COLUMNS)), np.nan, np.float32), np.arange(9) / 30).write(tmp_path / "handless.parquet")
    assert main(["read", str(tmp_path / "handless.parquet")]) == 1
    assert "no hand is seen in any of 9 frames" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["predict", "read"])
def test_the_status_is_told_by_the_help(name: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert command.STATUS in " ".join(capsys.readouterr().out.split())


def test_the_python_example_reads_a_clip_without_pytorch() -> None:
    if not (WEIGHTS / MODEL_FILE).is_file():
        pytest.skip("this checkout carries no weights")
    pytest.importorskip("ai_edge_litert", reason="no small runtime is installed: TensorFlow takes its place")
    example = (ROOT / "docs/your_own_hand.md").read_text().partition("```python\n")[2].partition("```")[0]
    code = f"import sys; sys.modules.update(dict.fromkeys({HEAVY}))\n{example}print(text, confidence > 0.9)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("hello world True\n", "")


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"fingerspelling {fingerspelling.__version__}\n"


def test_predicting_imports_numpy_pyarrow_and_a_runtime_only(folder: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="no small runtime is installed: TensorFlow takes its place")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({HEAVY}))\n"  # None there: importing it fails
        "from fingerspelling.__main__ import main; sys.exit(main())"
    )
    run = [sys.executable, "-c", code]
    predict = [*run, "predict", "clips/one.parquet", "--submission", "submission.zip"]
    done = subprocess.run(predict, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "dog 7\n"), done.stderr
    done = subprocess.run([*run, "score", "files", "clips", "x.csv"], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "fingerspelling score needs the package pandas; install fingerspelling[workbook]\n",
    )


def test_output_that_nobody_reads_any_more_is_no_crash(folder: Path) -> None:
    command = f"{sys.executable} -m fingerspelling predict clips clips --submission files | true"
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True)
    assert "BrokenPipe" not in done.stderr


@pytest.mark.usefixtures("here")
def test_a_submission_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "train.csv").write_text("sequence_id,phrase\none,dog 9\nmany,no\n")
    arguments = ["score", "submission.zip", "clips", str(tmp_path / "train.csv")]
    assert main([*arguments, "--threads", "1", "--table", str(tmp_path / "scored.csv")]) == 1
    out, err = capsys.readouterr()
    assert "score        0.5714 on 2 clips, 1 with an error" in out  # 7 characters, one wrong and two missed
    assert "of 5 hours" in out
    assert "clips/many.parquet: the model failed" in err
    assert pd.read_csv(tmp_path / "scored.csv", keep_default_na=False)["prediction"].tolist() == ["", "dog 7"]

    (tmp_path / "train.csv").write_text("sequence_id,phrase\none,dog 7\n")
    assert main(arguments) == 0
    assert "score        1.0000 on 1 clips, 0 with an error" in capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_a_table_that_cannot_be_written_is_said_before_the_scoring(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "train.csv").write_text("sequence_id,phrase\none,dog 9\n")
    arguments = ["score", "submission.zip", "clips", str(tmp_path / "train.csv"), "--table", "nowhere/out.csv"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == "nowhere: no such folder to write out.csv to\n"


def test_hidden_files_are_passed_over(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    clips = Path(shutil.copytree(folder / "clips", tmp_path / "clips"))
    (clips / "many.parquet").unlink()
    (clips / "._one.parquet").write_bytes(b"of macOS")
    (clips / ".ipynb_checkpoints").mkdir()
    (clips / ".ipynb_checkpoints/one-checkpoint.parquet").write_bytes(b"of Jupyter")
    assert main(["predict", str(clips), "--submission", str(folder / "submission.zip")]) == 0
    assert capsys.readouterr().out == f"{clips / 'one.parquet'}\tdog 7\n"


@pytest.mark.usefixtures("here")
def test_pixels_are_no_clip_for_a_model(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    clip = frames_that_spell(text.encode("dog 7"))
    clip.assign(**{f"{axis}_{point}": 300.0 for axis in "xy" for point in SELECTED}).to_parquet(tmp_path / "p.parquet")
    assert main(["predict", str(tmp_path / "p.parquet")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"{tmp_path / 'p.parquet'}: its coordinates are pixels")


def test_a_model_that_crashes_takes_no_command_with_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    files = write_submission(tmp_path / "files")
    (files / "model.tflite").write_bytes(make_deadly_tflite())
    clip = folder / "clips/one.parquet"
    assert main(["predict", str(clip), str(clip), "--submission", str(files)]) == 2
    reason = f"{files}: model.tflite crashed its process (SIGSEGV)"
    assert capsys.readouterr() == ("", 2 * f"{clip}: the model failed ({reason})\n")
    (tmp_path / "train.csv").write_text("sequence_id,phrase\none,dog 7\nmany,no\n")
    assert main(["score", str(files), str(folder / "clips"), str(tmp_path / "train.csv")]) == 1
    out, err = capsys.readouterr()
    assert "score        0.0000 on 2 clips, 2 with an error" in out
    assert err == f"{folder / 'clips/many.parquet'}: {reason}; none of the clips counts\n"
