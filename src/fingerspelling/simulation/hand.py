"""A hand of 21 joints moved by 20 joint angles: forward kinematics, bone lengths, anatomical limits.

The hand's own frame is a right hand held upright with its palm to the camera: x to the right of the image
(towards the thumb), y down (towards the wrist), z away from the camera (out of the back of the hand). The wrist
is the origin, the unit is the palm: the distance from the wrist to the knuckle of the middle finger.
Joints are numbered as in MediaPipe Hands. Bone proportions: medians over the open hands (digits 4, 5 and 9) of the
218 people of the ardamavi digit set, as MediaPipe sees them.
"""

from dataclasses import dataclass

import numpy as np

from fingerspelling.simulation.geometry import sine_cosine, solve

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
CONVERGENCE = np.array([5.0, 0.0, -6.0, -12.0])
CLOSED = (60.0, 140.0)  # degrees, knuckle and middle joint together: from where on a hand counts as closed, and wholly
TOUCHING_STEPS = 3
TOUCHING_DAMPING = 1e-5  # (palms per degree) squared: holds back steps where the slopes are small
_SIN_TWIST, _COS_TWIST = sine_cosine(THUMB_TWIST)
_SIN_TILT, _COS_TILT = sine_cosine(CONVERGENCE)


@dataclass(frozen=True)
class Skeleton:
    """Lengths of one hand, in palms."""

    roots: np.ndarray  # float32 [5, 3], where each digit starts: the root joint of the thumb, the four knuckles
    bones: np.ndarray  # float32 [5, 3], lengths of the three bones of each digit, the tip's last
    thumb_of_fist: float = 0.0  # by how much a closed hand's thumb seems longer, relative to an open hand's


MEAN_SKELETON = Skeleton(
    roots=np.array(
        [(0.33, -0.19, -0.06), (0.24, -0.98, -0.02), (0.0, -1.0, 0.0), (-0.21, -0.94, -0.01), (-0.41, -0.8, -0.05)],
        np.float32,
    ),
    bones=np.array(
        [(0.42, 0.36, 0.28), (0.43, 0.27, 0.22), (0.46, 0.29, 0.235), (0.43, 0.27, 0.225), (0.33, 0.21, 0.19)],
        np.float32,
    ),
)


def sample_skeleton(rng: np.random.Generator) -> Skeleton:
    """Draw one person's hand: each bone varies by about 5 %, long and short fingers, broad and narrow palms."""
    fingers = rng.normal(1, 0.05) * rng.normal(1, 0.035, (5, 3))
    roots = MEAN_SKELETON.roots * [rng.normal(1, 0.07), 1, 1] * rng.normal(1, 0.02, (5, 1))
    roots[2] = MEAN_SKELETON.roots[2]  # the palm is the unit
    return Skeleton(roots.astype(np.float32), (MEAN_SKELETON.bones * fingers).astype(np.float32))


def within_limits(angles: np.ndarray) -> np.ndarray:
    """Return angles [..., 20] in degrees, each cut to its anatomical limits."""
    return np.clip(angles, LIMITS[:, 0], LIMITS[:, 1])


def in_unison(noise: np.ndarray, share: float) -> np.ndarray:
    """Return noise of angles, float32 [..., 20 or more], of which a share (of the variance) is common to all fingers.

    Neighbouring fingers hang together by skin and tendons; where they lie side by side, they also stop each other.
    """
    if not share:
        return noise
    mixed = noise.copy()
    fingers = mixed[..., 4 : len(ANGLES)].reshape(*noise.shape[:-1], 4, 4)
    mean = fingers.mean(-2, keepdims=True)  # of half the spread; what differs from it has the variance 3/4
    fingers = np.float32(np.sqrt(share)) * 2 * mean + np.float32(np.sqrt((1 - share) * 4 / 3)) * (fingers - mean)
    mixed[..., 4 : len(ANGLES)] = fingers.reshape(*noise.shape[:-1], 16)
    return mixed


