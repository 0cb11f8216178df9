"""Training with Hugging Face's Trainer: the winning recipe, validated on signers that training never sees."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.utils import logging as transformers_logging

from fingerspelling import metric
from fingerspelling.augmentation import PointAugmentation, augment
from fingerspelling.batches import Clips, PlannedBatches, TimeAugmentation, collate
from fingerspelling.clips import ClipStore, folds_by_signer, written_whole
from fingerspelling.competition import DataError
from fingerspelling.inference import spell, spell_store
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.model.preprocessing import normalise
from fingerspelling.parameters import Probability, parameters
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.stream import SimulatedBatches

SUPPLEMENTAL_SCORE = 0.5  # the confidence head's target for supplemental clips
SUPPLEMENTAL_LENGTH = 32  # characters; longer supplemental phrases stay out
PROGRESS_SECONDS = 10.0


@parameters
class TrainingConfig:
    """How a model is trained; the defaults are the winner's second round on one device."""

    epochs: PositiveInt = 400
    batch_size: PositiveInt = 64  # clips
    accumulate: PositiveInt = 8  # batches whose gradients make one step
    learning_rate: PositiveFloat = 4.5e-3  # the highest, reached after the warm-up; then a cosine down to 0
    warmup_epochs: NonNegativeFloat = 10.0
    weight_decay: NonNegativeFloat = 0.08
    clip_norm: PositiveFloat = 4.0  # largest norm of the gradient
    mask_tokens: Probability = 0.2  # probability that a decoder's input token is replaced by the mask token
    time: TimeAugmentation = field(default_factory=TimeAugmentation)
    points: PointAugmentation = field(default_factory=PointAugmentation)
    supplemental: bool = True  # one random clip of every supplemental phrase joins each epoch
    scores: tuple[str, ...] = ()  # out_of_fold.parquet files of a first round: targets of the confidence head
    # Simulate so many clips (simulation.clips) anew for each epoch, by new signers, and train on them instead.
    simulation: SimulationConfig | None = None
    min_frames: NonNegativeInt = 1  # shorter clips are left out of training
    folds: PositiveInt = 4  # the signers are dealt into so many folds
    validation_fold: int = 0  # this one is held out; -1 trains on all, and validation (fold 0) means little
    eval_clips: PositiveInt = 1000  # validation clips that are read after each epoch; the final score takes all
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"  # of autocast
    loader_processes: NonNegativeInt = 0  # processes that read and join clips; 0 does it in the training process
    seed: int = 1

    def __post_init__(self) -> None:
        if not -1 <= self.validation_fold < self.folds:
            raise ValueError(f"validation_fold {self.validation_fold} is not among {self.folds} folds (nor -1)")


@dataclass(frozen=True)
class Split:
    """Places in the store of the clips to train on, the supplemental ones among them, and the held-out ones."""

    training: np.ndarray
    supplemental: np.ndarray
    validation: np.ndarray


def split_by_signer(store: ClipStore, config: TrainingConfig) -> Split:
    """Split the store's clips so that no signer stands on both sides (unless validation_fold is -1).

    Raises:
        DataError: one of the sides is empty, or there are fewer signers than folds.
    """
    table = store.table
    main = np.flatnonzero(~table["supplemental"])
    folds = folds_by_signer(table["participant_id"].iloc[main], config.folds)
    held_out = main[folds == max(config.validation_fold, 0)]
    unseen = table["participant_id"].iloc[held_out].unique() if config.validation_fold >= 0 else []
    usable = (table["n_frames"] >= config.min_frames) & ~table["participant_id"].isin(unseen)
    short = table["phrase"].str.len() <= SUPPLEMENTAL_LENGTH
    extra = table["supplemental"] & usable & short & config.supplemental
    split = Split(np.flatnonzero(usable & ~table["supplemental"]), np.flatnonzero(extra), held_out)
    if not len(split.training) or not len(split.validation):
        raise DataError(f"{store.folder}: {len(split.training)} clips to train on, {len(split.validation)} held out")
    return split


def confidence_targets(store: ClipStore, files: tuple[str, ...]) -> np.ndarray:
    """Return the confidence head's target for each clip: out-of-fold scores, 0.5 for supplemental, 1 unknown.

    Raises:
        DataError: a file of out-of-fold scores cannot be read.
    """
    known = pd.Series(dtype=float)
    for file in files:
        try:
            scores = pd.read_parquet(file, columns=["sequence_id", "score"])
        except (OSError, ValueError) as error:
            raise DataError(f"{file}: no readable out-of-fold scores ({error})") from error
        known = pd.concat([known, scores.set_index("sequence_id")["score"]])
    targets = store.table["sequence_id"].map(known[~known.index.duplicated()]).fillna(1.0)
    return targets.mask(store.table["supplemental"], SUPPLEMENTAL_SCORE).to_numpy(float)


