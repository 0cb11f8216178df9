"""Trainings that stop themselves before a machine's time is up."""

import os
import time

from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

BEGAN = "FINGERSPELLING_BEGAN"  # environment variable of a kernel: when its session began, as `time.time` has it
ON_KAGGLE = "KAGGLE_KERNEL_RUN_TYPE"  # an environment variable of Kaggle's machines
KAGGLE_HOURS = 11.5  # of the 12 that a session has
if ON_KAGGLE in os.environ:
    os.environ.setdefault(BEGAN, str(time.time()))  # in a notebook that is none of our kernels, as good as known


class StoppedInTime(Exception):
    """A training has stopped itself; the message says how far it is, and that it can go on."""


def default_hours() -> float | None:
    """Return the limit where none is given: on Kaggle's machines, `KAGGLE_HOURS`."""
    return KAGGLE_HOURS if ON_KAGGLE in os.environ else None


class TimeLimit(TrainerCallback):
    """Ends a training after an epoch, once it has its checkpoint, if another epoch might not end in time.

    The trainings that share it share the time, which counts from when it is made, or from a session's beginning. One
    epoch is always trained, so that even an impossible limit ends.
    """

    def __init__(self, hours: float | None) -> None:
        self.hours = hours
        self.longest = 0.0  # hours that an epoch has taken at most
        self._began = float(os.environ.get(BEGAN, time.time()))

    @property
    def reached(self) -> bool:
        """Whether another epoch might not end in time; the main process decides for all."""
        if self.hours is None or not self.longest:
            return False
        since_the_beginning = (time.time() - self._began) / 3600
        return broadcast_object_list([since_the_beginning + self.longest > self.hours])[0]

    def on_epoch_begin(self, *_: object, **__: object) -> None:
        self.since = time.monotonic()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.longest = max(self.longest, (time.monotonic() - self.since) / 3600)
        if state.global_step < state.max_steps:
            control.should_training_stop = self.reached
