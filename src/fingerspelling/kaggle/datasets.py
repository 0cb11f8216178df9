"""Datasets for kernels: a trained model, and the packages that Kaggle's image lacks."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fingerspelling.files import DataError
from fingerspelling.kaggle.client import Client
from fingerspelling.kaggle.patience import KaggleError
from fingerspelling.runs.config import ROOT

# The competition's kernels need none of these; a kernel without internet that wants them finds their wheels.
ABSENT_PACKAGES = ("rapidfuzz", "ai-edge-litert")
PYTHONS = ("3.12", "3.13")  # of Kaggle's image, and of Colab's, which Kaggle's follows within months
PLATFORMS = ("manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64")


def trained_models(run_dir: Path) -> list[Path]:
    """Return the folders of a run's trainings; a DataError says that none has ended with a model."""
    models = sorted(path.parent for path in run_dir.glob("*/model") if path.is_dir())
    if not models:
        raise DataError(f"{run_dir}: holds no trained model (seed.../model); train one, or fetch its kernel")
    return models


def upload_weights(client: Client, run_dir: Path) -> str:
    """Upload a run's trained models, as `FingerspellingModel.from_pretrained` reads them; returns the dataset.

    Raises:
        DataError: the run holds no trained model.
    """
    models = trained_models(run_dir)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for training in models:
            shutil.copytree(training / "model", folder / training.name / "model")
            for file in training.glob("training.json"):
                shutil.copy2(file, folder / training.name)
        for name in ("run.json", "metrics.json"):
            if (run_dir / name).is_file():
                shutil.copy2(run_dir / name, folder)
        notes = f"{len(models)} of {run_dir.name}"
        return _upload(client, folder, f"fingerspelling {run_dir.resolve().name.replace('_', ' ')} weights", notes)


def upload_wheels(client: Client) -> str:
    """Upload wheels of the packages that the image lacks, for its Python and the next; returns the dataset."""
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in constraints if line.lower().startswith(ABSENT_PACKAGES)]
    with tempfile.TemporaryDirectory() as temporary:
        for python in PYTHONS:
            options = [f"--python-version={python}", *(f"--platform={platform}" for platform in PLATFORMS)]
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            command = [*pip, "--only-binary=:all:", f"--dest={temporary}", *options, *pins]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
                raise KaggleError(f"wheels for Python {python}: pip failed: {last.removeprefix('ERROR: ')}")
        return _upload(client, Path(temporary), "fingerspelling wheels", " ".join(pins))


def _upload(client: Client, folder: Path, title: str, notes: str) -> str:
    from slugify import slugify

    dataset = f"{client.owner}/{slugify(title)}"
    metadata = {"id": dataset, "title": title, "licenses": [{"name": "other"}]}
    (folder / "dataset-metadata.json").write_text(json.dumps(metadata))
    client.upload(folder, dataset, notes)
    return dataset
