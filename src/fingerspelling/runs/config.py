"""The parameters of a run: everything that a YAML file or a notebook's parameters cell may say, checked."""

import ast
import os
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import field, fields, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from fingerspelling.data.conventions import ExtractionConfig
from fingerspelling.decoding.search import Decode, decode
from fingerspelling.files import PACKAGE, from_home
from fingerspelling.model import FingerspellingConfig
from fingerspelling.parameters import (
    ParameterError,
    Probability,
    build,
    errors_in,
    lay_over,
    parameters,
    parse_override,
    read_parameters,
    shown,
)
from fingerspelling.simulation import SimulationConfig
from fingerspelling.training import TrainingConfig
from fingerspelling.training.recipe import ModelConfig, Recipe

PROJECT = PACKAGE.parents[1]  # where the package is installed in place: a checkout, a kernel's folder
IN_PLACE = (PROJECT / "pyproject.toml").is_file()
ROOT = PROJECT if IN_PLACE else Path.cwd()  # where relative paths begin and a run's files go
CHAPTERS = (PROJECT if IN_PLACE else PACKAGE) / "notebooks"  # setup.py puts them into the wheel
NOTEBOOKS = [
    "00_start",
    "01_eda",
    "02_extraction",
    "03_training",
    "04_error_analysis",
    "05_submission",
    "06_your_own_hand",
]
DEMO = CHAPTERS / "params/demo.yaml"  # what a notebook runs with by default
SECTIONS = {"simulation", "model", "training", "submission"}


def _in_project(path: Path) -> Path:
    """Take a relative path from the project's root: JupyterLab starts kernels in notebooks/, papermill does not."""
    return ROOT / from_home(path)


def _usable_path(path: Path) -> Path:
    """Take a path from the project's root; a ValueError says of one what the file system has against it."""
    path = _in_project(path)
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except OSError as error:
        raise ValueError(error.strerror) from None
    return path


def parameter_file(path: str | Path) -> Path:
    """Return where a file of parameters is: in the project, or among those that were installed with the package."""
    here = _in_project(Path(path))
    return here if os.path.exists(here) else CHAPTERS.parent / path  # a Path's own exists() fails at a long name


def named_file(path: str | Path) -> Path:
    """Return where a file of parameters is that a command names: in the working folder, or a `parameter_file`."""
    here = from_home(path)
    return here if os.path.exists(here) else parameter_file(path)


def refuse_another_checkout() -> None:
    """Raise a ParameterError in a checkout whose environment runs another one's code, as after a copy of both."""
    here = Path.cwd()
    for folder in (here, *here.parents) if IN_PLACE else ():
        package = folder / PACKAGE.relative_to(PROJECT)
        if (package / "runs/config.py").is_file() and not package.samefile(PACKAGE):
            raise ParameterError(
                f"{folder}: what runs here is the code of {PROJECT}; `make` in {folder} installs its own, "
                "or work in the other folder"
            )


def _different_seeds(seeds: Any) -> tuple[int, ...]:
    numbers = isinstance(seeds, list | tuple) and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not numbers or not seeds or len(set(seeds)) < len(seeds):
        raise ValueError("expected different whole numbers from 0, such as [1, 2]")
    return tuple(seeds)


def _read_first_round(file: object) -> Recipe:
    """Read the recipe of a first round from the parameters that train one fold of it."""
    if not isinstance(file, str | Path):
        raise ValueError("expected a path")
    path = parameter_file(file)
    with errors_in(f"first_round: {path}"):
        values = read_parameters(path)
        if values.get("first_round"):
            raise ParameterError("first_round: a first round has none before it")
        return RunConfig.from_values(values).recipe


ProjectPath = Annotated[Path, pydantic.AfterValidator(_usable_path)]


@parameters
class SubmissionConfig:
    """How the trained model becomes a submission, and how that is scored."""

    precision: Literal["fp32", "fp16", "int8"] = "fp16"  # of the weights in model.tflite
    # Hypotheses of a beam search; with 1, and ctc_weight 0, decoding is greedy.
    num_beams: Annotated[int, pydantic.Field(ge=1, le=1000)] = 1
    # Weight of the CTC heads in the hypotheses' scores. Decoder and CTC together read far better where a model was
    # trained with model.ctc_weight, and take up to half as long again.
    ctc_weight: Probability = 0.0
    clips: pydantic.PositiveInt = 500  # validation clips that the scorer reads

    @property
    def search(self) -> dict[str, Any]:
        """How the submission finds the characters: arguments of `decode` and `export_tflite`."""
        return {"num_beams": self.num_beams, "ctc_weight": self.ctc_weight}

    @property
    def decode(self) -> Decode:
        """How the submission finds the characters."""
        return partial(decode, **self.search)


