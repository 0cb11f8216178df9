"""Kernels hand over to each other: what a kernel takes from those before it, and how it stops in time.

    /kaggle/input/      the competition's data and the outputs of the kernels before this one, for reading only
    /kaggle/working/    the run's folder: 20 GB, which Kaggle keeps as this kernel's output
    /kaggle/temp/       large and passing things: the unpacked package, temporary files

What another chapter has left is linked into the run's folder, and the kernel's last cell takes the links away. What the
version before of the same kernel has left is copied, since it becomes a part of this version's output.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from fingerspelling.data.competition import INPUT, SLUG, WORKING, read_tables
from fingerspelling.data.stages import METRICS, NOTES, PREDICTIONS, SCORES
from fingerspelling.data.store import VALUES_PER_FRAME
from fingerspelling.files import DataError, read_entries, write_whole
from fingerspelling.model import FingerspellingModel
from fingerspelling.runs.config import notebook_parameters
from fingerspelling.training.limit import StoppedInTime
from fingerspelling.workbook import Workbook

NOTE = "kernel.json"  # in a kernel's output: the chapter and the run that made it
DEPTH = 3  # of outputs in /kaggle/input: <kernel>, or notebooks/<owner>/<kernel>
PARTS = ["competition", "clips", "first_round", SCORES, "seed*", PREDICTIONS, METRICS, NOTES]
OWN_PARTS = [*PARTS, "training.log", "run.json"]
OUTPUT_BYTES = 20e9  # that Kaggle keeps
CHECKPOINTS = 3  # there are at most while one is written
MODELS_PER_CHECKPOINT = 4  # the weights, their average, and two moments of the gradient


def take_over(
    chapter: str, run: str, namespace: Mapping[str, Any], after: Sequence[str] = (), simulated: bool = False
) -> None:
    """Bring what the kernels before this one have left into the run's folder.

    From then on, a training that stops itself in time ends the notebook without an error: later cells do nothing.

    Args:
        chapter: the notebook, such as "03_training".
        run: the run's name; outputs of others are passed over.
        namespace: the notebook's `globals()` right after its parameters.
        after: the notebooks whose output is needed.
        simulated: whether the run is on simulated signers.

    Raises:
        DataError: the competition's data, an output or a finished training is missing, or the disk is too small.
    """
    WORKING.mkdir(parents=True, exist_ok=True)
    outputs = _outputs(run)
    if missing := [name for name in after if name not in outputs]:
        raise DataError(
            f"{INPUT}: no output of {', '.join(missing)} of the run {run}; once a version of that kernel has "
            "succeeded, add its output as an input of this one"
        )
    for name, folder in outputs.items():
        patterns = OWN_PARTS if name == chapter else PARTS
        parts = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
        parts = [path for path in parts if not (WORKING / path.name).exists()]
        for part in parts:
            if name == chapter:
                (shutil.copytree if part.is_dir() else shutil.copyfile)(part, WORKING / part.name)
                print(f"going on from {part}")
            elif name in after:
                (WORKING / part.name).symlink_to(part)
                print(f"taken over: {part}")
    book = Workbook(notebook_parameters(namespace))
    if book.simulated != simulated:
        raise DataError(
            f"{INPUT}: holds the competition's data, but this run is on simulated signers; remove that input"
            if simulated
            else f"{INPUT}: holds no data of the competition; accept its rules on https://www.kaggle.com/competitions/"
            f"{SLUG}, and add it as an input of this kernel"
        )
    if "03_training" in after and (unfinished := [f.name for f in book.trainings if not (f / "model").is_dir()]):
        raise DataError(
            f"{', '.join(unfinished)}: not trained to the end; push 03_training again until it is, and then this kernel"
        )
    _reckon(book, chapter)
    write_whole(WORKING / NOTE, json.dumps({"chapter": chapter, "run": run}) + "\n")
    _stop_without_error(namespace["get_ipython"]())


def _outputs(run: str) -> dict[str, Path]:
    """Return the mounted outputs of a run's kernels, by chapter."""
    outputs: dict[str, Path] = {}
    for depth in range(DEPTH, 0, -1):
        for note in sorted(INPUT.glob("*/" * depth + NOTE)):
            about = read_entries(note)
            if not {"chapter", "run"} <= about.keys():  # another file of that name
                continue
            if about["run"] == run:
                outputs.setdefault(about["chapter"], note.parent)
            else:
                print(f"passed over: {note.parent}, of the run {about['run']}")
    return outputs


def hand_over() -> None:
    """Take away what is only linked, so that this kernel's output holds what it has made; the last cell does it.

    Not left to the end of the process: notebooks' processes are killed where they do not end at once.
    """
    for path in WORKING.iterdir():
        if path.is_symlink():
            path.unlink()


def _reckon(book: Workbook, chapter: str) -> None:
    """Say how much of the output's room this chapter will take; a DataError says that there is too little."""
    needed = {"02_extraction": _store_bytes, "03_training": _training_bytes}.get(chapter, lambda book: 0.0)(book)
    there = sum(file.stat().st_size for file in WORKING.rglob("*") if file.is_file())
    room = min(OUTPUT_BYTES - there, shutil.disk_usage(WORKING).free)
    print(f"{WORKING}: {needed / 1e9:.1f} GB will be added to {there / 1e9:.1f}; there is room for {room / 1e9:.1f}")
    if needed > room:
        raise DataError(f"{WORKING}: {needed / 1e9:.1f} GB are needed, and there is room for {room / 1e9:.1f}")


def _store_bytes(book: Workbook) -> float:
    """Return what the clip store takes, by the number of frames that the files to be extracted say they have."""
    if book.simulated:
        return 0.0  # megabytes
    paths = [book.data_dir / file for table in read_tables(book.data_dir).values() for file in table["path"].unique()]
    return 2.0 * VALUES_PER_FRAME * sum(pq.read_metadata(path).num_rows for path in paths if path.is_file())


def _training_bytes(book: Workbook) -> float:
    """Return what the trainings take: their models, and the checkpoints of one while another one is written."""
    recipes = [*book.folds.values(), *book.trainings.values()]
    models = [4.0 * sum(weight.numel() for weight in FingerspellingModel(r.model).parameters()) for r in recipes]
    return sum(models) + CHECKPOINTS * MODELS_PER_CHECKPOINT * max(models)


def _stop_without_error(shell: Any) -> None:
    """Let a training that has stopped in time end the notebook as a success, so that Kaggle keeps its output."""

    def say(shell: Any, kind: type, error: BaseException, traceback: Any, tb_offset: int | None = None) -> None:
        print(error, flush=True)

    def forgive(result: Any) -> None:
        if isinstance(result.error_in_exec, StoppedInTime):
            result.error_in_exec = None
            hand_over()
            shell.input_transformers_cleanup.append(lambda lines: [])  # the cells that follow have no model to show

    shell.set_custom_exc((StoppedInTime,), say)
    shell.events.register("post_run_cell", forgive)
