import ast
import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from fingerspelling.data.competition import find_data
from fingerspelling.parameters import RENAMED, ParameterError
from fingerspelling.runs.config import ROOT, RunConfig, named_file, notebook_parameters

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


def test_a_section_is_laid_over_the_named_file_key_by_key(tmp_path: Path) -> None:
    params = "notebooks/params/demo.yaml"
    demo = RunConfig.from_values({"params": params})
    config = RunConfig.from_values({"params": params, "training": {"epochs": 1, "spatial": {"mirror": 0.0}}})
    spatial = replace(demo.training.spatial, mirror=0.0)
    assert config.training == replace(demo.training, epochs=1, spatial=spatial)
    assert (config.model, config.simulation, config.submission) == (demo.model, demo.simulation, demo.submission)
    alone = RunConfig.from_values({"params": "", "training": {"folds": 2}})
    assert alone == RunConfig.from_values({"training": {"folds": 2}})
    assert alone.model.d_model == 208


def test_overrides_are_laid_over_everything(tmp_path: Path) -> None:
    overrides = ["training.learning_rate=4e-3", "seeds=[3, 4]", "training.temporal.shift=0.5"]
    values = {"params": str(tmp_path / "a.yaml"), "training": {"learning_rate": 1.0, "epochs": 3}}
    (tmp_path / "a.yaml").write_text("params: notebooks/params/demo.yaml\noverrides: [training.epochs=2]\nmodel: {}\n")
    config = RunConfig.from_values(values | {"overrides": overrides})
    assert (config.training.learning_rate, config.training.epochs) == (0.004, 3)
    assert config.seeds == (3, 4)
    assert config.training.temporal.shift == 0.5
    assert config.model.d_model == 128
    assert RunConfig.from_values({"params": values["params"]}).training.epochs == 2
    in_a_line = RunConfig.from_values(values | {"overrides": "training.learning_rate=4e-3 seeds=[3,4]"})
    assert (in_a_line.training.learning_rate, in_a_line.seeds) == (0.004, (3, 4))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"overrides": ["training.epoch=3"]}, r"training\.epoch: no such parameter; did you mean epochs\?"),
        ({"overrides": ["seeds=[1,2]", "training.seed=5"]}, r"training\.seed: seeds, \[1, 2\], .* or give seeds=\[5\]"),
        (
            {"seeds": [3], "training": {"seed": 3}},
            r"training\.seed: seeds, \[3\], takes its place; leave one of them out",
        ),
        ({"overrides": ["training.epochs"]}, r"overrides: expected a name and a value.* 'training\.epochs'"),
        ({"overrides": [".=3"]}, r"overrides: expected a name and a value"),
        ({"overrides": [3]}, r"overrides: expected a name and a value.* 3"),
        ({"overrides": {"training.epochs": 3}}, r"overrides: expected a list"),
        ({"overrides": ["training.epochs=[1"]}, r"overrides: training\.epochs: cannot read the value '\[1'"),
        ({"overrides": ["training.epochs=" + 10_000 * "["]}, r"overrides: training\.epochs: cannot read the value"),
        ({"overrides": "training.epochs='3"}, r"overrides: No closing quotation, in \"training\.epochs='3\""),
        ({"params": "~nobody-of-this-name/p.yaml"}, r"params: .*/~nobody-of-this-name/p\.yaml: No such file"),
        ({"params": "nowhere.yaml"}, r"params: .*/nowhere\.yaml: No such file"),
        ({"params": 3}, r"params: .*got 3"),
    ],
)
def test_a_bad_base_or_override_is_named(values: dict, named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        RunConfig.from_values(values)


def test_home_is_found_by_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "p.yaml").write_text("params: ''\nseeds: [7]\nrun_dir: ~/run\n")
    (tmp_path / "asl").mkdir()
    (tmp_path / "asl/train.csv").touch()
    config = RunConfig.from_values({"params": "~/p.yaml", "data_dir": "~/asl"})
    assert (config.seeds, config.run_dir, config.data_dir) == ((7,), tmp_path / "run", tmp_path / "asl")
    assert named_file("~/p.yaml") == tmp_path / "p.yaml" and find_data("~/asl") == tmp_path / "asl"


def test_a_file_laid_over_itself_is_refused(tmp_path: Path) -> None:
    for name, beneath in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"params: {tmp_path}/{beneath}.yaml")
    with pytest.raises(ParameterError, match=r"a\.yaml is laid over itself"):
        RunConfig.from_values({"params": str(tmp_path / "a.yaml")})


def test_what_else_is_in_a_notebook_is_passed_over() -> None:
    cells = [
        "",
        "params: str = ''\nseeds: list = None",
        "# Parameters\nseeds = [2]\ntrainig = {}",
        "seed = 3\n!ls",
        "x =",
    ]
    names = {"params": "", "seeds": [2], "trainig": {}, "seed": 3, "model": print, "yaml": yaml, "_": 3, "exit": exit}
    assert notebook_parameters({**names, "In": cells}) == {"params": "", "seeds": [2], "trainig": {}}
    again = [*cells, cells[1], "seeds"]  # its parameters cell run once more, edited or not
    assert notebook_parameters({**names, "In": again, "seeds": None}) == {"params": "", "seeds": None}


