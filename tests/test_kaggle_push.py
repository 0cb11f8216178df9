"""What is checked before a kernel is pushed; nothing reaches Kaggle where something is wrong."""

import json
from pathlib import Path

import pytest
from kaggle_stub import METADATA, OWNER, KaggleStub, Version

pytest.importorskip("kagglesdk", reason="the extra kaggle is not installed")
from fingerspelling.kaggle import push as push_module
from fingerspelling.kaggle.client import Client
from fingerspelling.kaggle.kernels import Kernel
from fingerspelling.kaggle.patience import KaggleError
from fingerspelling.kaggle.push import push

BEFORE, KERNEL = f"{OWNER}/fingerspelling-trial-02-extraction", f"{OWNER}/fingerspelling-trial-03-training"


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch, kaggle: KaggleStub) -> dict:
    """Those of the kernel 03; what a test changes in them is built."""
    metadata = {
        "id": KERNEL,
        **METADATA,
        "is_private": True,
        "enable_gpu": True,
        "enable_internet": False,
        "machine_shape": "NvidiaTeslaT4",
        "dataset_sources": [],
        "competition_sources": ["asl-fingerspelling"],
        "kernel_sources": [BEFORE],
    }

    def build(folder: Path, *_: object) -> list[Kernel]:
        folder = folder / "03-training"
        folder.mkdir()
        (folder / "kernel-metadata.json").write_text(json.dumps(metadata))
        (folder / "03-training.ipynb").write_text(json.dumps({"cells": []}))
        return [Kernel("03_training", folder, metadata, True)]

    monkeypatch.setattr(push_module, "build", build)
    monkeypatch.setattr(push_module, "changed_files", lambda paths: [])
    kaggle.kernels[BEFORE].append(Version({}))
    return metadata


@pytest.mark.usefixtures("metadata")
def test_a_version_is_made_and_the_next_one_reads_from_it(kaggle: KaggleStub) -> None:
    client = Client()
    assert [push(client, "03"), push(client, "3")] == [f"{KERNEL}/1", f"{KERNEL}/2"]
    first, second = (version.request for version in kaggle.kernels[KERNEL])
    assert first["kernelDataSources"] == [BEFORE]
    assert second["kernelDataSources"] == [BEFORE, KERNEL]
    assert first["isPrivate"] and first["enableGpu"] and first["enableInternet"] is False
    assert first["machineShape"] == "NvidiaTeslaT4"
    with pytest.raises(KaggleError, match="07: no such kernel; there are 03"):
        push(client, "07")


def test_what_nobody_could_see_is_not_pushed(
    metadata: dict, kaggle: KaggleStub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []
    monkeypatch.setattr(push_module, "changed_files", lambda paths: asked.extend(paths) or ["a", "b.yaml", "c", "d"])
    with pytest.raises(KaggleError, match=r"not committed: a, b\.yaml, c and 1 more; commit .* with --uncommitted"):
        push(Client(), "03", tmp_path / "b.yaml")
    assert KERNEL not in kaggle.kernels and tmp_path / "b.yaml" in asked
    assert push(Client(), "03", uncommitted=True) == f"{KERNEL}/1"
    monkeypatch.setattr(push_module, "changed_files", lambda paths: None)  # no git checkout
    assert push(Client(), "03") == f"{KERNEL}/2"


def test_a_title_that_its_suffix_makes_too_long_is_refused(metadata: dict, kaggle: KaggleStub) -> None:
    metadata["title"] = "Fingerspelling " + "a" * 36
    with pytest.raises(KaggleError, match="longer than Kaggle's 50 characters"):
        push(Client(), "03")
    assert "SaveKernel" not in kaggle.calls


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (None, f"reads from {BEFORE}, which has not been pushed; push that one first"),
        (["RUNNING"], f"reads from {BEFORE}, which is RUNNING; wait for it"),
        (["ERROR"], f"reads from {BEFORE}, which is ERROR; push that one again"),
    ],
)
def test_inputs_have_to_be_there(states: list | None, said: str, metadata: dict, kaggle: KaggleStub) -> None:
    if states:
        kaggle.kernels[BEFORE][0].states.clear()
        kaggle.kernels[BEFORE][0].states.extend(states)
    else:
        del kaggle.kernels[BEFORE]
    with pytest.raises(KaggleError, match=said):
        push(Client(), "03")
    assert "SaveKernel" not in kaggle.calls


def test_a_pending_dataset_is_waited_for(metadata: dict, kaggle: KaggleStub, slept: list[float]) -> None:
    dataset = f"{OWNER}/fingerspelling-wheels"
    metadata["dataset_sources"] = [dataset]
    kaggle.datasets[dataset] = []
    kaggle.dataset_states[dataset].extendleft(["BLOBS_RECEIVED"] * 3)
    assert push(Client(), "03") == f"{KERNEL}/1"
    assert len(slept) == 3
    assert kaggle.calls.index("GetDatasetStatus") < kaggle.calls.index("SaveKernel")


def test_without_gpu_hours_only_kernels_that_need_none_are_pushed(metadata: dict, kaggle: KaggleStub) -> None:
    kaggle.quota_hours = 0.0
    with pytest.raises(KaggleError, match="no GPU hours are left until Saturday 28 November"):
        push(Client(), "03")
    assert "SaveKernel" not in kaggle.calls
    metadata["enable_gpu"] = False
    assert push(Client(), "03") == f"{KERNEL}/1"