def training_plan(
    store: ClipStore, split: Split, config: TrainingConfig, max_frames: int
) -> PlannedBatches | SimulatedBatches:
    """Return the epochs' batches: all training clips and one supplemental clip a phrase, or simulated ones."""
    if config.simulation:
        return SimulatedBatches(config.simulation, config.batch_size, config.time, max_frames)
    return PlannedBatches(
        store,
        split.training,
        config.batch_size,
        config.seed,
        config.time,
        max_frames,
        one_a_phrase=split.supplemental,
    )


class FingerspellingTrainer(Trainer):
    """A Trainer that plans its batches, augments them on the device, and validates by spelling."""

    def __init__(
        self,
        model: FingerspellingModel,
        args: TrainingArguments,
        store: ClipStore,
        split: Split,
        config: TrainingConfig,
    ) -> None:
        self.store, self.split, self.config = store, split, config
        self._parts: dict[str, list[float]] = {}
        training = Clips(store, confidence_targets(store, config.scores), config.time)
        super().__init__(model, args, train_dataset=training, eval_dataset=Clips(store))
        self.remove_callback(PrinterCallback)
        self.add_callback(TextProgress(config.batch_size * config.accumulate))

    def get_train_dataloader(self) -> DataLoader:
        plan = training_plan(self.store, self.split, self.config, self.model.config.max_frames)
        simulated = isinstance(plan, SimulatedBatches)
        loader = DataLoader(
            plan if simulated else self.train_dataset,
            batch_size=None if simulated else 1,  # 1: PyTorch's default, which a batch_sampler overrules
            batch_sampler=None if simulated else plan,
            collate_fn=collate,
            num_workers=self.config.loader_processes,
            # A stream's processes are told of a new epoch by being started anew.
            persistent_workers=self.config.loader_processes > 0 and not simulated,
            pin_memory=self.args.device.type == "cuda",
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: FingerspellingModel,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: int | None = None,
    ) -> Tensor | tuple[Tensor, dict]:
        frames, mask, labels = normalise(inputs["frames"]), inputs["mask"], inputs["labels"]
        replaced = None
        if model.training:
            frames = augment(frames, mask, self.config.points)
            replaced = torch.rand(labels.shape, device=labels.device) < self.config.mask_tokens
        outputs = model(frames, mask, labels, replaced, inputs["scores"])
        for name, part in outputs.parts.items():
            self._parts.setdefault(name, []).append(part.detach())
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            logs |= {f"loss_{name}": torch.stack(parts).mean().item() for name, parts in self._parts.items()}
            self._parts = {}
        super().log(logs, start_time)

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Spell the held-out clips: their loss, score, and some predictions in words."""
        rng = np.random.default_rng(self.config.seed)
        clips = self.split.validation
        clips = np.sort(rng.choice(clips, min(self.config.eval_clips, len(clips)), replace=False))
        plan = PlannedBatches(
            self.store, clips, self.config.batch_size, 0, max_frames=self.model.config.max_frames, shuffle=False
        )
        self.model.eval()
        of_training, self._parts = self._parts, {}
        losses, places, predictions = [], [], []
        for requests in plan:
            batch = self._prepare_inputs(collate([self.eval_dataset[request] for request in requests]))
            with torch.inference_mode(), self.compute_loss_context_manager():
                losses.append(self.compute_loss(self.model, batch).item() * len(requests))
                predictions += spell([self.model], batch["frames"], batch["mask"])
            places += batch["clips"].tolist()
        self._parts = of_training
        phrases = self.store.table["phrase"].iloc[places].tolist()
        metrics = {"eval_loss": sum(losses) / len(clips), "eval_score": metric.score(predictions, phrases)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        print(f"validation on {len(clips)} clips of unseen signers: score {metrics['eval_score']:.3f}")
        for i in rng.choice(len(places), min(3, len(places)), replace=False):
            print(f"    {phrases[i]!r} was read as {predictions[i]!r}")
        return metrics


class TextProgress(TrainerCallback):
    """A line of text every few seconds, and the history as metrics.jsonl, a JSON object a line."""

    def __init__(self, clips_per_step: int) -> None:
        self.clips_per_step = clips_per_step

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self.begun = self.printed = time.monotonic()
        self.first_step = state.global_step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        now = time.monotonic()
        if now - self.printed < PROGRESS_SECONDS and state.global_step < state.max_steps:
            return
        self.printed = now
        pace = (state.global_step - self.first_step) / (now - self.begun)
        left = int((state.max_steps - state.global_step) / pace)
        last = next((entry for entry in reversed(state.log_history) if "loss" in entry), {})
        losses = ", ".join(
            f"{name.removeprefix('loss_')} {value:.3f}" for name, value in last.items() if name.startswith("loss")
        )
        print(
            f"step {state.global_step}/{state.max_steps}, epoch {state.epoch:.1f}/{state.num_train_epochs}, "
            f"{losses or 'loss not known yet'}, learning rate {last.get('learning_rate', 0):.1e}, "
            f"{pace * self.clips_per_step:.0f} clips/s, {left // 60}:{left % 60:02} left",
            flush=True,
        )

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        # Written anew each time: after a resumption the history holds just what led to this state.
        with written_whole(Path(args.output_dir).parent / "metrics.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(entry) + "\n" for entry in state.log_history))


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end; the trainer's state is what is written last."""
    for path in sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.split("-")[1])):
        try:
            json.loads((path / "trainer_state.json").read_text())
            return path
        except (OSError, ValueError):
            print(f"{path}: incomplete, an earlier checkpoint is used")
    return None