def test_what_is_changed_above_papermills_own_file_counts() -> None:
    """As in an executed notebook that is opened and changed: papermill has injected the file, not the overrides."""
    cells = [
        "",
        'params: str = ""\noverrides: list = ["training.epochs=3"]',
        '# Parameters\nparams = "tests/tiny.yaml"',
    ]
    given = {"params": "tests/tiny.yaml", "overrides": ["training.epochs=3"]}
    assert notebook_parameters({**given, "In": cells}) == given


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
        ({"model": {"dropout": 1.0}}, r"model: dropout 1 would leave nothing; .* below 1"),
        ({"model": {"decoder_attention_dropout": 1.0}}, r"model: decoder_attention_dropout 1 would leave nothing"),
        ({"simulation": {"signers": 0}}, r"simulation.*signers"),
        ({"simulation": {"sigers": 3}}, r"simulation.sigers: .* did you mean signers\?"),
        ({"submission": {"precision": "fp8"}}, r"submission.precision: .*fp8"),
        ({"model": {"ctc_weight": 0.0}}, r"submission.ctc_weight: .*no CTC head"),
        ({"run_dir": 3}, r"run_dir: expected a path, got 3"),
        ({"run_dir": "x" * 400}, r"^run_dir: File name too long, got 'x{119} \.\.\.$"),
        ({"data_dir": "\ufeff" + "x" * 400}, r"^data_dir: File name too long, got "),
        ({"data_dir": "a\0b"}, "^data_dir: .*embedded null (byte|character).*, got "),
        ({"params": "x" * 400}, r"^params: .*: File name too long$"),
        ({"first_round": "x" * 400}, r"^first_round: .*: File name too long$"),
        ({"dask_address": 3}, r"dask_address: .*got 3"),
        ({"seeds": 3}, r"seeds: expected different whole numbers.* got 3"),
        ({"seeds": []}, r"seeds: .* got \[\]"),
        ({"seeds": [1, 1]}, r"seeds: .* got \[1, 1\]"),
        ({"seeds": [1, "two"]}, r"seeds: .* got \[1, 'two'\]"),
        ({"Model": {}}, r"Model: no such parameter"),
        ({"_training": {}}, r"_training: no such parameter; did you mean training\?"),
        ({"": 1}, r": no such parameter"),
        ({"training": {"epochs": True, "warmup_epochs": 0}}, r"training.epochs: expected a number, got true"),
        ({"training": {"temporal": {"shift_range": False}}}, r"training.temporal.shift_range: expected a number"),
        ({"training": {"spatial": {"scale": [True, 2.0]}}}, r"training.spatial.scale.0: expected a number"),
        ({"training": {"learning_rate": float("inf")}}, r"training.learning_rate: .*finite"),
        ({"training": {"epochs": 99999999999999999999}}, r"training\.epochs: 9{20} is too large; at most"),
        ({"overrides": ["simulation.clips=99999999999999999999"]}, r"simulation\.clips: 9{20} is too large"),
        ({"seeds": [10**20]}, r"seeds\.0: 10{20} is too large"),
        ({"seeds": None, "training": {"seed": -1}}, r"training\.seed: .*got -1"),
        ({"training": {"num_workers": 10000}}, r"training\.num_workers: .*got 10000"),
        ({"training.learning_rate": 1}, r"give it as an override, overrides: \[training\.learning_rate=\.\.\.\]$"),
        ({"epochs": 3}, r"epochs: no such parameter; did you mean training\.epochs\?"),
        ({"overrides": ["beams=3"]}, r"beams: no such parameter; did you mean submission\.num_beams\?"),
        ({"model": {"encoder_attention_heads": 0}}, r"model: encoder_attention_heads 0 must be a whole number from 1"),
        ({"model": {"encoder_layers": -1}}, r"model: encoder_layers -1 must be a whole number from 1 to 65,536"),
        ({"model": {"decoder_ffn_dim": 10**6}}, r"model: decoder_ffn_dim 1000000 must be a whole number"),
        ({"model": {"dropout": 1.5}}, r"model: dropout 1\.5 must be a number from 0 to 1"),
        ({"model": {"vocab_size": 100}}, r"model\.vocab_size: no such parameter"),
        (
            {"simulation": {"clips": 2_000_000_000}},
            r"simulation\.clips: .*less than or equal to 10000000, got 2000000000",
        ),
        ({"submission": {"num_beams": 2_000_000_000}}, r"submission\.num_beams: .*less than or equal to 1000"),
        ({"seeds": [-1]}, r"seeds: .* got \[-1\]"),
        ({"first_round": 3}, r"first_round: expected a path, got 3"),
        ({"first_round": "nowhere.yaml"}, r"first_round: .*/nowhere\.yaml: No such file"),
        ({"model": {"confidence_head": False}}, r"first_round: .*model\.confidence_head"),
    ],
)
def test_bad_parameters_are_named(tmp_path: Path, change: dict, named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        RunConfig.from_values({**TINY, "run_dir": str(tmp_path), **change})


def test_a_loss_without_the_head_that_it_teaches_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"training.alignment teaches the CTC head: set model.ctc_weight"):
        RunConfig.from_values({"params": "", "training": {"simulation": {}, "alignment": 1}})


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
