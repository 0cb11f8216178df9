"""What to simulate: the parameters of a simulated competition, checked."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fingerspelling.parameters import Between, Probability, flatten, parameters
from fingerspelling.text import MAX_PHRASE

MOST_LOST = 3.0
Characters = Annotated[int, Field(ge=1, le=MAX_PHRASE)]
Clips = Annotated[int, Field(ge=0, le=10_000_000)]


@parameters
class Wording:
    """What wild signers spell: the kinds' shares, relative to each other."""

    competition: NonNegativeFloat = 0.26  # addresses, names, web addresses, phone numbers
    word: NonNegativeFloat = 0.38  # a word, of one letter or more; three in ten are invented
    words: NonNegativeFloat = 0.12  # two to four words
    name: NonNegativeFloat = 0.1  # given name, surname or both
    letters: NonNegativeFloat = 0.08  # 1-8 random letters
    digits: NonNegativeFloat = 0.06  # 1-8 random digits

    def __post_init__(self) -> None:
        if not any(dataclasses.astuple(self)):
            raise ValueError("the shares of all kinds are 0: nothing would be spelled")


@parameters
class Pace:
    """How fast wild signers spell and are filmed."""

    seconds: Between[PositiveFloat] = (0.15, 2.0)  # time per character
    fps: Between[PositiveFloat] = (10.0, 60.0)  # frames per second
    uneven: NonNegativeFloat = 0.4  # standard deviation of the logarithm of a character's time within a clip, at most
    movement: Between[PositiveFloat] = (0.15, 0.6)  # seconds that the way from one character to the next takes at most
    max_frames: PositiveInt = 110  # longer spelling is done faster; in training, frames are what costs time


@parameters
class Footage:
    """What else there is in wild recordings."""

    cut: Probability = 0.3  # share of clips that begin within the first character and end within the last
    idle: Probability = 0.4  # share of the others with time before and after the spelling: the hand rises and falls
    idle_seconds: NonNegativeFloat = 2.0  # length of that time at either end, at most
    resting: Probability = 0.4  # share of idle hands that are seen; the others are out of the picture
    pause: Probability = 0.3  # share of clips with pauses between words, up to four times as long as a space
    other_hand: Probability = 0.35  # share of clips in which the other hand is seen


@parameters
class View:
    """Where the camera of wild recordings is."""

    aspects: tuple[PositiveFloat, ...] = (9 / 16, 9 / 16, 3 / 4, 1.0, 4 / 3, 16 / 9)  # width over height; one is drawn
    palm: Between[PositiveFloat] = (0.03, 0.2)  # size of the palm in heights of a portrait picture
    # Degrees: spread of the camera's yaw, pitch and roll.
    angles: tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat] = (30.0, 20.0, 10.0)
    left_handed: Probability = 0.35  # share of left hands, those in mirrored pictures included


@parameters
class Tracker:
    """What trackers do in wild recordings: shares of clips, unless said otherwise."""

    no_face: Probability = 0.12  # the face is not found
    no_pose: Probability = 0.12  # nor are the arms
    hand_alone: Probability = 0.25  # neither face nor arms
    no_depth: Probability = 0.35  # z is missing
    odd_depth: Probability = 0.15  # depth of the hand means nothing
    swapped: Probability = 0.08  # the hand is taken for the other one
    doubled: Probability = 0.08  # the hand is taken for the other one as well, on and off
    zeros: Probability = 0.03  # what is not detected is 0 instead of missing
    never_lost: Probability = 0.5  # the hand is seen in every frame; else lost up to 1.3 times as often as usual
    noise: Between[PositiveFloat] = (0.3, 3.5)  # jitter of the hand, relative to MediaPipe's
    smoothing: Between[Probability] = (0.35, 1.0)  # share of the newest frame in a running mean


@parameters
class Shapes:
    """How wild hands differ from each other."""

    spread: Between[PositiveFloat] = (0.4, 1.5)  # of signers' habits, relative to the usual one
    unison: Probability = 0.7  # share of the fingers' deviations that is common to all four: they hang together
    touch: Probability = 0.85  # share of the shapes whose fingertip meets the thumb in which it really does
    still: Probability = 0.6  # share of letters that a signer forms as still hands, in part or wholly
    turned: NonNegativeFloat = 18.0  # degrees by which letters that point aside or down are turned in addition
    folded: NonNegativeFloat = 9.0  # degrees by which the thumb and folded fingertips differ in addition
    # By how much the thumb of a closed hand seems longer, at most. In public sets of real hands it does by a fifth.
    thumb_of_fist: Annotated[float, Field(ge=0, le=1)] = 0.35
    lax: Probability = 0.25  # how far a shape is left half-formed, at most
    skew: NonNegativeFloat = 0.07  # spread of scale and shear of the picture of a hand


@parameters
class Wild:
    """Recordings of other kinds than the competition's, for models that are to read any; ranges are drawn from.

    Ranges of times, rates, sizes and strengths are drawn from evenly in their logarithm.
    """

    share: Probability = 0.0  # share of the signers, and so of the clips, that are of this kind
    wording: Wording = field(default_factory=Wording)
    pace: Pace = field(default_factory=Pace)
    footage: Footage = field(default_factory=Footage)
    view: View = field(default_factory=View)
    tracker: Tracker = field(default_factory=Tracker)
    shapes: Shapes = field(default_factory=Shapes)


@parameters
class SimulationConfig:
    """Parameters of a simulation; the defaults are those of the real recordings, as far as they are known.

    Raises:
        ValueError: a value is of the wrong type or out of its range; the message names the parameter.
    """

    seed: NonNegativeInt = 1  # the same seed gives the same bytes
    signers: Annotated[int, Field(ge=1, le=1_000_000)] = 24  # people; each clip shows one of them
    clips: Clips = 4000  # training clips, one phrase each, no phrase twice
    supplemental_clips: Clips = 200  # clips of everyday sentences, repeated by several signers
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
    wild: Wild = field(default_factory=Wild)  # signers beside the competition's
    processes: NonNegativeInt = 0  # that simulate, at most; 0 for one per core; does not change the data

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

    def content(self) -> dict[str, Any]:
        """Return the parameters that determine the data, see `content_of`."""
        return content_of(json.loads(json.dumps(dataclasses.asdict(self))))


def content_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that determine a simulation's data: all but processes, and wild where there are none.

    Those of sections are named as in wild.pace.fps.

    Args:
        values: of a `SimulationConfig` of this version or an earlier one, as JSON holds them.
    """
    values = flatten(values)
    left_out = "processes" if values.get("wild.share") else ("processes", "wild.")
    return {name: value for name, value in values.items() if not name.startswith(left_out)}
