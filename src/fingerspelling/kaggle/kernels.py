"""Kernels: every numbered notebook as one self-contained file, with the metadata that Kaggle's client pushes.

    kaggle/03-training/
      kernel-metadata.json      id, machine, internet and sources, each of them explicit
      03-training.ipynb         the chapter; a folded cell at its top holds the package and the parameters

The same sources give the same bytes, whoever builds them and when.

    python -m fingerspelling.kaggle.kernels --params notebooks/params/kaggle_round2.yaml
"""

import argparse
import base64
import io
import json
import lzma
import re
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from fingerspelling.data.competition import INPUT, SCRATCH, SLUG, WORKING
from fingerspelling.files import to_path, write_whole
from fingerspelling.parameters import ParameterError, errors_in, read_parameters
from fingerspelling.processes import exit_status
from fingerspelling.runs.config import DEMO, IN_PLACE, NOTEBOOKS, ROOT, RunConfig, named_file, parameter_file

TRIAL = ROOT / "notebooks/params/kaggle_trial.yaml"  # what a kernel runs with by default
ABOUT = """\
The folded cell below brings the package along: it unpacks it, and checks what this machine has."""
UNPACK = """\
# The package fingerspelling and its files of parameters: a compressed archive as text.
import base64, io, lzma, os, sys, tarfile, time

os.environ.setdefault("FINGERSPELLING_BEGAN", str(time.time()))  # the hours of a session count from here
PLACE, ARCHIVE = "{place}", \"\"\"
{archive}
\"\"\"
with tarfile.open(fileobj=io.BytesIO(lzma.decompress(base64.b64decode(ARCHIVE)))) as ARCHIVE:
    ARCHIVE.extractall(PLACE, filter="data")
sys.path.insert(0, PLACE + "/src")

from pathlib import Path

from fingerspelling.kaggle.image import check_image

check_image(Path(PLACE), Path("{scratch}"))"""
PARAMETERS = """\
# Parameters
params = "{params}"
run_dir = "{run_dir}"  # what Kaggle keeps as the kernel's output"""
TAKE_OVER = """\
# What the kernels before this one have left.
from fingerspelling.kaggle.chain import take_over

take_over("{chapter}", "{run}", globals(), after={after}, simulated={simulated})"""
HAND_OVER = """\
from fingerspelling.kaggle.chain import hand_over

hand_over()"""
FOLDED = {"_kg_hide-input": True, "jupyter": {"source_hidden": True}}  # on Kaggle, and in JupyterLab
WIDTH = 120  # of the archive's lines
NOBODY = "your-username"  # stands for the owner in the ids until one is given
METADATA = "kernel-metadata.json"
LIMIT_BYTES = 1_000_000  # of a kernel's file
LONGEST_TITLE = 50  # characters that Kaggle allows
T4 = "NvidiaTeslaT4"  # two of them
# What lies below `INPUT`: its entry in the metadata, and how many parts of the path are its name there.
MOUNTS = {
    "datasets": ("dataset_sources", 2),  # owner, name
    "notebooks": ("kernel_sources", 2),
    "models": ("model_sources", 5),  # owner, name, framework, variation, version
}


class Chapter(NamedTuple):
    """What a notebook needs on Kaggle."""

    after: tuple[str, ...] = ()  # the notebooks whose output it reads
    gpu: bool = False  # whether it runs on two T4; else on a machine without a GPU, whose hours cost nothing
    resumes: bool = False  # whether a version of its kernel goes on from the output of the version before


# Notebooks that are not named here need nothing of the others.
CHAPTERS = {
    "03_training": Chapter(("02_extraction",), gpu=True, resumes=True),
    "04_error_analysis": Chapter(("02_extraction", "03_training")),
    "05_submission": Chapter(("02_extraction", "03_training")),
    # Without a network a kernel has no MediaPipe to look for hands in a video: the chapter reads a validation clip.
    "06_your_own_hand": Chapter(("02_extraction", "03_training")),
}


@dataclass(frozen=True)
class Kernel:
    """A built kernel."""

    chapter: str  # its notebook, such as "03_training"
    folder: Path  # holds kernel-metadata.json and the notebook
    metadata: dict[str, Any]  # what kernel-metadata.json says
    # Whether a further version goes on from this one's output: its own id then joins kernel_sources, which Kaggle
    # accepts only once there is a version.
    resumes: bool

    @property
    def number(self) -> str:
        """Of its notebook, such as "03"."""
        return self.chapter[:2]