def touching(angles: np.ndarray, skeleton: Skeleton, finger: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return hands whose thumb and one finger are moved until their tips touch.

    Damped least squares over the thumb's four angles and the finger's knuckle and middle joint, three steps.

    Args:
        angles: float32 [hands, 20 or more] in degrees; further columns stay as they are.
        skeleton: the hand's lengths.
        finger: int [hands]: 1 for the index finger to 4 for the little finger.
        gap: float [hands]: distance that remains between both points, in palms: they lie within the fingertips.
    """
    hands = np.arange(len(angles))
    moved = np.concatenate([np.tile(np.arange(4), (len(hands), 1)), 4 * finger[:, None] + [0, 2]], 1)
    angles = angles.copy()
    for _ in range(TOUCHING_STEPS):
        tried = np.repeat(angles[None], 1 + moved.shape[1], 0)
        tried[1 + np.arange(moved.shape[1])[:, None], hands, moved.T] += 1
        placed = joints(tried.reshape(-1, angles.shape[1]), skeleton).reshape(3, 21, *tried.shape[:2])
        between = (placed[:, 4 * (1 + finger), :, hands] - placed[:, 4].transpose(2, 0, 1)).transpose(2, 0, 1)
        slopes = (between[1:] - between[0]).transpose(1, 2, 0)  # [hands, 3, angles moved], palms per degree
        distance = np.linalg.norm(between[0], axis=1)
        toward = between[0] * np.minimum(gap / np.maximum(distance, 1e-6) - 1, 0)[:, None]
        gram = (slopes[:, :, None] * slopes[:, None]).sum(3) + TOUCHING_DAMPING * np.eye(3, dtype=np.float32)
        steps = (slopes * solve(gram, toward)[:, :, None]).sum(1)
        angles[hands[:, None], moved] += steps.astype(np.float32)
        angles[:, : len(ANGLES)] = within_limits(angles[:, : len(ANGLES)])
    return angles


def joints(angles: np.ndarray, skeleton: Skeleton = MEAN_SKELETON) -> np.ndarray:
    """Place the 21 joints by forward kinematics, float32 [3, 21, frames] in palms, in the hand's own frame.

    Angles are float [frames, 20 or more] in degrees, in the order of ANGLES; further columns are ignored.
    """
    # Frames come last here, so that NumPy's inner loops are long.
    angles = np.asarray(angles, np.float32).T[: len(ANGLES)].reshape(5, 4, -1)
    flexion = np.zeros((5, 3, angles.shape[2]), np.float32)
    flexion[0, 1:] = angles[0, 2:]
    flexion[1:] = angles[1:, [0, 2, 3]]
    for joint in (1, 2):
        flexion[:, joint] += flexion[:, joint - 1]
    sine, cosine = sine_cosine(flexion)
    along, bend = _directions(angles)
    placed = np.zeros((3, 21, angles.shape[2]), np.float32)
    digits = placed[:, 1:].reshape(3, 5, 4, -1)  # a view
    digits[:, :, 0] = skeleton.roots.T[:, :, None]
    digits[:, :, 1:] = (cosine * along[:, :, None] + sine * bend[:, :, None]) * skeleton.bones[:, :, None]
    if skeleton.thumb_of_fist:
        closed = np.clip((flexion[2:, 1].mean(0) - CLOSED[0]) / (CLOSED[1] - CLOSED[0]), 0, 1)
        digits[:, 0, 1:] *= 1 + np.float32(skeleton.thumb_of_fist) * closed
    for joint in (1, 2, 3):
        digits[:, :, joint] += digits[:, :, joint - 1]
    return placed


def _directions(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each digit points when straight, and whereto it bends, float32 [3, 5, frames] each."""
    (sr, sp, *sine), (cr, cp, *cosine) = sine_cosine(np.concatenate([angles[0, :2], angles[1:, 1]]))
    along = np.zeros((3, *angles.shape[::2]), np.float32)
    bend = np.empty_like(along)
    along[:, 0] = sr * cp, -cr * cp, -sp  # the thumb's radial and palmar angles
    bend[0, 0] = -_COS_TWIST * cr - _SIN_TWIST * sr * sp  # towards the fingers, and a little to the palm
    bend[1, 0] = -_COS_TWIST * sr + _SIN_TWIST * cr * sp
    bend[2, 0] = -_SIN_TWIST * cp
    along[0, 1:], along[1, 1:] = sine, np.negative(cosine)
    tilt, upright = _SIN_TILT[:, None], _COS_TILT[:, None]
    bend[0, 1:], bend[1, 1:], bend[2, 1:] = -tilt * cosine, -tilt * sine, -upright
    return along, bend