@parameters
class RunConfig:
    """Parameters of a run; what neither a section nor the file beneath it says is the winner's second round."""

    params: ProjectPath | None = None  # a file of parameters, over which these are laid key by key
    overrides: tuple[str, ...] = ()  # such as "training.learning_rate=4e-3": laid over all else
    run_dir: ProjectPath = ROOT / "outputs/demo"  # where the run's files go
    data_dir: ProjectPath | None = None  # the competition's data, where they are at hand
    # Share of the competition's files that the run is on, evenly spaced: for a trial, a tenth.
    data_fraction: Annotated[float, pydantic.Field(gt=0, le=1)] = 1.0
    dask_address: str | None = None  # of a dask cluster that extracts the clips; none extracts on this machine
    # Parameters of a first round, whose scores teach the confidence head.
    first_round: Annotated[Recipe | None, pydantic.PlainValidator(_read_first_round)] = None
    # A model is trained with each, and they read together; training.seed by default.
    seeds: Annotated[tuple[int, ...], pydantic.PlainValidator(_different_seeds)] = ()
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    extraction: ExtractionConfig = field(default_factory=ExtractionConfig)
    model: ModelConfig = field(default_factory=FingerspellingConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    submission: SubmissionConfig = field(default_factory=SubmissionConfig)

    def __post_init__(self) -> None:
        if not self.seeds:
            object.__setattr__(self, "seeds", (self.training.seed,))
        if folder := self.training.pretrained:
            object.__setattr__(self, "training", replace(self.training, pretrained=_in_project(folder)))
        Recipe(self.model, self.training)  # refuses what does not go together
        if self.first_round and not self.model.confidence_head:
            raise ValueError("first_round: its scores teach the confidence head, which model.confidence_head omits")
        if self.submission.ctc_weight and not self.model.ctc_weight:
            raise ValueError("submission.ctc_weight: the model has no CTC head to weigh, as model.ctc_weight is 0")

    @property
    def recipe(self) -> Recipe:
        """How its models are trained."""
        return Recipe(self.model, self.training)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Check the values of a YAML file or a notebook, laid over the file that `params` names; see `build`.

        Names without a value (None or "") keep their defaults. Where neither a file nor a section is given, it is the
        demo's run.
        """
        values = effective_values(values)
        training = values.get("training")
        if "seeds" in values and isinstance(training, Mapping) and "seed" in training:
            raise ParameterError(
                f"training.seed: seeds, {shown(values['seeds'])}, takes its place; leave one of them out, or give "
                f"seeds=[{training['seed']}] instead"
            )
        return build(cls, values)


def effective_values(values: Mapping[str, Any], above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Lay values over those of the file that `params` names, and that one over its own; then the overrides over all.

    Raises:
        ParameterError: a file cannot be read, or an override is none.
    """
    names = {parameter.name for parameter in fields(RunConfig)}
    given = {name: value for name, value in values.items() if name not in names or value not in (None, "")}
    if "params" not in values and not SECTIONS & given.keys():
        given["params"] = DEMO
    if isinstance(file := given.get("params"), str | Path):
        file = parameter_file(file)
        if file in above:
            raise ParameterError(f"params: {file} is laid over itself")
        with errors_in(f"params: {file}"):
            beneath = effective_values(read_parameters(file), (*above, file))
        given = lay_over({name: beneath[name] for name in beneath.keys() - {"params", "overrides"}}, given)
    overrides = given.get("overrides") or ()
    if isinstance(overrides, str):  # as papermill's -p passes it: one, or several with blanks between them
        try:
            given["overrides"] = overrides = shlex.split(overrides)
        except ValueError as error:  # a quotation without an end
            raise ParameterError(f"overrides: {error}, in {overrides!r}") from None
    if not isinstance(overrides, list | tuple):
        raise ParameterError(f"overrides: expected a list such as [training.epochs=3], got {shown(overrides)}")
    for override in overrides:
        given = lay_over(given, parse_override(override))
    return {name: value for name, value in given.items() if name not in names or value is not None}


def notebook_parameters(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook's parameters among its `globals()`: the names that its parameters cells assign.

    Those are the last cell run that assigns `params`, and any that papermill has injected after it. So a notebook may
    be run as often and in whatever order one likes, with any variables of one's own.
    """
    cells = namespace["In"]
    ours = [place for place, cell in enumerate(cells) if "params" in _assigned(cell) and not _is_injected(cell)]
    first = max(ours, default=0)
    names = {*_assigned(cells[first])}.union(*map(_assigned, filter(_is_injected, cells[first + 1 :])))
    return {name: namespace[name] for name in names if name in namespace}


def _is_injected(cell: str) -> bool:
    return cell.startswith("# Parameters")


def _assigned(cell: str) -> Iterable[str]:
    """Return the names that a cell assigns a value to; none for one that is not plain Python, such as `%time`."""
    try:
        statements = ast.parse(cell).body
    except SyntaxError:
        return []
    plain = [target for statement in statements if isinstance(statement, ast.Assign) for target in statement.targets]
    annotated = [statement.target for statement in statements if isinstance(statement, ast.AnnAssign)]
    return [target.id for target in (*plain, *annotated) if isinstance(target, ast.Name)]
