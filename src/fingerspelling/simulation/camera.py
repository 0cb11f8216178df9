"""From space to the picture: a portrait camera, and depth in MediaPipe's units."""

import numpy as np

from fingerspelling.simulation.body import FACE_POINTS, LEFT_HAND, POSE_POINTS, RIGHT_HAND

ASPECT = 9 / 16  # width / height of the frame
# MediaPipe sees an upright open hand with its fingertips 0.3 palms nearer than its wrist (median of the
# ardamavi digits): depth falls by this much for each unit of height above the wrist.
DEPTH_LEAN = 0.15


def photograph(scene: np.ndarray, focal: float, shake: np.ndarray) -> np.ndarray:
    """Project points in space into the frame; works in place.

    Args:
        scene: float32 [frames, 3, 543] in metres in the camera's frame.
        focal: focal length in frame widths.
        shake: float32 [frames, 2], how far the picture is shifted, in frame widths.

    Returns:
        The same array: x and y as shares of the frame's width and height; z in frame widths relative to the
        wrist (hands), the hips (pose) and the head's middle (face).
    """
    scale = focal / scene[:, 2]
    head = scene[:, 2, [234, 454]].mean(1, keepdims=True)
    hips = scene[:, 2, POSE_POINTS][:, 23:25].mean(1, keepdims=True)
    depths = [
        (LEFT_HAND, _relative_depth(scene[:, :, LEFT_HAND], focal)),
        (RIGHT_HAND, _relative_depth(scene[:, :, RIGHT_HAND], focal)),
        (FACE_POINTS, (scene[:, 2, FACE_POINTS] - head) * (focal / head)),
        (POSE_POINTS, (scene[:, 2, POSE_POINTS] - hips) * (focal / hips)),
    ]
    scene[:, :2] *= scale[:, None]
    scene[:, :2] += shake[:, :, None]
    scene[:, 1] *= ASPECT
    scene[:, :2] += 0.5
    for part, depth in depths:
        scene[:, 2, part] = depth
    return scene


def _relative_depth(hand: np.ndarray, focal: float) -> np.ndarray:
    """Return the depth of a hand [frames, 3, 21] relative to its wrist in frame widths, [frames, 21]."""
    relative = hand - hand[:, :, :1]
    return (relative[:, 2] + DEPTH_LEAN * relative[:, 1]) * (focal / hand[:, 2, :1])
