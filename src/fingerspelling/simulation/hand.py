"""A hand of 21 joints moved by 20 joint angles: forward kinematics, bone lengths, anatomical limits.

The hand's own frame is a right hand held upright with its palm to the camera: x to the right of the image
(towards the thumb), y down (towards the wrist), z away from the camera (out of the back of the hand). The wrist
is the origin, the unit is the palm: the distance from the wrist to the knuckle of the middle finger.
Joints are numbered as in MediaPipe Hands. Bone proportions: medians over the open hands (digits 4, 5 and 9) of the
218 people of the ardamavi digit set, as MediaPipe sees them.
"""

from dataclasses import dataclass, replace

import numpy as np

DIGITS = ("thumb", "index", "middle", "ring", "little")
# Thumb: direction of the metacarpal in the palm's plane (away from the fingers) and out of it (opposition),
# then flexion. Fingers: flexion of the knuckle, abduction (towards the thumb), flexion of the two other joints.
ANGLES = (
    *("thumb_radial", "thumb_palmar", "thumb_mcp", "thumb_ip"),
    *(f"{digit}_{joint}" for digit in DIGITS[1:] for joint in ("mcp", "abduction", "pip", "dip")),
)
# Degrees; what a supple adult hand reaches (A. I. Kapandji, The Physiology of the Joints, vol. 1).
_FINGER_LIMITS = [(-30, 95), (-25, 25), (-8, 115), (-12, 85)]
LIMITS = np.array([(-15, 75), (-15, 75), (-20, 75), (-25, 90), *_FINGER_LIMITS * 4], np.float32)

THUMB_TWIST = 15.0  # degrees: how far the thumb's flexion turns out of the palm's plane
# Degrees: bent fingers converge on the ball of the thumb; index to little finger.
CONVERGENCE = np.radians([5.0, 0.0, -6.0, -12.0])


@dataclass(frozen=True)
class Skeleton:
    """Lengths of one hand, in palms.

    Attributes:
        roots: float [5, 3], where each digit starts: the root joint of the thumb, the four knuckles.
        bones: float [5, 3], lengths of the three bones of each digit, the tip's last.
    """

    roots: np.ndarray
    bones: np.ndarray


MEAN_SKELETON = Skeleton(
    roots=np.array(
        [(0.33, -0.19, -0.06), (0.24, -0.98, -0.02), (0.0, -1.0, 0.0), (-0.21, -0.94, -0.01), (-0.41, -0.8, -0.05)]
    ),
    bones=np.array(
        [(0.42, 0.36, 0.28), (0.43, 0.27, 0.22), (0.46, 0.29, 0.235), (0.43, 0.27, 0.225), (0.33, 0.21, 0.19)]
    ),
)


def sample_skeleton(rng: np.random.Generator) -> Skeleton:
    """Draw one person's hand: each bone varies by about 5 %, long and short fingers, broad and narrow palms."""
    fingers = rng.normal(1, 0.05) * rng.normal(1, 0.035, (5, 3))
    roots = MEAN_SKELETON.roots * [rng.normal(1, 0.07), 1, 1] * rng.normal(1, 0.02, (5, 1))
    roots[2] = MEAN_SKELETON.roots[2]  # the palm is the unit
    return replace(MEAN_SKELETON, roots=roots, bones=MEAN_SKELETON.bones * fingers)


def within_limits(angles: np.ndarray) -> np.ndarray:
    """Return angles [..., 20] in degrees, each cut to its anatomical limits."""
    return np.clip(angles, LIMITS[:, 0], LIMITS[:, 1])


