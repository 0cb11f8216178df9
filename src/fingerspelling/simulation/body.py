"""A person before the camera: the spelling hand, the head, shoulders, and arms by inverse kinematics.

Everything in metres in the camera's frame: the lens is the origin, x to the right of the image, y down, z away.
"""

import numpy as np

from fingerspelling.landmarks import FACE, HAND, POSE
from fingerspelling.simulation.alphabet import PLACE, TURN
from fingerspelling.simulation.camera import LEFT, POSED, RIGHT, WIDTH_OVER_HEIGHT
from fingerspelling.simulation.geometry import log_normal, rotate, rotations, swing
from fingerspelling.simulation.hand import joints
from fingerspelling.simulation.signer import Signer

# Places of the parts among landmarks.POINTS, counted from the end: clips may have fewer points of the face.
RIGHT_HAND = slice(-HAND, None)
POSE_POINTS = slice(-HAND - POSE, -HAND)
LEFT_HAND = slice(-2 * HAND - POSE, POSE_POINTS.start)
FACE_POINTS = slice(0, LEFT_HAND.start)
WHOLE_FACE = tuple(range(FACE))

# Pose points 0-10 (nose, eyes, ears, mouth) as points of the face mesh.
_POSE_ON_FACE = [1, 362, 386, 263, 133, 159, 33, 454, 234, 291, 61]
_POSE_ON_HAND = [17, 5, 2]  # pose points 17-22: little finger's and index finger's knuckle, thumb
# Right-hander's left leg: hip, knee, ankle, heel, toes; metres from the middle of the shoulders.
_LEG = np.array(
    [(0.11, 0.13, 0.13, 0.13, 0.15), (0.5, 0.75, 1.15, 1.2, 1.22), (0.02, -0.3, -0.2, -0.17, -0.3)], np.float32
)
_WEAK_FINGERS = np.array([(0.02, -0.02, -0.04), (-0.08, -0.08, -0.04), (0, 0, 0)], np.float32)  # from the wrist
MIN_DEPTH = 0.12  # metres; nothing comes nearer to the lens


def hand_of(signer: Signer) -> slice:
    """Return the place of the spelling hand's points."""
    return RIGHT_HAND if signer.side > 0 else LEFT_HAND


def other_hand(own: slice) -> slice:
    """Return the place of the points of the hand that does not spell."""
    return LEFT_HAND if own == RIGHT_HAND else RIGHT_HAND


