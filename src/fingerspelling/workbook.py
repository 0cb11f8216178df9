"""The notebooks' common ground: their parameters, the stages of a run, and where its files lie.

    run_dir/
      competition/  clips/                the simulated signers' files, where there are no others; the clip store
      first_round/fold0/ ...              the first round, a training for each fold that is held out
      scores.parquet                      what the first round read of every clip
      seed1/ ...                          the models: a training for each seed
      out_of_fold.parquet                 what they read together of the validation clips
      figures/  metrics.json  submission.zip

Every stage is made when it is first asked for, and kept: so any notebook can be run alone, and a run that was
killed goes on where it was.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import pandas as pd
import pydantic
import torch
import yaml
from accelerate import PartialState
from matplotlib.figure import Figure

from fingerspelling.data.competition import find_data
from fingerspelling.data.extraction import extract
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.search import Decode, make_decoder
from fingerspelling.decoding.transcribe import transcribe_store
from fingerspelling.files import written_whole
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.parameters import ParameterError, Probability, build, parameters, read_parameters, unknown_name
from fingerspelling.scoring import metric
from fingerspelling.simulation import SimulationConfig, simulate
from fingerspelling.training import TrainingConfig, split_by_signer, train
from fingerspelling.training.launch import train_in_processes, training_processes
from fingerspelling.training.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]  # of the project, where it is installed in place
DEMO = ROOT / "notebooks/params/demo.yaml"  # what a notebook runs with that was told nothing


@parameters
class SubmissionConfig:
    """How the trained model becomes a submission, and how that is scored."""

    precision: Literal["fp32", "fp16", "int8"] = "fp16"  # of the weights in model.tflite
    # Hypotheses of a beam search, and the weight of the CTC heads in their scores; with 1 and 0, decoding is greedy.
    # Together they read far better where a model was trained with model.ctc_weight, and take up to half as long again.
    num_beams: pydantic.PositiveInt = 1
    ctc_weight: Probability = 0.0
    clips: pydantic.PositiveInt = 500  # validation clips that the scorer reads

    @property
    def decode(self) -> Decode:
        """How the submission finds the characters."""
        return make_decoder(self.num_beams, self.ctc_weight)


STRINGS = {"run_dir": "a path", "data_dir": "a path", "dask_address": "an address", "first_round": "a path"}
SECTIONS = {"simulation", "model", "training", "submission"}
PARAMETERS = {*STRINGS, "seeds", *SECTIONS}


@dataclass(frozen=True)
class Workbook:
    """A run of the workbook: its parameters, checked, and its stages."""

    given: dict[str, object]  # the parameters, as other processes need them to open the same run
    run_dir: Path
    simulation: SimulationConfig
    model_config: FingerspellingConfig
    training: TrainingConfig
    seeds: tuple[int, ...]  # a model is trained with each
    first_round: Recipe | None
    submission: SubmissionConfig
    given_data: Path | None  # the competition's data, where they are at hand
    dask_address: str | None  # the address of a dask cluster for the extraction; None extracts on this machine

    @classmethod
    def from_parameters(cls, values: Mapping[str, object]) -> "Workbook":
        """Check the parameters and open the run.

        Args:
            values: run_dir, data_dir, dask_address, first_round, seeds, simulation, model, training, submission. A
                notebook hands over its `globals()` right after its parameters cell; what Jupyter itself keeps there
                is passed over.

        Raises:
            ParameterError: a name does not exist or a value cannot be used.
            DataError: data_dir is named but holds no competition data.
        """
        _check_names(values)
        values = {name: values[name] for name in PARAMETERS if values.get(name) is not None}
        if not values.keys() & SECTIONS:
            values = {**read_parameters(DEMO), **values}
        for name, expected in STRINGS.items():
            if not isinstance(values.setdefault(name, ""), str | Path):
                raise ParameterError(f"{name}: expected {expected}, got {values[name]!r}")
            values[name] = str(values[name])
        recipe = Recipe.from_parameters(values)
        simulation = build(SimulationConfig, values.get("simulation"), "simulation")
        submission = build(SubmissionConfig, values.get("submission"), "submission")
        seeds = _check_seeds(values.get("seeds", [recipe.training.seed]))
        first_round = _read_first_round(_in_project(values["first_round"])) if values["first_round"] else None
        if first_round and not recipe.model.confidence_head:
            raise ParameterError("first_round: its scores teach the confidence head, which model.confidence_head omits")
        if submission.ctc_weight and not recipe.model.ctc_weight:
            raise ParameterError("submission.ctc_weight: the model has no CTC head to weigh, as model.ctc_weight is 0")
        data = find_data(_in_project(values["data_dir"]) if values["data_dir"] else None)
        run_dir = _in_project(values["run_dir"] or "outputs/demo")
        run_dir.mkdir(parents=True, exist_ok=True)
        _keep_apart(run_dir, "simulated signers" if data is None else str(data.resolve()))
        return cls(
            values,
            run_dir,
            simulation,
            recipe.model,
            recipe.training,
            seeds,
            first_round,
            submission,
            data,
            values["dask_address"] or None,
        )

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
        return extract(self.data_dir, self.run_dir / "clips", self.dask_address)

    @cached_property
    def store(self) -> ClipStore:
        """The clip store, filled first where it is not."""
        self.extract()
        return ClipStore(self.run_dir / "clips")

    @property
    def folds(self) -> dict[Path, Recipe]:
        """The first round's trainings by their folders, each with another fold held out; none without one."""
        if self.first_round is None:
            return {}
        model, training = self.first_round.model, self.first_round.training
        return {
            self.run_dir / f"first_round/fold{fold}": Recipe(model, replace(training, validation_fold=fold))
            for fold in range(training.folds)
        }

    @cached_property
    def scores(self) -> pd.DataFrame | None:
        """What the first round read of every clip, by the model that never saw its signer, with the clip's score.

        The folds' out_of_fold.parquet one after another, kept as scores.parquet; None without a first round.
        """
        if self.first_round is None:
            return None
        self._train(self.folds)
        read = [pd.read_parquet(folder / "out_of_fold.parquet") for folder in self.folds]
        scores = pd.concat([clips.assign(fold=fold) for fold, clips in enumerate(read)])
        if PartialState().is_main_process:
            with written_whole(self.run_dir / "scores.parquet") as temporary:
                scores.to_parquet(temporary)
        PartialState().wait_for_everyone()
        return scores

    @property
    def trainings(self) -> dict[Path, Recipe]:
        """The trainings of the models by their folders, each with another seed."""
        training = self.training
        if self.first_round is not None:
            training = replace(training, scores=(*training.scores, "scores.parquet"))
        return {
            self.run_dir / f"seed{seed}": Recipe(self.model_config, replace(training, seed=seed)) for seed in self.seeds
        }

    @cached_property
    def models(self) -> list[FingerspellingModel]:
        """The trained models, one a seed, on the CPU; trained first where they are not, the first round before them."""
        if not all(map(_finished, self.trainings)):
            _ = self.scores
        return self._train(self.trainings)

    def _train(self, trainings: dict[Path, Recipe]) -> list[FingerspellingModel]:
        store = self.store  # before there are several processes, so that one fills it
        if (processes := training_processes()) > 1 and not all(map(_finished, trainings)):
            params = self.run_dir / "params.yaml"
            with written_whole(params) as temporary:
                temporary.write_text(yaml.safe_dump(self.given))
            train_in_processes(params, processes)  # all of the run, of which what is asked for here is then loaded
        models = []
        for folder, recipe in trainings.items():
            if not _finished(folder):
                print(f"--- training {folder.relative_to(self.run_dir)}", flush=True)
            models.append(train(store, recipe.model, recipe.training, folder).cpu())
        return models

    @property
    def validated_on(self) -> str:
        """Whose clips validation reads, in words."""
        return f"signers that training {'has seen' if self.training.validation_fold < 0 else 'never saw'}"

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """The validation clips with what the models together read of them, as the submission does, and their scores.

        Read once: a single model's greedy ones are its own out_of_fold.parquet, others are kept as that of the run.
        """
        models, alone = self.models, [folder / "out_of_fold.parquet" for folder in self.trainings]
        if len(models) == 1 and self.submission.num_beams == 1 and not self.submission.ctc_weight:
            return pd.read_parquet(alone[0])
        path = self.run_dir / "out_of_fold.parquet"
        readers = {file.parent.name: file.stat().st_mtime_ns for file in alone}
        readers |= {"num_beams": self.submission.num_beams, "ctc_weight": self.submission.ctc_weight}
        if path.is_file() and (known := pd.read_parquet(path)).attrs.get("readers") == readers:
            return known
        places = split_by_signer(self.store, self.training).validation
        table = self.store.table.iloc[places]
        device = "cuda" if torch.cuda.is_available() else "cpu"
        models = [model.to(device) for model in models]
        predictions = transcribe_store(models, self.store, places, "held-out clips", self.submission.decode)
        for model in models:
            model.cpu()
        table = table.assign(prediction=predictions, score=metric.clip_scores(predictions, table["phrase"]))
        table.attrs["readers"] = readers
        with written_whole(path) as temporary:
            table.to_parquet(temporary)
        return table

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


