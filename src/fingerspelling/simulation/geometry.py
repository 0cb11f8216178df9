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


def sine_cosine(degrees: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return sine and cosine of angles in degrees, float32 of the same shape, as of the nearest 0.0055 degrees."""
    step = np.rint(np.asarray(degrees, np.float32) * np.float32(STEPS / 360)).astype(np.int32) & (STEPS - 1)
    return _SINES[step], _SINES[step + STEPS // 4]


def rotations(turn: np.ndarray) -> np.ndarray:
    """Return the rotations from the hand's frame to the camera's.

    Args:
        turn: float [frames, 3] in degrees: pronation about the hand's long axis (0 palm to the camera, 90 palm to
            the signer's other side, 180 palm to the signer), pitch (fingertips towards the camera), roll
            (clockwise in the image, towards the signer's other side).

    Returns:
        float32 [frames, 3, 3], to be used with rotate.
    """
    (sy, sp, sr), (cy, cp, cr) = (values.T for values in sine_cosine(turn))
    matrix = np.empty((len(sy), 3, 3), np.float32)  # roll about z after pitch about x after yaw about y
    matrix[:, 0] = np.stack([cr * cy + sr * sp * sy, -sr * cp, cr * -sy + sr * sp * cy], 1)
    matrix[:, 1] = np.stack([sr * cy - cr * sp * sy, cr * cp, sr * -sy - cr * sp * cy], 1)
    matrix[:, 2] = np.stack([cp * sy, sp, cp * cy], 1)
    return matrix


def rotate(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turn points by matrices, float32 [frames, 3, 3]; returns float32 [frames, 3, points].

    The points are float32 [frames, 3, points], or [3, points] for the same in every frame.
    """
    turned = np.empty((len(matrices), *points.shape[-2:]), np.float32)
    for axis in range(3):
        x, y, z = (matrices[:, axis, column, None] for column in range(3))
        np.multiply(x, points[..., 0, :], out=turned[:, axis])
        turned[:, axis] += y * points[..., 1, :]
        turned[:, axis] += z * points[..., 2, :]
    return turned


def solve(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve systems of three equations by Cramer's rule.

    Args:
        matrices: float [systems, 3, 3].
        right: float [systems, 3].

    Returns:
        float [systems, 3].
    """
    a, b, c = (matrices[:, :, column] for column in range(3))
    crosses = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 1)
    return (crosses * right[:, None]).sum(2) / (crosses[:, 0] * a).sum(1)[:, None]


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the matrix product, float64, of two arrays whose values are first rounded to 1e-6.

    Sums of products of such numbers are exact in whatever order, while they stay below 8,192: so all rows of a
    [..., rows, terms] may go into one product, which takes a third of the time of many small ones.
    """
    rows = np.rint(a * GRID).reshape(-1, a.shape[-1]) / GRID
    return (rows @ (np.rint(b * GRID) / GRID)).reshape(*a.shape[:-1], -1)


def swing(hertz: np.ndarray, phase: np.ndarray, frames: int, fps: float) -> np.ndarray:
    """Return sine waves over the time of a clip.

    Args:
        hertz: float [waves], how often per second.
        phase: float [waves], where each begins, in turns.
        frames: how many.
        fps: frames per second.

    Returns:
        float32 [frames, waves] in -1..1.
    """
    time = np.arange(frames)[:, None] / fps
    return sine_cosine(360 * (time * hertz + phase))[0]


@overload
def log_normal(rng: np.random.Generator, sigma: float) -> float: ...
@overload
def log_normal(rng: np.random.Generator, sigma: float, size: int) -> np.ndarray: ...
def log_normal(rng: np.random.Generator, sigma: float, size: int | None = None) -> float | np.ndarray:
    """Draw factors around 1, float32 [size] or a single one; sigma is the standard deviation of their logarithm."""
    return np.exp(rng.normal(0, sigma, size)).astype(np.float32)  # the last bits of exp are the processor's own
