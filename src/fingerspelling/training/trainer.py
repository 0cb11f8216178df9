"""Hugging Face's Trainer with planned batches, augmentation on the device, and validation by reading clips."""

import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate.data_loader import DataLoaderShard
from accelerate.utils import gather_object, reduce
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.optimization import get_wsd_schedule
from transformers.trainer_utils import TrainOutput

from fingerspelling import text
from fingerspelling.data.augmentation import augment
from fingerspelling.data.dataset import ClipDataset, collate
from fingerspelling.data.sampler import LengthGroupedSampler
from fingerspelling.data.stages import checkpoints
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.transcribe import eval_batch_size, read_encoded
from fingerspelling.files import disk_full_named, seal
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.preprocessing import normalize
from fingerspelling.scoring import metric
from fingerspelling.training.alignment import alignment_losses, alignment_weight
from fingerspelling.training.config import TrainingConfig
from fingerspelling.training.distributed import batch_norms, merge_statistics, slow_statistics
from fingerspelling.training.loading import Plan, training_loader
from fingerspelling.training.optim import MuonWithAdamW, warmup_then_cosine
from fingerspelling.training.split import Split
from fingerspelling.training.stream import SimulatedBatches

ATTENTION_WEIGHT = 0.3  # of the decoder's part of the alignment's losses
AVERAGE_FILE = "average.pt"  # in a checkpoint: the moving average of the weights
KEPT = 2  # checkpoints, the newest; Trainer would go by modification times, which a copy changes