def build(
    folder: Path, owner: str | None = None, params: Path | None = None, simulated: bool = False, suffix: str = ""
) -> list[Kernel]:
    """Build the kernels of a run, one per notebook.

    Args:
        folder: receives a folder for each kernel.
        owner: the name of the Kaggle account; None leaves `NOBODY` in the ids.
        params: a YAML file of parameters; None is `TRIAL`.
        simulated: whether the kernels run on simulated signers instead of on the competition's data.
        suffix: of the kernels' names, for some that stand beside the run's own.

    Raises:
        ParameterError: the parameters cannot be used, or a kernel would become too large or its title too long.
    """
    run, kernels = describe(folder, owner, params, simulated, suffix)
    archive = _archive(run.files)
    for kernel in kernels:
        built = _assemble(ROOT / f"notebooks/{kernel.chapter}.ipynb", run, archive)
        if len(built.encode()) > LIMIT_BYTES:
            raise ParameterError(f"{kernel.chapter}: its kernel would have {len(built) / 1e6:.1f} MB, more than 1")
        write_whole(kernel.folder / METADATA, json.dumps(kernel.metadata, indent=2) + "\n")
        write_whole(kernel.folder / kernel.metadata["code_file"], built)
    return kernels


def describe(
    folder: Path, owner: str | None = None, params: Path | None = None, simulated: bool = False, suffix: str = ""
) -> tuple["Run", list[Kernel]]:
    """Return a run and its kernels as `build` would write them."""
    params = params or TRIAL
    with errors_in(params):
        run = _read_run(params, simulated)
        return run, [_kernel(name, run, owner or NOBODY, suffix, folder) for name in NOTEBOOKS]


class Run(NamedTuple):
    """A run: its name, its files of parameters by their place in a kernel, and whether its signers are simulated.

    The first of the files is the run's; it may be laid over others, or name a first round. Its trainings start from
    the models, folders below `INPUT`.
    """

    name: str
    files: dict[str, Path]
    simulated: bool
    models: list[Path]

    def slug(self, notebook: str) -> str:
        """Return the name of a notebook's kernel on Kaggle."""
        return "-".join(filter(None, ["fingerspelling", self.name, *notebook.split("_")]))


def _read_run(params: Path, simulated: bool) -> Run:
    """Read and check a run's parameters, and list the files that they are in."""
    if not IN_PLACE:
        raise ParameterError("kernels are built in a checkout of the project, whose files they bring along")
    config = RunConfig.from_values(read_parameters(params))
    if config.data_dir:
        raise ParameterError("data_dir: on Kaggle, the competition's data are found without it; leave it out")
    if simulated and config.data_fraction < 1:
        raise ParameterError(
            "data_fraction: is a share of the competition's files, not of simulated ones; leave it out"
        )
    trainings = [config.training, *([config.first_round.training] if config.first_round else [])]
    models = {training.pretrained for training in trainings if training.pretrained}
    for model in models:
        if INPUT not in model.parents:
            raise ParameterError(
                f"training.pretrained: a kernel would not find {model}, which it does not bring along; leave it out, "
                f"train here, or name a data set's or a model's folder on Kaggle, below {INPUT}"
            )
    files: dict[str, Path] = {}
    waiting = [params.resolve()]
    while waiting:
        file = waiting.pop()
        if files and not file.is_relative_to(ROOT):
            raise ParameterError(f"{file} is outside of {ROOT}: a kernel would not find it")
        place = file.relative_to(ROOT) if file.is_relative_to(ROOT) else Path("notebooks/params", file.name)
        files[place.as_posix()] = file
        values = read_parameters(file)
        waiting += [parameter_file(values[name]) for name in ("params", "first_round") if values.get(name)]
    name = config.run_dir.name.lower().removeprefix("kaggle_")
    return Run(re.sub(r"[^a-z0-9]+", "-", name).strip("-"), files, simulated, sorted(models))


