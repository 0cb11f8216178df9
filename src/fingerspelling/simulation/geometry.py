"""Arithmetic that gives the same bits on every machine, so that a seed gives the same data everywhere.

IEEE 754 rounds additions, multiplications, divisions and square roots alike on all processors, but not sines and
exponentials, nor sums whose order is a library's own, as in a product of matrices.
"""

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

STEPS = 2**16  # angles in the table of sines: a full turn
_SINES = np.sin(np.arange(STEPS + STEPS // 4) * (2 * np.pi / STEPS)).astype(np.float32)
GRID = 2.0**20


def _steps(degrees: ArrayLike) -> np.ndarray:
    """Return the places of angles in the table."""
    return np.rint(np.asarray(degrees, np.float32) * np.float32(STEPS / 360)).astype(np.intp) & (STEPS - 1)


def sine_cosine(degrees: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return sine and cosine of angles in degrees, float32 of the same shape, as of the nearest 0.0055 degrees."""
    steps = _steps(degrees)
    return _SINES.take(steps), _SINES.take(steps + STEPS // 4)


def rotations(turn: np.ndarray) -> np.ndarray:
    """Return the rotations from the hand's frame to the camera's.

    Args:
        turn: float [3, frames] in degrees: pronation about the hand's long axis (0 palm to the camera, 90 palm to
            the signer's other side, 180 palm to the signer), pitch (fingertips towards the camera), roll
            (clockwise in the image, towards the signer's other side).

    Returns:
        float32 [3, 3, frames], to be used with rotate.
    """
    (sy, sp, sr), (cy, cp, cr) = sine_cosine(turn)
    matrix = np.empty((3, 3, len(sy)), np.float32)  # roll about z after pitch about x after yaw about y
    srp, crp = sr * sp, cr * sp
    matrix[0, 0], matrix[0, 1], matrix[0, 2] = cr * cy + srp * sy, -sr * cp, srp * cy - cr * sy
    matrix[1, 0], matrix[1, 1], matrix[1, 2] = sr * cy - crp * sy, cr * cp, -sr * sy - crp * cy
    matrix[2, 0], matrix[2, 1], matrix[2, 2] = cp * sy, sp, cp * cy
    return matrix


def rotate(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turn points by matrices, float32 [3, 3, frames]; returns float32 [3, points, frames].

    The points are float32 [3, points, frames], or [3, points, 1] for the same in every frame.
    """
    x, y, z = points
    turned: np.ndarray = matrices[:, 0, None] * x
    turned += matrices[:, 1, None] * y
    turned += matrices[:, 2, None] * z
    return turned


def solve(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve systems of three equations, float [systems, 3, 3] and [systems, 3], by Cramer's rule: [systems, 3]."""
    a, b, c = (matrices[:, :, column] for column in range(3))
    crosses = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 1)
    return (crosses * right[:, None]).sum(2) / (crosses[:, 0] * a).sum(1)[:, None]


def mean_over_time(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis, [..., 1], whose sum is formed frame by frame."""
    return np.add.accumulate(values, -1)[..., -1:] / values.shape[-1]


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the matrix product, float64, of two arrays whose values are first rounded to 1e-6.

    Sums of products of such numbers are exact in whatever order, while they stay below 8,192.
    """
    a, b = np.rint(a * GRID) / GRID**2, np.rint(b * GRID)  # powers of two change no digit
    return a.astype(np.float64, copy=False) @ b.astype(np.float64, copy=False)


def swing(hertz: np.ndarray, phase: np.ndarray, frames: int, fps: float) -> np.ndarray:
    """Return sine waves over the time of a clip, float32 [waves, frames] in -1..1.

    Args:
        hertz: float [waves], how often per second.
        phase: float [waves], where each begins, in turns.
        frames: how many.
        fps: of them per second.
    """
    time = np.arange(frames) / fps
    return _SINES.take(_steps(360 * (time * hertz[:, None] + phase[:, None])))


def minimum_jerk(time: np.ndarray) -> np.ndarray:
    """Return how far the smoothest movement is, 0..1, at times from 0, its beginning, to 1, its end; float32."""
    return time * time * time * (10 - time * (15 - 6 * time))


def between(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    """Draw from a range, evenly in the logarithm."""
    low, high = np.log(ends)
    return float(np.float32(np.exp(rng.uniform(low, high))))  # the last bits of exp are the processor's own


@overload
def log_normal(rng: np.random.Generator, sigma: float) -> float: ...
@overload
def log_normal(rng: np.random.Generator, sigma: float, size: int) -> np.ndarray: ...
def log_normal(rng: np.random.Generator, sigma: float, size: int | None = None) -> float | np.ndarray:
    """Draw factors around 1, float32 [size] or a single one; sigma is the standard deviation of their logarithm."""
    return np.exp(rng.normal(0, sigma, size)).astype(np.float32)  # the last bits of exp are the processor's own
