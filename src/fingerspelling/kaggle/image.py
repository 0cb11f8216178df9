"""Does Kaggle's image have what the package needs? A kernel's first cell asks, before anything else is imported."""

import importlib.metadata
import os
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from fingerspelling.files import InputError

# Declared, but not needed there: TensorFlow has an interpreter too, and others start the notebooks.
DISPENSABLE = {"ai-edge-litert", "ipykernel", "jupyterlab"}
DISPENSABLE |= {"nbclient", "nbconvert", "nbformat", "nbstripout", "papermill"}


def check_image(place: Path, scratch: Path) -> None:
    """Check the packages of this machine; processes that it starts will find this package and the scratch folder.

    Versions other than the tested ones are named, and tried; an InputError names packages that are missing.

    Args:
        place: where the package has been unpacked.
        scratch: for temporary files.
    """
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(place / "src"), os.environ.get("PYTHONPATH")]))
    scratch.mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    project = tomllib.loads((place / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = Requirement(f"Python {project['requires-python']}")
    missing, untested = [], []
    declared = project["dependencies"] + project["optional-dependencies"]["workbook"]
    for requirement in [python, *map(Requirement, declared)]:
        if requirement.name in DISPENSABLE:
            continue
        try:
            version = sys.version.split()[0] if requirement is python else importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(str(requirement))
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            untested.append(f"{requirement.name} {version} (tested: {requirement.specifier})")
    if missing:
        raise InputError(f"this machine lacks {', '.join(missing)}; choose another image in the kernel's settings")
    print("; ".join(["this machine has all packages that are needed", *untested]))