def _kernel(notebook: str, run: Run, owner: str, suffix: str, folder: Path) -> Kernel:
    name, chapter = notebook.replace("_", "-"), CHAPTERS.get(notebook, Chapter())
    slug = run.slug(notebook)
    title = slug.replace("-", " ").capitalize()
    if len(title) > LONGEST_TITLE:
        raise ParameterError(f"run_dir: the kernel's title, {title!r}, would be longer than {LONGEST_TITLE} characters")
    attached: dict[str, list[str]] = {"dataset_sources": [], "kernel_sources": [], "model_sources": []}
    attached["kernel_sources"] = [f"{owner}/{run.slug(before)}" for before in chapter.after]
    for kind, source in (_source(model, owner) for model in run.models):
        attached[kind] += [source] * (source not in attached[kind])
    metadata = {
        "id": f"{owner}/{slug}{suffix}",
        "title": title + suffix.replace("-", " "),
        "code_file": f"{name}.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": chapter.gpu,
        "enable_internet": False,
        "machine_shape": T4 if chapter.gpu else "",
        "competition_sources": [] if run.simulated else [SLUG],
        **attached,
    }
    return Kernel(notebook, folder / name, metadata, chapter.resumes)


def _source(model: Path, owner: str) -> tuple[str, str]:
    """Return what a folder below `INPUT` is of: an entry of the metadata, and what Kaggle calls it there.

    In today's mounts, its kind and owner are parts of the path. In the older ones, a name alone is a data set's: the
    account's own, as `fingerspelling kaggle weights` uploads it.
    """
    kind, *names = model.relative_to(INPUT).parts
    entry, length = MOUNTS.get(kind, ("", 0))
    if entry and len(names) >= length:
        return entry, "/".join(names[:length])
    return "dataset_sources", f"{owner}/{kind}"


def _assemble(path: Path, run: Run, archive: str) -> str:
    """Return a chapter as a kernel: below its title the package, below its parameters those of the run."""
    notebook, after = nbformat.read(path, 4), CHAPTERS.get(path.stem, Chapter()).after
    lines = "\n".join(archive[start : start + WIDTH] for start in range(0, len(archive), WIDTH))
    unpack = UNPACK.format(place=SCRATCH / "fingerspelling", scratch=SCRATCH / "tmp", archive=lines)
    parameters = PARAMETERS.format(params=next(iter(run.files)), run_dir=WORKING)
    take_over = TAKE_OVER.format(chapter=path.stem, run=run.name, after=list(after), simulated=run.simulated)
    (place,) = (i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    new_code, new_text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    notebook.cells = [
        notebook.cells[0],
        new_text(ABOUT, id="about-the-package"),
        new_code(unpack, id="package", metadata=FOLDED),
        *notebook.cells[1 : place + 1],
        new_code(parameters, id="parameters", metadata={"tags": ["injected-parameters"]}),
        new_code(take_over, id="take-over"),
        *notebook.cells[place + 1 :],
        new_code(HAND_OVER, id="hand-over"),
    ]
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _archive(files: dict[str, Path]) -> str:
    """Pack what a kernel brings along, the package and files of parameters, as a text: base 64 of tar.xz."""
    brought = [path for path in (ROOT / "src/fingerspelling").rglob("*") if path.is_file()]
    brought += [DEMO, ROOT / "pyproject.toml"]
    left = ("__pycache__", "weights")  # the second would be too large for a kernel
    files = files | {path.relative_to(ROOT).as_posix(): path for path in brought if path.parent.name not in left}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            content = files[name].read_bytes()
            entry = tarfile.TarInfo(name)  # of 1970, by nobody
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return base64.b64encode(lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME)).decode()


def main() -> int:
    """Parse the command line and build the kernels; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fingerspelling.kaggle.kernels", description="Build the kernels.")
    parser.add_argument("--params", type=named_file, default=TRIAL, help="a YAML file (default: the trial's)")
    parser.add_argument("--owner", help="the name of the Kaggle account")
    parser.add_argument(
        "--folder", type=to_path, default=ROOT / "kaggle", help="receives the kernels (default: kaggle/)"
    )
    parser.add_argument(
        "--simulated", action="store_true", help="run on simulated signers, not on the competition's data"
    )
    options = parser.parse_args()
    for kernel in build(options.folder, options.owner, options.params, options.simulated):
        print(f"{kernel.folder}: {kernel.metadata['id']}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