def joints(angles: np.ndarray, skeleton: Skeleton = MEAN_SKELETON) -> np.ndarray:
    """Place the 21 joints by forward kinematics.

    Args:
        angles: float [frames, 20 or more] in degrees, in the order of ANGLES; further columns are ignored.
        skeleton: the hand's lengths.

    Returns:
        float32 [frames, 21, 3] in palms, in the hand's own frame.
    """
    angles = np.radians(np.asarray(angles, np.float32)[:, : len(ANGLES)]).reshape(-1, 5, 4)
    along, bend, flexion = _fingers(angles[:, 1:])
    thumb_along, thumb_bend, thumb_flexion = _thumb(angles[:, 0])
    along = np.concatenate([thumb_along[:, None], along], 1)[:, :, None]
    bend = np.concatenate([thumb_bend[:, None], bend], 1)[:, :, None]
    flexion = np.concatenate([thumb_flexion[:, None], flexion], 1)[..., None]
    bones = np.cos(flexion) * along + np.sin(flexion) * bend
    bones *= skeleton.bones[..., None].astype(np.float32)
    placed = np.empty((len(angles), 21, 3), np.float32)
    placed[:, 0] = 0
    digits = placed[:, 1:].reshape(-1, 5, 4, 3)
    digits[:, :, 0] = skeleton.roots
    for joint in range(3):
        digits[:, :, joint + 1] = digits[:, :, joint] + bones[:, :, joint]
    placed[:, 1:] = digits.reshape(-1, 20, 3)
    return placed


def _fingers(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the straight direction and the bending direction, [frames, 4, 3] each, and the bones' flexion."""
    abduction = angles[..., 1]
    zero = np.zeros_like(abduction)
    along = np.stack([np.sin(abduction), -np.cos(abduction), zero], -1)
    across = np.stack([np.cos(abduction), np.sin(abduction), zero], -1)
    tilt = CONVERGENCE[:, None].astype(np.float32)
    bend = -np.sin(tilt) * across - np.cos(tilt) * np.array([0, 0, 1], np.float32)
    return along, bend, np.cumsum(angles[..., [0, 2, 3]], -1)


def _thumb(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return direction of the metacarpal and bending direction, [frames, 3] each, and the bones' flexion."""
    sin_r, cos_r = np.sin(angles[:, 0]), np.cos(angles[:, 0])
    sin_p, cos_p = np.sin(angles[:, 1]), np.cos(angles[:, 1])
    along = np.stack([sin_r * cos_p, -cos_r * cos_p, -sin_p], -1)
    to_fingers = np.stack([-cos_r, -sin_r, np.zeros_like(sin_r)], -1)
    to_palm = np.stack([-sin_r * sin_p, cos_r * sin_p, -cos_p], -1)
    twist = np.radians(THUMB_TWIST)
    bend = np.cos(twist) * to_fingers + np.sin(twist) * to_palm
    flexion = np.cumsum(angles[:, 2:], -1)
    return along, bend, np.concatenate([np.zeros_like(flexion[:, :1]), flexion], -1)


def rotations(turn: np.ndarray) -> np.ndarray:
    """Return the rotations from the hand's frame to the camera's.

    Args:
        turn: float [frames, 3] in degrees: pronation about the hand's long axis (0 palm to the camera, 90 palm to
            the signer's other side, 180 palm to the signer), pitch (fingertips towards the camera), roll
            (clockwise in the image, towards the signer's other side).

    Returns:
        float32 [frames, 3, 3]; points turn as points @ rotation.T.
    """
    yaw, pitch, roll = np.radians(np.asarray(turn, np.float32)).T
    (sy, sp, sr), (cy, cp, cr) = np.sin([-yaw, pitch, roll]), np.cos([yaw, pitch, roll])
    # roll about z after pitch about x after yaw about y
    return np.stack(
        [
            np.stack([cr * cy - sr * sp * sy, -sr * cp, cr * sy + sr * sp * cy], -1),
            np.stack([sr * cy + cr * sp * sy, cr * cp, sr * sy - cr * sp * cy], -1),
            np.stack([-cp * sy, sp, cp * cy], -1),
        ],
        -2,
    ).astype(np.float32)
