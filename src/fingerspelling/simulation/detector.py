"""What MediaPipe Holistic makes of the picture: jitter, a low-pass, lost hands, wrong hands, a missing face."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from fingerspelling.landmarks import FACE, POINTS
from fingerspelling.simulation.body import other_hand
from fingerspelling.simulation.camera import FACE_POINTS, LEFT_HAND, RIGHT_HAND
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.face import WHOLE_FACE

FACE_LOST = 0.007  # share of the frames without a face in the competition's recordings
FACE_LOST_CLIPS = 0.1  # share of clips that these frames come from
# Share of a clip's frames without a hand: a uniform draw to this power, times the signer's; fitted to the real
# quartiles 0.17, 0.42 and 0.70.
LOST_POWER, LOST_MEAN = 1.63, 0.44
LOST_TO_SPEED = 0.8  # correlation of that draw with the fingers' speed: fast hands are blurred
USUAL_SPEED, SPEED_SPREAD = 0.085, 0.36  # palms per frame, median of the clips; standard deviation of its logarithm
FLICKER = 1.5  # frames, mean length of a short run
STRETCHES = 8  # tries to let the runs without a hand fall on fast movement
ENDS_SEEN = 0.7  # share of clips whose first and last frames show the hand; the others are cut until theirs do
SMOOTHING = np.array([0.62, 0.24, 0.1, 0.04], np.float32)  # share of this frame and of those before
HAND_JITTER = 0.012  # of the palm, new in each frame
HAND_ERROR = 0.035  # of the palm, slowly changing misplacement of single joints
ERROR_FRAMES = 10  # after which that misplacement is another one
BODY_JITTER = 0.0006  # frame widths, face and pose
FLIP = 0.02  # share of clips with a run in which the hand is taken for the other one
BOTH = 0.15  # share of clips with a run in which one hand is seen as two
NOISE_FRAMES = 512


def detect(
    clip: np.ndarray,
    own: slice,
    lost: float,
    config: SimulationConfig,
    rng: np.random.Generator,
    face: tuple[int, ...] = WHOLE_FACE,
) -> slice:
    """Spoil a perfectly seen clip in place, as MediaPipe would.

    Args:
        clip: float32 [3, 543 or fewer, frames], points in the frame's units.
        own: place of the spelling hand's points.
        lost: how readily this hand is lost, about 1.
        config: strengths (noise, lost_hand).
        rng: source of chance.
        face: numbers of the face's points that the clip has.

    Returns:
        Its frames from the first to the last with a hand.
    """
    unseen = lost_frames(clip[:2, own], lost, config, rng) if config.lost_hand > 0 else None
    add_jitter(clip, own, config.noise, rng, face)
    if config.lost_hand > 0:
        clip[:, own, unseen] = np.nan
        confuse_hands(clip, own, rng)
        if rng.random() < FACE_LOST_CLIPS:
            length = int(rng.random() * 2 * FACE_LOST / FACE_LOST_CLIPS * clip.shape[2]) + 1
            start = int(rng.integers(0, max(1, clip.shape[2] - length)))
            clip[:, FACE_POINTS, start : start + length] = np.nan
    seen = frames_with_a_hand(clip)
    return slice(seen[0], seen[-1] + 1)


def frames_with_a_hand(clip: np.ndarray) -> np.ndarray:
    """Return the numbers of the frames in which a hand is seen."""
    left, right = clip[0, LEFT_HAND.start], clip[0, RIGHT_HAND.start]
    return np.flatnonzero(~np.isnan(left) | ~np.isnan(right))


@cache
def _noise(face: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return noise of the usual strength, float32 and periodic, for whole clips and for the spelling hand.

    That of clips with these points of the face, [3, points, 2 NOISE_FRAMES] in frame widths, is partly slow, and 0 for
    both hands; that of the hand, [3, 21, 2 NOISE_FRAMES] in palms, is new in each frame.
    """
    noise = np.random.default_rng(0).standard_normal((NOISE_FRAMES, 3, len(POINTS)), np.float32)
    noise = noise.take([*face, *range(FACE, len(POINTS))], 2)
    hand = np.float32(HAND_JITTER) * noise[:, :, RIGHT_HAND]
    slow: np.ndarray = noise.copy()
    for _ in range(3):
        slow = (slow + np.roll(slow, 1, 0) + np.roll(slow, -1, 0)) / 3
    clip = np.float32(BODY_JITTER) * (0.4 * noise + 1.5 * slow)
    clip[:, :, LEFT_HAND] = clip[:, :, RIGHT_HAND] = 0
    of_clip, of_hand = (np.concatenate([noise, noise]).transpose(1, 2, 0).copy() for noise in (clip, hand))
    return of_clip, of_hand


def add_jitter(
    clip: np.ndarray,
    own: slice,
    strength: float,
    rng: np.random.Generator,
    face: tuple[int, ...],
    joints: np.ndarray | float = 1.0,
    smoothing: np.ndarray = SMOOTHING,
) -> None:
    """Misplace the points of a clip in place, see `detect`; those of the spelling hand by shares of its palm.

    The strength is relative to MediaPipe's usual; joints, float32 [21, 1], is that of each joint, relative to all;
    smoothing is the share of this frame and of those before in what is written.
    """
    frames = clip.shape[2]
    start = rng.integers(NOISE_FRAMES)
    fits = frames <= NOISE_FRAMES
    rows = slice(start, start + frames) if fits else np.arange(start, start + frames) % NOISE_FRAMES
    of_clip, of_hand = (noise[..., rows] for noise in _noise(face))
    if strength != 1:  # the usual one needs no copy
        of_clip, of_hand = (noise * np.float32(strength) for noise in (of_clip, of_hand))
    clip += of_clip
    hand = clip[:, own]
    along = hand[:2, 9] - hand[:2, 0]
    palm = np.sqrt((along * along).sum(0))
    wrong = wandering_noise(rng, frames, ERROR_FRAMES, 63).reshape(hand.shape)
    wrong *= np.float32(strength * HAND_ERROR)
    wrong += of_hand
    wrong *= palm
    wrong *= joints
    hand += wrong
    hand[2] -= hand[2, 0].copy()  # depth stays relative to the wrist
    before = len(smoothing) - 1
    padded = np.concatenate([np.repeat(hand[..., :1], before, -1), hand], -1)
    hand *= smoothing[0]
    for back, share in enumerate(smoothing[1:], 1):
        hand += share * padded[..., before - back : before - back + frames]


