"""A person before the camera: the spelling hand, head, shoulders, and arms by inverse kinematics.

Everything in metres in the camera's frame: the lens is the origin, x to the right of the image, y down, z away.
"""

import numpy as np

from fingerspelling.landmarks import FACE, HAND, POSE
from fingerspelling.simulation.alphabet import PLACE, TURN
from fingerspelling.simulation.face import move_face
from fingerspelling.simulation.hand import joints, rotations
from fingerspelling.simulation.signer import Signer

# Places of the parts among landmarks.POINTS.
FACE_POINTS = slice(0, FACE)
LEFT_HAND = slice(FACE, FACE + HAND)
POSE_POINTS = slice(LEFT_HAND.stop, LEFT_HAND.stop + POSE)
RIGHT_HAND = slice(POSE_POINTS.stop, POSE_POINTS.stop + HAND)
COUNT = RIGHT_HAND.stop

# Pose points 0-10 (nose, eyes, ears, mouth) as points of the face mesh.
_POSE_ON_FACE = [1, 362, 386, 263, 133, 159, 33, 454, 234, 291, 61]
_POSE_ON_HAND = [17, 5, 2]  # pose points 17-22: little finger's and index finger's knuckle, thumb
# Right-hander's left leg: hip, knee, ankle, heel, toes; metres from the middle of the shoulders.
_LEG = np.array([(0.11, 0.5, 0.02), (0.13, 0.75, -0.3), (0.13, 1.15, -0.2), (0.13, 1.2, -0.17), (0.15, 1.22, -0.3)])
MIN_DEPTH = 0.12  # metres; nothing comes nearer to the lens


def hand_of(signer: Signer) -> slice:
    """Return the place of the spelling hand's points."""
    return RIGHT_HAND if signer.side > 0 else LEFT_HAND


