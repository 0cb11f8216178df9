"""A sweep survives what fails and what is killed, and ends with a table of all its runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from fingerspelling.__main__ import main
from fingerspelling.parameters import ParameterError
from fingerspelling.plots.results import sweep_scores
from fingerspelling.runs import sweep
from fingerspelling.runs.config import ROOT

# In place of the notebooks: a run whose score says which it was, which fails or dies where it is told to.
NOTEBOOKS = """
import os, signal, sys, time
from pathlib import Path
import pandas as pd, yaml
values = yaml.safe_load(Path(sys.argv[sys.argv.index("--params") + 1]).read_text())
training, run_dir = values["training"], Path(values["run_dir"])
run_dir.mkdir(exist_ok=True)
with (run_dir / "starts").open("a") as file: file.write("x")
print("=== 03_training")
if training["epochs"] == 2 and training["batch_size"] == 1:
    print("03_training, cell 18: RuntimeError: the loss is not a number", file=sys.stderr)
    print("the notebook with the whole error: somewhere", file=sys.stderr)
    sys.exit(1)
if training["epochs"] == 3 and training["batch_size"] == 2 and not (run_dir / "began").exists():
    (run_dir / "began").touch()
    if os.environ.get("HANG"): time.sleep(60)
    os.kill(os.getpid(), signal.SIGKILL)
