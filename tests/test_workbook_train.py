import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny_training import watch_evaluations
from torch import Tensor

from fingerspelling.__main__ import main

# Three batches an epoch, two a step: the second step's only batch leaves the second of two processes without one.
PARAMETERS = {
    "model": {"d_model": 32, "encoder_layers": 1, "conv_kernel": 7, "decoder_layers": 1, "decoder_ffn_dim": 32},
    "training": {
        "epochs": 2,
        "batch_size": 4,
        "gradient_accumulation_steps": 2,
        "learning_rate": 1.0e-3,
        "warmup_epochs": 1,
    },
}


def write_parameters(folder: Path, data_dir: Path, **training: object) -> Path:
    folder.mkdir(exist_ok=True)
    values = {**PARAMETERS, "run_dir": str(folder / "run"), "data_dir": str(data_dir)}
    values["training"] = {**PARAMETERS["training"], **training}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def run_main(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def torchrun(params: Path, processes: int) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command += ["-m", "fingerspelling", "train", "--params", str(params)]
    return subprocess.run(command, capture_output=True, text=True, timeout=220, check=False)


def results(folder: Path) -> tuple[dict[str, Tensor], list[dict], pd.DataFrame]:
    """Return a run's only model, its history and its out-of-fold predictions."""
    (model,) = folder.glob("run/**/model/model.safetensors")
    history = (model.parents[1] / "metrics.jsonl").read_text().splitlines()
    return load_file(model), list(map(json.loads, history)), pd.read_parquet(model.parents[1] / "out_of_fold.parquet")


@pytest.fixture(scope="module")
def one(competition: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process made."""
    folder = tmp_path_factory.mktemp("one")
    assert run_main("--params", write_parameters(folder, competition)) == 0
    return folder


def assert_same_results(first: Path, second: Path) -> None:
    (weights, history, read), (other_weights, other_history, other_read) = results(first), results(second)
    for name, tensor in weights.items():
        if name.endswith("num_batches_tracked"):  # by the main process alone; nothing depends on it
            continue
        torch.testing.assert_close(other_weights[name], tensor, atol=1e-4, rtol=0, msg=name)
    told = {"step", "epoch", "loss", "loss_forward", "loss_backward", "loss_confidence", "eval_loss", "eval_score"}
    for entry, other in zip(history, other_history, strict=True):
        assert entry.keys() == other.keys()
        for name in entry.keys() & told:
            assert other[name] == pytest.approx(entry[name], abs=1e-5), name
    pd.testing.assert_frame_equal(other_read, read)


def test_two_processes_train_as_one_does(competition: Path, one: Path, tmp_path: Path) -> None:
    """With augmentation, replaced tokens and dropout, and epochs that do not deal evenly."""
    done = torchrun(write_parameters(tmp_path, competition), 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained; ") == 1
    assert_same_results(one, tmp_path)


def test_two_processes_go_on_where_one_was_killed(
    competition: Path, one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = write_parameters(tmp_path, competition)
    with monkeypatch.context() as patch:
        watch_evaluations(patch, die_in=2)
        assert run_main("--params", params) == 130
    done = torchrun(params, 2)
    assert done.returncode == 0, done.stderr
    assert "going on from" in done.stdout
    assert_same_results(one, tmp_path)


def test_a_finished_training_tells_where_it_is(one: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("--params", one / "params.yaml") == 0
    assert f"trained; the models are in {one / 'run'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"epochs": "many"}, r"params\.yaml: training\.epochs: .*'many'"),
        ({"folds": 5}, "4 signers cannot be split into 5 folds"),
        ({"scores": ["nowhere.parquet"]}, r"nowhere\.parquet: no readable out-of-fold scores"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2(
    competition: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    training: dict,
    reason: str,
) -> None:
    params = write_parameters(tmp_path, competition, **training)
    assert run_main("--params", params) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(reason, line)


def test_missing_files_and_folders_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("--params", tmp_path / "none.yaml") == 2
    assert "none.yaml: No such file" in capsys.readouterr().err
    params = write_parameters(tmp_path, tmp_path)
    assert run_main("--params", params, "--data", tmp_path / "empty") == 2
    assert str(tmp_path / "empty") in capsys.readouterr().err
