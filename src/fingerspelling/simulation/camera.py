"""From space to the picture: a portrait camera, and depth in MediaPipe's units."""

import numpy as np

from fingerspelling.landmarks import HAND, POSE
from fingerspelling.simulation.geometry import swing

WIDTH_OVER_HEIGHT = 9 / 16  # width / height of the frame
PICTURE = np.array([[1.0], [WIDTH_OVER_HEIGHT]])  # shares of width and height that one frame width is
_SHARES = PICTURE.astype(np.float32)[:, None]
# MediaPipe sees an upright open hand with its fingertips 0.3 palms nearer than its wrist (median of the
# ardamavi digits): depth falls by this much for each unit of height above the wrist.
DEPTH_LEAN = 0.15
# Places of the parts among landmarks.POINTS, counted from the end: clips may have fewer points of the face, or none.
RIGHT_HAND = slice(-HAND, None)
POSE_POINTS = slice(-HAND - POSE, -HAND)
LEFT_HAND = slice(-2 * HAND - POSE, POSE_POINTS.start)
FACE_POINTS = slice(0, LEFT_HAND.start)


def photograph(scene: np.ndarray, focal: float, shake: np.ndarray) -> None:
    """Project the hands and the pose from space into the frame, in place.

    Args:
        scene: float32 [3, 75, frames], left hand, pose and right hand in metres in the camera's frame; then x and y
            are shares of the frame's width and height, z is in frame widths from the wrist (hands) and the hips (pose).
        focal: focal length in frame widths.
        shake: float32 [2, frames], how far the picture is shifted, in frame widths.
    """
    depth = scene[2]
    scale = np.float32(focal) / depth
    for hand in (LEFT_HAND, RIGHT_HAND):
        y, z = scene[1:, hand]
        depth[hand] = (z - z[0] + DEPTH_LEAN * (y - y[0])) * (focal / z[0])
    pose = depth[POSE_POINTS]
    hips = (pose[23] + pose[24]) / 2
    depth[POSE_POINTS] = (pose - hips) * (np.float32(focal) / hips)
    scene[0] *= scale
    scene[1] *= scale * np.float32(WIDTH_OVER_HEIGHT)
    scene[:2] += 0.5 + shake[:, None] * _SHARES


def shake_camera(frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Return the slow wandering of a hand-held camera, float32 [2, frames] in frame widths."""
    hertz = rng.uniform(0.1, 1.2, 8)
    reach = rng.normal(0, 0.006, 8).astype(np.float32)
    return (swing(hertz, rng.random(8), frames, fps) * reach[:, None]).reshape(4, 2, frames).sum(0)
