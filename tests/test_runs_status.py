"""Each stage of a run, done, half done, out of date and damaged."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from test_data_extraction import edit_train
from test_workbook import TINY

from fingerspelling.__main__ import main
from fingerspelling.data.competition import ENVIRONMENT_VARIABLE
from fingerspelling.data.stages import SUBMISSION, note
from fingerspelling.files import DataError, content, seal
from fingerspelling.runs.status import status
from fingerspelling.workbook import Workbook


@pytest.fixture(scope="module")
def finished(competition: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Parameters of a finished run on a copy of the tiny competition, with a stand-in for its submission."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(competition, folder / "competition")
    values = TINY | {
        "run_dir": str(folder / "run"),
        "data_dir": str(folder / "competition"),
        "first_round": "",
        "training": TINY["training"] | {"epochs": 1, "batch_size": 4},
    }
    book = Workbook(values)
    book.read_held_out()
    (book.run_dir / SUBMISSION).write_bytes(b"a zip")
    note(book.run_dir, SUBMISSION, {"readers": book.readers, "content": content(book.run_dir / SUBMISSION)})
    book.keep_metrics(score=0.5)
    return values


@pytest.fixture
def run(finished: dict, tmp_path: Path) -> Path:
    """A copy of the finished run, as a Kaggle data set would be: without times."""
    run_dir = Path(finished["run_dir"])
    copy = Path(shutil.copytree(run_dir, tmp_path / "run", copy_function=shutil.copyfile))
    shutil.copytree(finished["data_dir"], tmp_path / "competition", copy_function=shutil.copyfile)
    (copy / "data.txt").write_text(f"{tmp_path / 'competition'}\n")
    return copy


def states(run: Path) -> dict[str, str]:
    table = status(run).set_index("stage")["state"]
    return {str(stage): state.split(":")[0].split(",")[0] for stage, state in table.items()}


ALL = ["data", "clips", "seed1", "seed2", "out_of_fold.parquet", "submission.zip", "metrics.json"]


def test_a_finished_run_is_done_wherever_it_was_copied(run: Path, capsys: pytest.CaptureFixture) -> None:
    assert states(run) == dict.fromkeys(ALL, "done")
    table = status(run).set_index("stage")
    assert (table["version"][ALL[1:]] == "0.2.0").all() and table["made"]["seed1"].startswith("20")
    assert main(["status", str(run)]) == 0
    printed = capsys.readouterr().out
    assert "clips                done: 17 clips  (20" in printed and "UTC, version 0.2.0)" in printed


def change_labels(run: Path) -> None:
    edit_train(run.parent / "competition", lambda table: table.assign(phrase=["right", *table["phrase"][1:]]))


def extract_changed_labels(run: Path) -> None:
    change_labels(run)
    values = TINY | {"run_dir": str(run), "data_dir": str(run.parent / "competition"), "first_round": ""}
    Workbook(values).store  # noqa: B018


def read_otherwise(run: Path) -> None:
    file = run / "seed2/out_of_fold.parquet"
    pd.read_parquet(file).assign(prediction="x").to_parquet(file)


def kill(run: Path) -> None:
    """Leave what a training leaves that is killed after two checkpoints, the last cut off."""
    shutil.rmtree(run / "seed2/model")
    for step in (5, 10):
        checkpoint = run / f"seed2/checkpoints/checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "trainer_state.json").write_text(json.dumps({"max_steps": 20, "epoch": step / 5}))
        seal(checkpoint)
    (run / "seed2/checkpoints/checkpoint-10/trainer_state.json").write_text("{")


def cut(*files: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        for file in files:
            (path,) = run.glob(file)
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def remove(*files: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        for file in files:
            (shutil.rmtree if (run / file).is_dir() else Path.unlink)(run / file)

    return damage


DERIVED = dict.fromkeys(ALL[4:], "stale")
CASES = {
    "labels changed": (change_labels, {"clips": "stale"}),
    "labels extracted": (extract_changed_labels, {"seed1": "stale", "seed2": "stale"}),
    "a training killed": (kill, {"seed2": "partly"}),
    "read otherwise": (read_otherwise, DERIVED),
    "no extraction": (remove("clips"), {"clips": "missing"}),
    "nothing exported": (
        remove("submission.zip", "metrics.json"),
        {"submission.zip": "missing", "metrics.json": "missing"},
    ),
    "no training": (remove("seed1"), {"seed1": "missing", **DERIVED}),
    "no notes": (remove("stages.json"), {}),
    "a shard cut": (cut("clips/train/*/10.parquet.arrow"), dict.fromkeys(["clips", "seed1", "seed2"], "damaged")),
    "a model cut": (cut("seed1/model/model.safetensors"), {"seed1": "damaged"}),
    "a training.json cut": (cut("seed1/training.json"), {"seed1": "damaged"}),
    "predictions cut": (cut("out_of_fold.parquet"), {"out_of_fold.parquet": "damaged"}),
    "a model's predictions cut": (cut("seed1/out_of_fold.parquet"), {"seed1": "damaged", **DERIVED}),
    "metrics cut": (cut("metrics.json"), {"metrics.json": "damaged"}),
    "a submission cut": (cut("submission.zip"), {"submission.zip": "damaged"}),
    "notes cut": (cut("stages.json"), {}),
    "data gone": (lambda run: shutil.rmtree(run.parent / "competition"), {"data": "missing"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_happened_to_a_run_is_told(run: Path, case: str) -> None:
    happen, expected = CASES[case]
    happen(run)
    assert states(run) == dict.fromkeys(ALL, "done") | expected


def test_a_checkpoint_is_named_with_its_step(run: Path) -> None:
    kill(run)
    table = status(run).set_index("stage")["state"]
    assert table["seed2"] == "partly: checkpoint-5 of 20 steps (epoch 1)"


def test_a_run_that_only_simulates_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    book = Workbook(TINY | {"run_dir": str(tmp_path / "run"), "data_dir": None})
    assert book.data_dir
    told = states(book.run_dir)
    assert told.pop("data") == "done"
    assert set(told.values()) == {"missing"} and {"first_round/fold0", "scores.parquet", "seed2"} <= told.keys()
    (book.data_dir / "train.csv").unlink()
    assert status(book.run_dir)["state"][0] == "partly: 3 files"


def test_a_folder_that_holds_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no run"):
        status(tmp_path)
    assert main(["status", str(tmp_path / "nowhere")]) == 2


def test_it_is_told_without_pytorch(run: Path) -> None:
    code = (
        "import sys; from fingerspelling.__main__ import main; "
        f"assert main(['status', {str(run)!r}]) == 0; "
        "print({'torch', 'transformers', 'tensorflow', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
