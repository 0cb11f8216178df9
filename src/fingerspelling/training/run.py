"""A training from its start or its last checkpoint to the model and its predictions for the held-out clips."""

import json
import math
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate.utils import gather_object
from safetensors import SafetensorError
from transformers import TrainerCallback, TrainingArguments
from transformers.integrations import TensorBoardCallback, is_tensorboard_available
from transformers.utils import logging as transformers_logging

from fingerspelling.data.stages import PREDICTIONS, checkpoints, last_checkpoint
from fingerspelling.data.store import COLUMNS, ClipStore
from fingerspelling.decoding.transcribe import Transcript, on_gpu, read_store
from fingerspelling.files import (
    DataError,
    content,
    disk_full_named,
    is_whole,
    read_entries,
    read_json,
    seal,
    write_whole,
    written_whole,
)
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.parameters import ParameterError
from fingerspelling.scoring import metric
from fingerspelling.simulation.config import content_of
from fingerspelling.training.config import TrainingConfig
from fingerspelling.training.limit import StoppedInTime, TimeLimit
from fingerspelling.training.loading import training_plan
from fingerspelling.training.pretrained import load_pretrained, pretrained_weights
from fingerspelling.training.progress import TextProgress
from fingerspelling.training.recipe import Recipe
from fingerspelling.training.split import confidence_targets, split_by_signer
from fingerspelling.training.trainer import FingerspellingTrainer

INPUTS = "training.json"  # all that decides a training's result
OF = "trained.json"  # the same in its model's folder: the model of another training is noticed, wherever it came from
# What has changed where a training's data have, in words.
OTHER_DATA = {
    "data.clips": "on other clips (files or rows of the competition's tables have changed since)",
    "data.scores": "with other scores of the first round",
    "data.pretrained": "from other weights (those of training.pretrained)",
}


def train(
    store: ClipStore,
    recipe: Recipe,
    run_dir: Path,
    scores_dir: Path | None = None,
    limit: TimeLimit | None = None,
) -> FingerspellingModel:
    """Train a model, or go on where a killed run was, or load it if it is finished.

    Under torchrun every process calls this; they share the work, and the main one writes the files.

    Args:
        store: the clips.
        recipe: the model and how it is trained.
        run_dir: receives model/ (`from_pretrained` loads it), checkpoints/, metrics.jsonl and out_of_fold.parquet,
            the predictions for the held-out clips with each clip's score and raw_score (`write_predictions`).
        scores_dir: where relative paths of training.scores begin; by default, the folder that the store is in.
        limit: of the time of several trainings; by default, training.stop_after_hours for this one.

    Raises:
        DataError: run_dir holds a training with other parameters.
        ParameterError: the recipe cannot be followed with this device or number of processes.
        StoppedInTime: training.stop_after_hours did not allow for another epoch.
    """
    transformers_logging.disable_progress_bar()  # of writing and loading weights, a moment each
    folder = run_dir / "model"
    finished = folder.is_dir()
    targets = confidence_targets(store, recipe.training.scores, scores_dir)
    start = None if finished else pretrained_weights(recipe)
    inputs = _inputs(store, recipe, targets, start)
    _refuse_another(inputs, run_dir, finished)
    if not finished:
        limit = limit or TimeLimit(recipe.training.stop_after_hours)
        _train(store, recipe, targets, start, inputs, run_dir, limit)
        print(f"the trained model is in {run_dir.name}/{folder.name}")
    inputs_file = run_dir / INPUTS
    try:
        if not is_whole(folder):
            raise ValueError("one of its files is damaged or missing")
        own = folder / OF  # not in models of 0.1.0
        if own.is_file() and own.read_bytes() != inputs_file.read_bytes():
            raise ValueError("it is of another training")
        model = FingerspellingModel.from_pretrained(folder).eval()
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{folder}: not a readable model ({reason}); delete it to train anew") from error
    read_before, of = read_predictions(run_dir / PREDICTIONS), content(inputs_file)
    if read_before is None or read_before.attrs.get("training", of) != of:
        print(f"{run_dir.name}/{PREDICTIONS}: damaged, missing or of another training; the clips are read anew")
        places = split_by_signer(store, recipe.training).validation
        read = read_store(on_gpu([model]), store, places, "held-out clips")
        write_predictions(run_dir / PREDICTIONS, store.table.iloc[places], read, training=of)
    return model