def train(
    store: ClipStore, model_config: FingerspellingConfig, config: TrainingConfig, run_dir: Path
) -> FingerspellingModel:
    """Train a model, or go on where a killed run was, or load it if it is finished.

    Args:
        store: the clips.
        model_config: sizes and switches of the model.
        config: the recipe.
        run_dir: receives model/ (`from_pretrained` loads it), checkpoints/, metrics.jsonl and out_of_fold.parquet,
            the predictions for the held-out clips with each clip's score.

    Raises:
        DataError: run_dir holds a training with other parameters.
    """
    transformers_logging.disable_progress_bar()  # of writing and loading weights, a moment each
    # Not `to_dict`: making and saving a model adds notes of transformers' own to its configuration.
    sizes = {name: getattr(model_config, name) for name in FingerspellingConfig.__annotations__}
    asked = json.loads(json.dumps({"model": sizes, "training": asdict(config)}))
    finished, checkpoints, told = run_dir / "model", run_dir / "checkpoints", run_dir / "training.json"
    if told.is_file() and (known := json.loads(told.read_text())) != asked:
        changed = [
            f"{part}.{name}"
            for part in asked
            for name in asked[part].keys() | known[part].keys()
            if asked[part].get(name) != known[part].get(name)
        ]
        raise DataError(
            f"{run_dir}: holds a training with other parameters ({', '.join(sorted(changed))}); choose another "
            f"run_dir, or delete {finished}, {checkpoints} and {told}"
        )
    if finished.is_dir():
        print(f"the trained model is in {finished}")
        return FingerspellingModel.from_pretrained(finished).eval()

    split = split_by_signer(store, config)
    torch.manual_seed(config.seed)
    model = FingerspellingModel(model_config)
    steps = -(-len(training_plan(store, split, config, model_config.max_frames)) // config.accumulate)
    arguments = TrainingArguments(
        str(checkpoints),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulate,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(config.warmup_epochs * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.clip_norm,
        fp16=config.precision == "fp16",
        bf16=config.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        logging_steps=min(20, steps),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        seed=config.seed,
        disable_tqdm=True,
        report_to="none",
        remove_unused_columns=False,
        label_names=["labels"],
    )
    with written_whole(told) as temporary:
        temporary.write_text(json.dumps(asked, indent=2))
    trainer = FingerspellingTrainer(model, arguments, store, split, config)
    checkpoint = last_checkpoint(checkpoints)
    if checkpoint:
        print(f"going on from {checkpoint}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    model.eval()
    table = store.table.iloc[split.validation]
    predictions = spell_store([model], store, split.validation, config.batch_size, "held-out clips")
    scores = metric.clip_scores(predictions, table["phrase"])
    with written_whole(run_dir / "out_of_fold.parquet") as temporary:
        table.assign(prediction=predictions, score=scores).to_parquet(temporary)
    whole = run_dir / ".model.tmp"
    model.save_pretrained(whole)
    whole.replace(finished)  # last: a model folder means that all of this is done
    return model
