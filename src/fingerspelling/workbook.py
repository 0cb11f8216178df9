"""The notebooks' common ground: their parameters, where a run's files lie, and running all of them by papermill.

    python -m fingerspelling.workbook --params notebooks/params/demo.yaml [--data /path/to/asl-fingerspelling]

Every stage is made when it is first asked for, and kept: so any notebook can be run alone, and a run that was
killed goes on where it was.
"""

import argparse
import json
import logging
import sys
import time
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import pandas as pd
import papermill
import pydantic
import yaml
from huggingface_hub.errors import StrictDataclassError
from matplotlib.figure import Figure
from papermill.exceptions import PapermillExecutionError

from fingerspelling.clips import ClipStore, written_whole
from fingerspelling.competition import DataError, find_data
from fingerspelling.extraction import extract
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.parameters import ParameterError, build, parameters, unknown_name
from fingerspelling.simulation import SimulationConfig, simulate
from fingerspelling.training import TrainingConfig, train

ROOT = Path(__file__).resolve().parents[2]  # of the project, where it is installed in place
DEMO = ROOT / "notebooks/params/demo.yaml"  # what a notebook runs with that was told nothing
NOTEBOOKS = ["01_eda", "02_extraction", "03_training", "04_error_analysis", "05_submission"]


@parameters
class SubmissionConfig:
    """How the trained model becomes a submission, and how that is scored."""

    precision: Literal["fp32", "fp16", "int8"] = "fp16"  # of the weights in model.tflite
    clips: pydantic.PositiveInt = 500  # held-out clips that the scorer reads


SECTIONS = {"simulation": SimulationConfig, "training": TrainingConfig, "submission": SubmissionConfig}
STRINGS = {"run_dir": "a path", "data_dir": "a path", "scheduler": "an address"}


def build_model_config(values: Mapping | None) -> FingerspellingConfig:
    """Make the model's configuration from what a YAML file says.

    Raises:
        ParameterError: a name does not exist or a value cannot be used.
    """
    values = dict(values or {})
    known = [name for name in FingerspellingConfig.__annotations__ if name != "model_type"]
    if unknown := [name for name in values if name not in known]:
        raise ParameterError("; ".join(unknown_name(f"model.{name}", known) for name in unknown))
    try:
        return FingerspellingConfig(**values)
    except StrictDataclassError as error:
        raise ParameterError(f"model: {' '.join(str(error.__cause__ or error).split())}") from None


@dataclass(frozen=True)
class Workbook:
    """A run of the workbook: its parameters, checked, and its stages."""

    run_dir: Path
    simulation: SimulationConfig
    model_config: FingerspellingConfig
    training: TrainingConfig
    submission: SubmissionConfig
    given_data: Path | None  # the competition's data, where they are at hand
    scheduler: str | None  # the address of a dask cluster for the extraction; None extracts on this machine

    @classmethod
    def from_parameters(cls, values: Mapping[str, object]) -> "Workbook":
        """Check the parameters and open the run.

        Args:
            values: run_dir, data_dir, scheduler, simulation, model, training, submission. A notebook hands over its
                `globals()` right after its parameters cell; what Jupyter itself keeps there is passed over.

        Raises:
            ParameterError: a name does not exist or a value cannot be used.
            DataError: data_dir is named but holds no competition data.
        """
        known = {*STRINGS, *SECTIONS, "model"}
        if unknown := [name for name in _plain(values) if name not in known]:
            raise ParameterError("; ".join(unknown_name(name, known) for name in unknown))
        if all(values.get(name) is None for name in (*SECTIONS, "model")):
            values = {**yaml.safe_load(DEMO.read_text()), **{name: values[name] for name in STRINGS if name in values}}
        for name, expected in STRINGS.items():
            if not isinstance(values.get(name, ""), str | Path):
                raise ParameterError(f"{name}: expected {expected}, got {values[name]!r}")
        sections = {name: build(kind, values.get(name), name) for name, kind in SECTIONS.items()}
        run_dir = _in_project(values.get("run_dir") or "outputs/demo")
        model_config = build_model_config(values.get("model"))
        data_dir = values.get("data_dir")
        data = find_data(_in_project(data_dir) if data_dir else None)
        run_dir.mkdir(parents=True, exist_ok=True)
        _keep_apart(run_dir, "simulated signers" if data is None else str(data.resolve()))
        scheduler = values.get("scheduler") or None
        return cls(run_dir, model_config=model_config, given_data=data, scheduler=scheduler, **sections)

    @property
    def simulated(self) -> bool:
        return self.given_data is None

    @cached_property
    def data_dir(self) -> Path:
        """The competition's data; where there are none, simulated signers write them first."""
        if self.given_data is not None:
            return self.given_data
        folder = self.run_dir / "competition"
        try:
            simulate(self.simulation, folder)
        except ValueError as error:  # the folder holds another simulation
            raise ParameterError(f"simulation: {error}") from error
        return folder

    def extract(self) -> pd.DataFrame:
        """Fill the clip store; returns `extraction.extract`'s summary."""
        return extract(self.data_dir, self.run_dir / "clips", self.scheduler)

    @cached_property
    def store(self) -> ClipStore:
        """The clip store, filled first where it is not."""
        self.extract()
        return ClipStore(self.run_dir / "clips")

    @cached_property
    def model(self) -> FingerspellingModel:
        """The trained model, trained first where it is not."""
        return train(self.store, self.model_config, self.training, self.run_dir)

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """The held-out clips with their predictions: what training wrote as out_of_fold.parquet."""
        _ = self.model
        return pd.read_parquet(self.run_dir / "out_of_fold.parquet")

    def figure(self, figure: Figure, name: str) -> Figure:
        """Save a figure as figures/<name>.png and return it, to be shown by the cell that ends with it."""
        path = self.run_dir / "figures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path)
        return figure

    def keep_metrics(self, **figures: float) -> dict[str, float]:
        """Add figures to the run's metrics.json; returns all that it holds."""
        path = self.run_dir / "metrics.json"
        known = json.loads(path.read_text()) if path.is_file() else {}
        known |= {name: round(float(value), 6) for name, value in figures.items()}
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(known, indent=2) + "\n")
        return known