def pose_person(signer: Signer, motion: np.ndarray, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Place all points of a spelling person in space.

    Args:
        signer: who.
        motion: float32 [frames, 26], what the hand does (movement.spell).
        fps: frames a second.
        rng: source of chance: where the person sits in this clip, head movement, mouthing.

    Returns:
        float32 [frames, 3, 543]: all points of landmarks.POINTS; the hand that does not spell is NaN.
    """
    frames = len(motion)
    scene = np.full((frames, 3, COUNT), np.nan, np.float32)
    mirror = np.array([signer.side, 1, 1], np.float32)
    hand = joints(motion, signer.skeleton) @ rotations(motion[:, TURN]).swapaxes(1, 2)
    anchor = _anchor(signer.wrist, signer.focal, rng, 0.02)
    wrist = anchor + motion[:, PLACE] * signer.palm * mirror
    wrist[:, 2] = np.maximum(wrist[:, 2], MIN_DEPTH + 0.08)
    hand *= signer.palm * mirror
    hand += wrist[:, None]
    scene[:, :, hand_of(signer)] = hand.swapaxes(1, 2)

    head = _head(signer, frames, fps, rng)
    face = move_face(signer.face, frames, fps, signer.restless, rng)
    turned = rotations(head[:, :3]) @ face
    scene[:, :, FACE_POINTS] = turned + head[:, 3:, None]
    scene[:, :, POSE_POINTS] = _pose(signer, scene, hand, head[:, 3:], rng)
    return scene


def _anchor(place: np.ndarray, focal: float, rng: np.random.Generator, wander: float) -> np.ndarray:
    """Return where a part is in this clip: a place (shares of the frame; metres away) back in space."""
    x, y = place[:2] + rng.normal(0, wander, 2) - 0.5
    away = place[2] * np.exp(rng.normal(0, 0.04))
    return np.array([x * away / focal, y * away * 16 / 9 / focal, away], np.float32)


def _head(signer: Signer, frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Return the head's turn (degrees) and place (metres), [frames, 6]: slow swaying."""
    time = np.arange(frames)[:, None] / fps
    head = np.zeros((frames, 6), np.float32)
    head[:, 3:] = _anchor(signer.head, signer.focal, rng, 0.015)
    head += rng.normal(0, [6, 5, 3, 0, 0, 0])
    for hertz in (0.15, 0.4, 0.9):
        swing = np.sin(2 * np.pi * (time * hertz * np.exp(rng.normal(0, 0.3)) + rng.random(6)))
        head += swing * rng.normal(0, 1, 6) * [2.5, 2, 1.5, 0.004, 0.003, 0.004] * signer.restless
    return head


def _pose(
    signer: Signer, scene: np.ndarray, hand: np.ndarray, head: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the 33 pose points, [frames, 3, 33]."""
    frames, side = len(scene), signer.side
    half, below, behind = signer.shoulders
    neck = head.mean(0) * 0.8 + head * 0.2 + np.array([0, below, behind], np.float32)
    # In the image the strong hand's shoulder is on the left for a right-hander.
    strong_shoulder = neck + np.array([-side * half, 0, 0], np.float32)
    weak_shoulder = neck + np.array([side * half, 0, 0], np.float32)
    strong = _arm(signer, strong_shoulder, hand[:, 0], -side)
    if signer.handheld:
        weak_hand = np.array([side * 0.16, 0.2, 0.24]) + rng.normal(0, 0.02, 3)
    else:
        weak_hand = np.array([side * 0.22, 0.5, signer.head[2] - 0.05]) + rng.normal(0, 0.04, 3)
    sway = (neck - neck.mean(0)) * 0.5
    weak = _arm(signer, weak_shoulder, weak_hand.astype(np.float32) + sway, side)
    fingers = weak[:, 1:] + np.array([(0.02, -0.08, 0), (-0.02, -0.08, 0), (-0.04, -0.04, 0)], np.float32) * [
        side,
        1,
        1,
    ]
    pose = np.empty((frames, POSE, 3), np.float32)
    pose[:, :11] = scene[:, :, _POSE_ON_FACE].swapaxes(1, 2)
    pose[:, 7:9] += np.array([0, 0, 0.06], np.float32)  # the mesh ends before the ears
    odd, even = slice(11, 23, 2), slice(12, 23, 2)  # left points are odd
    own = np.concatenate([strong_shoulder[:, None], strong, hand[:, _POSE_ON_HAND]], 1)
    other = np.concatenate([weak_shoulder[:, None], weak, fingers], 1)
    pose[:, even if side > 0 else odd] = own
    pose[:, odd if side > 0 else even] = other
    pose[:, 23::2] = neck[:, None] + _LEG.astype(np.float32)
    pose[:, 24::2] = neck[:, None] + (_LEG * [-1, 1, 1]).astype(np.float32)
    pose[:, :, 2] = np.maximum(pose[:, :, 2], MIN_DEPTH)
    return pose.swapaxes(1, 2)


def _arm(signer: Signer, shoulder: np.ndarray, wrist: np.ndarray, outward: int) -> np.ndarray:
    """Return elbow and wrist, [frames, 2, 3]: two bones from shoulder to wrist, the elbow down and outward.

    A wrist out of reach stays where it is; the forearm then reaches from a straight upper arm.
    """
    upper, fore = signer.arm
    line = wrist - shoulder
    distance = np.linalg.norm(line, axis=1, keepdims=True)
    line = line / distance
    reach = np.clip(distance, abs(upper - fore) + 1e-3, upper + fore - 1e-3)
    along = (upper**2 - fore**2 + reach**2) / (2 * reach)
    hint = np.array([0.5 * outward, 1, 0.3], np.float32)
    bend = hint - (line @ hint)[:, None] * line
    bend /= np.linalg.norm(bend, axis=1, keepdims=True)
    elbow = shoulder + along * line + np.sqrt(np.maximum(upper**2 - along**2, 0)) * bend
    return np.stack([elbow, wrist], 1)