def wandering_noise(rng: np.random.Generator, frames: int, every: int, rows: int = 1) -> np.ndarray:
    """Return noise that wanders, [rows, frames]: normal draws every so many frames, straight lines between them."""
    knots = rng.standard_normal((max(2, frames // every), rows), np.float32).T
    place = np.arange(frames, dtype=np.float32) * np.float32((knots.shape[1] - 1) / max(frames - 1, 1))
    left = np.minimum(place.astype(int), knots.shape[1] - 2)
    share = place - left.astype(np.float32)
    return knots.take(left, 1) * (1 - share) + knots.take(left + 1, 1) * share


def lost_frames(hand: np.ndarray, readily: float, config: SimulationConfig, rng: np.random.Generator) -> np.ndarray:
    """Draw the frames in which a hand [2, 21, frames] is lost: runs, most often in fast movement or near the edge."""
    frames = hand.shape[2]
    palm = np.abs(hand[1, 9] - hand[1, 0]).sum() / frames
    some = hand[:, ::4]
    speed, finger_speed = _speeds(np.array([some, some - hand[:, :1]])) / palm
    edge = np.maximum(np.abs(hand - 0.5).max((0, 1)) - 0.45, 0) * 10
    share = readily * _share_lost(finger_speed.sum() / frames, edge.sum() / frames, rng)
    share = config.lost_hand * (LOST_MEAN + config.lost_spread * (share - LOST_MEAN))
    lost = _draw_runs(min(max(share, 0.005), 0.97), 2 * frames, rng)
    # Of several stretches of these runs, the one that suits the movement best; whole numbers have exact sums.
    trouble = np.rint(100 * (edge + speed / (speed.sum() / frames + 1e-6) - 1)).astype(int)
    stretches = lost[rng.integers(0, frames, STRETCHES)[:, None] + np.arange(frames)]
    lost = stretches[np.argmax(stretches @ trouble)]
    if rng.random() < ENDS_SEEN or lost.all():
        lost[[0, -1]] = False
    return lost


def _speeds(points: np.ndarray) -> np.ndarray:
    """Return how far points [..., 2, points, frames] move from each frame to the next, on average: [..., frames]."""
    moves = np.zeros_like(points)
    np.abs(points[..., 1:] - points[..., :-1], out=moves[..., :-1])
    by_frame = moves.reshape(len(points), -1, points.shape[-1]).swapaxes(1, 2).copy()  # summed point by point
    return by_frame.sum(2) / by_frame.shape[2]


def _share_lost(speed: float, edge: float, rng: np.random.Generator) -> float:
    """Draw the share of frames without a hand of a clip whose fingers move at this speed (palms per frame)."""
    hurry = np.log(max(speed, 1e-3) / USUAL_SPEED) / SPEED_SPREAD
    rank = LOST_TO_SPEED * hurry + np.sqrt(1 - LOST_TO_SPEED**2) * rng.standard_normal() + edge
    quantile = (1 + math.erf(rank / math.sqrt(2))) / 2
    return quantile**LOST_POWER


@dataclass(frozen=True)
class Runs:
    """Lengths of runs of frames: some are a flicker, the others have a gamma distribution."""

    mean: float  # frames, of all runs
    flicker: float  # share of runs that are a flicker
    shape: float  # of the gamma distribution

    def draw(self, scale: float, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw int [count] lengths whose mean is scale times the usual one."""
        longer = max((self.mean * scale - self.flicker * FLICKER) / (1 - self.flicker), 1.0)
        flickers = rng.geometric(1 / FLICKER, count)
        others = np.rint(rng.gamma(self.shape, longer / self.shape, count) + 0.5).astype(int)
        return np.where(rng.random(count) < self.flicker, flickers, others)


# Fitted to the nine real clips that are known frame by frame, which show the hand in 0.725 of their frames.
SEEN, UNSEEN = Runs(16.0, 0.46, 2.2), Runs(2.75, 0.41, 8.0)


def _draw_runs(share: float, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Draw runs with and without a hand in turn: bool [frames], True without, which is about this share of them."""
    scale = math.sqrt(share / (1 - share) * SEEN.mean / UNSEEN.mean)
    count = 4 + int(2 * frames / (SEEN.mean / scale + UNSEEN.mean * scale))
    lengths = np.array([SEEN.draw(1 / scale, count, rng), UNSEEN.draw(scale, count, rng)])
    return np.resize(np.repeat([False, True] * count, lengths.T.ravel()), frames)


def confuse_hands(clip: np.ndarray, own: slice, rng: np.random.Generator) -> None:
    """Take the hand for the other one, or for two, in a run of frames of some clips, in place."""
    other = other_hand(own)
    draw = rng.random()
    if draw < FLIP + BOTH:
        length = int(rng.integers(1, 16))
        start = int(rng.integers(0, clip.shape[2]))
        run = slice(start, start + length)
        clip[:, other, run] = clip[:, own, run]
        if draw < FLIP:
            clip[:, own, run] = np.nan
