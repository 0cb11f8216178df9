"""A face of 468 points that mouths, blinks and raises its brows.

Where each point of MediaPipe's face mesh is on a face seen from the front comes from the mean of one signer's
recordings, rounded to half a millimetre on a face 140 mm wide and made symmetric. The depth is that of a smooth head:
an ellipsoid with nose, eye sockets, lips and chin.
"""

from collections.abc import Sequence

import numpy as np

from fingerspelling.landmarks import FACE
from fingerspelling.simulation.camera import WIDTH_OVER_HEIGHT
from fingerspelling.simulation.geometry import product, swing

# x and y in half millimetres from the middle of the face, x to the right of the image, y down: of the mesh's first
# points, which are in the middle or at the left of the image. The others mirror those at the left, in the same order.
_HALF = """
0,62 0,14 0,29 -10,-28 0,0 0,-16 0,-56 -84,-56 0,-85 0,-102 0,-171 0,66 0,71 0,74 0,80 0,86 0,92 0,99 0,113 0,22
-11,22 -132,-104 -51,-46 -63,-45 -74,-45 -89,-51 -42,-49 -68,-81 -55,-80 -81,-79 -89,-74 -100,-42 -44,136 -88,-59
-137,-45 -114,-51 -59,8 -14,59 -12,71 -27,64 -36,70 -23,72 -31,74 -53,91 -10,14 -11,1 -105,-84 -35,-25 -36,12 -37,6
-96,8 -10,-15 -76,-98 -93,-93 -119,-129 -24,-87 -43,-75 -62,79 -124,84 -27,20 -18,24 -46,79 -43,79 -100,-101 -37,19
-54,-97 -56,-107 -69,-163 -110,-116 -61,-137 -113,-89 -123,-96 -13,66 -25,68 -34,72 -25,22 -45,79 -40,82 -42,79 -22,15
-29,75 -21,74 -11,74 -15,113 -14,98 -14,91 -13,85 -11,80 -29,79 -31,81 -34,85 -36,88 -49,55 -138,17 0,25 -35,79 -37,80
-15,29 -33,27 -16,26 -48,-17 -68,-8 -39,12 -99,-150 -90,-130 -80,-108 -43,100 -28,-104 -32,-139 -37,-170 -84,-47
-113,-33 -35,-52 -101,-67 -27,-34 -29,7 -126,-22 -104,-24 -89,-20 -66,-23 -49,-29 -37,-35 -11,-52 -124,6 -110,-68
-6,21 -34,-13 -141,-44 -27,-42 -40,13 -94,-58 -30,-1 -133,50 -35,-57 -20,-9 -97,111 -96,128 -136,12 -112,94 -131,-73
-47,150 -5,25 -45,-3 -124,-48 -73,-53 -63,-52 -42,84 -122,34 -25,169 -62,154 -78,144 0,-138 0,171 -53,-53 -44,-55
-38,-56 -119,-71 -46,-65 -56,-68 -65,-68 -75,-66 -82,-63 -139,-77 -79,-54 0,40 -38,46 -28,17 -16,41 0,-70 -80,127
-64,139 -25,158 -111,110 -39,-60 -19,-32 0,160 -45,163 -132,43 -21,79 -23,83 -25,88 -26,94 -31,107 -38,76 -40,76
-43,74 -58,66 -105,39 -19,-44 -26,-67 -34,-65 -35,77 -106,73 -15,-67 -38,122 0,-30 -11,-39 0,-42 -27,-12 0,146 0,128
-19,128 -65,98 -50,25 -52,112 -78,24 -62,39 -89,47 -24,144 -34,-4 -76,110 -60,124 -75,82 -118,57 -90,86 -125,70 -71,57
-26,-23 -26,12 -33,17 -21,3 -35,-78 -54,-86 -71,-88 -86,-85 -96,-78 -102,-55 -138,-17 -93,-37 -81,-34 -65,-35 -50,-38
-39,-42 -31,-47 -140,-13 -32,20 -19,-21 -18,13 -11,20 -18,15 -29,24 -9,20 -8,24 -31,-57 -24,-54 -20,-52 -85,-61
-94,-67
"""
_FIRST = np.array([pair.split(",") for pair in _HALF.split()], float).T / 2  # mm
_XY = np.concatenate([_FIRST, _FIRST[:, _FIRST[0] != 0] * [[-1], [1]]], 1)
MOUTH_LINE = 38.6  # mm below the middle of the face
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
NUMBERS, AXES, REACHES = map(list, zip(*EXPRESSIONS, strict=True))


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
    points: Sequence[int] = range(FACE),
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
    depth = place[2].mean()
    nearness = depth / (depth + face[2])
    scale = focal / place[2]
    terms = np.empty((3, 5 + len(EXPRESSIONS), len(scale)))
    terms[:, :3] = turn
    terms[:, 3:-2] = turn[:, AXES] * amounts[NUMBERS]
    terms[:, -2] = place
    terms[:, :-1] *= scale
    terms[1] *= WIDTH_OVER_HEIGHT
    terms[2, -2] = 0  # depth is relative to the head's middle
    terms[0, -1] = 0.5 + shake[0].astype(float)
    terms[1, -1] = 0.5 + shake[1].astype(float) * WIDTH_OVER_HEIGHT
    terms[2, -1] = -scale * (face[2] * nearness)[SIDES].mean()
    flat = np.ones((1, face.shape[1]))
    basis = np.concatenate([np.concatenate([face, REACHES, flat]) * nearness, flat])
    return product(basis.take(points, 1).T, terms)


def move_face(frames: int, fps: float, restless: float, rng: np.random.Generator) -> np.ndarray:
    """Let a face mouth, as lively as `restless` says, about 1, blink and raise its brows.

    Returns:
        float [4, frames]: how far the mouth is open, the lips spread, the eyes closed and the brows raised; 1 is fully.
    """
    rate = rng.uniform([2, 2, 4, 1, 0.2, 0.3], [5, 5, 7, 3, 1, 1])
    wave = swing(rate, rng.random(6), frames, fps)
    blinks = np.cumsum(rng.exponential(3.5, 2 + int(frames / fps)))
    from_blink = np.abs(np.arange(frames) / fps - blinks[:, None]).min(0)
    closed = np.maximum(1 - (from_blink / BLINK) ** 2, 0)
    return np.stack(
        [
            np.maximum(wave[0] * wave[4] + 0.3 * wave[2], 0) * 0.7 * restless,
            wave[1] * wave[5] * 0.5 * restless,
            closed * closed,
            np.maximum(wave[3] * wave[5], 0) * 0.5,
        ]
    )