wrong = "x" * (training["epochs"] + training["batch_size"])
clips = pd.DataFrame({"prediction": [wrong + "abcdefghij"], "phrase": ["abcdefghij"]})
clips.to_parquet(run_dir / "out_of_fold.parquet")
"""
VALUES = ["training.epochs=1,2,3", "training.batch_size=1,2", "seeds=[4]"]  # a list: such runs once had no hash


@pytest.fixture
def notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "notebooks.py"
    script.write_text(NOTEBOOKS)
    monkeypatch.setattr(sweep, "NOTEBOOKS", [sys.executable, str(script)])
    monkeypatch.setattr(sweep, "PAUSE", 0.01)
    return script


def run(folder: Path, *options: str) -> int:
    return main(["sweep", str(ROOT / "tests/tiny.yaml"), *VALUES, "--folder", str(folder), *options])


@pytest.mark.usefixtures("notebooks")
def test_one_fails_and_one_is_killed_and_the_next_call_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = tmp_path / "sweep"
    assert run(folder, "--parallel", "3") == 1
    out = capsys.readouterr().out
    assert "epochs=3,batch_size=2: killed by SIGKILL, after" in out
    assert "epochs=2,batch_size=1: 03_training, cell 18: RuntimeError: the loss is not a number, after" in out
    assert "4 of 6 runs finished" in out
    kept = {path: path.read_bytes() for path in folder.glob("*.json")}

    assert run(folder) == 1
    out = capsys.readouterr().out
    assert "5 of 6 runs finished" in out and "epochs=1" not in out.split(" epochs ")[0]
    table = pd.read_csv(folder / "sweep.csv", index_col="run", keep_default_na=False)
    assert len(table) == 6
    failed = table[table["failure"] != ""]
    assert failed.index.tolist() == ["epochs=2,batch_size=1"] == [table.index[-1]]
    assert failed["failure"].item().endswith("the loss is not a number")
    finished = table[table["failure"] == ""]
    expected = [
        1 - (epochs + size) / 10 for epochs, size in finished[["training.epochs", "training.batch_size"]].to_numpy()
    ]
    assert finished["score"].astype(float).tolist() == pytest.approx(expected)
    assert finished["score"].tolist() == sorted(finished["score"], reverse=True)
    assert finished["duration"].str.fullmatch(r"\d+ s").all()
    assert (folder / "sweep.png").stat().st_size > 1000
    starts = {path.parent.name: len(path.read_text()) for path in folder.glob("*/starts")}
    assert starts == {
        name: 2 if name in {"epochs=2,batch_size=1", "epochs=3,batch_size=2"} else 1 for name in table.index
    }
    finished_before = {path: content for path, content in kept.items() if b'"failure": ""' in content}
    assert all(path.read_bytes() == content for path, content in finished_before.items()) and len(finished_before) == 4


def test_a_sweep_that_is_killed_leaves_nothing_running_and_goes_on(
    notebooks: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder, values = tmp_path / "sweep", ["training.epochs=1,3", "training.batch_size=2"]
    code = (
        f"from fingerspelling.runs import sweep; sweep.NOTEBOOKS = {[sys.executable, str(notebooks)]!r}\n"
        "import sys; from fingerspelling.__main__ import main; sys.exit(main())"
    )
    arguments = ["sweep", str(ROOT / "tests/tiny.yaml"), *values, "--folder", str(folder)]
    environment = {**os.environ, "HANG": "1"}
    with subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stderr=subprocess.PIPE) as process:
        while not (folder / "epochs=3/began").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 143
    assert said.decode() == "terminated; the same command goes on from here\n"
    assert main(arguments) == 0
    assert "2 of 2 runs finished" in capsys.readouterr().out
    assert len((folder / "epochs=1/starts").read_text()) == 1


def test_each_run_has_its_own_whole_parameters(tmp_path: Path) -> None:
    base = ROOT / "tests/tiny.yaml"
    runs = sweep.plan(base, ["training.learning_rate=1e-3,2e-3", "submission.precision=int8"], tmp_path)
    assert [run.folder.name for run in runs] == ["learning_rate=0.001", "learning_rate=0.002"]
    assert runs[1].values["training"]["learning_rate"] == 2e-3
    assert runs[1].values["training"]["folds"] == 2 and runs[1].values["submission"]["num_beams"] == 3
    assert runs[1].values["run_dir"] == str(runs[1].folder)
    assert yaml.safe_load(runs[0].beside(".yaml").read_text()).keys().isdisjoint({"params", "overrides"})
    assert [run.folder for run in sweep.plan(base, ["training.learning_rate=1e-3"], tmp_path / "b")]
    # Names that end alike are written in full; lists are values too.
    runs = sweep.plan(base, ["model.ctc_weight=0.3,0.4", "submission.ctc_weight=0.1"], tmp_path / "c")
    assert [run.folder.name for run in runs] == ["ctc_weight=0.3", "ctc_weight=0.4"]
    runs = sweep.plan(base, ["model.ctc_weight=0.3,0.4", "submission.ctc_weight=0.1,0.2"], tmp_path / "e")
    assert runs[0].folder.name == "model.ctc_weight=0.3,submission.ctc_weight=0.1"
    assert [run.values["seeds"] for run in sweep.plan(base, ["seeds=[1],[1,2]"], tmp_path / "d")] == [[1], [1, 2]]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("training.epoch=1,2", "training.epoch: no such parameter; did you mean epochs?"),
        ("training.epochs=1,0", "training.epochs"),
        ("training.epochs", "expected a name and a value"),
        ("training.epochs=1,[", "cannot read the value"),
        ("training.seed=1,2", r"training.seed: seeds, \[1, 2\], takes its place"),
        ("training.epochs=", "expected values, such as training.epochs=1,2"),
    ],
)
def test_values_are_checked_before_anything_starts(value: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=said.replace("?", r"\?")):
        sweep.plan(ROOT / "tests/tiny.yaml", [value], tmp_path / "sweep")
    assert main(["sweep", str(ROOT / "tests/tiny.yaml"), value, "--folder", str(tmp_path / "sweep")]) == 2
    assert not (tmp_path / "sweep").exists()


def test_a_run_with_other_parameters_is_not_mixed_in(tmp_path: Path) -> None:
    params = tmp_path / "x.yaml"
    params.write_text("params: tests/tiny.yaml\ntraining: {folds: 2}")
    sweep.plan(params, ["training.epochs=1"], tmp_path / "sweep")
    params.write_text("params: tests/tiny.yaml\ntraining: {folds: 3}")
    with pytest.raises(ParameterError, match=r"epochs=1\.yaml: was run with other parameters; choose another --folder"):
        sweep.plan(params, ["training.epochs=1,2"], tmp_path / "sweep")
    assert not (tmp_path / "sweep/epochs=2.yaml").exists()


def test_what_somebody_has_changed_in_a_runs_parameters_is_read_as_strictly_as_the_run_does(tmp_path: Path) -> None:
    (run,) = sweep.plan(ROOT / "tests/tiny.yaml", ["training.epochs=1"], tmp_path)
    content = run.beside(".yaml").read_text()
    for twice in ("seeds: [1, 2]", "run_dir: x"):
        run.beside(".yaml").write_text(f"{content}{twice}\n")
        with pytest.raises(ParameterError, match=r"epochs=1\.yaml: .* is given twice"):
            sweep.plan(ROOT / "tests/tiny.yaml", ["training.epochs=1"], tmp_path)


def test_the_data_folder_is_found_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (run,) = sweep.plan(ROOT / "tests/tiny.yaml", ["training.epochs=1"], tmp_path / "sweep", Path("asl"))
    assert run.values["data_dir"] == str(tmp_path / "asl")


def test_failed_runs_are_in_the_figure() -> None:
    figure = sweep_scores(pd.DataFrame({"score": [0.5, float("nan"), 0.7]}, index=["a", "b", "c"]))
    figure.draw_without_rendering()
    (axes,), (legend,) = figure.axes, figure.legends
    assert not any(legend.get_window_extent().overlaps(text.get_window_extent()) for text in axes.texts)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a", "c"]
    assert [text.get_text() for text in axes.texts] == ["failed", "0.500", "0.700"]
