"""Recordings of other kinds than the competition's, of wild signers, drawn from the ranges of `config.Wild`.

The same stages as in render.py, each with more variety: other tempi and frame rates, time before and after the
spelling, cameras elsewhere, and other trackers than MediaPipe at its usual.
"""

from dataclasses import replace

import numpy as np

from fingerspelling.landmarks import HAND
from fingerspelling.simulation.alphabet import CHANNELS, PLACE, SHAPES, TURN
from fingerspelling.simulation.body import MIN_DEPTH, MIRROR, hand_of, other_hand, pose_person, sway_head
from fingerspelling.simulation.camera import FACE_POINTS, POSE_POINTS, WIDTH_OVER_HEIGHT, photograph, shake_camera
from fingerspelling.simulation.config import Footage, SimulationConfig, Tracker, View
from fingerspelling.simulation.detector import (
    add_jitter,
    confuse_hands,
    frames_with_a_hand,
    lost_frames,
    wandering_noise,
)
from fingerspelling.simulation.face import move_face, photograph_face
from fingerspelling.simulation.geometry import between, log_normal, mean_over_time, minimum_jerk, rotate, rotations
from fingerspelling.simulation.hand import joints
from fingerspelling.simulation.movement import Manner, sign
from fingerspelling.simulation.signer import Signer

IDLE_SHAPES = ("relaxed", "relaxed", "relaxed", "5", "b", "s", "o", "c")  # of a hand that spells nothing
HELD = 0.45  # share of a character's frames that is cut off at most
FEWEST = 8  # frames that are left, where there are so many
RISE = (0.25, 0.8)  # seconds that the hand takes up or down
LOWERED = (2.5, 7.0)  # palms below its place
SMOOTHED = 6  # frames that a running mean reaches back
MOST_LOST = 1.3  # relative to the usual
MOST_UNSEEN = 0.6  # of a clip's frames
DOUBLED_FRAMES = 6  # after which the tracker may find the hand a second time, or no longer
DEPTH_FRAMES = 8  # after which depth that means nothing is another one


def _idle_shape(rng: np.random.Generator) -> str:
    return IDLE_SHAPES[int(rng.integers(len(IDLE_SHAPES)))]