def _refuse_another(inputs: dict[str, dict], run_dir: Path, finished: bool) -> None:
    """Raise a DataError where the folder holds a training with other parameters or on other data."""
    file = run_dir / INPUTS
    if not file.is_file():
        if finished or checkpoints(run_dir / "checkpoints"):
            raise DataError(f"{file}: is missing, which says what was trained on; delete {run_dir} to train anew")
        return
    there = read_entries(file)
    if there.keys() != inputs.keys() or not all(isinstance(part, dict) for part in there.values()):
        raise DataError(f"{file}: not readable as what was trained on; delete {run_dir} to train anew")
    before, now = _decisive(there, finished), _decisive(inputs, finished)
    changed = {name for name in before | now if before.get(name) != now.get(name)}
    if not changed or (changed == {"training.epochs"} and not finished and _prolongs(before, now, run_dir)):
        return
    if "data.clips" in changed:
        changed.discard("data.scores")  # of which there is one per clip
    other = [words for name, words in OTHER_DATA.items() if name in changed]
    if parameters := sorted(changed - OTHER_DATA.keys()):
        other.append(f"with other parameters ({', '.join(parameters)})")
    raise DataError(
        f"{run_dir}: holds a training {' and '.join(other)}; choose another run_dir, or delete {run_dir} to train anew"
    )


def _decisive(inputs: dict[str, dict], finished: bool) -> dict[str, Any]:
    """Return inputs by names such as training.epochs, without what decides nothing of a simulated stream.

    Of a finished training, it does not matter either what has become of the weights that it started from: a release
    overwrites those that it went on from.
    """
    values = {f"{part}.{name}": value for part, of_part in inputs.items() for name, value in of_part.items()}
    if isinstance(simulation := values.get("training.simulation"), dict):
        values["training.simulation"] = content_of(simulation)
    if finished and "data.pretrained" in values:
        values["data.pretrained"] = "any"
    return values


def _prolongs(before: dict[str, Any], now: dict[str, Any], run_dir: Path) -> bool:
    """Return whether a training can get other epochs, as its learning rate is not yet falling."""
    checkpoint, decay = last_checkpoint(run_dir / "checkpoints"), now["training.decay_epochs"]
    if checkpoint is None or decay is None:
        return False
    done = read_json(checkpoint / "trainer_state.json")["epoch"]
    return bool(done <= min(before["training.epochs"], now["training.epochs"]) - decay)


