"""A person before the camera: the spelling hand, the head, shoulders, and arms by inverse kinematics.

Everything in metres in the camera's frame: the lens is the origin, x to the right of the image, y down, z away.
"""

import numpy as np

from fingerspelling.landmarks import HAND, POSE
from fingerspelling.simulation.alphabet import PLACE, TURN
from fingerspelling.simulation.camera import LEFT_HAND, POSE_POINTS, RIGHT_HAND, WIDTH_OVER_HEIGHT
from fingerspelling.simulation.geometry import log_normal, mean_over_time, rotate, rotations, swing
from fingerspelling.simulation.hand import joints
from fingerspelling.simulation.signer import Signer

# Pose points 0-10 (nose, eyes, ears, mouth) as points of the face mesh.
_POSE_ON_FACE = [1, 362, 386, 263, 133, 159, 33, 454, 234, 291, 61]
_POSE_ON_HAND = [17, 5, 2]  # pose points 17-22: little finger's and index finger's knuckle, thumb
# Metres from the wrist.
_WEAK_FINGERS = np.array([(0.02, -0.02, -0.04), (-0.08, -0.08, -0.04), (0, 0, 0)], np.float32)[:, :, None]
# Side of a hand -> factor of points [3, points, frames] that are a right hand's.
MIRROR = {side: np.array([[[side]], [[1]], [[1]]], np.float32) for side in (1, -1)}
# Left leg: hip, knee, ankle, heel, toes; metres from the middle of the shoulders. Then both legs, in the pose's order.
_LEG = np.array(
    [(0.11, 0.13, 0.13, 0.13, 0.15), (0.5, 0.75, 1.15, 1.2, 1.22), (0.02, -0.3, -0.2, -0.17, -0.3)], np.float32
)[:, :, None]
_LEGS = np.stack([_LEG, _LEG * MIRROR[-1]], 2).reshape(3, 10, 1)
_ELBOWS = np.array([[(0.5, -0.5)], [(1, 1)], [(0.3, 0.3)]], np.float32).swapaxes(
    1, 2
)  # where they point, left and right
# How far a head turns (degrees) and moves (metres) while it sways, and how it is held in a clip.
_SWAY = np.array([2.5, 2, 1.5, 0.004, 0.003, 0.004])[:, None]
_HELD = np.array([6.0, 5, 3, 0, 0, 0])[:, None]
_SWAYS = np.repeat([0.15, 0.4, 0.9], 6)  # hertz: three waves of each
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
    """Place the hands and the pose of a spelling person in space; chance decides where the hands are in this clip.

    Args:
        signer: who.
        motion: float32 [frames, 26], what the hand does (movement.sign).
        turn: float32 [3, 3, frames], the head's rotation (sway_head).
        place: float32 [3, frames], the head's middle.
        rng: source of chance.

    Returns:
        float32 [3, 75, frames]: left hand, pose, right hand; the hand that does not spell is NaN.
    """
    scene = np.empty((3, 2 * HAND + POSE, len(motion)), np.float32)
    size = signer.palm * MIRROR[signer.side]
    wrist = motion.T[PLACE] * size[:, 0] + _anchor(signer.wrist, signer.focal, rng, 0.02)
    wrist[2] = np.maximum(wrist[2], MIN_DEPTH + 0.08)
    hand = rotate(rotations(motion.T[TURN]), joints(motion, signer.skeleton))
    hand *= size
    hand += wrist[:, None]
    own = hand_of(signer)
    scene[:, own], scene[:, other_hand(own)] = hand, np.nan
    face = rotate(turn, signer.face[:, _POSE_ON_FACE, None]) + place[:, None]
    _place_pose(scene[:, POSE_POINTS], signer, face, hand, place, rng)
    return scene


def sway_head(signer: Signer, frames: int, fps: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the head's rotation, float32 [3, 3, frames], and its middle in metres, [3, frames]: slow swaying."""
    hertz = _SWAYS * log_normal(rng, 0.3)
    reach = (rng.standard_normal((3, 6, 1)) * _SWAY * signer.restless).astype(np.float32)
    sway = swing(hertz, rng.random(18), frames, fps).reshape(3, 6, frames) * reach
    head = sway.sum(0) + (rng.standard_normal((6, 1)) * _HELD).astype(np.float32)
    return rotations(head[:3]), head[3:] + _anchor(signer.head, signer.focal, rng, 0.015)


def _anchor(place: np.ndarray, focal: float, rng: np.random.Generator, wander: float) -> np.ndarray:
    """Return where a part is in this clip, float32 [3, 1]: a place (shares of the frame; metres) back in space."""
    x, y = place[:2] + rng.normal(0, wander, 2) - 0.5
    away = place[2] * log_normal(rng, 0.04)
    return np.array([[x * away / focal], [y * away / WIDTH_OVER_HEIGHT / focal], [away]], np.float32)


def _place_pose(
    pose: np.ndarray, signer: Signer, face: np.ndarray, hand: np.ndarray, head: np.ndarray, rng: np.random.Generator
) -> None:
    """Write the 33 pose points to pose, [3, 33, frames]; face has the first eleven of them."""
    side = signer.side
    half, below, behind = signer.shoulders
    neck = head * np.float32(0.2) + mean_over_time(head) * np.float32(0.8)
    neck += np.array([[0], [below], [behind]], np.float32)
    aside = np.array([[half], [0], [0]], np.float32)  # the left shoulder is at the right of the image
    if signer.handheld:
        weak_hand = np.array([side * 0.16, 0.2, 0.24]) + rng.normal(0, 0.02, 3)
    else:
        weak_hand = np.array([side * 0.22, 0.5, signer.head[2] - 0.05]) + rng.normal(0, 0.04, 3)
    weak_wrist = weak_hand.astype(np.float32)[:, None] + (neck - mean_over_time(neck)) * np.float32(0.5)
    pose[:, :11] = face
    pose[2, 7:9] += np.float32(0.06)  # the mesh ends before the ears
    pose[:, 11], pose[:, 12] = neck + aside, neck - aside
    strong, weak = (16, 15) if side > 0 else (15, 16)  # the wrists; left points are odd
    pose[:, strong], pose[:, weak] = hand[:, 0], weak_wrist
    pose[:, 13:15] = _elbows(signer, pose[:, 11:13], pose[:, 15:17])
    pose[:, strong + 2 : 23 : 2] = hand[:, _POSE_ON_HAND]
    pose[:, weak + 2 : 23 : 2] = weak_wrist[:, None] + _WEAK_FINGERS * MIRROR[side]
    pose[:, 23:] = neck[:, None] + _LEGS
    np.maximum(pose[2], MIN_DEPTH, out=pose[2])


def _elbows(signer: Signer, shoulder: np.ndarray, wrist: np.ndarray) -> np.ndarray:
    """Return the elbows, [3, 2, frames], left and right, between two bones from shoulder to wrist: down and outward.

    Where the wrist is out of reach, the forearm reaches it from a straight upper arm.
    """
    upper, fore = signer.arm
    line = wrist - shoulder
    distance = np.sqrt((line * line).sum(0))
    line /= distance
    reach = np.clip(distance, abs(upper - fore) + 1e-3, upper + fore - 1e-3)
    along = (upper**2 - fore**2 + reach * reach) / (2 * reach)
    bend = _ELBOWS - (line * _ELBOWS).sum(0) * line
    bend /= np.sqrt((bend * bend).sum(0))
    return shoulder + along * line + np.sqrt(np.maximum(upper**2 - along * along, 0)) * bend
