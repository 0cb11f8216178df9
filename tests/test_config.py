import ast
import json
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from fingerspelling.config import ROOT, RunConfig, notebook_parameters
from fingerspelling.parameters import RENAMED, ParameterError

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text())


def test_every_file_of_parameters_is_understood(tmp_path: Path) -> None:
    files = sorted((ROOT / "notebooks/params").glob("*.yaml"))
    assert {file.stem for file in files} >= {"demo", "round1", "round2", "small_round1", "small_round2"}
    for file in files:
        values = yaml.safe_load(file.read_text()) | {"run_dir": str(tmp_path)}
        assert RunConfig.from_values(values).run_dir == tmp_path


def test_told_nothing_it_is_the_demo(tmp_path: Path) -> None:
    demo = yaml.safe_load((ROOT / "notebooks/params/demo.yaml").read_text())
    nothing = dict.fromkeys(("simulation", "model", "training", "submission"))
    config = RunConfig.from_values({"run_dir": str(tmp_path), "data_dir": "", **nothing})
    assert config.run_dir == tmp_path
    assert config.training.epochs == demo["training"]["epochs"]
    assert config.model.d_model == demo["model"]["d_model"]


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
    assert (
        RunConfig.from_values(notebook_parameters({**TINY, **jupyters, "run_dir": str(tmp_path)})).run_dir == tmp_path
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trainig": {}}, r"trainig: no such parameter; did you mean training\?"),
        ({"training": {"lerning_rate": 1.0}}, r"training.lerning_rate: .* did you mean learning_rate\?"),
        ({"training": {"epochs": "many"}}, r"training.epochs: .*'many'"),
        ({"training": {"spatial": {"mirorr": 1.0}}}, r"training.spatial.mirorr: .* did you mean mirror\?"),
        ({"training": {"temporal": 3}}, r"training.temporal: "),
        ({"model": {"d_modle": 32}}, r"model.d_modle: .* did you mean d_model\?"),
        ({"model": {"d_model": "wide"}}, r"model: .*d_model.*'?wide"),
        ({"model": {"d_model": 30}}, r"model: d_model 30 must be a multiple"),
        ({"simulation": {"signers": 0}}, r"simulation.*signers"),
        ({"simulation": {"sigers": 3}}, r"simulation.sigers: .* did you mean signers\?"),
        ({"submission": {"precision": "fp8"}}, r"submission.precision: .*fp8"),
        ({"model": {"ctc_weight": 0.0}}, r"submission.ctc_weight: .*no CTC head"),
        ({"run_dir": 3}, r"run_dir: expected a path, got 3"),
        ({"dask_address": 3}, r"dask_address: .*got 3"),
        ({"seeds": 3}, r"seeds: expected different whole numbers.* got 3"),
        ({"seeds": []}, r"seeds: .* got \[\]"),
        ({"seeds": [1, 1]}, r"seeds: .* got \[1, 1\]"),
        ({"seeds": [1, "two"]}, r"seeds: .* got \[1, 'two'\]"),
        ({"Model": {}}, r"Model: no such parameter"),
        ({"_training": {}}, r"_training: no such parameter; did you mean training\?"),
        ({"": 1}, r": no such parameter"),
        ({"training": {"epochs": True}}, r"training.epochs: expected a number, got true"),
        ({"training": {"temporal": {"shift_range": False}}}, r"training.temporal.shift_range: expected a number"),
        ({"training": {"spatial": {"scale": [True, 2.0]}}}, r"training.spatial.scale.0: expected a number"),
        ({"training": {"learning_rate": float("inf")}}, r"training.learning_rate: .*finite"),
        ({"seeds": [-1]}, r"seeds: .* got \[-1\]"),
        ({"first_round": 3}, r"first_round: expected a path, got 3"),
        ({"first_round": "nowhere.yaml"}, r"first_round: .*/nowhere\.yaml: No such file"),
        ({"model": {"confidence_head": False}}, r"first_round: .*model\.confidence_head"),
    ],
)
def test_bad_parameters_are_named(tmp_path: Path, change: dict, named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        RunConfig.from_values({**TINY, "run_dir": str(tmp_path), **change})


def test_an_unknown_parameter_is_named_where_nothing_else_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"trainig: no such parameter; did you mean training\?"):
        RunConfig.from_values({"run_dir": str(tmp_path), "trainig": {}})


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("training: {epoch: 3}", r"training\.epoch: no such parameter; did you mean epochs\?"),
        ("model: {d_modle: 3}", r"model\.d_modle: .* did you mean d_model\?"),
        ("trainig: {}", r"trainig: .* did you mean training\?"),
        ("training: {epochs: [", r"while parsing"),
        ("- a list", r"expected names with values"),
        ("first_round: round0.yaml", r"a first round has none before it"),
    ],
)
def test_a_first_round_that_cannot_be_used_is_named(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "round1.yaml"
    file.write_text(content)
    with pytest.raises(ParameterError, match=rf"^first_round: {file}: .*{named}"):
        RunConfig.from_values({**TINY, "run_dir": str(tmp_path), "first_round": str(file)})


@pytest.mark.parametrize(
    ("change", "renamed"),
    [
        ({"scheduler": "tcp://here:1"}, "scheduler: is called dask_address now"),
        ({"training": {"accumulate": 8}}, "training.accumulate: is called gradient_accumulation_steps now"),
        ({"training": {"time": {"shift": 0.0}}}, "training.time: is called temporal now"),
        ({"training": {"spatial": {"fingers": 0.0}}}, "training.spatial.fingers: is called finger_drop now"),
        ({"submission": {"beam": 4}}, "submission.beam: is called num_beams now"),
    ],
)
def test_an_old_name_is_answered_with_the_new_one(change: dict, renamed: str) -> None:
    with pytest.raises(ParameterError) as error:
        RunConfig.from_values({**TINY, **change})
    assert str(error.value) == renamed


@pytest.mark.parametrize("old", RENAMED)
def test_every_old_name_leads_to_a_parameter(old: str) -> None:
    *section, new = [*old.split(".")[:-1], RENAMED[old]]
    kind = RunConfig
    for name in section:
        kind = next(field.type for field in fields(kind) if field.name == name)
    assert new in {field.name for field in fields(kind)}


def test_names_within_an_optional_section_are_offered() -> None:
    with pytest.raises(ParameterError, match=r"training\.simulation\.sigers: .* did you mean signers\?"):
        RunConfig.from_values({"training": {"simulation": {"sigers": 3}}})


def test_the_notebooks_parameter_cells_are_all_of_a_run() -> None:
    cells = set()
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(file.read_text())["cells"]
        (cell,) = [cell for cell in notebook if "parameters" in cell["metadata"].get("tags", [])]
        cells.add("".join(cell["source"]))
    (cell,) = cells
    assert [node.target.id for node in ast.parse(cell).body] == [field.name for field in fields(RunConfig)]
