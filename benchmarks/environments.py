"""Do the tests pass on every Python, and with the versions of Kaggle's and Colab's machines?

    python benchmarks/environments.py                 # all of them: 8 GB of disk each, and as long as the tests take
    python benchmarks/environments.py kaggle colab

Makes an environment for each (kept for the next time), runs the test suite in all of them, one after the other, and
prints a table. Needs those versions of Python on the path or from pyenv; where one is missing, its row says so.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pandas as pd
from runtimes import RuntimeUnavailableError, find_python

from fingerspelling.runs.config import ROOT


class Environment(NamedTuple):
    """A Python and what pip installs for it."""

    python: str
    packages: Sequence[str]


CONSTRAINED = ["--constraint", "constraints.txt", "--editable", ".[workbook,kaggle,test]"]
TOOLS = [
    "pytest==8.4.2",
    "pytest-timeout",
    "hypothesis",
    "papermill",  # on Kaggle's image without a version
    "nbconvert",  # there as 6.4.5, beside an nbclient with which pip would not install that
]

# What matters of the two images. Both lack rapidfuzz and ai-edge-litert. The package itself is not installed there.
KAGGLE = """
accelerate==1.13.0 dask==2026.1.1 distributed==2026.1.1 flatbuffers==25.12.19 fsspec==2025.3.0 h5py==3.16.0
huggingface_hub==1.11.0 ipykernel==6.17.1 ipython==7.34.0 jupyter_client==7.4.9 keras==3.13.2 matplotlib==3.10.0
ml_dtypes==0.5.4 nbclient==0.10.4 nbformat==5.10.4 numpy==2.0.2 packaging==26.1 pandas==2.2.2 pillow==11.3.0
protobuf==5.29.5 pyarrow==18.1.0 pydantic==2.12.3 PyYAML==6.0.3 pyzmq==26.2.1 regex==2025.11.3 safetensors==0.7.0
tensorboard==2.20.0 tensorflow==2.20.0 tokenizers==0.22.2 torch==2.10.0 tornado==6.5.1 tqdm==4.67.3 traitlets==5.7.1
transformers==5.0.0
"""
COLAB = """
accelerate==1.14.0 dask==2026.1.1 distributed==2026.1.1 flatbuffers==25.12.19 fsspec==2025.3.0 h5py==3.16.0
huggingface_hub==1.27.0 ipykernel==6.17.1 ipython==7.34.0 jupyter_client==7.4.9 keras==3.13.2 matplotlib==3.10.0
ml_dtypes==0.6.0 nbclient==0.10.4 nbformat==5.11.1 numpy==2.1.3 packaging==26.3 pandas==2.2.3 pillow==11.3.0
protobuf==5.29.6 pyarrow==18.1.0 pydantic==2.13.4 PyYAML==6.0.3 pyzmq==26.2.1 regex==2025.11.3 safetensors==0.8.0
tensorboard==2.20.0 tensorflow==2.20.0 tokenizers==0.22.2 torch==2.11.0 tornado==6.5.7 tqdm==4.67.3 traitlets==5.7.1
transformers==5.15.0
"""

ENVIRONMENTS = {
    "py311": Environment("3.11", CONSTRAINED),
    "py312": Environment("3.12", CONSTRAINED),
    "py313": Environment("3.13", CONSTRAINED),
    "kaggle": Environment("3.12", [*KAGGLE.split(), *TOOLS]),  # Kaggle's image for GPUs of August 2026
    "colab": Environment("3.13", [*COLAB.split(), *TOOLS]),  # Colab's of 19 August 2026
}
OUTCOMES = ["passed", "skipped", "failed"]
PACKAGES = ["torch", "transformers", "tensorflow", "numpy", "pandas"]


def make(environment: Environment, folder: Path) -> Path:
    """Return the Python of an environment in a folder, made where it is not there.

    Raises:
        RuntimeUnavailableError: it cannot be made.
    """
    python, note = folder / "bin/python", folder / "packages.json"
    constraints = (ROOT / "constraints.txt").read_text() if "constraints.txt" in environment.packages else ""
    wanted = json.dumps([*environment, constraints])
    if note.is_file() and note.read_text() == wanted:
        return python
    print(f"making {folder} with Python {environment.python}", flush=True)
    subprocess.run([find_python(environment.python), "-m", "venv", "--clear", folder], check=True)
    _install(python, environment.packages)
    note.write_text(wanted)  # last: an environment that is half made is made anew
    return python


def _install(python: Path, packages: Sequence[str]) -> None:
    """Run pip and pass on what it does, without the addresses that packages come from."""
    finished = threading.Event()

    def say_that_it_lives() -> None:  # pip is silent for minutes while it unpacks
        while not finished.wait(30):
            print("still installing ...", flush=True)

    threading.Thread(target=say_that_it_lives, daemon=True).start()
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", *packages]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        for line in pip.stdout:
            if re.match(r"Collecting|Installing|Successfully|ERROR", line):
                print(re.sub(r"\S*(://|/)\S*", "...", line.rstrip()), flush=True)
    finished.set()
    if pip.returncode:
        raise RuntimeUnavailableError(f"pip failed with exit status {pip.returncode}")


def run_tests(python: Path) -> tuple[dict[str, object], Counter[str]]:
    """Run the test suite with the sources of this checkout.

    Returns:
        The environment's row of the table: versions, passed, skipped, failed and minutes; and as `read_report`.
    """
    script = f"import importlib.metadata as m, platform; print(platform.python_version(), *map(m.version, {PACKAGES}))"
    versions = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # A test may take long here: these runs last for an hour, beside which people go on working.
        command = [python, "-m", "pytest", "--timeout=2400", f"--junit-xml={report}"]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT / "src")})
        outcomes, reasons = read_report(report) if report.is_file() else (Counter(), Counter(["pytest has crashed"]))
    row: dict[str, object] = dict(zip(["Python", *PACKAGES], versions, strict=True))
    row |= {outcome: outcomes[outcome] for outcome in OUTCOMES}
    return row | {"minutes": (time.monotonic() - begun) / 60}, reasons


def read_report(path: Path) -> tuple[Counter[str], Counter[str]]:
    """Count the outcomes in pytest's XML report, and the reasons of what was skipped or failed."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for test in ElementTree.parse(path).iter("testcase"):
        problem = next((child for child in test if child.tag in ("skipped", "failure", "error")), None)
        outcome = "passed" if problem is None else "skipped" if problem.tag == "skipped" else "failed"
        outcomes[outcome] += 1
        if problem is not None:
            reason = problem.get("message", "").partition("\n")[0]
            reasons[reason if outcome == "skipped" else f"{test.get('classname')}::{test.get('name')}: {reason}"] += 1
    return outcomes, reasons


