"""A Python that has MediaPipe: the one named, this one, or an environment that is made once.

MediaPipe 0.10.21 is the last release whose wheel carries the models of Holistic. It needs NumPy 1 and Python 3.11 or
3.12, which the package and this Python need not have: hence an environment of its own, in the user's cache.
"""

import os
import subprocess
import sys
from pathlib import Path

from fingerspelling.files import InputError

MEDIAPIPE = "0.10.21"
# All that Holistic imports. What else MediaPipe asks for, such as jax and scipy, is for other things and takes 700 MB.
PACKAGES = [
    "absl-py==2.5.1",
    "attrs==26.1.0",
    "flatbuffers==25.12.19",
    "matplotlib==3.11.2",
    "numpy==1.26.4",
    "opencv-contrib-python==4.11.0.86",
    "protobuf==4.25.9",
]
PYTHONS = ["3.12", "3.11"]
READY = "ready"  # a file that says that an environment is whole
PROBE = "from mediapipe.python.solutions import holistic; import cv2"


class NoMediaPipe(InputError):
    """There is no MediaPipe, and none can be installed; the message says why."""


def cache_folder() -> Path:
    """Return where environments are kept: FINGERSPELLING_CACHE, or a folder in the user's cache."""
    if named := os.environ.get("FINGERSPELLING_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fingerspelling"


def python_with_mediapipe(named: str | None = None) -> str:
    """Return a Python that can import MediaPipe Holistic: the one that is named, or another, made at the first use.

    Raises:
        NoMediaPipe: the one named has none; or none can be made: no fitting Python, no network.
    """
    if named is not None:
        if not _runs(named, PROBE):
            raise NoMediaPipe(f"{named}: not a Python with MediaPipe Holistic (pip install mediapipe=={MEDIAPIPE})")
        return named
    folder = cache_folder() / f"mediapipe-{MEDIAPIPE}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (folder / READY).is_file() and python.exists():
        return str(python)
    if _runs(sys.executable, PROBE):
        return sys.executable
    _make(folder, python)
    return str(python)


def _runs(python: str, code: str) -> bool:
    try:
        return subprocess.run([python, "-c", code], capture_output=True).returncode == 0
    except OSError:
        return False


def _base_python() -> str:
    """Return a Python of a version that MediaPipe has a wheel for."""
    for python in (sys.executable, *(f"python{version}" for version in PYTHONS)):
        if _runs(python, f"import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] not in {PYTHONS})"):
            return python
    raise NoMediaPipe(
        f"MediaPipe {MEDIAPIPE} needs Python 3.11 or 3.12, and this is {sys.version.split()[0]}: install one of them, "
        "or name a Python that has MediaPipe with --mediapipe"
    )


def _make(folder: Path, python: Path) -> None:
    base = _base_python()
    print(f"making an environment for MediaPipe in {folder}: once, 150 MB to fetch ...", file=sys.stderr, flush=True)
    done = subprocess.run([base, "-m", "venv", "--clear", str(folder)], capture_output=True, text=True)
    if done.returncode:
        raise NoMediaPipe(f"{folder}: no environment can be made ({_last_line(done.stdout + done.stderr)})")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"]
    _install([*pip, "--no-deps", f"mediapipe=={MEDIAPIPE}"], folder)
    _install([*pip, *PACKAGES], folder)
    if not _runs(str(python), PROBE):
        raise NoMediaPipe(f"{folder}: MediaPipe is installed, but cannot be imported on this machine")
    (folder / READY).touch()


def _install(command: list[str], folder: Path) -> None:
    """Run pip, say which package it is at, and turn its failure into a sentence."""
    log = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            log.append(line)
            if line.startswith("Collecting "):
                print(f"  {line.split()[1]}", file=sys.stderr, flush=True)
    if process.returncode:
        reason = next((line.strip() for line in log if "No matching distribution" in line), _last_line("".join(log)))
        raise NoMediaPipe(
            f"{folder}: MediaPipe cannot be fetched ({reason.removeprefix('ERROR: ')}); it needs a network the first "
            "time, or a Python that has it: --mediapipe PYTHON"
        )


def _last_line(said: str) -> str:
    return said.strip().rpartition("\n")[2]
