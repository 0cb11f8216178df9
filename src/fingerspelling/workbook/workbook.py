"""The notebooks' common ground: the stages of a run, and where its files lie.

    run_dir/
      data.txt                            which data the run is on
      clips/                              the clip store; of simulated signers, in a folder that runs share, with
                                          the signers' files (see runs/shared_data.py)
      first_round/fold0/ ...              the first round, a training for each fold that is held out
      scores.parquet                      what the first round read of every clip
      seed1/ ...                          the models: a training for each seed
      out_of_fold.parquet                 what they read together of the validation clips
      figures/  metrics.json  run.json  submission.zip  training.log

Every stage makes those before it where they are missing, and keeps its result: so any notebook can be run alone, and
a run that was killed goes on where it was. Opening a run makes nothing; what trains is a method that says so.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from accelerate import PartialState
from matplotlib.figure import Figure

from fingerspelling.data.competition import KAGGLE_MOUNTS, SCRATCH, WORKING, find_data, write_share
from fingerspelling.data.conventions import AS_THEY_ARE
from fingerspelling.data.extraction import extract
from fingerspelling.data.stages import METRICS, PREDICTIONS, SCORES, SUBMISSION, is_kept, keep, note
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.certainty import certainty
from fingerspelling.decoding.inspection import inspect_clip
from fingerspelling.decoding.search import decode, decoding_name
from fingerspelling.decoding.transcribe import on_gpu, read_store
from fingerspelling.export import export_tflite
from fingerspelling.files import DataError, content, read_entries, write_whole, written_whole
from fingerspelling.model import FingerspellingModel
from fingerspelling.parameters import ParameterError, errors_in, read_parameters
from fingerspelling.plots import ClipPlayer, ParameterTable, Picture, save, training_curves
from fingerspelling.plots.parameters import differing
from fingerspelling.processes import only_process
from fingerspelling.runs import provenance
from fingerspelling.runs.config import ROOT, RunConfig, effective_values, notebook_parameters, refuse_another_checkout
from fingerspelling.runs.shared_data import SIMULATED, Noted, read_note, shared_folder, write_note
from fingerspelling.runs.status import status
from fingerspelling.scoring.submission import write_submission
from fingerspelling.scoring.uncertainty import score_table
from fingerspelling.simulation import signed_places, simulate
from fingerspelling.training import Split, read_predictions, split_by_signer, train, write_predictions
from fingerspelling.training.display import displayed
from fingerspelling.training.launch import train_in_processes, training_processes
from fingerspelling.training.limit import StoppedInTime, TimeLimit
from fingerspelling.training.pretrained import pretrained_weights
from fingerspelling.training.recipe import Recipe


class Workbook:
    """A run of the workbook.

    Attributes:
        config: its parameters, checked.
        run_dir: the folder that receives all of its files.
        simulated: whether its signers are.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Open a run by what a YAML file of parameters holds.

        Raises:
            ParameterError: a name does not exist or a value cannot be used, run_dir holds a run on other data or lies
                among them, or the working folder is another checkout.
            DataError: data_dir is named but holds no competition data.
        """
        self._opened, self._extracted = time.monotonic(), False
        self._limit: TimeLimit | None = None  # of the time of all trainings, once one has begun
        refuse_another_checkout()
        # As other processes need them to open the same run, in YAML.
        self.values = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
        self.config = RunConfig.from_values(values)
        self.run_dir = self.config.run_dir
        for folder, recipe in (self.folds | self.trainings).items():
            if not _finished(folder):
                pretrained_weights(recipe)  # which cannot be used is said before hours of extraction
        self._competition = find_data(self.config.data_dir)
        if self._competition is not None:
            _refuse_mixing(self.run_dir, self._competition)
        found = SIMULATED if self._competition is None else str(self._competition.resolve())
        self._data = read_note(self.run_dir).data or found  # with others, their clips would mix
        # A kernel's output is of the competition's data, wherever those are here.
        self._fetched = self._data != found and Path(self._data) in KAGGLE_MOUNTS
        if self._data != found and not self._fetched:
            raise ParameterError(
                f"run_dir: {self.run_dir} holds a run on {self._data}, not on {found}; choose another run_dir"
            )
        self.simulated = self._competition is None and not self._fetched

    @classmethod
    def from_parameters(cls, namespace: Mapping[str, Any]) -> "Workbook":
        """Open a notebook's run from its `globals()` right after its parameters cell; raises as `Workbook` does."""
        pd.set_option("display.max_colwidth", 120)  # of a table's cell, which pandas would cut at 50 characters
        return cls(notebook_parameters(namespace))

    @property
    def parameters(self) -> ParameterTable:
        """The run's parameters as a table, which a cell that ends with it shows."""
        beneath = {"params": self.config.params} if self.config.params else {"params": "", "run_dir": self.run_dir}
        return ParameterTable(self.config, RunConfig.from_values(beneath), ROOT)

    def beside_the_winner(self) -> pd.DataFrame:
        """Return the parameters of model, training and submission in which the run is not as the winner's second round.

        Those are the defaults. Simulations are left out.
        """
        rows = differing(self.config, RunConfig.from_values({"params": "", "run_dir": self.run_dir}), ROOT)
        table = pd.DataFrame(rows, columns=["parameter", "this run", "the winner's"]).set_index("parameter")
        return table[table.index.str.match("(model|training|submission)[.]") & ~table.index.str.contains("simulation")]

    @property
    def state(self) -> pd.DataFrame:
        """What has been made of the run: a row per stage, as `status` returns; none before anything has been."""
        try:
            state = status(self.run_dir)
        except DataError:
            return pd.DataFrame(columns=["state", "made", "version"])
        return state.assign(state=state["state"].str.replace(f"{ROOT}/", "")).set_index("stage").rename_axis(None)

    @property
    def scratch(self) -> Path:
        """Where large files go that only this notebook reads: on Kaggle, not what is kept as the output."""
        return SCRATCH if self.run_dir == WORKING else self.run_dir

    @cached_property
    def home(self) -> Path:
        """The folder of the clip store and of the simulated signers' files: the run's own, or one that runs share."""
        if not self.simulated or self.run_dir == WORKING or (self.run_dir / "competition").is_dir():
            return self.run_dir
        noted = read_note(self.run_dir).home  # where the run's clips are, whatever the code would make of them today
        shared = noted != self.run_dir and noted.is_dir()
        return noted if shared else shared_folder(self.run_dir, self.config.simulation.content())

    @property
    def _clips(self) -> Path:
        """The clip store's folder; where points are put right in a way of this run, its own."""
        return (self.home if self.config.extraction == AS_THEY_ARE else self.run_dir) / "clips"

    @cached_property
    def data_dir(self) -> Path:
        """The competition's data; where there are none, simulated signers write them first."""
        if self.simulated and self.config.data_fraction < 1:
            raise ParameterError(
                "data_fraction: is a share of the competition's files, which are not here; name their folder as "
                "data_dir, or leave data_fraction out and choose simulation.clips"
            )
        with only_process(self.run_dir):
            write_note(self.run_dir, Noted(self._data, self.home))
            folders = [str(folder.relative_to(self.run_dir)) for folder in (*self.folds, *self.trainings)]
            note(self.run_dir, "run", folders)
            if self._competition is not None and self.config.data_fraction == 1:
                return self._competition
            if self._competition is not None:
                return write_share(self._competition, self.config.data_fraction, self.scratch / "share")
            if self._fetched:
                raise DataError(
                    f"{self.run_dir}: was trained on Kaggle, whose data are not here; name them as data_dir"
                )
            folder = self.home / "competition"
            try:
                with only_process(self.home, wait=True):
                    simulate(self.config.simulation, folder)
            except ValueError as error:  # the run is on another simulation
                reason = str(error).removeprefix(f"{folder}: ")
                raise ParameterError(
                    f"run_dir: {self.run_dir} {reason}; choose another run_dir, or the simulation that it has"
                ) from error
            return folder

    def extract(self) -> pd.DataFrame:
        """Fill the clip store; returns `extraction.extract`'s summary."""
        with only_process(self.run_dir), only_process(self.home, wait=True):
            summary = extract(self.data_dir, self._clips, self.config.dask_address, self.config.extraction)
        self._extracted = True
        return summary

    @cached_property
    def store(self) -> ClipStore:
        """The clip store, filled first where it is not; of a kernel's output, as it was fetched."""
        if not self._fetched and not self._extracted:  # which would read the whole store once more
            self.extract()
        store = ClipStore(self._clips)
        note(self.run_dir, "clips", store.fingerprint)
        return store

    @cached_property
    def split(self) -> Split:
        """Which clips the models are trained and validated on."""
        return split_by_signer(self.store, self.config.training)

    @property
    def folds(self) -> dict[Path, Recipe]:
        """The first round's trainings by their folders, each with another fold held out; none without one."""
        if self.config.first_round is None:
            return {}
        model, training = self.config.first_round.model, self.config.first_round.training
        return {
            self.run_dir / f"first_round/fold{fold}": Recipe(model, replace(training, validation_fold=fold))
            for fold in range(training.folds)
        }

    @property
    def trainings(self) -> dict[Path, Recipe]:
        """The trainings of the models by their folders, each with another seed."""
        training = self.config.training
        if self.config.first_round is not None:
            training = replace(training, scores=(*training.scores, SCORES))
        return {
            self.run_dir / f"seed{seed}": Recipe(self.config.model, replace(training, seed=seed))
            for seed in self.config.seeds
        }

    def train_first_round(self) -> pd.DataFrame | None:
        """Train the first round, as far as it is not, and return what it read; None without one.

        Returns:
            A row per clip, read by the model that never saw its signer: the folds' out_of_fold.parquet one after
            another, with the column fold; kept as scores.parquet.
        """
        if self.config.first_round is None:
            return None
        self._train(self.folds)
        predictions = [pd.read_parquet(folder / PREDICTIONS) for folder in self.folds]
        scores = pd.concat([clips.assign(fold=fold) for fold, clips in enumerate(predictions)])
        if PartialState().is_main_process:
            with written_whole(self.run_dir / SCORES) as temporary:
                scores.to_parquet(temporary)
            note(self.run_dir, SCORES, _contents(self.folds))
        PartialState().wait_for_everyone()
        return scores

    def train(self) -> list[FingerspellingModel]:
        """Train the models, one per seed, and before them the first round, as far as they are not; on the CPU."""
        if not all(map(_finished, self.trainings)):
            self.train_first_round()
        return self._train(self.trainings)

    def _train(self, trainings: dict[Path, Recipe]) -> list[FingerspellingModel]:
        store = self.store  # before there are several processes, so that one fills it
        if self._limit is None and not all(map(_finished, trainings)):
            self._limit = TimeLimit(self.config.training.stop_after_hours)
        try:
            return self._train_each(store, trainings)
        except BaseException:  # started again, it has all of its time again
            self._limit = None
            raise

    def _train_each(self, store: ClipStore, trainings: dict[Path, Recipe]) -> list[FingerspellingModel]:
        with only_process(self.run_dir), displayed(self.run_dir / "training.log", lambda: self._curves(trainings)):
            if (processes := training_processes()) > 1 and not all(map(_finished, trainings)):
                params = self.run_dir / "params.yaml"
                write_whole(params, yaml.safe_dump(self.values))
                said = train_in_processes(params, processes)  # all of the run; what is wanted here is then loaded
                if not all(map(_finished, self.trainings)):
                    raise StoppedInTime(said)
            models = []
            for folder, recipe in trainings.items():
                if not _finished(folder):
                    print(f"--- training {folder.relative_to(self.run_dir)}", flush=True)
                models.append(train(store, recipe, folder, self.run_dir, self._limit).cpu())
                inputs = [content(folder / "training.json"), content(self.run_dir / SCORES)]
                note(self.run_dir, str(folder.relative_to(self.run_dir)), inputs)
        return models

    def _curves(self, trainings: Iterable[Path]) -> Figure | None:
        """Draw the curves of those trainings that have been validated; None before there is one."""
        files = [folder / "metrics.jsonl" for folder in trainings]
        histories = {file.parent.name: pd.read_json(file, lines=True) for file in files if file.is_file()}
        histories = {name: history for name, history in histories.items() if "eval_loss" in history}
        return training_curves(histories) if histories else None

    @property
    def validated_on(self) -> str:
        """Whose clips validation reads, in words."""
        return f"signers that training {'has seen' if self.config.training.validation_fold < 0 else 'never saw'}"

    def read_held_out(self) -> pd.DataFrame:
        """Read the validation clips with all models together, as the submission does, after training them.

        Done once: a single model's greedy predictions are its own out_of_fold.parquet, others are kept as the run's.

        Returns:
            A row per clip: those of the store's table, prediction and score.
        """
        models, submission = self.train(), self.config.submission
        if len(models) == 1 and submission.num_beams == 1 and not submission.ctc_weight:
            return pd.read_parquet(next(iter(self.trainings)) / PREDICTIONS)
        path, readers = self.run_dir / PREDICTIONS, self.readers
        if (kept := read_predictions(path)) is not None and kept.attrs.get("readers") == readers:
            return kept
        places = self.split.validation
        transcripts = read_store(on_gpu(models), self.store, places, "held-out clips", submission.decode)
        read = write_predictions(path, self.store.table.iloc[places], transcripts, readers=readers)
        note(self.run_dir, PREDICTIONS, readers)
        return read

    @property
    def readers(self) -> dict[str, Any]:
        """What reads the clips, as what is derived from it notes it: the trained models, and how they search."""
        return _contents(self.trainings) | self.config.submission.search

    def make_submission(self) -> Path:
        """Convert the models into submission.zip, unless these models and this code have already; returns it."""
        archive, settings, models = self.run_dir / SUBMISSION, self.config.submission, self.train()
        made_of = {"readers": self.readers | {"precision": settings.precision}, "code": provenance.code()["sources"]}
        if not is_kept(self.run_dir, SUBMISSION, made_of):
            path, search = self.run_dir / "submission/model.tflite", settings.search
            write_submission(export_tflite(models, path, settings.precision, **search), archive)
            keep(self.run_dir, SUBMISSION, made_of)
        return archive

    def score_decodings(self, most: int = 128) -> pd.DataFrame:
        """Score the ways of decoding side by side, by all models together on the same validation clips, some at most.

        Returns:
            A row per way, as `score_table` returns: greedy search, the submission's beam without CTC, and with it, as
            far as the submission has them.
        """
        held_out, submitted = self.read_held_out(), self.config.submission.search
        clips = held_out.sample(min(most, len(held_out)), random_state=1)
        places = [self._place(clip) for clip in clips["sequence_id"]]
        models, read = on_gpu(self.train()), {}
        for search in ({"num_beams": 1, "ctc_weight": 0.0}, submitted | {"ctc_weight": 0.0}):
            if search != submitted and (label := decoding_name(**search)) not in read:
                transcripts = read_store(models, self.store, places, label, partial(decode, **search))
                read[label] = clips.assign(prediction=[transcript.phrase for transcript in transcripts])
        read[f"{decoding_name(**submitted)} (as submitted)"] = clips
        together = pd.concat(read, names=["decoding"]).reset_index("decoding")
        return score_table(together, together["decoding"]).loc[list(read)]

    def signed(self, clip: pd.Series) -> np.ndarray | None:
        """Return when which character of a clip, a row of a table, is signed; see `signed_places`. None if recorded."""
        if not self.simulated:
            return None
        return signed_places(self.config.simulation, clip["sequence_id"], clip["participant_id"], clip["phrase"])

    def player(self, clip: pd.Series, frames: np.ndarray, models: Sequence[FingerspellingModel] = ()) -> ClipPlayer:
        """Return a clip as a moving picture, and when models that read it as its prediction read which letter.

        Args:
            clip: its row of the competition's table or of the store's; with models, also its prediction.
            frames: float [frames, 130, 3], raw landmarks.
            models: what read it.
        """
        signed = self.signed(clip)
        if not models:
            return ClipPlayer(frames, clip["phrase"], signed)
        read_at = inspect_clip(models, frames, clip["prediction"]).read_at
        return ClipPlayer(frames, clip["phrase"], signed, clip["prediction"], read_at)

    def frames(self, clip: pd.Series) -> np.ndarray:
        """Return the points of a clip by its sequence_id, float16 [frames, 130, 3]."""
        return self.store.frames(self._place(clip["sequence_id"]))

    def certainty(self) -> np.ndarray:
        """Return how probable the search finds what it read of each validation clip, see `certainty`."""
        held_out = self.read_held_out()
        places = [self._place(clip) for clip in held_out["sequence_id"]]
        models, ctc_weight = on_gpu(self.train()), self.config.submission.ctc_weight
        return certainty(models, self.store, places, held_out["prediction"], ctc_weight)

    def _place(self, sequence_id: int) -> int:
        """Return the place in the store of a clip."""
        return int(np.flatnonzero(self.store.table["sequence_id"] == sequence_id)[0])

    def figure(self, figure: Figure, name: str) -> Picture:
        """Save a figure as figures/<name>.png and return it as the cell that ends with it shows it."""
        picture = Picture(figure)
        save(figure, self.run_dir / "figures" / f"{name}.png", metadata={"Description": picture.alt})
        return picture

    def keep_metrics(self, **figures: float) -> dict[str, float]:
        """Add figures to the run's metrics.json, without those of other models or searches; returns all it holds."""
        path, made_of = self.run_dir / METRICS, {"readers": self.readers}
        metrics = read_entries(path) if is_kept(self.run_dir, METRICS, made_of) else {}
        metrics |= {name: round(float(value), 6) for name, value in figures.items()}
        write_whole(path, json.dumps(metrics, indent=2) + "\n")
        keep(self.run_dir, METRICS, made_of)
        return metrics

    def keep_provenance(self, chapter: str) -> str:
        """Note in run.json what a chapter ran with, and for how long since the run was opened; returns it as a line."""
        seconds = time.monotonic() - self._opened
        record = provenance.record(effective_values(self.values), self.config.seeds, seconds)
        provenance.write(self.run_dir, chapter, record)
        return provenance.line(record)

    def shown(self, path: str | Path) -> str:
        """Return a path as a chapter shows it: from the project, or of a run elsewhere, from beside its folder."""
        path = Path(path)
        above = next((folder for folder in (ROOT, self.run_dir.parent) if path.is_relative_to(folder)), None)
        return (path.relative_to(above) if above else path).as_posix()


