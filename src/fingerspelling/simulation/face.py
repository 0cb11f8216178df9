"""A face of 468 points that mouths, blinks and raises its brows.

Where each point of MediaPipe's face mesh is on a face seen from the front comes from the mean of one signer's
recordings, rounded to half a millimetre on a face 140 mm wide and made symmetric. The depth is that of a smooth head:
an ellipsoid with nose, eye sockets, lips and chin.
"""

from functools import cache
from pathlib import Path

import numpy as np

from fingerspelling.landmarks import FACE
from fingerspelling.simulation.camera import PICTURE, WIDTH_OVER_HEIGHT
from fingerspelling.simulation.geometry import product, swing

# x and y in half millimetres from the middle of the face, x to the right of the image, y down: of the mesh's first
# points, which are in the middle or at the left of the image. The others mirror those at the left, in the same order.
_HALF = Path(__file__).with_name("face_mesh.txt").read_text().split()
_FIRST = np.array([pair.split(",") for pair in _HALF], float).T / 2  # mm
_XY = np.concatenate([_FIRST, _FIRST[:, _FIRST[0] != 0] * [[-1], [1]]], 1)
MOUTH_LINE = 38.6  # mm below the middle of the face
RATES = np.array([[2, 2, 4, 1, 0.2, 0.3], [5, 5, 7, 3, 1, 1]])  # hertz of the waves that move it, slowest and fastest
WHOLE_FACE = tuple(range(FACE))
BLINK = 0.1  # seconds from open to closed
SIDES = [234, 454]  # points before the ears; their mean depth is 0 in the picture
EYES = (30.0, -29.0)  # mm, x (either sign) and y of the eyes' middles


