"""Does a submission give the same answers on old runtimes, and how fast is it there?

    python benchmarks/runtimes.py outputs/demo/submission.zip outputs/demo/held_out_clips

Makes an environment for each runtime (kept for the next time), runs the same clips through the same file in all of
them, with and without the delegate XNNPACK, and prints the matrix. Needs Linux, and the runtimes' versions of Python on
the path or from pyenv; where one is missing, its row says so.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from fingerspelling.data.parquet import read_clip
from fingerspelling.files import DataError
from fingerspelling.scoring.submission import MODEL_FILE, Submission

RUN_INSIDE = Path(__file__).with_name("time_runtime.py")


class Runtime(NamedTuple):
    """A TensorFlow Lite runtime: the Python that it needs, and what pip installs."""

    python: str
    packages: Sequence[str]


# Kaggle's scorer of 2023 had a runtime between 2.9 and 2.12. All are compared with the first one that runs.
RUNTIMES = {
    "ai-edge-litert 2.3": Runtime("3.11", ["ai-edge-litert==2.3.0"]),
    "TensorFlow 2.21": Runtime("3.11", ["tensorflow-cpu==2.21.0"]),
    "TensorFlow 2.15": Runtime("3.10", ["tensorflow-cpu==2.15.1"]),
    "TensorFlow 2.12": Runtime("3.10", ["tensorflow-cpu==2.12.1"]),
    "tflite-runtime 2.14": Runtime("3.11", ["tflite-runtime==2.14.0", "numpy<2"]),
    "tflite-runtime 2.9.1": Runtime("3.9", ["tflite-runtime==2.9.1", "numpy<2"]),
}


class RuntimeUnavailableError(Exception):
    """A runtime cannot be installed or fails; the message is one line that says why."""


def find_python(version: str) -> Path:
    """Return a Python of a version, such as "3.9", from the path or pyenv.

    Raises:
        RuntimeUnavailableError: there is none.
    """
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    for python in filter(None, candidates):  # pyenv puts stand-ins on the path that may only complain
        if subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
            return Path(python)
    raise RuntimeUnavailableError(f"no Python {version}")


def environment(runtime: Runtime, folder: Path) -> Path:
    """Return the Python of a runtime's environment, which is made if the folder does not hold it yet.

    Raises:
        RuntimeUnavailableError: it cannot be made.
    """
    python, note = folder / "bin/python", folder / "packages.json"
    wanted = json.dumps(runtime)
    if note.is_file() and note.read_text() == wanted:
        return python
    print(f"making {folder}: Python {runtime.python}, {', '.join(runtime.packages)} ...", flush=True)
    _call(find_python(runtime.python), "-m", "venv", "--clear", folder)
    _call(python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *runtime.packages)
    note.write_text(wanted)  # last, so that a half-made environment is made anew
    return python


def measure(python: Path, model: Path, clips: Path, *options: str) -> dict:
    """Run `time_runtime.py` with a Python; returns its result.

    Raises:
        RuntimeUnavailableError: the runtime cannot run the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        _call(python, RUN_INSIDE, model, clips, result, *options)
        return json.loads(result.read_text())


def _call(*command: str | Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeUnavailableError(lines[-1])


def compare(
    submission: Submission, clips: Sequence[np.ndarray], pythons: Mapping[str, Path | str], threads: int = 1
) -> pd.DataFrame:
    """Run clips through a submission with several runtimes.

    Args:
        submission: whose model is run.
        clips: float32 [frames, columns] each.
        pythons: name of a runtime -> the Python that has it, or a text that says why there is none.
        threads: for the model.

    Returns:
        One row per runtime: python, same (how many clips have the first runtime's phrase), ms and
        ms_without_xnnpack (medians over the clips), mb (by which the model made the process grow) and error.
    """
    rows, reference = [], None
    with tempfile.TemporaryDirectory() as folder:
        model, archive = Path(folder) / MODEL_FILE, Path(folder) / "clips.npz"
        model.write_bytes(submission.model)
        np.savez(archive, *clips)
        for name, python in pythons.items():
            row = {"runtime": name, "error": ""}
            try:
                if isinstance(python, str):
                    raise RuntimeUnavailableError(python)
                print(f"running {name} ...", flush=True)
                options = ["--threads", str(threads)]
                default = measure(python, model, archive, *options)
                plain = measure(python, model, archive, *options, "--without-xnnpack")
                reference = reference or default["rows"]
                row |= {
                    "python": default["python"],
                    "same": sum(a == b == c for a, b, c in zip(default["rows"], plain["rows"], reference, strict=True)),
                    "ms": np.median(default["milliseconds"]),
                    "ms_without_xnnpack": np.median(plain["milliseconds"]),
                    "mb": default["megabytes"],
                }
            except RuntimeUnavailableError as error:
                row["error"] = str(error)
            rows.append(row)
    columns = ["python", "same", "ms", "ms_without_xnnpack", "mb", "error"]
    return pd.DataFrame(rows).set_index("runtime").reindex(columns=columns).astype({"same": "Int64"})


def main() -> int:
    """Parse the command line and print the matrix; the exit status is 1 if a runtime fails or answers differently."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submission", help="submission.zip, or a folder with its files")
    parser.add_argument("folder", type=Path, help="parquet files of one clip each")
    parser.add_argument("--clips", type=int, default=100, help="how many, evenly spaced (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=list(RUNTIMES), metavar="NAME")
    cache = Path(tempfile.gettempdir()) / "fingerspelling-runtimes"
    parser.add_argument("--environments", type=Path, default=cache, help="where they are kept (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        submission = Submission(arguments.submission)
        paths = sorted(arguments.folder.rglob("*.parquet"))
        if not paths:
            raise DataError(f"{arguments.folder}: holds no parquet file")
        chosen = np.linspace(0, len(paths) - 1, min(arguments.clips, len(paths))).astype(int)
        clips = [read_clip(paths[i], submission.columns) for i in chosen]
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    pythons = {}
    for name in arguments.runtimes:
        try:
            pythons[name] = environment(RUNTIMES[name], arguments.environments / name.replace(" ", "-"))
        except RuntimeUnavailableError as error:
            pythons[name] = str(error)
    table = compare(submission, clips, pythons, arguments.threads)
    print(f"{len(clips)} clips, {arguments.threads} thread(s)")
    print(table.to_string(float_format="{:.1f}".format, na_rep="-"))
    return int((table["same"] != len(clips)).any())


if __name__ == "__main__":
    sys.exit(main())
