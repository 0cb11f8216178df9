"""From a phrase to the motion of a hand: postures in time, joined by smooth movements that overlap.

Every posture change is a minimum-jerk movement (T. Flash and N. Hogan, J. Neurosci. 5, 1985); movements that
begin before the last one ended simply add up (T. Flash and E. Henis, J. Cogn. Neurosci. 3, 1991). So a hold shrinks
with the tempo, a shape begins to form before the last one is left (coarticulation), and shapes that there is no time
for are reached only in part (undershoot). Each finger, the wrist's turn and the wrist's place move for themselves.
"""

from typing import TYPE_CHECKING

import numpy as np

from fingerspelling.simulation.alphabet import CHANNELS, PLACE, SHAPES, TURN
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.hand import within_limits

if TYPE_CHECKING:
    from fingerspelling.simulation.signer import Signer

# Channels that move together: thumb, four fingers, turn, place; and the peak speed of one movement of each
# (degrees/s; palms/s for the place).
GROUPS = [slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 16), slice(16, 20), TURN, PLACE]
SPEED_LIMITS = np.array([1000.0, 1200, 1200, 1200, 1200, 700, 9], np.float32)
PEAK = 1.875  # peak speed of a minimum-jerk movement, times its mean speed
LONGEST_OVERLAP = 1.8  # slots; a movement lasts at most this long, so that about two run at a time
STROKE = 0.55  # slots; the time of each further station of a sign that moves
POSTURE_NOISE = np.array([4.0] * TURN.start + [5.0] * 3 + [0.07] * 3, np.float32)  # from one time to the next
CLIP_NOISE = np.array([2.0] * TURN.start + [6.0] * 3 + [0.0] * 3, np.float32)


def spell(
    phrase: str, signer: "Signer", rng: np.random.Generator, config: SimulationConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Move a signer's hand through a phrase.

    Returns:
        float32 [frames, 26]: the channels of alphabet.py, within the anatomical limits.
        int [frames]: which character of the phrase has its time; -1 before the first and after the last.
    """
    postures, slots, characters = _stations(phrase, signer, rng)
    seconds = slots * signer.seconds_per_character * np.exp(rng.normal(0, 0.14)) / config.tempo
    seconds *= np.linspace(1, np.exp(rng.normal(0, 0.12)), len(seconds))  # getting slower or faster
    motion, ends = _movements(postures, seconds, signer, rng, config.fps)
    motion += _drift(len(motion) / config.fps, len(motion), signer, rng)
    motion[:, : TURN.start] = within_limits(motion[:, : TURN.start])
    return motion, characters[np.searchsorted(ends[:-1], np.arange(len(motion)) / config.fps, side="right")]


def _stations(phrase: str, signer: "Signer", rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the postures [stations, 26] to pass, each one's time in characters, and each one's character."""
    rest = np.zeros((1, CHANNELS), np.float32)
    rest[0, : TURN.stop] = SHAPES["relaxed"]
    rows, slots = [_away(rest, rng)], [np.zeros(1)]
    for previous, character in zip(" " + phrase, phrase, strict=False):
        keys = signer.postures[character]
        if character == previous != " " and len(keys) == 1:
            keys = keys + signer.doubling
        rows.append(keys)
        slots.append(np.array([1.0] + [STROKE] * (len(keys) - 1)) * np.exp(rng.normal(0, 0.2)))
    slots[1][0] += rng.uniform(0.1, 1.0)  # the first character is held longer, and so is the last
    slots[-1][-1] += rng.uniform(0, 1.2)
    rows.append(_away(rest, rng))
    slots.append(rng.uniform(0.3, 1.0, 1))
    postures = np.concatenate(rows)
    postures += rng.standard_normal(postures.shape, np.float32) * POSTURE_NOISE
    postures += rng.standard_normal(CHANNELS, np.float32) * CLIP_NOISE
    characters = np.repeat(np.arange(-1, len(phrase) + 1), [len(keys) for keys in rows])
    characters[-1] = -1
    return postures, np.concatenate(slots), characters


def _away(rest: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the open hand on its way up into the picture or out of it, sometimes hardly lowered at all."""
    away = rest.copy()
    away[0, PLACE] = rng.normal(0, 0.3), rng.exponential(1.0), rng.normal(0, 0.3)
    away[0, TURN.start + 1] += 15 * away[0, PLACE.start + 1]
    return away


def _movements(
    postures: np.ndarray, seconds: np.ndarray, signer: "Signer", rng: np.random.Generator, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Add up the movements from posture to posture: float32 [frames, 26], and when each posture's time ends."""
    # Where the time is too short, aim less far, towards the mean of the neighbours; then take more time.
    hurry = np.clip(_needed(postures).max(1) / (LONGEST_OVERLAP * seconds[1:]) - 1, 0, 1)
    neighbours = (postures[:-2] + postures[2:]) / 2
    postures[1:-1] += 0.5 * hurry[:-1, None].astype(np.float32) * (neighbours - postures[1:-1])
    needed = _needed(postures)
    seconds[1:] = np.maximum(seconds[1:], np.maximum(needed.max(1) / LONGEST_OVERLAP, 1 / fps))
    ends = np.cumsum(seconds)
    lasts = np.maximum(seconds[1:, None] * signer.travel, needed)
    begins = ends[:-1, None] - signer.anticipation * lasts
    begins += rng.normal(0, 0.012, begins.shape)  # fingers do not start as one
    times = np.arange(max(1, round(ends[-1] * fps))) / fps
    progress = ((times[:, None, None] - begins) / lasts).astype(np.float32)
    np.clip(progress, 0, 1, out=progress)
    progress = progress**3 * (10 - progress * (15 - 6 * progress))
    changes = np.diff(postures, axis=0)
    motion = np.empty((len(times), CHANNELS), np.float32)
    for group, channels in enumerate(GROUPS):
        motion[:, channels] = progress[:, :, group] @ changes[:, channels]
    return motion + postures[0], ends


def _needed(postures: np.ndarray) -> np.ndarray:
    """Return the shortest time of each posture change for each group, [changes, 7] in seconds."""
    farthest = [np.abs(np.diff(postures[:, channels], axis=0)).max(1) for channels in GROUPS]
    return PEAK * np.stack(farthest, 1) / SPEED_LIMITS


def _drift(seconds: float, frames: int, signer: "Signer", rng: np.random.Generator) -> np.ndarray:
    """Return the slow wandering of an arm held up: [frames, 26], turn and place only."""
    drift = np.zeros((frames, CHANNELS), np.float32)
    time = np.linspace(0, seconds, frames, dtype=np.float32)[:, None]
    for period in (rng.uniform(1.5, 3), rng.uniform(4, 9)):
        swing = np.sin(2 * np.pi * time / period + rng.uniform(0, 2 * np.pi, 6))
        drift[:, TURN.start :] += swing * rng.normal(0, 1, 6) * [2.5, 2.5, 2.5, 0.08, 0.08, 0.08]
    drift[:, PLACE.start] += signer.outward * time[:, 0] / 3
    return drift