def pose_person(
    signer: Signer, motion: np.ndarray, turn: np.ndarray, place: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Place the hands and the pose of a spelling person in space.

    Args:
        signer: who.
        motion: float32 [frames, 26], what the hand does (movement.sign).
        turn: float32 [frames, 3, 3], the head's rotation (sway_head).
        place: float32 [frames, 3, 1], the head's middle.
        rng: source of chance, for where the person holds the hands in this clip.

    Returns:
        float32 [frames, 3, 75]: left hand, pose, right hand; the hand that does not spell is NaN.
    """
    scene = np.full((len(motion), 3, 2 * HAND + POSE), np.nan, np.float32)
    mirror = np.array([[signer.side], [1], [1]], np.float32)
    wrist = motion[:, PLACE, None] * (signer.palm * mirror) + _anchor(signer.wrist, signer.focal, rng, 0.02)
    wrist[:, 2] = np.maximum(wrist[:, 2], MIN_DEPTH + 0.08)
    hand = rotate(rotations(motion[:, TURN]), joints(motion, signer.skeleton)) * (signer.palm * mirror) + wrist
    scene[:, :, RIGHT if signer.side > 0 else LEFT] = hand
    scene[:, :, POSED] = _pose(signer, rotate(turn, signer.face[:, _POSE_ON_FACE]) + place, hand, place, rng)
    return scene


def sway_head(signer: Signer, frames: int, fps: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the head's rotation, float32 [frames, 3, 3], and its middle in metres, [frames, 3, 1]: slow swaying."""
    hertz = np.repeat([0.15, 0.4, 0.9], 6) * log_normal(rng, 0.3)
    reach = rng.normal(0, 1, (3, 6)) * [2.5, 2, 1.5, 0.004, 0.003, 0.004] * signer.restless
    sway = swing(hertz, rng.random(18), frames, fps).reshape(frames, 3, 6) * reach.astype(np.float32)
    head = sway.sum(1) + rng.normal(0, [6, 5, 3, 0, 0, 0]).astype(np.float32)
    return rotations(head[:, :3]), head[:, 3:, None] + _anchor(signer.head, signer.focal, rng, 0.015)


def _anchor(place: np.ndarray, focal: float, rng: np.random.Generator, wander: float) -> np.ndarray:
    """Return where a part is in this clip, float32 [3, 1]: a place (shares of the frame; metres) back in space."""
    x, y = place[:2] + rng.normal(0, wander, 2) - 0.5
    away = place[2] * log_normal(rng, 0.04)
    return np.array([[x * away / focal], [y * away / WIDTH_OVER_HEIGHT / focal], [away]], np.float32)


def _pose(signer: Signer, face: np.ndarray, hand: np.ndarray, head: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the 33 pose points, [frames, 3, 33]; face has the first eleven of them."""
    side = signer.side
    half, below, behind = signer.shoulders
    head = head[:, :, 0]  # single points are [frames, 3], over which NumPy runs faster
    neck = head * np.float32(0.2) + head.mean(0) * np.float32(0.8) + np.array([0, below, behind], np.float32)
    # In the image the strong hand's shoulder is on the left for a right-hander.
    aside = np.array([side * half, 0, 0], np.float32)
    strong_shoulder, weak_shoulder = neck - aside, neck + aside
    strong_wrist = hand[:, :, 0]
    if signer.handheld:
        weak_hand = np.array([side * 0.16, 0.2, 0.24]) + rng.normal(0, 0.02, 3)
    else:
        weak_hand = np.array([side * 0.22, 0.5, signer.head[2] - 0.05]) + rng.normal(0, 0.04, 3)
    weak_wrist = weak_hand.astype(np.float32) + (neck - neck.mean(0)) * np.float32(0.5)
    pose = np.empty((len(hand), 3, POSE), np.float32)
    pose[:, :, :11] = face
    pose[:, 2, 7:9] += np.float32(0.06)  # the mesh ends before the ears
    strong, weak = (12, 11) if side > 0 else (11, 12)  # left points are odd
    pose[:, :, strong] = strong_shoulder
    pose[:, :, strong + 2] = _elbow(signer, strong_shoulder, strong_wrist, -side)
    pose[:, :, strong + 4] = strong_wrist
    pose[:, :, strong + 6 : 23 : 2] = hand[:, :, _POSE_ON_HAND]
    pose[:, :, weak] = weak_shoulder
    pose[:, :, weak + 2] = _elbow(signer, weak_shoulder, weak_wrist, side)
    pose[:, :, weak + 4] = weak_wrist
    pose[:, :, weak + 6 : 23 : 2] = weak_wrist[:, :, None] + _WEAK_FINGERS * np.array([[side], [1], [1]], np.float32)
    pose[:, :, 23::2] = neck[:, :, None] + _LEG
    pose[:, :, 24::2] = neck[:, :, None] + _LEG * np.array([[-1], [1], [1]], np.float32)
    pose[:, 2] = np.maximum(pose[:, 2], MIN_DEPTH)
    return pose


def _elbow(signer: Signer, shoulder: np.ndarray, wrist: np.ndarray, outward: int) -> np.ndarray:
    """Return the elbow, [frames, 3], between two bones from shoulder to wrist: down and outward.

    Where the wrist is out of reach, the forearm reaches it from a straight upper arm.
    """
    upper, fore = signer.arm
    line = wrist - shoulder
    distance = np.sqrt((line * line).sum(1, keepdims=True))
    line /= distance
    reach = np.clip(distance, abs(upper - fore) + 1e-3, upper + fore - 1e-3)
    along = (upper**2 - fore**2 + reach * reach) / (2 * reach)
    hint = np.array([0.5 * outward, 1, 0.3], np.float32)
    bend = hint - (line * hint).sum(1, keepdims=True) * line
    bend /= np.sqrt((bend * bend).sum(1, keepdims=True))
    return shoulder + along * line + np.sqrt(np.maximum(upper**2 - along * along, 0)) * bend
