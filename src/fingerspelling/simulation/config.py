"""What to simulate: the parameters of a simulated competition, checked."""

import dataclasses
import math
from dataclasses import dataclass

from fingerspelling.text import MAX_PHRASE


@dataclass(frozen=True)
class SimulationConfig:
    """Parameters of a simulation; the defaults are those of the real recordings as far as they are known.

    Raises:
        ValueError: a value is of the wrong type or out of its range; the message names the parameter.
    """

    seed: int = 1  # the same seed gives the same bytes
    signers: int = 24  # people; each clip is one of them
    clips: int = 4000  # training clips, one phrase each, no phrase twice
    supplemental_clips: int = 200  # clips of everyday sentences, repeated by several signers
    clips_per_file: int = 500  # clips in a parquet file; about 1 MB each in memory
    min_length: int = 1  # characters; shortest phrase
    max_length: int = MAX_PHRASE  # characters; longest phrase of the training clips
    tempo: float = 1.0  # spelling speed, times that of the real signers
    fps: float = 30.0  # frames a second
    lost_hand: float = 1.0  # share of frames in which MediaPipe loses the hand, times the real one; 0 never
    junk: float = 0.02  # share of clips cut off somewhere, so that part of the phrase is missing
    noise: float = 1.0  # jitter of the detected points, times that of MediaPipe; 0 none
    left_handed: float = 0.19  # share of signers who spell with the left hand
    processes: int = 0  # worker processes; 0 for all cores; does not change the data

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            wanted = (int,) if field.type is int else (int, float)
            if isinstance(value, bool) or not isinstance(value, wanted) or not math.isfinite(value):
                raise ValueError(f"{field.name} = {value!r} is not a finite {field.type.__name__}")
        limits = {
            "seed": (0, math.inf),
            "signers": (1, math.inf),
            "clips": (0, math.inf),
            "supplemental_clips": (0, math.inf),
            "clips_per_file": (1, math.inf),
            "min_length": (1, MAX_PHRASE),
            "max_length": (self.min_length, MAX_PHRASE),
            "tempo": (0.1, 10),
            "fps": (1, 240),
            "lost_hand": (0, 2),
            "junk": (0, 1),
            "noise": (0, 10),
            "left_handed": (0, 1),
            "processes": (0, math.inf),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} = {getattr(self, name)!r} is not between {low} and {high}")

    def content(self) -> dict[str, float]:
        """Return the parameters that decide the data's content: all but processes."""
        values = dataclasses.asdict(self)
        del values["processes"]
        return values