class FingerspellingTrainer(Trainer):
    """A Trainer whose result does not depend on the number of its processes.

    A batch is planned with a seed, from which everything is drawn that happens to it: augmentation, replaced tokens
    and dropout. So it does not matter which process has it, nor what a resumed training drew before.
    """

    model: FingerspellingModel
    train_dataset: ClipDataset
    eval_dataset: ClipDataset

    def __init__(
        self,
        model: FingerspellingModel,
        args: TrainingArguments,
        store: ClipStore,
        targets: np.ndarray,
        split: Split,
        plan: Plan,
        config: TrainingConfig,
        callbacks: list[TrainerCallback],
    ) -> None:
        self.store, self.split, self.plan, self.config = store, split, plan, config
        training = ClipDataset(store, targets)
        super().__init__(model, args, train_dataset=training, eval_dataset=ClipDataset(store), callbacks=callbacks)
        self.remove_callback(PrinterCallback)
        slow_statistics(model, args.world_size)
        average = get_ema_multi_avg_fn(config.ema_decay)
        self.averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True) if config.ema_decay else None

    @property
    def result(self) -> FingerspellingModel:
        """The model that is validated and kept: the averaged one where there is one."""
        return cast(FingerspellingModel, self.averaged.module) if self.averaged else self.model

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Return all names: the winner's weight decay spares no parameter, Trainer's would spare biases and norms."""
        return [name for name, _ in model.named_parameters()]

    def create_optimizer(self, *model: FingerspellingModel) -> Optimizer:  # none in transformers 5.0
        if self.config.optimizer == "muon":
            self.optimizer = MuonWithAdamW(self.model, self.args.learning_rate, self.args.weight_decay)
        optimizer = super().create_optimizer(*model)
        if (averaged := self.averaged) is not None:
            optimizer.register_step_post_hook(lambda *_: averaged.update_parameters(self.model))
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LRScheduler:
        if self.lr_scheduler is None:
            warmup = self.args.get_warmup_steps(num_training_steps)
            batches = self.config.gradient_accumulation_steps
            optimizer = cast(Optimizer, optimizer or self.optimizer)
            if self.config.decay_epochs is None:
                self.lr_scheduler = warmup_then_cosine(optimizer, warmup, num_training_steps, batches)
            else:
                decay = round(num_training_steps * self.config.decay_epochs / self.config.epochs)
                self.lr_scheduler = get_wsd_schedule(
                    optimizer, warmup, decay, num_training_steps=num_training_steps, decay_type="linear"
                )
        return self.lr_scheduler

    def _save_checkpoint(self, *arguments: Any, **named: Any) -> None:
        checkpoint = Path(str(self.args.output_dir), f"checkpoint-{self.state.global_step}")
        with disk_full_named(checkpoint):
            super()._save_checkpoint(*arguments, **named)
            if self.averaged and self.args.should_save:
                torch.save(self.averaged.state_dict(), checkpoint / AVERAGE_FILE)
        self.accelerator.wait_for_everyone()  # each process writes the state of its own random numbers
        if self.args.should_save:
            seal(checkpoint)
            for older in checkpoints(checkpoint.parent)[KEPT:]:
                shutil.rmtree(older)

    def train(self, resume_from_checkpoint: str | None = None, **named: Any) -> TrainOutput:  # type: ignore[override]
        if resume_from_checkpoint and self.averaged:
            file = Path(resume_from_checkpoint, AVERAGE_FILE)
            self.averaged.load_state_dict(torch.load(file, self.args.device, weights_only=True))
        self._start_logging()
        return super().train(resume_from_checkpoint, **named)

    def get_train_dataloader(self) -> DataLoaderShard:
        args = self.args
        loader = training_loader(
            self.plan,
            self.train_dataset,
            self.config.num_workers,
            args.process_index,
            args.world_size,
            min_frames=self.model.config.max_frames if self.config.pad_to_max else 0,
        )
        simulated = isinstance(self.plan, SimulatedBatches)
        self._epoch_batches = len(loader) * args.world_size if simulated else len(self.plan)
        return loader

    def get_batch_samples(
        self, epoch_iterator: Iterator[dict], num_batches: int, device: torch.device
    ) -> tuple[list[dict], Any]:
        """Return the batches of a step, each with its weight and with what the step's sums of losses are divided by.

        The weight is 1, unless an epoch's last batches cannot be dealt evenly: then those that stand in for none have
        the weight 0. Trainer averages over all batches of all processes, so the counts are those per batch: then
        every token weighs the same in a step, whichever batch and process has it.
        """
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        args, batches_in_epoch = self.args, self._epoch_batches
        batches_in_step = args.gradient_accumulation_steps * args.world_size
        steps_in_epoch = math.ceil(batches_in_epoch / batches_in_step)
        first = (self.state.global_step % steps_in_epoch) * batches_in_step  # number of the step's first batch
        for i, batch in enumerate(batches):
            number = first + i * args.world_size + args.process_index
            batch["weight"] = float(number < batches_in_epoch)
        weighted = [batch["labels"] for batch in batches if batch["weight"]]
        tokens, clips = sum(int((labels != text.PAD).sum()) for labels in weighted), sum(map(len, weighted))
        counts = torch.tensor([tokens, clips], dtype=torch.float32)
        if args.world_size > 1:
            counts = reduce(counts.to(args.device), "sum")
        for batch in batches:
            batch["counts"] = counts / (len(batches) * args.world_size)
            batch["seed"] = int(batch["seed"])  # while it is on the CPU: a GPU would have to be waited for
            self._clips += len(batch["labels"]) * args.world_size
        self._steps += 1
        return batches, items

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor | tuple[Tensor, dict]:
        frames, mask, labels = normalize(inputs["frames"]), inputs["mask"], inputs["labels"]
        # A batch that counts nothing must leave no trace in the running statistics either. This lasts for this batch
        # alone: before each batch, Trainer's training_step puts the whole model into training mode again.
        if not inputs["weight"]:
            for norm in batch_norms(model):
                norm.eval()
        torch.manual_seed(inputs["seed"])
        frames = augment(frames, mask, self.config.spatial)
        masked_inputs = torch.rand((2, *labels.shape), device=labels.device) < self.config.mask_tokens
        outputs = model(frames, mask, labels, masked_inputs, inputs["scores"], inputs["counts"])
        epoch = self.config.epochs * self.state.global_step / self.state.max_steps
        if weight := alignment_weight(epoch, self.config.alignment):
            stride, learnt = self.model.config.frame_stride, (outputs.ctc_logits, outputs.cross_attentions)
            losses = alignment_losses(*learnt, inputs["aligned"], labels, frames, stride)
            outputs.loss_parts |= losses
            outputs.loss = outputs.loss + weight * (losses["alignment"] + ATTENTION_WEIGHT * losses["attention"])
        for name, part in outputs.loss_parts.items():
            share = inputs["weight"] / self.current_gradient_accumulation_steps
            self._loss_parts[name] = self._loss_parts.get(name, 0.0) + part.detach() * share
        loss = outputs.loss * inputs["weight"]
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            loss_parts = reduce(self._loss_parts, "mean")
            logs |= {f"loss_{name}": part.item() / self._steps for name, part in loss_parts.items()}
            logs["clips_per_second"] = self._clips / (time.monotonic() - self._since)
            self._start_logging()
        super().log(logs, start_time)

    def _start_logging(self) -> None:
        """Begin to gather what the next line of the history will say."""
        self._loss_parts: dict[str, Tensor] = {}
        self._steps = self._clips = 0
        self._since = time.monotonic()

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Transcribe the held-out clips, each process some of them; prints some predictions."""
        began, args, model = time.monotonic(), self.args, self.result
        for trained in [self.model, model] if self.averaged else [model]:
            merge_statistics(trained, args.process_index, args.world_size, self._epoch_batches)
        rng = np.random.default_rng(self.config.seed)
        clips = self.split.validation
        clips = np.sort(rng.choice(clips, min(self.config.eval_clips, len(clips)), replace=False))
        size = eval_batch_size(args.device)
        plan = LengthGroupedSampler(self.store, clips, size, 0, max_frames=model.config.max_frames, shuffle=False)
        model.eval()
        results = []
        for requests in list(plan)[args.process_index :: args.world_size]:
            batch = self._prepare_inputs(collate([self.eval_dataset[request] for request in requests]))
            with torch.inference_mode(), self.compute_loss_context_manager():
                frames = normalize(batch["frames"])
                encoded = model.encode(frames, batch["mask"])
                loss = model.losses(*encoded, batch["labels"], None, batch["scores"]).loss.item()
                transcripts = read_encoded([model], [encoded], frames, batch["mask"])
            results += [(request.clip, read.phrase, loss) for request, read in zip(requests, transcripts, strict=True)]
        places, predictions, losses = zip(*sorted(gather_object(results)), strict=True)
        phrases = self.store.table["phrase"].iloc[list(places)].tolist()
        metrics = {"eval_loss": float(np.mean(losses)), "eval_score": metric.score(predictions, phrases)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(args, self.state, self.control, metrics)
        whose = "unseen signers" if self.config.validation_fold >= 0 else "signers that training sees"
        print(f"validation on {len(clips)} clips of {whose}: score {metrics['eval_score']:.3f}")
        for i in rng.choice(len(places), min(3, len(places)), replace=False):
            print(f"    {phrases[i]!r} was read as {predictions[i]!r}")
        self._since += time.monotonic() - began
        return metrics
