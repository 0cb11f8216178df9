"""The kernels as Kaggle runs them: each finds what those before it left; the chain ends as the local run does."""

import json
import re
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from kaggle_machine import Machine, Version
from safetensors.torch import load_file

from fingerspelling.data.parquet import read_clip
from fingerspelling.export import export_tflite
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring.submission import Submission, write_submission
from fingerspelling.simulation import SimulationConfig, simulate
from fingerspelling.workbook import Workbook

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text()) | {"run_dir": "outputs/kaggle_tiny", "seeds": [1]}
# Long gone when training begins: each version trains an epoch.
HURRIED = TINY | {"training": TINY["training"] | {"stop_after_hours": 1e-6}}
NEW, OLD = "notebooks/somebody/fingerspelling-tiny-{}", "fingerspelling-tiny-{}"
STOPPED = "stopped in time (training.stop_after_hours: 1e-06), "
LOOK_AROUND = """
import os, socket
try:
    socket.create_connection(("1.1.1.1", 53), 3)
    raise AssertionError("there is a network")
except OSError:
    print("no network")
for FOLDER in ("/kaggle/input", "/kaggle/input/competitions/asl-fingerspelling"):
    try:
        open(FOLDER + "/new", "w")
        assert FOLDER == "/kaggle/input"
    except OSError:
        print("only for reading:", FOLDER)
"""

pytestmark = pytest.mark.timeout(1800)  # two minutes; more where others are at work, too


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small competition."""
    folder = tmp_path_factory.mktemp("data") / "competition"
    simulate(SimulationConfig(**TINY["simulation"]), folder)
    return folder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("kaggle"))


@pytest.fixture(scope="module")
def kernels(machine: Machine) -> Path:
    (machine.folder / "tiny.yaml").write_text(yaml.safe_dump(HURRIED))
    return machine.build(machine.folder / "tiny.yaml")


@pytest.fixture(scope="module")
def extraction(machine: Machine, kernels: Path, data: Path) -> Version:
    look = {"take-over": LOOK_AROUND} if machine.isolated else {}
    return machine.run(kernels / "02-extraction", {"competitions/asl-fingerspelling": data}, look)


@pytest.fixture(scope="module")
def trainings(machine: Machine, kernels: Path, data: Path, extraction: Version) -> list[Version]:
    """The versions of the training's kernel, until one has not stopped in time."""
    versions: list[Version] = []
    inputs = {"competitions/asl-fingerspelling": data, NEW.format("02-extraction"): extraction.output}
    while len(versions) < 6 and (not versions or STOPPED in versions[-1].log):
        versions.append(machine.run(kernels / "03-training", inputs))
        inputs[NEW.format("03-training")] = versions[-1].output
    return versions


@pytest.fixture(scope="module")
def submission(machine: Machine, kernels: Path, data: Path, extraction: Version, trainings: list[Version]) -> Version:
    inputs = {"competitions/asl-fingerspelling": data, NEW.format("02-extraction"): extraction.output}
    return machine.run(kernels / "05-submission", {**inputs, NEW.format("03-training"): trainings[-1].output})


@pytest.fixture(scope="module")
def local(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run here, without a limit and without an interruption."""
    book = Workbook(TINY | {"run_dir": str(tmp_path_factory.mktemp("local") / "run"), "data_dir": str(data)})
    models, settings = book.train(), book.config.submission
    book.read_held_out()
    file = book.run_dir / "model.tflite"
    export_tflite(models, file, settings.precision, num_beams=settings.num_beams, ctc_weight=settings.ctc_weight)
    write_submission(file, book.run_dir / "submission.zip")
    return book.run_dir


def said(version: Version) -> list[str]:
    """What a version's cells have printed, without the lines of papermill and of a kernel that ends."""
    others = re.compile(r"(Executing|Ending) Cell|\[IPKernelApp\]")
    return [line for _, line in version.lines if line.strip() and not others.match(line)]


def test_a_kernels_machine_has_no_package_no_network_and_inputs_for_reading(
    machine: Machine, extraction: Version
) -> None:
    ask = [machine.python, "-c", "import torch, fingerspelling"]
    asked = subprocess.run(ask, capture_output=True, text=True, env=machine.environment)
    assert "No module named 'fingerspelling'" in asked.stderr
    if machine.isolated:
        assert "no network" in extraction.log
        assert "only for reading: /kaggle/input/competitions/asl-fingerspelling" in extraction.log


def test_extraction_leaves_the_store(extraction: Version) -> None:
    assert extraction.status == 0, extraction.log[-3000:]
    assert "this machine has all packages that are needed" in extraction.log
    assert json.loads((extraction.output / "kernel.json").read_text()) == {"chapter": "02_extraction", "run": "tiny"}
    assert len(list(extraction.output.rglob("*.arrow"))) == 3


def test_a_training_stopped_three_times_ends_with_the_same_weights(trainings: list[Version], local: Path) -> None:
    assert [version.status for version in trainings] == [0] * 4, trainings[-1].log[-3000:]
    ends = ["before fold1;", "before seed1;", "seed1 has a checkpoint after epoch 1 of 2;"]
    for version, end in zip(trainings, ends, strict=False):
        assert said(version)[-1].startswith(f"{STOPPED}{end}")
    output = trainings[-1].output
    assert not list(output.rglob("checkpoints"))
    for training in ("first_round/fold0", "first_round/fold1", "seed1"):
        ours, theirs = (load_file(run / training / "model/model.safetensors") for run in (output, local))
        assert ours.keys() == theirs.keys()
        assert all(ours[name].equal(theirs[name]) for name in ours), training
        read, there = (pd.read_parquet(run / training / "out_of_fold.parquet") for run in (output, local))
        pd.testing.assert_frame_equal(read, there)


def test_outputs_hold_what_their_kernels_made_alone(trainings: list[Version], submission: Version) -> None:
    assert submission.status == 0, submission.log[-3000:]
    for version in (*trainings, submission):
        assert not [path for path in version.output.iterdir() if path.is_symlink()]
        assert not (version.output / "clips").exists()
    assert not (submission.output / "seed1").exists()
    assert not list(submission.output.glob("held_out_clips"))


def test_the_chain_ends_with_the_local_runs_submission(submission: Version, local: Path, data: Path) -> None:
    ours, theirs = (Submission(run / "submission.zip") for run in (submission.output, local))
    clips = pd.read_parquet(local / "out_of_fold.parquet")
    table = pd.read_csv(data / "train.csv").set_index("sequence_id")
    for number in clips["sequence_id"]:
        frames = read_clip(data / table["path"][number], ours.columns, number)
        assert ours.transcribe(frames) == theirs.transcribe(frames)
    with zipfile.ZipFile(submission.output / "submission.zip") as archive:
        assert set(archive.namelist()) == {"model.tflite", "inference_args.json"}


def test_old_mounts_serve_as_well(
    machine: Machine, kernels: Path, data: Path, extraction: Version, trainings: list[Version]
) -> None:
    inputs = {"asl-fingerspelling": data, OLD.format("02-extraction"): extraction.output}
    version = machine.run(kernels / "04-error-analysis", {**inputs, OLD.format("03-training"): trainings[-1].output})
    assert version.status == 0, version.log[-3000:]
    assert (version.output / "metrics.json").is_file()
    assert list(version.output.glob("figures/*.png"))