def film(
    signer: Signer, phrase: str, rng: np.random.Generator, config: SimulationConfig, face: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Record a wild signer who spells a phrase; returns what `render.render_aligned_clip` does."""
    footage, view, own = config.wild.footage, config.wild.view, hand_of(signer)
    config, manner = _paced(signer, phrase, config, rng)
    motion, characters = sign(phrase, signer, rng, config, manner)
    if rng.random() < footage.cut:
        part = _within_ends(characters, rng)
        motion, characters, away = motion[part], characters[part], np.full(part.stop - part.start, False)
    else:
        motion, characters, away = _with_idle_time(motion, characters, config.fps, footage, rng)
    frames, fps = len(motion), config.fps
    turn, place = sway_head(signer, frames, fps, rng)
    body = pose_person(signer, motion, turn, place, rng)
    if rng.random() < footage.other_hand:
        _show_other_hand(body, signer, rng)
    turn, place = _from_aside(body, turn, place, view, rng)
    shake = shake_camera(frames, fps, rng) * np.float32(rng.random() if signer.handheld else 0.1)
    expression = move_face(frames, fps, signer.restless, rng)
    photograph(body, signer.focal, shake)
    head = photograph_face(signer.face, turn, place, signer.focal, shake, expression, face)
    clip = np.concatenate([head, body], 1, dtype=np.float32)
    other = clip[:, other_hand(own)]
    other[..., np.abs(other[:2, 0] - 0.5).max(0) > 0.55] = np.nan  # where its wrist is out of the picture
    _skew_hand(clip[:, own], config.wild.shapes.skew, rng)
    shown = _track(clip, away, signer, config, rng, face)
    _reframe(clip, view, rng)
    _leave_out(clip, own, config.wild.tracker, rng)
    return clip[..., shown].T, characters[shown]


def _paced(
    signer: Signer, phrase: str, config: SimulationConfig, rng: np.random.Generator
) -> tuple[SimulationConfig, Manner]:
    """Draw how fast a phrase is spelled and filmed, and in what manner."""
    pace = config.wild.pace
    fps, seconds = between(rng, pace.fps), between(rng, pace.seconds)
    if (frames := len(phrase) * fps * seconds) > pace.max_frames:
        # First the tempo, down to what hands can do; then the frame rate.
        slower = max(seconds * pace.max_frames / frames, min(seconds, pace.seconds[0] * 1.5))
        fps, seconds = min(fps, max(pace.max_frames / len(phrase) / slower, pace.fps[0])), slower
    tempo = min(max(signer.seconds_per_character / seconds, 0.1), 10.0)
    never_lost = rng.random() < config.wild.tracker.never_lost
    lost_hand = 0.0 if never_lost else rng.random() * MOST_LOST
    manner = Manner(
        uneven=0.1 + rng.random() * pace.uneven,
        longest=between(rng, pace.movement),
        stagger=float(rng.uniform(0.005, 0.04)),
        wobble=between(rng, config.wild.shapes.spread),
        pause=1 + 3 * rng.random() if rng.random() < config.wild.footage.pause else 1.0,
        start=_idle_shape(rng),
        end=_idle_shape(rng),
    )
    return replace(config, fps=fps, tempo=tempo, lost_hand=lost_hand), manner


def _within_ends(characters: np.ndarray, rng: np.random.Generator) -> slice:
    """Draw which frames are left of a clip that was cut within the hold of its first and of its last character."""
    spelled = np.flatnonzero(characters >= 0)
    first, last = (int(np.sum(characters == characters[spelled[end]])) for end in (0, -1))
    start = int(spelled[0]) + int(rng.random() * HELD * first)
    stop = int(spelled[-1]) + 1 - int(rng.random() * HELD * last)
    return slice(start, stop) if stop - start >= FEWEST else slice(int(spelled[0]), int(spelled[-1]) + 1)


def _with_idle_time(
    motion: np.ndarray, characters: np.ndarray, fps: float, footage: Footage, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add time before and after the spelling, in which the hand rises, falls, and rests in or out of the picture.

    Returns:
        The motion, the characters, and bool [frames]: where the hand is out of the picture.
    """
    idle = [0, 0]
    if rng.random() < footage.idle:
        idle = [int(rng.random() * footage.idle_seconds * fps) for _ in range(2)]
    resting = rng.random() < footage.resting
    ends, hidden = [], []
    for frames, edge in zip(idle, (motion[:1], motion[-1:]), strict=True):
        rise = max(2, int(between(rng, RISE) * fps))
        lowered = minimum_jerk(np.clip(np.arange(1, frames + 1, dtype=np.float32) / rise, 0, 1))
        end = np.repeat(edge, frames, 0)
        end[:, PLACE.start + 1] += lowered * np.float32(between(rng, LOWERED))
        end[:, TURN.start + 1] += lowered * np.float32(rng.normal(20, 30))
        ends.append(end)
        hidden.append(np.full(frames, False) if resting else lowered > rng.uniform(0.1, 0.7))
    nothing = [np.full(frames, -1) for frames in idle]
    return (
        np.concatenate([ends[0][::-1], motion, ends[1]]),
        np.concatenate([nothing[0], characters, nothing[1]]),
        np.concatenate([hidden[0][::-1], np.full(len(motion), False), hidden[1]]),
    )


def _show_other_hand(body: np.ndarray, signer: Signer, rng: np.random.Generator) -> None:
    """Add the hand that does not spell where the pose has its wrist, at rest, in place."""
    side = -signer.side
    rest = np.zeros((1, CHANNELS), np.float32)
    rest[0, : TURN.stop] = SHAPES[_idle_shape(rng)]
    rest[0, : TURN.start] += rng.normal(0, 8, TURN.start)
    rest[0, TURN] += rng.normal(0, 50, 3)
    shape = rotate(rotations(rest[:, TURN].T), joints(rest, signer.skeleton)) * (signer.palm * MIRROR[side])
    wrist = body[:, POSE_POINTS][:, 16 if side > 0 else 15, None]  # in the pose, left points are odd
    body[:, other_hand(hand_of(signer))] = wrist + shape


def _from_aside(
    body: np.ndarray, turn: np.ndarray, place: np.ndarray, view: View, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Turn the whole person about the head, as a camera aside, above or below sees them; the body in place."""
    camera = rotations(rng.normal(0, view.angles, (1, 3)).T)  # [3, 3, 1], for all frames
    pivot = mean_over_time(place)[:, None]
    body[:] = rotate(camera, body - pivot) + pivot
    np.maximum(body[2], MIN_DEPTH, out=body[2])
    return rotate(camera, turn), (rotate(camera, place[:, None] - pivot) + pivot)[:, 0]


def _skew_hand(hand: np.ndarray, skew: float, rng: np.random.Generator) -> None:
    """Scale and shear a hand [3, 21, frames] in the picture, a little and the same throughout the clip, in place."""
    stretch = np.eye(2) + rng.normal(0, skew, (2, 2))
    stretch *= [[1, 1 / WIDTH_OVER_HEIGHT], [WIDTH_OVER_HEIGHT, 1]]  # x is in widths, y in heights
    x, y = hand[:2] - hand[:2, :1]
    for axis, (of_x, of_y) in enumerate(stretch.astype(np.float32)):
        hand[axis] = hand[axis, :1] + of_x * x + of_y * y


def _track(
    clip: np.ndarray,
    away: np.ndarray,
    signer: Signer,
    config: SimulationConfig,
    rng: np.random.Generator,
    face: tuple[int, ...],
) -> slice:
    """Spoil a perfectly seen clip in place, as trackers would; returns the frames that are kept."""
    tracker, own = config.wild.tracker, hand_of(signer)
    unseen = away.copy()
    if config.lost_hand:
        lost = lost_frames(clip[:2, own], signer.lost, config, rng)
        if lost.mean() < MOST_UNSEEN:  # what is hardly seen at all teaches to invent
            unseen |= lost
    smoothing = np.cumprod(np.append(1.0, np.full(SMOOTHED, 1 - rng.uniform(*tracker.smoothing))))
    smoothing = (smoothing / smoothing.sum()).astype(np.float32)
    noise, joints = between(rng, tracker.noise), log_normal(rng, 0.4, HAND)[:, None]
    add_jitter(clip, own, noise, rng, face, joints, smoothing)
    depth = clip[2, own]
    if rng.random() < tracker.odd_depth:
        usual = np.abs(depth).T.copy().mean()  # summed frame by frame
        depth[:] = wandering_noise(rng, clip.shape[2], DEPTH_FRAMES, HAND) * usual
    else:
        depth *= np.float32(between(rng, (0.4, 2.0)))
    clip[:, own, unseen] = np.nan
    if config.lost_hand:
        confuse_hands(clip, own, rng)
    if rng.random() < tracker.doubled:
        _double_hand(clip, own, rng)
    seen = frames_with_a_hand(clip)
    return slice(0, clip.shape[2]) if away.any() else slice(seen[0], seen[-1] + 1)


def _double_hand(clip: np.ndarray, own: slice, rng: np.random.Generator) -> None:
    """Let the tracker find the other hand where the spelling one is, on and off, as it does once it looks there.

    What it then sees is the hand, or its mirror image: a right hand's thumb where the left one's would be.
    """
    frames = clip.shape[2]
    found = wandering_noise(rng, frames, DOUBLED_FRAMES)[0] > rng.normal(0, 0.7)
    double = clip[:, own].copy()
    if rng.random() < 0.5:
        double[0] = 2 * double[0, :1] - double[0]
    palm = np.abs(double[1, 9] - double[1, 0])
    double += wandering_noise(rng, frames, DOUBLED_FRAMES, 63).reshape(double.shape) * (np.float32(0.1) * palm)
    found &= ~np.isnan(double[0, 0])  # where it is taken for the other hand already, that one is left as it is
    clip[:, other_hand(own), found] = double[..., found]


def _reframe(clip: np.ndarray, view: View, rng: np.random.Generator) -> None:
    """Turn coordinates of the portrait picture into those of another one, in place."""
    narrower = np.float32(WIDTH_OVER_HEIGHT / view.aspects[int(rng.integers(len(view.aspects)))])
    clip[0] = (clip[0] - np.float32(0.5)) * narrower + np.float32(rng.normal(0.5, 0.05))
    clip[1] += np.float32(rng.normal(0, 0.05))
    clip[2] *= narrower


def _leave_out(clip: np.ndarray, own: slice, tracker: Tracker, rng: np.random.Generator) -> None:
    """Leave out the parts that a tracker does not have, for the whole clip, in place."""
    other = other_hand(own)
    if rng.random() < tracker.swapped:
        clip[:, own], clip[:, other] = clip[:, other], clip[:, own].copy()
    alone = rng.random() < tracker.hand_alone
    if rng.random() < tracker.no_face or alone:
        clip[:, FACE_POINTS] = np.nan
    if rng.random() < tracker.no_pose or alone:
        clip[:, POSE_POINTS] = np.nan
    if rng.random() < tracker.no_depth:
        clip[2] = np.nan
    if rng.random() < tracker.zeros:
        np.nan_to_num(clip, copy=False)
