"""The 543 points of MediaPipe Holistic, the 130 that the winning solution reads, and their mirror images.

A clip file has one column per coordinate and point, all x first, then all y, then all z; within a coordinate
come the face, the left hand, the pose and the right hand. Left and right are the signer's own. x and y are shares
of the frame's width and height (x to the right of the image, y down); z is depth in units of about x, smaller is
nearer to the camera, relative to the wrist (hands), the middle of the hips (pose) or of the head (face).

The functions take NumPy arrays and PyTorch tensors alike.
"""

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", np.ndarray, "Tensor")

FACE, HAND, POSE = 468, 21, 33
FARTHEST = 1000.0  # frame widths; what lies beyond is not a landmark, and would overflow half precision
# In the order of the competition's columns.
_COUNTS = {"face": FACE, "left_hand": HAND, "pose": POSE, "right_hand": HAND}
POINTS = [f"{part}_{i}" for part, count in _COUNTS.items() for i in range(count)]
COLUMNS = [f"{axis}_{point}" for axis in "xyz" for point in POINTS]

# The 130 points of the winning solution, in its order. Face numbers follow MediaPipe's face mesh; the second
# list of every pair is the mirror image of the first, point by point.
# fmt: off
_LIPS = [
    0, 61, 185, 40, 39, 37, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308,
]
_LIPS_MIRRORED = [
    0, 291, 409, 270, 269, 267, 37, 39, 40, 185, 61, 375, 321, 405, 314, 17, 84, 181, 91, 146,
    308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78,
]
# fmt: on
_NOSE, _NOSE_MIRRORED = [1, 2, 98, 327], [1, 2, 327, 98]
_RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173]
_LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398]
_RIGHT_ARM, _LEFT_ARM = [12, 14, 16, 18, 20, 22], [11, 13, 15, 17, 19, 21]
# The selected points and, after each part, their mirror images.
_SELECTED = [
    ("face", _LIPS, "face", _LIPS_MIRRORED),
    ("left_hand", range(HAND), "right_hand", range(HAND)),
    ("right_hand", range(HAND), "left_hand", range(HAND)),
    ("face", _NOSE + _RIGHT_EYE + _LEFT_EYE, "face", _NOSE_MIRRORED + _LEFT_EYE + _RIGHT_EYE),
    ("pose", _RIGHT_ARM + _LEFT_ARM, "pose", _LEFT_ARM + _RIGHT_ARM),
]
SELECTED = [f"{part}_{i}" for part, numbers, *_ in _SELECTED for i in numbers]
SAMPLE = SELECTED[::10]  # points of every part, which tell a file's unit
# Medians of shares are below 1, as points rarely leave the picture; those of pixels are larger with any camera.
LARGEST_MEDIAN = 3.0
SELECTED_PLACES = [POINTS.index(point) for point in SELECTED]  # among all 543
SELECTED_COLUMNS = [f"{axis}_{point}" for axis in "xyz" for point in SELECTED]

# MIRROR[i] is the place of the mirror image of the selected point i.
MIRROR = np.array([SELECTED.index(f"{part}_{i}") for *_, part, numbers in _SELECTED for i in numbers])

# Places of each part among the selected points. The model normalises each part separately.
PARTS = {
    part: np.array([i for i, name in enumerate(SELECTED) if name.startswith(part)])
    for part in ("left_hand", "right_hand", "face", "pose")
}

# A hand is seen where its wrist is: MediaPipe finds all of a hand's points or none.
WRISTS = [int(PARTS[hand][0]) for hand in ("left_hand", "right_hand")]

# Bones of a hand as pairs of joints: 0 the wrist, then four joints per finger, the tip last (MediaPipe Hands).
HAND_BONES = [
    *((0, 1), (1, 2), (2, 3), (3, 4)),
    *((0, 5), (5, 6), (6, 7), (7, 8)),
    *((5, 9), (9, 10), (10, 11), (11, 12)),
    *((9, 13), (13, 14), (14, 15), (15, 16)),
    *((0, 17), (13, 17), (17, 18), (18, 19), (19, 20)),
]


def as_points(columns: Array, axes: int = 3) -> Array:
    """Turn values in the order of a file's columns into points: [..., axes * points] -> [..., points, axes]."""
    return columns.reshape(*columns.shape[:-1], axes, columns.shape[-1] // axes).swapaxes(-1, -2)


def as_columns(points: Array) -> Array:
    """Turn points into values in the order of a file's columns: [..., points, axes] -> [..., axes * points]."""
    return points.swapaxes(-1, -2).reshape(*points.shape[:-2], points.shape[-2] * points.shape[-1])


def hand_seen(frames: Array) -> Array:
    """Return in which frames a hand was detected: [..., frames, 130, 3] -> bool [..., frames].

    MediaPipe finds all points of a hand or none, so that one coordinate of the wrist is enough to look at.
    """
    x = frames[..., WRISTS, :][..., 0]  # in this order for TensorFlow Lite, which gathers quickly and slices slowly
    return (x == x).any(-1)  # only NaN differs from itself


def spelling_hand(frames: np.ndarray) -> np.ndarray:
    """Return the places of the hand that spells among the selected points, int [21], the wrist first.

    It is the one whose fingers move more, or where none do, the one that is seen more often.

    Args:
        frames: float [frames, 130, >= 2], NaN where a point was not found.
    """

    def moved(hand: np.ndarray) -> tuple[float, int]:
        points = np.asarray(frames[:, hand, :2], np.float32)
        seen = points[np.isfinite(points).all((1, 2))]
        return float(np.abs(np.diff(seen - seen[:, :1], axis=0)).sum()), len(seen)

    return max(PARTS["left_hand"], PARTS["right_hand"], key=moved)