def _train(
    store: ClipStore,
    recipe: Recipe,
    targets: np.ndarray,
    start: Path | None,
    inputs: dict[str, dict],
    run_dir: Path,
    limit: TimeLimit,
) -> None:
    """Train from the start or the last checkpoint on; once the model's folder is written, no checkpoint is needed.

    The start is a file of weights, or None for random ones.
    """
    config = recipe.training
    if limit.reached:
        raise StoppedInTime(_stopped(limit, f"before {run_dir.name}"))
    split = split_by_signer(store, config)
    plan = training_plan(store, split, config, recipe.model.max_frames)
    folder = run_dir / "checkpoints"
    arguments = _arguments(config, math.ceil(len(plan) / config.gradient_accumulation_steps), folder)
    torch.manual_seed(config.seed)
    model = FingerspellingModel(recipe.model)
    if start:
        load_pretrained(model, start)
    if config.compile:
        _compile(model)
    callbacks = [*_callbacks(config, arguments, run_dir), limit]
    trainer = FingerspellingTrainer(model, arguments, store, targets, split, plan, config, callbacks)
    if arguments.should_save:
        write_whole(run_dir / INPUTS, json.dumps(inputs, indent=2))
    with trainer.accelerator.main_process_first():
        checkpoint = last_checkpoint(folder)
    if checkpoint:
        print(f"going on from {run_dir.name}/checkpoints/{checkpoint.name}")
    elif start:
        print(f"starting from the weights of {config.pretrained}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step < trainer.state.max_steps:
        progress = f"{run_dir.name} has a checkpoint after epoch {trainer.state.epoch:.0f} of {config.epochs}"
        raise StoppedInTime(_stopped(limit, progress))

    # Each process reads some of the held-out clips.
    share = split.validation[arguments.process_index :: arguments.world_size]
    transcripts = read_store([trainer.result], store, share, "held-out clips")
    transcript_of = dict(gather_object(list(zip(share.tolist(), transcripts, strict=True))))
    if arguments.should_save:
        clips = store.table.iloc[split.validation]
        in_order = [transcript_of[clip] for clip in split.validation]
        write_predictions(run_dir / PREDICTIONS, clips, in_order, training=content(run_dir / INPUTS))
        whole = run_dir / ".model.tmp"
        shutil.rmtree(whole, ignore_errors=True)  # what a killed run has left
        with disk_full_named(run_dir / "model"):
            trainer.result.save_pretrained(whole)
            shutil.copyfile(run_dir / INPUTS, whole / OF)
            seal(whole)
        whole.replace(run_dir / "model")
        shutil.rmtree(folder)
    trainer.accelerator.wait_for_everyone()


def _stopped(limit: TimeLimit, progress: str) -> str:
    return (
        f"stopped in time (training.stop_after_hours: {limit.hours:g}), {progress}; "
        "the same run, started again, goes on from there"
    )


def write_predictions(
    path: Path, clips: pd.DataFrame, transcripts: Sequence[Transcript], **attributes: object
) -> pd.DataFrame:
    """Write what was read of clips, rows of a store's table, as a parquet file, which appears only when whole.

    Returns:
        The clips with the columns prediction and score, of the answers, and raw_score, of what was decoded whether or
        not the clip is readable: the target of the confidence head, which decides that. Its attrs are the attributes.
    """
    predictions = [transcript.phrase for transcript in transcripts]
    decoded = [transcript.decoded for transcript in transcripts]
    scores, raw_scores = (metric.clip_scores(phrases, clips["phrase"]) for phrases in (predictions, decoded))
    table = clips.assign(prediction=predictions, score=scores, raw_score=raw_scores)
    table.attrs |= attributes
    with written_whole(path) as temporary:
        table.to_parquet(temporary, write_page_checksum=True)
    return table


def read_predictions(path: Path) -> pd.DataFrame | None:
    """Read what `write_predictions` wrote; None if the file is missing or damaged."""
    try:
        table = pd.read_parquet(path, page_checksum_verification=True)
        return table if {"prediction", "score", "raw_score", *COLUMNS} <= set(table) else None
    except Exception:  # whatever pandas makes of a damaged file
        return None


def _inputs(store: ClipStore, recipe: Recipe, targets: np.ndarray, start: Path | None) -> dict[str, dict]:
    """Return all that decides a training's result, as JSON would give it back."""
    data: dict[str, Any] = {"clips": store.fingerprint, "scores": f"{zlib.crc32(targets.tobytes()):08x}"}
    # Not `to_dict`: making and saving a model adds notes of transformers' own to its configuration.
    sizes = {name: getattr(recipe.model, name) for name in FingerspellingConfig.__annotations__}
    training = asdict(recipe.training)
    del training["stop_after_hours"]  # when, not what
    del training["pretrained"]  # where, not what
    if recipe.training.pretrained:
        data["pretrained"] = start and content(start)
    return json.loads(json.dumps({"model": sizes, "training": training, "data": data}))


def _arguments(config: TrainingConfig, steps: int, checkpoints: Path) -> TrainingArguments:
    """Translate the recipe for the Trainer; `steps` is the number of steps per epoch."""
    precision = config.autocast()
    arguments = TrainingArguments(
        str(checkpoints),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        warmup_steps=round(config.warmup_epochs * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        fp16=precision == "fp16",
        bf16=precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        logging_steps=min(20, steps),
        logging_nan_inf_filter=False,  # it would wait for the GPU in every step
        eval_strategy="epoch",
        save_strategy="epoch",
        seed=config.seed,
        disable_tqdm=True,
        report_to="none",
        ddp_find_unused_parameters=False,  # there are none
        ddp_broadcast_buffers=False,  # running statistics are merged before each evaluation
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # else one process would split batches among all GPUs that it sees
    arguments.gradient_accumulation_steps = config.steps_per_process(arguments.world_size)
    return arguments


def _compile(model: FingerspellingModel) -> None:
    """Compile the encoder's blocks, where most of the time goes; all share one graph, whatever the clips' lengths."""
    if not torch.cuda.is_available():
        raise ParameterError("training.compile: needs a GPU; for a CPU, every new length would be compiled anew")
    for block in model.encoder.blocks:
        block.compile(dynamic=True)


def _callbacks(config: TrainingConfig, arguments: TrainingArguments, run_dir: Path) -> list[TrainerCallback]:
    callbacks: list[TrainerCallback] = [TextProgress()]
    if config.tensorboard and arguments.should_save:
        if not is_tensorboard_available():
            raise ParameterError("training.tensorboard: needs the package tensorboard; install it, or leave this out")
        from torch.utils.tensorboard import SummaryWriter

        callbacks.append(TensorBoardCallback(SummaryWriter(run_dir / "tensorboard")))
    return callbacks