def open_run(params: Path, data_dir: Path | None = None) -> Workbook:
    """Open the run of a YAML file of parameters, on other data than the file's where they are named.

    Raises:
        ParameterError: the file cannot be read, or as `Workbook`; the message begins with the file.
        DataError: as `Workbook`.
    """
    with errors_in(params):
        values = read_parameters(params)
        return Workbook(values | ({"data_dir": str(data_dir.resolve())} if data_dir else {}))


def _refuse_mixing(run_dir: Path, data_dir: Path) -> None:
    """Raise a ParameterError where a run's files would lie among the data, or these among the run's files.

    A run's own competition/ is a place for them.
    """
    run, data = run_dir.resolve(), data_dir.resolve()
    if run.is_relative_to(data) or (data.is_relative_to(run) and data != run / "competition"):
        how = "are the same folder" if run == data else "lie one inside the other"
        raise ParameterError(f"run_dir: {run_dir} and the data, {data_dir}, {how}; choose another run_dir")


def _finished(folder: Path) -> bool:
    """Tell whether a training has finished; its model is what `train` writes last."""
    return (folder / "model").is_dir()


def _contents(trainings: Iterable[Path]) -> dict[str, list[int] | None]:
    """Return the content of the predictions of each training: what two models that differ have not in common."""
    return {folder.name: content(folder / PREDICTIONS) for folder in trainings}
