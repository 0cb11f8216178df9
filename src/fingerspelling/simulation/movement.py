"""From a phrase to the motion of a hand: postures in time, joined by smooth movements that overlap.

Every posture change is a minimum-jerk movement (T. Flash and N. Hogan, J. Neurosci. 5, 1985); movements that
begin before the last one ended simply add up (T. Flash and E. Henis, J. Cogn. Neurosci. 3, 1991). So a hold shrinks
with the tempo, a shape begins to form before the last one is left (coarticulation), and shapes that there is no time
for are reached only in part (undershoot). Each finger, the wrist's turn and the wrist's place move independently.
"""

import math
from dataclasses import dataclass

import numpy as np

from fingerspelling.simulation.alphabet import CHANNELS, PLACE, SHAPES, TURN
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.geometry import log_normal, minimum_jerk, product, swing
from fingerspelling.simulation.hand import in_unison, within_limits
from fingerspelling.simulation.signer import Signer

# Channels that move together: thumb, four fingers, turn, place; and the peak speed of one movement of each
# (degrees/s; palms/s for the place).
GROUPS = [slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 16), slice(16, 20), TURN, PLACE]
STARTS = [group.start for group in GROUPS]
# The channels of each group, [7, 4], where the last of three stands twice; and where each channel first stands there.
MEMBERS = np.array([[min(group.start + i, group.stop - 1) for i in range(4)] for group in GROUPS])
PLACES = np.unique(MEMBERS, return_index=True)[1]
SPEED_LIMITS = np.array([1000.0, 1200, 1200, 1200, 1200, 700, 9], np.float32)
PEAK = 1.875  # peak speed of a minimum-jerk movement, times its mean speed
LONGEST_OVERLAP = 1.8  # slots; a movement lasts at most this long, so that about two run at a time
STROKE = 0.55  # slots; the time of each further station of a sign that moves
SPACE = 0.7  # the time of a space, relative to that of another character
POSTURE_NOISE = np.array([3.0] * TURN.start + [3.5] * 3, np.float32)  # from one time to the next, degrees
DRIFT = np.array([2.5] * 3 + [0.08] * 3)[:, None]  # how far turn (degrees) and place (palms) wander
CLIP_NOISE = np.array([1.5] * TURN.start + [4.0] * 3 + [0.0] * 3, np.float32)


@dataclass(frozen=True)
class Manner:
    """How a phrase is spelled in one clip; the defaults are the competition's."""

    uneven: float = 0.13  # standard deviation of the logarithm of a character's time
    longest: float = math.inf  # seconds that a movement takes at most; the rest of a character's time is a hold
    stagger: float = 0.012  # seconds by which fingers do not start as one
    wobble: float = 1.0  # how far postures differ from one time to the next, relative to the usual
    pause: float = 1.0  # time of a space, relative to the usual
    start: str = "relaxed"  # shape of the hand before the first character
    end: str = "relaxed"  # and after the last one


USUAL = Manner()


def sign(
    phrase: str, signer: Signer, rng: np.random.Generator, config: SimulationConfig, manner: Manner = USUAL
) -> tuple[np.ndarray, np.ndarray]:
    """Move a signer's hand through a phrase.

    Returns:
        float32 [frames, 26]: the channels of alphabet.py, within the anatomical limits.
        int [frames]: the character of the phrase that is nearest in time, from halfway to it until halfway to the
            next; -1 before the first and after the last.
    """
    postures, slots, characters = _stations(phrase, signer, rng, manner)
    seconds = slots * signer.seconds_per_character * log_normal(rng, 0.14) / config.tempo
    seconds *= np.linspace(1, log_normal(rng, 0.12), len(seconds))  # getting slower or faster
    motion, halfway = _movements(postures, seconds, signer, rng, config.fps, manner)
    motion[:, TURN.start :] += _drift(len(motion), config.fps, signer, rng)
    motion[:, : TURN.start] = within_limits(motion[:, : TURN.start])
    return motion, characters[np.searchsorted(halfway, np.arange(len(motion)) / config.fps, side="right")]


