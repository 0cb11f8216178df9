"""What to simulate: the parameters of a simulated competition, checked."""

import dataclasses
from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from fingerspelling.parameters import Probability, parameters
from fingerspelling.text import MAX_PHRASE

MOST_LOST = 3.0
Characters = Annotated[int, Field(ge=1, le=MAX_PHRASE)]


@parameters
class SimulationConfig:
    """Parameters of a simulation; the defaults are those of the real recordings, as far as they are known.

    Raises:
        ValueError: a value is of the wrong type or out of its range; the message names the parameter.
    """

    seed: NonNegativeInt = 1  # the same seed gives the same bytes
    signers: PositiveInt = 24  # people; each clip is one of them
    clips: NonNegativeInt = 4000  # training clips, one phrase each, no phrase twice
    supplemental_clips: NonNegativeInt = 200  # clips of everyday sentences, repeated by several signers
    clips_per_file: PositiveInt = 500  # clips in a parquet file; about 1 MB each in memory
    min_length: Characters = 1  # shortest phrase
    max_length: Characters = MAX_PHRASE  # longest phrase of the training clips
    tempo: Annotated[float, Field(ge=0.1, le=10)] = 1.0  # spelling speed, relative to that of the real signers
    fps: Annotated[float, Field(ge=1, le=240)] = 30.0  # frames per second
    # Share of frames in which MediaPipe loses the hand, relative to the real one; 0 for never.
    lost_hand: Annotated[float, Field(ge=0, le=MOST_LOST)] = 1.0
    lost_spread: NonNegativeFloat = 1.0  # how much clips differ in that share, relative to the real ones
    junk: Probability = 0.08  # share of clips that are cut off somewhere, so that part of the phrase is missing
    noise: Annotated[float, Field(ge=0, le=10)] = 1.0  # jitter of the points, relative to MediaPipe's; 0 for none
    left_handed: Probability = 0.19  # share of signers who spell with the left hand
    processes: NonNegativeInt = 0  # at most; 0 for one per core; does not change the data

    def __post_init__(self) -> None:
        if self.max_length < self.min_length:
            raise ValueError(f"max_length = {self.max_length} is below min_length = {self.min_length}")

    def everyday(self) -> "SimulationConfig":
        """Return the parameters of the supplemental clips, which show less of the hand, and more alike."""
        lost_hand = min(self.lost_hand * 1.2, MOST_LOST)
        return dataclasses.replace(self, lost_hand=lost_hand, lost_spread=self.lost_spread * 0.28)

    def generator(self, *key: int) -> np.random.Generator:
        """Return a random generator of its own for each key, whose draws do not depend on those of any other."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def content(self) -> dict[str, float]:
        """Return the parameters that determine the data: all but processes."""
        values = dataclasses.asdict(self)
        del values["processes"]
        return values
