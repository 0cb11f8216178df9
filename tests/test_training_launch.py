import builtins
import os
import signal
import subprocess
from pathlib import Path

import pytest
import torch

from fingerspelling.processes import TORCHRUNS
from fingerspelling.training import launch
from fingerspelling.training.launch import train_in_processes, training_processes, under_torchrun


@pytest.mark.parametrize(("gpus", "processes"), [(0, 1), (1, 1), (2, 2), (8, 8)])
def test_each_gpu_has_a_process(monkeypatch: pytest.MonkeyPatch, gpus: int, processes: int) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert training_processes() == processes
    for name in TORCHRUNS:  # this is one of them already
        monkeypatch.setenv(name, "0")
    assert training_processes() == 1


@pytest.mark.parametrize("left_over", [{"LOCAL_RANK": "0"}, {"LOCAL_RANK": "-1", "RANK": "3"}])
def test_what_another_program_left_in_the_environment_is_dropped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, left_over: dict[str, str]
) -> None:
    for name, value in left_over.items():
        monkeypatch.setenv(name, value)
    assert not under_torchrun()
    assert not left_over.keys() & os.environ.keys()
    assert "LOCAL_RANK=" in capsys.readouterr().out


def python_that(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put a shell script in the place of Python."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(launch.sys, "executable", str(python))


def test_what_the_processes_print_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    python_that(monkeypatch, tmp_path, 'echo "$@"; echo "step 1" >&2')
    train_in_processes(tmp_path / "params.yaml", 3)
    assert capsys.readouterr().out == (
        "-m torch.distributed.run --standalone --nproc_per_node=3 "
        f"-m fingerspelling train --params {tmp_path}/params.yaml\nstep 1\n"
    )


def test_a_failure_ends_with_the_last_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python_that(monkeypatch, tmp_path, "seq 1 100; echo 'out of memory' >&2; exit 3")
    with pytest.raises(RuntimeError, match=r"2 processes failed with status 3") as error:
        train_in_processes(tmp_path / "params.yaml", 2)
    lines = str(error.value).splitlines()
    assert str(tmp_path / "params.yaml") in lines[0]
    assert lines[1:] == [*map(str, range(100 - launch.LAST_LINES + 2, 101)), "out of memory"]


def test_an_interruption_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python_that(monkeypatch, tmp_path, "echo begun; exec sleep 5")
    begun = []

    class Recorded(subprocess.Popen):
        def __enter__(self) -> "Recorded":
            begun.append(self)
            return super().__enter__()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    monkeypatch.setattr(builtins, "print", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_in_processes(tmp_path / "params.yaml", 2)
    assert [process.returncode for process in begun] == [-signal.SIGTERM]
