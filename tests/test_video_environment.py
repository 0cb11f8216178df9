"""Where MediaPipe comes from: the Python named, one made earlier, or one made now; and what stands in the way."""

import os
import sys
from pathlib import Path

import pytest

from fingerspelling.video import environment
from fingerspelling.video.environment import MEDIAPIPE, NoMediaPipe, python_with_mediapipe


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FINGERSPELLING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fake_python(path: Path, script: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("named", ["/no/such/python", sys.executable + "-not"])
def test_a_python_without_mediapipe_is_refused(named: str) -> None:
    with pytest.raises(NoMediaPipe, match="not a Python with MediaPipe Holistic"):
        python_with_mediapipe(named)


def test_the_one_named_is_taken(tmp_path: Path) -> None:
    python = fake_python(tmp_path / "python", "exit 0")
    assert python_with_mediapipe(python) == python


def test_one_made_earlier_is_taken_once_it_is_whole(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cache / f"mediapipe-{MEDIAPIPE}"
    python = fake_python(folder / "bin/python", "exit 0")
    monkeypatch.setattr(environment, "_base_python", lambda: "/no/python")
    monkeypatch.setattr(sys, "executable", "/no/python")
    with pytest.raises(OSError, match="/no/python"):
        python_with_mediapipe()  # would make it anew, as it may be half a one
    (folder / "ready").touch()
    assert python_with_mediapipe() == python


# A Python whose venv is a copy of itself, whose pip does as told and which imports MediaPipe afterwards.
FAKE = """
case "$*" in
  *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python";;
  *"-m pip"*) echo "$*" >> {log}; echo "Collecting numpy==1.26.4 (from somewhere)"; {pip};;
  *"import cv2"*) test -e {log};;
esac
"""


def test_it_is_made_at_the_first_use(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    log = tmp_path / "pip.log"
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path / "base", FAKE.format(log=log, pip="true")))
    python = python_with_mediapipe()
    assert python == str(cache / f"mediapipe-{MEDIAPIPE}" / "bin/python")
    installed = log.read_text()
    assert f"mediapipe=={MEDIAPIPE}" in installed and "numpy==1." in installed and "protobuf==4." in installed
    said = capsys.readouterr().err
    assert "once" in said and "numpy==1.26.4" in said
    log.write_text("")
    assert python_with_mediapipe() == python
    assert log.read_text() == "" and capsys.readouterr().err == ""  # only once


def test_no_network_is_a_sentence(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = "echo 'ERROR: No matching distribution found for numpy==1.26.4'; exit 1"
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path / "base", FAKE.format(log=tmp_path / "log", pip=pip)))
    (cache / f"mediapipe-{MEDIAPIPE}").mkdir(parents=True)
    with pytest.raises(NoMediaPipe, match=r"cannot be fetched \(No matching distribution .* needs a network"):
        python_with_mediapipe()
    assert not (cache / f"mediapipe-{MEDIAPIPE}" / "ready").exists()


def test_without_a_fitting_python_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", fake_python(tmp_path / "base", "exit 1"))
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(NoMediaPipe, match=r"needs Python 3\.11 or 3\.12"):
        python_with_mediapipe()
