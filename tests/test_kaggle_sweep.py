"""A sweep's trainings on Kaggle are kernels of their own, two at a time, and are waited for."""

import argparse
from pathlib import Path

import pandas as pd
import pytest
from kaggle_stub import OWNER, KaggleStub, Version

from fingerspelling.__main__ import main
from fingerspelling.kaggle.sweep import run as run_on_kaggle
from fingerspelling.runs import sweep
from fingerspelling.runs.config import ROOT


def test_runs_on_kaggle_are_kernels_of_their_own(
    kaggle: KaggleStub, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PAUSE", 0.0)
    predictions = tmp_path / "p.parquet"
    pd.DataFrame({"prediction": ["abcdefghix"], "phrase": ["abcdefghij"]}).to_parquet(predictions)
    at_work: list[Version] = []

    def on_push(kernel: str, version: Version) -> None:
        assert sum(len(other.states) > 1 for other in at_work) < 2, "Kaggle runs two sessions at a time"
        at_work.append(version)
        version.states.extendleft(["RUNNING", "RUNNING"])
        version.files = {"out_of_fold.parquet": predictions.read_bytes(), "seed1/model/a": b"a", "seed2/model/a": b"a"}
        if len(at_work) == 2:
            version.states[-1], version.failure = "ERROR", "out of memory"
        if len(at_work) == 3:
            del version.files["seed2/model/a"]

    kaggle.on_push = on_push
    kaggle.kernels[f"{OWNER}/fingerspelling-tiny-02-extraction"].append(Version({}))
    arguments = ["sweep", str(ROOT / "tests/tiny.yaml"), "training.epochs=1,2,3", "--folder", str(tmp_path / "sweep")]
    arguments += ["--kaggle", "--uncommitted"]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "1 of 3 runs finished" in out and "ERROR out of memory" in out and "stopped in time" in out
    assert main(arguments) == 0
    assert "3 of 3 runs finished" in capsys.readouterr().out
    kernels = {name: versions for name, versions in kaggle.kernels.items() if "03-training" in name}
    assert sorted(map(len, kernels.values())) == [1, 2, 2]
    (resumed,) = {name for name, versions in kernels.items() if versions[0] is at_work[2]}
    assert kernels[resumed][1].request["kernelDataSources"][-1] == resumed


def test_a_sweep_waits_for_kernels_that_were_pushed_before_it_was_killed(
    kaggle: KaggleStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sweep.plan(ROOT / "tests/tiny.yaml", ["training.epochs=1"], tmp_path / "sweep")[0]
    kernel = f"{OWNER}/fingerspelling-tiny-03-training-abc"
    predictions = tmp_path / "p.parquet"
    pd.DataFrame({"prediction": ["abcdefghix"], "phrase": ["abcdefghij"]}).to_parquet(predictions)
    files = {"out_of_fold.parquet": predictions.read_bytes(), "seed1/model/a": b"a", "seed2/model/a": b"a"}
    kaggle.kernels[kernel].append(Version({}, files=files))
    run.keep(kernel=f"{kernel}/1")
    options = argparse.Namespace(
        params=ROOT / "tests/tiny.yaml", values=["training.epochs=1"], folder=tmp_path / "sweep", data=None,
        parallel=None, kaggle=True, uncommitted=True, notebooks=[],
    )  # fmt: skip
    assert run_on_kaggle(options) == 0
    assert "SaveKernel" not in kaggle.calls
    assert run.outcome["score"] == pytest.approx(0.9)