def _stations(
    phrase: str, signer: Signer, rng: np.random.Generator, manner: Manner
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the postures [stations, 26] to pass, each one's time in characters, and each one's character."""
    rows, slots = [_away(manner.start, rng)], [0.0]
    for previous, character in zip(" " + phrase, phrase, strict=False):
        keys = signer.postures[character]
        if character == previous != " " and len(keys) == 1:
            keys = keys + signer.doubling
        rows.append(keys)
        slot = SPACE * manner.pause if character == " " else 1.0
        slots += [slot] + [STROKE * slot] * (len(keys) - 1)
    lengths = [len(keys) for keys in rows]
    times = np.array(slots) * np.repeat(log_normal(rng, manner.uneven, len(rows)), lengths)
    times[1] += rng.uniform(0.1, 1.0)  # the first character is held longer, and so is the last
    times[-1] += rng.uniform(0, 1.2)
    rows.append(_away(manner.end, rng))
    times = np.append(times, rng.uniform(0.3, 1.0))
    postures = np.concatenate(rows)
    wobble = np.append(POSTURE_NOISE * np.float32(manner.wobble), [signer.bounce] * 3)
    postures += in_unison(rng.standard_normal(postures.shape, np.float32), signer.unison) * wobble
    postures += in_unison(rng.standard_normal(CHANNELS, np.float32), signer.unison) * CLIP_NOISE
    characters = np.append(np.repeat(np.arange(-1, len(phrase)), lengths), -1)
    return postures, times, characters


def _away(shape: str, rng: np.random.Generator) -> np.ndarray:
    """Return a hand on its way up into the picture or out of it, sometimes hardly lowered at all."""
    away = np.zeros((1, CHANNELS), np.float32)
    away[0, : TURN.stop] = SHAPES[shape]
    away[0, PLACE] = rng.normal(0, 0.3), rng.exponential(1.0), rng.normal(0, 0.3)
    away[0, TURN.start + 1] += 15 * away[0, PLACE.start + 1]
    return away


def _movements(
    postures: np.ndarray, seconds: np.ndarray, signer: Signer, rng: np.random.Generator, fps: float, manner: Manner
) -> tuple[np.ndarray, np.ndarray]:
    """Add up the movements from posture to posture: float32 [frames, 26], and when each is halfway done."""
    # Where the time is too short, aim less far, towards the mean of the neighbours; then take more time.
    hurry = np.clip(_needed(postures).max(1) / (LONGEST_OVERLAP * seconds[1:]) - 1, 0, 1)
    neighbours = (postures[:-2] + postures[2:]) / 2
    postures[1:-1] += 0.5 * hurry[:-1, None].astype(np.float32) * (neighbours - postures[1:-1])
    needed = _needed(postures)
    seconds[1:] = np.maximum(seconds[1:], np.maximum(needed.max(1) / LONGEST_OVERLAP, 1 / fps))
    ends = np.cumsum(seconds)
    lasts = np.maximum(np.minimum(seconds[1:, None] * signer.travel, manner.longest), needed)
    begins = ends[:-1, None] - signer.anticipation * lasts
    begins += rng.normal(0, manner.stagger, begins.shape)  # fingers do not start as one
    times = np.arange(max(1, round(ends[-1] * fps))) / fps
    progress = ((times - begins.T[:, :, None]) / lasts.T[:, :, None]).astype(np.float32)
    changes = np.diff(postures.T).take(MEMBERS, 0)
    moved = product(changes, minimum_jerk(progress.clip(0, 1, out=progress))).reshape(-1, len(times))[PLACES]
    halfway = np.maximum.accumulate((begins + lasts / 2).sum(1) / len(GROUPS))
    return (postures[0][:, None] + moved).astype(np.float32).T, halfway


def _needed(postures: np.ndarray) -> np.ndarray:
    """Return the shortest time of each posture change for each group, [changes, 7] in seconds."""
    farthest = np.maximum.reduceat(np.abs(postures[1:] - postures[:-1]), STARTS, axis=1)
    return PEAK * farthest / SPEED_LIMITS


def _drift(frames: int, fps: float, signer: Signer, rng: np.random.Generator) -> np.ndarray:
    """Return the slow wandering of an arm held up: turn and place, float32 [frames, 6]."""
    hertz = 1 / np.repeat([rng.uniform(1.5, 3), rng.uniform(4, 9)], 6)
    reach = rng.standard_normal((2, 6, 1)) * DRIFT
    waves = swing(hertz, rng.random(12), frames, fps).reshape(2, 6, frames)
    drift = (waves * reach).sum(0).astype(np.float32)
    drift[3] += np.linspace(0, signer.outward * frames / fps / 3, frames)
    return drift.T