def _bump(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Return a Gaussian hill on the face, [468]; off the middle, one on either side."""
    return np.exp(-(((np.abs(_XY[0]) - x) / width) ** 2 + ((_XY[1] - y) / height) ** 2) / 2)


def _depth() -> np.ndarray:
    """Return each point's depth in mm, 0 at the middle of the head, smaller towards the camera."""
    x, y = _XY
    head = -95 * np.sqrt(np.maximum(1 - (x / 76) ** 2 - (y / 118) ** 2, 0.04))
    nose = -20 * _bump(0, 9, 9, 10) - 10 * _bump(0, -12, 7, 16)
    return head + nose + 7 * _bump(*EYES, 12, 8) - 5 * _bump(0, 40, 20, 9) - 6 * _bump(0, 76, 18, 12)


REST = np.concatenate([_XY, _depth()[None]]) / 1000  # metres [3, 468]


def _expressions() -> list[tuple[int, int, np.ndarray]]:
    """Return what faces do: number of the movement, axis, and what the full movement adds there, [468] in metres."""
    x, y = _XY
    lower = np.clip((y - MOUTH_LINE) / 2, 0, 1)
    drop = lower * (9 * np.exp(-((x / 24) ** 2)) + 3 * _bump(0, 75, 45, 30)) - (1 - lower) * 1.5 * _bump(0, 35, 18, 5)
    upper_lid = np.clip((EYES[1] - y) / 2, 0, 1) * np.clip((y + 39) / 3, 0, 1)
    lid = upper_lid * np.clip(EYES[1] + 1.5 - y, 0, None) * np.clip(1.6 - np.abs(np.abs(x) - 30) / 12, 0, 1)
    moves = [
        (0, 1, drop),  # the mouth opens,
        (0, 0, -0.12 * x * _bump(0, 40, 26, 12)),  # and becomes narrower
        (1, 0, 0.2 * x * _bump(0, 40, 26, 14)),  # the lips spread
        (2, 1, lid),  # a blink
        (3, 1, -5 * np.clip((-38 - y) / 4, 0, 1) * np.clip((y + 75) / 25, 0, 1)),  # raised brows
    ]
    return [(number, axis, reach / 1000) for number, axis, reach in moves]


EXPRESSIONS = _expressions()
NUMBERS, AXES, REACHES = map(np.array, zip(*EXPRESSIONS, strict=True))


def sample_face(rng: np.random.Generator) -> np.ndarray:
    """Draw a person's face at rest, float32 [3, 468] in metres."""
    face = REST * rng.normal(1, [[0.05], [0.05], [0.06]])
    face[2] -= rng.normal(0, 0.003) * _bump(0, 9, 9, 10)  # nose
    face[1] += rng.normal(0, 0.0025) * _bump(0, 40, 25, 12)  # mouth
    face[1] += rng.normal(0, 0.002) * _bump(*EYES, 18, 14)  # eyes
    face[0] += rng.normal(0, 0.06) * face[0] * _bump(0, 70, 60, 30)  # jaw
    return face.astype(np.float32)


def photograph_face(
    face: np.ndarray,
    turn: np.ndarray,
    place: np.ndarray,
    focal: float,
    shake: np.ndarray,
    amounts: np.ndarray,
    points: tuple[int, ...] = WHOLE_FACE,
) -> np.ndarray:
    """Show a face in the picture.

    A head is small compared with its distance, so that each point may keep the perspective that it has at rest. Then
    rest, expressions, place and shake are the terms of one matrix product.

    Args:
        face: float32 [3, 468] in metres, the face at rest, upright and straight to the camera.
        turn: float32 [3, 3, frames], the head's rotation.
        place: float32 [3, frames] in metres from the lens, the head's middle.
        focal: focal length in frame widths.
        shake: float32 [2, frames], how far the picture is shifted, in frame widths.
        amounts: float [4, frames], of `move_face`.
        points: numbers of those that are wanted.

    Returns:
        float64 [3, points, frames]: x and y as shares of the frame, z in frame widths from the head's middle.
    """
    wanted, added = _added(points)
    rest, sides, depth = face[:, wanted], face[2, SIDES], place[2].sum() / place.shape[1]
    scale = focal / place[2]
    terms = np.empty((3, 5 + len(EXPRESSIONS), len(scale)))
    terms[:, :3] = turn
    terms[:, 3:-2] = turn[:, AXES] * amounts[NUMBERS]
    terms[:, -2] = place
    terms[:, :-1] *= scale
    terms[1] *= WIDTH_OVER_HEIGHT
    terms[2, -2] = 0  # depth is relative to the head's middle
    terms[:2, -1] = 0.5 + shake * PICTURE
    terms[2, -1] = -scale * ((sides * (depth / (depth + sides))).sum() / len(sides))
    basis = np.concatenate([rest, added])
    basis[:-1] *= depth / (depth + rest[2])  # nearness
    return product(basis.T, terms)


@cache
def _added(points: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of points as an array, and what expressions, place and shift add to them, [7, points]."""
    wanted = np.array(points)
    flat = np.ones((2, len(wanted)))
    return wanted, np.concatenate([REACHES[:, wanted], flat])


def move_face(frames: int, fps: float, restless: float, rng: np.random.Generator) -> np.ndarray:
    """Let a face mouth, as lively as `restless` says, about 1, blink and raise its brows.

    Returns:
        float [4, frames]: how far the mouth is open, the lips spread, the eyes closed and the brows raised; 1 is fully.
    """
    slowest, fastest = RATES
    rate = slowest + (fastest - slowest) * rng.random(6)
    wave = swing(rate, rng.random(6), frames, fps)
    blinks = np.cumsum(rng.exponential(3.5, 2 + int(frames / fps)))
    from_blink = np.abs(np.arange(frames) / fps - blinks[:, None]).min(0)
    closed = np.maximum(1 - (from_blink / BLINK) ** 2, 0)
    return np.array(
        [
            np.maximum(wave[0] * wave[4] + 0.3 * wave[2], 0) * 0.7 * restless,
            wave[1] * wave[5] * 0.5 * restless,
            closed * closed,
            np.maximum(wave[3] * wave[5], 0) * 0.5,
        ]
    )
