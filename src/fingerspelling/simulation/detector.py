"""What MediaPipe Holistic makes of the picture: jitter, a low-pass, lost hands, wrong hands, a missing face."""

from functools import lru_cache

import numpy as np

from fingerspelling.simulation.body import COUNT, FACE_POINTS, LEFT_HAND, POSE_POINTS, RIGHT_HAND
from fingerspelling.simulation.config import SimulationConfig

FACE_LOST = 0.007  # share of the frames without a face in the competition's recordings
FACE_LOST_CLIPS = 0.1  # share of clips that these frames come from
# Share of frames without a hand in a clip: a beta distribution of the real mean and spread (0.44, 0.29).
HAND_LOST = (0.86, 0.96)
SMOOTHING = np.array([0.62, 0.24, 0.1, 0.04], np.float32)  # share of this frame and of those before
HAND_JITTER = 0.012  # of the palm, each frame anew
HAND_ERROR = 0.035  # of the palm, slowly changing misplacement of single joints
BODY_JITTER = 0.0006  # frame widths, face and pose
FLIP = 0.02  # share of clips with a run in which the hand is taken for the other one
BOTH = 0.12  # share of clips with a run in which one hand is seen as two
AT_REST = 1.5  # how much easier the first and last frames are, in which the hand is still
NOISE_FRAMES = 1024


def detect(clip: np.ndarray, own: slice, lost: float, config: SimulationConfig, rng: np.random.Generator) -> np.ndarray:
    """Spoil a perfectly seen clip as MediaPipe would; works in place.

    Args:
        clip: float32 [frames, 3, 543], all points in the frame's units.
        own: place of the spelling hand's points.
        lost: how readily this hand is lost, about 1.
        config: strengths (noise, lost_hand, junk).
        rng: source of chance.

    Returns:
        A view of its frames from the first to the last with a hand (of a part of them for junk).
    """
    if rng.random() < config.junk:
        length = max(1, int(len(clip) * rng.uniform(0, 0.7)))
        start = rng.integers(0, len(clip) - length + 1)
        clip = clip[start : start + length]
    _jitter(clip, own, config.noise, rng)
    if config.lost_hand > 0:
        _lose_hand(clip, own, lost * config.lost_hand, rng)
        _confuse_hands(clip, own, rng)
        if rng.random() < FACE_LOST_CLIPS:
            _blank(clip, FACE_POINTS, rng.random() * 2 * FACE_LOST / FACE_LOST_CLIPS, rng)
    seen = np.flatnonzero((~np.isnan(clip[:, 0, [LEFT_HAND.start, RIGHT_HAND.start]])).any(axis=1))
    return clip[seen[0] : seen[-1] + 1]


@lru_cache(maxsize=1)
def _noise() -> np.ndarray:
    """Return noise of unit strength, partly slow, for all points: float32 [NOISE_FRAMES, 3, 543], periodic."""
    noise = np.random.default_rng(0).standard_normal((NOISE_FRAMES, 3, COUNT), np.float32)
    slow = noise.copy()
    for _ in range(3):
        slow = (slow + np.roll(slow, 1, 0) + np.roll(slow, -1, 0)) / 3
    return 0.4 * noise + 1.5 * slow


def _jitter(clip: np.ndarray, own: slice, strength: float, rng: np.random.Generator) -> None:
    frames = len(clip)
    hand = clip[:, :, own]
    palm = np.sqrt(((hand[:, :2, 9] - hand[:, :2, 0]) ** 2).sum(1))[:, None, None]
    noise = HAND_JITTER * rng.standard_normal(hand.shape, np.float32)
    knots = max(2, frames // 10)
    error = rng.standard_normal((knots, 63), np.float32) * HAND_ERROR
    noise += _stretch(error, frames).reshape(hand.shape)
    hand += strength * palm * noise
    hand[:, 2] -= hand[:, 2, :1].copy()  # depth stays relative to the wrist
    padded = np.concatenate([np.repeat(hand[:1], len(SMOOTHING) - 1, 0), hand])
    hand[:] = sum(
        share * padded[len(SMOOTHING) - 1 - back : len(padded) - back] for back, share in enumerate(SMOOTHING)
    )
    rows = (rng.integers(NOISE_FRAMES) + np.arange(frames)) % NOISE_FRAMES
    for part in (FACE_POINTS, POSE_POINTS):
        clip[:, :, part] += (strength * BODY_JITTER) * _noise()[rows, :, part]


def _stretch(knots: np.ndarray, frames: int) -> np.ndarray:
    """Interpolate knots [n, columns] linearly to [frames, columns]."""
    place = np.linspace(0, len(knots) - 1, frames, dtype=np.float32)
    left = np.minimum(place.astype(int), len(knots) - 2)
    share = (place - left)[:, None]
    return knots[left] * (1 - share) + knots[left + 1] * share


def _lose_hand(clip: np.ndarray, own: slice, strength: float, rng: np.random.Generator) -> None:
    """Blank the hand where it is hardest to see: in fast movement, near the edge, by bad luck, in runs."""
    frames = len(clip)
    if frames < 6:
        return
    share = min(rng.beta(*HAND_LOST) * strength, 0.96)
    hand = clip[:, :2, own]
    step = np.abs(np.diff(hand[:, :, ::4], axis=0, append=hand[-1:, :, ::4])).mean((1, 2))
    edge = np.maximum(np.abs(hand - 0.5).max((1, 2)) - 0.45, 0) * 10
    luck = _stretch(rng.standard_normal((max(2, frames // 14), 1), np.float32), frames)[:, 0]
    trouble = (
        1.2 * luck
        + (0.15 + 0.6 * share) * rng.standard_normal(frames, np.float32)
        + edge
        + 0.5 * step / (step.mean() + 1e-6)
    )
    trouble[[0, 1, 2, -3, -2, -1]] -= AT_REST
    lost = np.argsort(-trouble, kind="stable")[: min(round(share * frames), frames - 1)]
    clip[lost, :, own] = np.nan


def _confuse_hands(clip: np.ndarray, own: slice, rng: np.random.Generator) -> None:
    other = LEFT_HAND if own == RIGHT_HAND else RIGHT_HAND
    draw = rng.random()
    if draw < FLIP + BOTH:
        length = int(rng.integers(1, 16))
        start = int(rng.integers(0, len(clip)))
        run = slice(start, start + length)
        clip[run, :, other] = clip[run, :, own]
        if draw < FLIP:
            clip[run, :, own] = np.nan


def _blank(clip: np.ndarray, part: slice, share: float, rng: np.random.Generator) -> None:
    length = int(share * len(clip)) + 1
    start = int(rng.integers(0, max(1, len(clip) - length)))
    clip[start : start + length, :, part] = np.nan