def _read_first_round(file: Path) -> Recipe:
    """Read the recipe of a first round from the parameters that train one fold of it."""
    try:
        values = read_parameters(file)
        _check_names(values)
        if values.get("first_round"):
            raise ParameterError("first_round: a first round has none before it")
        return Recipe.from_parameters(values)
    except ParameterError as error:
        raise ParameterError(f"first_round: {file}: {error}") from None


def _check_names(values: Mapping[str, object]) -> None:
    if unknown := [name for name in _plain(values) if name not in PARAMETERS]:
        raise ParameterError("; ".join(unknown_name(name, PARAMETERS) for name in unknown))


def _check_seeds(seeds: object) -> tuple[int, ...]:
    numbers = isinstance(seeds, list) and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not numbers or not seeds or len(set(seeds)) < len(seeds):
        raise ParameterError(f"seeds: expected different whole numbers from 0, such as [1, 2], got {seeds!r}")
    return tuple(seeds)


def _keep_apart(run_dir: Path, data: str) -> None:
    """Note which data a run is on, and refuse to go on with others: their clips would mix."""
    note = run_dir / "data.txt"
    if not note.is_file():
        note.write_text(data + "\n")
    if (known := note.read_text().strip()) != data:
        raise ParameterError(f"run_dir: {run_dir} holds a run on {known}, not on {data}; choose another run_dir")


def _finished(folder: Path) -> bool:
    """Tell whether a training is; its model is what `train` writes last."""
    return (folder / "model").is_dir()


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