def main() -> int:
    """Parse the command line and print the table; the exit status is 1 where a test fails or nothing was run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environments", nargs="*", metavar="NAME", help=", ".join(ENVIRONMENTS))  # 3.11: no choices
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs/environments", help="where they are kept")
    arguments = parser.parse_args()
    if unknown := set(arguments.environments) - ENVIRONMENTS.keys():
        parser.error(f"no such environment: {', '.join(sorted(unknown))}; there are {', '.join(ENVIRONMENTS)}")
    rows, remarks = [], []
    for name in arguments.environments or ENVIRONMENTS:
        print(f"=== {name}", flush=True)
        row: dict[str, object] = {}
        try:
            row, reasons = run_tests(make(ENVIRONMENTS[name], arguments.folder.resolve() / name))
        except RuntimeUnavailableError as error:
            reasons = Counter([str(error)])
        rows.append({"environment": name, **row})
        remarks += [f"{name}: {count} of: {reason}" for reason, count in reasons.items()]
    columns = ["Python", *PACKAGES, *OUTCOMES, "minutes"]
    table = (
        pd.DataFrame(rows).set_index("environment").reindex(columns=columns).astype(dict.fromkeys(OUTCOMES, "Int64"))
    )
    print(*remarks, sep="\n")
    print(table.rename_axis(None).to_string(float_format="{:.1f}".format, na_rep="-"))
    return int(not (table["passed"].gt(0) & table["failed"].eq(0)).fillna(False).all())


if __name__ == "__main__":
    sys.exit(main())