def _keep_apart(run_dir: Path, data: str) -> None:
    """Note which data a run is on, and refuse to go on with others: their clips would mix."""
    note = run_dir / "data.txt"
    if note.is_file() and (known := note.read_text().strip()) != data:
        raise ParameterError(f"run_dir: {run_dir} holds a run on {known}, not on {data}; choose another run_dir")
    note.write_text(data + "\n")


def _plain(values: Mapping[str, object]) -> list[str]:
    """Return the names that may be parameters: not what Jupyter keeps (In, Out, _...), modules, classes, constants."""
    return [
        name
        for name, value in values.items()
        if name[0].islower() and not callable(value) and not isinstance(value, types.ModuleType)
    ]


def _in_project(path: str | Path) -> Path:
    """Take a relative path from the project's root: JupyterLab starts kernels in notebooks/, papermill does not."""
    return ROOT / Path(path).expanduser()


def run(params: Path, data_dir: str | None = None) -> int:
    """Execute all notebooks with one file of parameters; returns the exit status.

    Executed notebooks go to <run_dir>/notebooks.
    """
    try:
        values = yaml.safe_load(params.read_text()) or {}
        if not isinstance(values, dict):
            raise ParameterError("expected names with values")
        values |= {"data_dir": str(Path(data_dir).resolve())} if data_dir else {}
        book = Workbook.from_parameters(values)
    except (OSError, yaml.YAMLError, ParameterError, DataError) as error:
        print(f"{params}: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    papermills = logging.getLogger("papermill")
    papermills.setLevel(logging.INFO)
    papermills.addFilter(_what_notebooks_print)
    executed = book.run_dir / "notebooks"
    executed.mkdir(exist_ok=True)
    begun = time.monotonic()
    for name in NOTEBOOKS:
        start = time.monotonic()
        print(f"=== {name}", flush=True)
        try:
            papermill.execute_notebook(
                ROOT / "notebooks" / f"{name}.ipynb",
                executed / f"{name}.ipynb",
                values,
                kernel_name="python3",
                progress_bar=False,
                log_output=True,
                cwd=ROOT,
            )
        except PapermillExecutionError as error:
            print(f"{name}, cell {error.exec_count}: {error.ename}: {error.evalue}", file=sys.stderr)
            print(f"the notebook with the whole error: {executed / name}.ipynb", file=sys.stderr)
            return 1
        print(f"=== {name} took {time.monotonic() - start:.0f} s", flush=True)
    print(f"=== done in {(time.monotonic() - begun) / 60:.1f} minutes; everything is in {book.run_dir}")
    return 0


def _what_notebooks_print(record: logging.LogRecord) -> bool:
    """Let through what cells print, without papermill's own lines around every cell and without blank lines."""
    record.msg, record.args = record.getMessage().rstrip(), ()
    papermills_own = ("Executing ", "Ending ", "Input ", "Output ", "Working directory", "Cell ")
    return bool(record.msg) and not record.msg.startswith(papermills_own)


def main() -> int:
    """Parse the command line and run all notebooks."""
    parser = argparse.ArgumentParser(prog="python -m fingerspelling.workbook", description="Run all notebooks.")
    parser.add_argument("--params", type=Path, default=DEMO, help="a YAML file")
    parser.add_argument("--data", help="the competition's data folder; without it, signers are simulated")
    arguments = parser.parse_args()
    return run(arguments.params, arguments.data)


if __name__ == "__main__":
    sys.exit(main())
