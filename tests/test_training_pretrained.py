import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from tiny_training import CONFIG, MODEL

from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.parameters import ParameterError
from fingerspelling.processes import exit_status
from fingerspelling.runs.config import ROOT, RunConfig
from fingerspelling.training import Recipe
from fingerspelling.training.pretrained import load_pretrained, pretrained_weights
from fingerspelling.workbook import Workbook, open_run

SHIPPED = ROOT / "weights/reader"
OTHERS = r"model\.d_model 144 instead of 128, model\.encoder_layers 6 instead of 4$"
OF_THE_DEMO = rf"weights/reader is a model of other sizes: {OTHERS}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trained model."""
    FingerspellingModel(MODEL).save_pretrained(tmp_path / "trained model")
    return tmp_path / "trained model"


def recipe(folder: Path | None, **sizes: object) -> Recipe:
    model = FingerspellingConfig(
        **{name: getattr(MODEL, name) for name in FingerspellingConfig.__annotations__} | sizes
    )
    return Recipe(model, replace(CONFIG, pretrained=folder))


def test_weights_are_those_of_a_model_of_the_recipes_sizes(folder: Path) -> None:
    assert pretrained_weights(recipe(None)) is None
    other_switches = {"dropout": 0.0, "min_frames": 5, "max_frames": 64, "frame_stride": 2, "backward_weight": 0.1}
    assert pretrained_weights(recipe(folder, **other_switches)) == folder / "model.safetensors"


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ({"d_model": 64}, "model.d_model 32 instead of 64"),
        (
            {"d_model": 64, "dropout": 0.0, "encoder_layers": 2},
            "model.d_model 32 instead of 64, model.encoder_layers 1",
        ),
        ({"confidence_head": False}, "model.confidence_head true instead of false"),
        ({"backward_decoder": False}, "model.backward_decoder true instead of false"),
        ({"ctc_weight": 0.5}, r"model.ctc_weight 0.0 instead of 0.5"),
        ({"encoder_block": "conformer"}, 'model.encoder_block "squeezeformer" instead of "conformer"'),
    ],
)
def test_other_sizes_are_named_as_parameters(folder: Path, sizes: dict, named: str) -> None:
    with pytest.raises(ParameterError, match=rf"trained model is a model of other sizes: {named}[^_]*$"):
        pretrained_weights(recipe(folder, **sizes))


@pytest.mark.parametrize("block", ["squeezeformer", "conformer"])
@pytest.mark.parametrize("added", [0, 1, 2])
def test_a_deeper_model_begins_by_computing_what_the_trained_one_does(tmp_path: Path, block: str, added: int) -> None:
    trained = FingerspellingModel(recipe(None, encoder_block=block, encoder_layers=2).model).eval()
    for norm in (module for module in trained.modules() if isinstance(module, torch.nn.LayerNorm)):
        torch.nn.init.normal_(norm.weight)  # as trained ones, not 1 and 0
        torch.nn.init.normal_(norm.bias)
    trained.save_pretrained(tmp_path)
    deeper = recipe(tmp_path, encoder_block=block, encoder_layers=2 + added)
    model = FingerspellingModel(deeper.model).eval()
    load_pretrained(model, cast(Path, pretrained_weights(deeper)))
    frames = torch.randn(2, 20, 130, 3)
    for now, before in zip(model.encode(frames, None), trained.encode(frames, None), strict=True):
        torch.testing.assert_close(now, before, atol=1e-4, rtol=1e-4)
    model.train()
    model(frames, None, torch.tensor([[1, 2, 60], [3, 60, 59]])).loss.backward()
    learning = [bool(weights.grad.any()) for name, weights in model.named_parameters() if ".output.weight" in name]
    assert all(learning)  # the added blocks too


@pytest.mark.parametrize("config", [None, "", "[1]", "{}", '{"d_model": "x"}'])
def test_without_the_models_configuration_the_weights_tell(folder: Path, config: str | None) -> None:
    (folder / "config.json").unlink()
    if config is not None:
        (folder / "config.json").write_text(config)
    expected = "model.d_model" if config == '{"d_model": "x"}' else r"[\w.]+ is \[\d.*\] instead of \[\d.*\]$"
    with pytest.raises(ParameterError, match=f"other sizes: {expected}"):
        pretrained_weights(recipe(folder, d_model=64))


def test_what_is_no_trained_model_is_named(folder: Path, tmp_path: Path) -> None:
    file = folder / "model.safetensors"
    for missing in (tmp_path / "nowhere", file, tmp_path):
        with pytest.raises(ParameterError, match=rf"{missing} holds no trained model \(model.safetensors is missing\)"):
            pretrained_weights(recipe(missing))
    whole = file.read_bytes()
    for damaged in (b"", b"version https://git-lfs.github.com/spec/v1\n", whole[:-1], whole[:100]):
        file.write_bytes(damaged)
        with pytest.raises(ParameterError, match=r"model.safetensors is damaged or not readable"):
            pretrained_weights(recipe(folder))


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("weights/reader", OF_THE_DEMO),
        (str(SHIPPED), OF_THE_DEMO),
        ("~/nowhere", r"training\.pretrained: /.*/nowhere holds no trained model"),
        (300 * "x", r"training\.pretrained: /.* holds no trained model"),
        ("''", r"training\.pretrained: /.* holds no trained model"),
        ("3", r"training\.pretrained: expected a path, got 3"),
        ("[weights/reader]", r"training\.pretrained: expected a path, got \['weights/reader'\]"),
    ],
)
def test_a_run_says_it_when_it_is_opened(value: str, named: str, tmp_path: Path) -> None:
    values = {"run_dir": str(tmp_path / "run"), "overrides": [f"training.pretrained={value}"]}
    with pytest.raises(ParameterError, match=named):
        Workbook(values)
    (tmp_path / "params.yaml").write_text(json.dumps(values))
    assert exit_status(lambda: bool(open_run(tmp_path / "params.yaml"))) == 2
    assert not (tmp_path / "run").exists()


def test_a_first_rounds_is_looked_at_too(tmp_path: Path) -> None:
    first = {"params": "tests/tiny_first_round.yaml", "training": {"pretrained": "weights/reader"}}
    (tmp_path / "first.yaml").write_text(json.dumps(first))
    with pytest.raises(
        ParameterError, match=r"weights/reader is a model of other sizes: model\.d_model 144 instead of"
    ):
        Workbook({"params": "tests/tiny.yaml", "first_round": str(tmp_path / "first.yaml")})


def test_the_shipped_reader_goes_on_from_itself() -> None:
    config = RunConfig.from_values({"params": "notebooks/params/reader.yaml"})
    assert pretrained_weights(config.recipe) == SHIPPED / "model.safetensors"
