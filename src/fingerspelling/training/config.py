"""The recipe's parameters, and what the device at hand makes of them."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fingerspelling.data.augmentation import SpatialAugmentation, TemporalAugmentation
from fingerspelling.parameters import ParameterError, Probability, parameters
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.training.limit import default_hours

NATIVE_BF16 = (8, 0)  # CUDA compute capability from which on bf16 is computed in hardware: Ampere


@parameters
class TrainingConfig:
    """How a model is trained; the defaults are the winner's second round."""

    epochs: PositiveInt = 400  # how often every clip is trained on
    batch_size: PositiveInt = 64  # clips that the model reads at a time
    gradient_accumulation_steps: PositiveInt = 8  # batches per step, those of all processes together
    learning_rate: PositiveFloat = 4.5e-3  # the highest, reached after the warm-up; then half a cosine down to 0
    # Over which the learning rate rises from 0; with decay_epochs, at most epochs: for a short training, give fewer.
    warmup_epochs: NonNegativeFloat = 10.0
    # Keep the highest learning rate until so many epochs before the end, then lower it in a straight line; null for the
    # cosine. Until then, a training can be prolonged: the same command goes on with more epochs.
    decay_epochs: PositiveFloat | None = None
    weight_decay: NonNegativeFloat = 0.08  # of all parameters, biases and norms included
    max_grad_norm: PositiveFloat = 4.0  # largest norm of the gradient
    # muon takes orthogonal steps with the hidden layers' matrices, at the same learning rate and weight decay: more
    # computation, half the memory.
    optimizer: Literal["adamw", "muon"] = "adamw"
    # Decay per step of an exponential moving average of the weights, which is then validated and kept; 0 for none.
    # 0.999 averages over about 1,000 steps: less noise, but early epochs lag behind.
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mask_tokens: Probability = 0.2  # probability that a decoder's input token is replaced by the mask token
    temporal: TemporalAugmentation = field(default_factory=TemporalAugmentation)
    spatial: SpatialAugmentation = field(default_factory=SpatialAugmentation)
    supplemental: bool = True  # one random clip of each supplemental phrase joins every epoch
    # Files as a first round's out_of_fold.parquet, from the run's folder on: targets of the confidence head.
    scores: tuple[str, ...] = ()
    # Simulate this many clips (simulation.clips) anew for each epoch, by new signers, and train on them instead.
    simulation: SimulationConfig | None = None
    # Over so many epochs, two losses fade out that tell the CTC head and the decoder's attention which character is
    # signed in each frame, as the simulation knows. For simulated clips alone; 0 leaves them out.
    alignment: NonNegativeFloat = 0.0
    min_frames: NonNegativeInt = 1  # shorter clips are left out of training
    folds: PositiveInt = 4  # the signers are dealt into so many folds
    validation_fold: int = 0  # this one is held out; -1 trains on all, and validation (fold 0) means little
    eval_clips: PositiveInt = 1000  # validation clips that are read after each epoch; the final score takes all
    # Of autocast. auto takes bf16 on a GPU that computes in it (Ampere and later), else fp16, and fp32 on a CPU.
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    # Compile the encoder, on a GPU: minutes at the start, which pay in a training of hours.
    compile: bool = False
    tensorboard: bool = False  # write event files for TensorBoard, beside metrics.jsonl
    pad_to_max: bool = False  # pad every batch to model.max_frames, as the winner did; more than half is then padding
    # Stop after the last epoch that ends within so many hours of the training's beginning, on Kaggle of the session's;
    # the same run, started again, goes on from there. Left out, it is 11.5 on Kaggle's machines, whose sessions end
    # after 12, and no limit elsewhere; null is no limit anywhere.
    stop_after_hours: PositiveFloat | None = field(default_factory=default_hours)
    # Processes that read and join clips; 0 does it in the training process.
    num_workers: Annotated[int, Field(ge=0, le=256)] = 0
    # Start from the weights of this trained model, a folder as weights/reader, instead of random ones: to adapt it to
    # other recordings, or to train it further. Its sizes must be those of model, whose encoder may be deeper. Of a
    # Kaggle kernel, a folder below /kaggle/input, which is then attached to it.
    pretrained: Path | None = None
    # Of the first weights, of the order of the clips, and of what chance does to them; of a run without seeds.
    seed: NonNegativeInt = 1

    def __post_init__(self) -> None:
        if not -1 <= self.validation_fold < self.folds:
            raise ValueError(f"validation_fold {self.validation_fold} is not among {self.folds} folds (nor -1)")
        if self.warmup_epochs + (self.decay_epochs or 0) > self.epochs:
            decay = f" and decay_epochs {self.decay_epochs:g}" if self.decay_epochs else ""
            raise ValueError(
                f"warmup_epochs {self.warmup_epochs:g}{decay} are more than epochs, {self.epochs}: the learning rate "
                "would not reach its highest; give fewer, or more epochs"
            )
        if self.alignment and not self.simulation:
            raise ValueError(
                "alignment needs clips of which it is known what each frame shows: set training.simulation as well"
            )

    def steps_per_process(self, processes: int) -> int:
        """Return how many batches each process contributes to a step, so that the recipe stays the same on several.

        Raises:
            ParameterError: the step's batches cannot be dealt evenly.
        """
        if self.gradient_accumulation_steps % processes:
            raise ParameterError(
                f"training.gradient_accumulation_steps: {self.gradient_accumulation_steps} batches per step cannot be "
                f"dealt evenly to {processes} processes; choose a multiple of {processes}, or other processes"
            )
        return self.gradient_accumulation_steps // processes

    def autocast(self) -> Literal["fp32", "fp16", "bf16"]:
        """Return the precision to compute in on the device at hand.

        Raises:
            ParameterError: bf16 is requested of a GPU that only emulates it.
        """
        if not torch.cuda.is_available():
            return "fp32" if self.precision == "auto" else self.precision
        # `torch.cuda.is_bf16_supported()` is no help: it counts emulation, many times slower than fp16.
        capability = torch.cuda.get_device_capability()
        if self.precision == "auto":
            return "bf16" if capability >= NATIVE_BF16 else "fp16"
        if self.precision == "bf16" and capability < NATIVE_BF16:
            raise ParameterError(
                f"training.precision: {torch.cuda.get_device_name()} has no bf16 (compute capability "
                "{}.{}, Ampere's is {}.{}); choose fp16 or auto".format(*capability, *NATIVE_BF16)
            )
        return self.precision
