from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import yaml

from fingerspelling import workbook
from fingerspelling.competition import ENVIRONMENT_VARIABLE, DataError
from fingerspelling.parameters import ParameterError
from fingerspelling.workbook import ROOT, Workbook, run

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text())


@pytest.fixture(autouse=True)
def no_data_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


def test_every_file_of_parameters_is_understood(tmp_path: Path) -> None:
    files = sorted((ROOT / "notebooks/params").glob("*.yaml"))
    assert {file.stem for file in files} >= {"demo", "round1", "round2"}
    for file in files:
        values = yaml.safe_load(file.read_text()) | {"run_dir": str(tmp_path)}
        assert Workbook.from_parameters(values).simulated


def test_told_nothing_it_is_the_demo(tmp_path: Path) -> None:
    demo = yaml.safe_load((ROOT / "notebooks/params/demo.yaml").read_text())
    nothing = dict.fromkeys(("simulation", "model", "training", "submission"))
    book = Workbook.from_parameters({"run_dir": str(tmp_path), "data_dir": "", **nothing})
    assert book.run_dir == tmp_path
    assert book.training.epochs == demo["training"]["epochs"]
    assert book.model_config.d_model == demo["model"]["d_model"]


def test_what_jupyter_keeps_in_a_notebook_is_passed_over(tmp_path: Path) -> None:
    jupyters = {
        "In": ["", "x = 1"],
        "Out": {},
        "_": "",
        "_i1": "x",
        "__name__": "__main__",
        "exit": print,
        "yaml": yaml,
    }
    assert Workbook.from_parameters({**TINY, **jupyters, "run_dir": str(tmp_path)}).run_dir == tmp_path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trainig": {}}, r"trainig: no such parameter; did you mean training\?"),
        ({"training": {"lerning_rate": 1.0}}, r"training.lerning_rate: .* did you mean learning_rate\?"),
        ({"training": {"epochs": "many"}}, r"training.epochs: .*'many'"),
        ({"training": {"points": {"mirorr": 1.0}}}, r"training.points.mirorr: .* did you mean mirror\?"),
        ({"training": {"time": 3}}, r"training.time: "),
        ({"model": {"d_modle": 32}}, r"model.d_modle: .* did you mean d_model\?"),
        ({"model": {"d_model": "wide"}}, r"model: .*d_model.*'?wide"),
        ({"model": {"d_model": 30}}, r"model: d_model 30 must be a multiple"),
        ({"simulation": {"signers": 0}}, r"simulation.*signers"),
        ({"simulation": {"sigers": 3}}, r"simulation.sigers: .* did you mean signers\?"),
        ({"submission": {"precision": "fp8"}}, r"submission.precision: .*fp8"),
        ({"run_dir": 3}, r"run_dir: expected a path, got 3"),
        ({"scheduler": 3}, r"scheduler: expected an address, got 3"),
    ],
)
def test_bad_parameters_are_named(tmp_path: Path, change: dict, named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        Workbook.from_parameters({**TINY, "run_dir": str(tmp_path), **change})


def test_an_unknown_parameter_is_named_where_nothing_else_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"trainig: no such parameter; did you mean training\?"):
        Workbook.from_parameters({"run_dir": str(tmp_path), "trainig": {}})


def test_a_run_keeps_to_its_data(tmp_path: Path, competition: Path) -> None:
    Workbook.from_parameters({**TINY, "run_dir": str(tmp_path)})
    with pytest.raises(ParameterError, match=r"run_dir: .* holds a run on simulated signers, not on .*competition"):
        Workbook.from_parameters({**TINY, "run_dir": str(tmp_path), "data_dir": str(competition)})


def test_a_folder_that_holds_no_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        Workbook.from_parameters({**TINY, "run_dir": str(tmp_path), "data_dir": str(tmp_path / "nowhere")})
    with pytest.raises(DataError, match=r"holds no train\.csv"):
        Workbook.from_parameters({**TINY, "run_dir": str(tmp_path), "data_dir": str(tmp_path)})


def test_run_says_in_one_line_what_is_wrong_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    params = tmp_path / "params.yaml"
    assert run(params) == 2
    assert "params.yaml" in capsys.readouterr().err
    params.write_text("training: {epochs: [")
    assert run(params) == 2
    params.write_text("- a list")
    assert run(params) == 2
    capsys.readouterr()
    params.write_text("training: {epoch: 1}")
    assert run(params) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "training.epoch: no such parameter; did you mean epochs?" in error
    params.write_text("{}")
    assert run(params, str(tmp_path / "nowhere")) == 2


def test_metrics_are_kept_across_notebooks(tmp_path: Path) -> None:
    book = Workbook.from_parameters({**TINY, "run_dir": str(tmp_path)})
    book.keep_metrics(score=0.5)
    assert book.keep_metrics(clips=3) == {"score": 0.5, "clips": 3.0}


def test_figures_are_saved(tmp_path: Path) -> None:
    book = Workbook.from_parameters({**TINY, "run_dir": str(tmp_path)})
    figure, _ = plt.subplots()
    plt.close(figure)
    assert book.figure(figure, "empty") is figure
    assert (tmp_path / "figures/empty.png").stat().st_size > 500


def test_a_scheduler_extracts_the_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(workbook, "extract", lambda *about: asked.append(about[2]))
    for address in ("tcp://somewhere:8786", ""):
        Workbook.from_parameters({**TINY, "run_dir": str(tmp_path), "scheduler": address}).extract()
    assert asked == ["tcp://somewhere:8786", None]
