import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerspelling.simulation.geometry import product, rotate, rotations, sine_cosine, solve, swing

angles = st.lists(st.floats(-3600, 3600, width=32), min_size=1, max_size=20).map(lambda row: np.array(row, np.float32))


@given(angles)
def test_sine_and_cosine(degrees: np.ndarray) -> None:
    sine, cosine = sine_cosine(degrees)
    assert sine.dtype == cosine.dtype == np.float32
    np.testing.assert_allclose(sine, np.sin(np.radians(degrees.astype(float))), atol=1e-4)
    np.testing.assert_allclose(cosine, np.cos(np.radians(degrees.astype(float))), atol=1e-4)


@pytest.mark.parametrize(
    ("turn", "thumb_side", "fingers", "palm"),
    [
        ((90, 0, 0), (0, 0, 1), (0, -1, 0), (1, 0, 0)),
        ((180, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, 1)),
        ((0, 90, 0), (1, 0, 0), (0, 0, -1), (0, 1, 0)),
        ((0, 0, 90), (0, 1, 0), (1, 0, 0), (0, 0, -1)),
    ],
)
def test_turns_mean_what_they_say(turn: tuple, thumb_side: tuple, fingers: tuple, palm: tuple) -> None:
    axes = np.array([(1, 0, 0), (0, -1, 0), (0, 0, -1)], np.float32)  # thumb's side, fingers, palm's normal
    turned = rotate(rotations(np.array([turn]).T), axes.T[:, :, None])[..., 0].T
    np.testing.assert_allclose(turned, [thumb_side, fingers, palm], atol=1e-6)


@given(st.integers(0, 99))
def test_rotations_keep_lengths_and_handedness(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrices = rotations(rng.uniform(-180, 180, (3, 7)))
    np.testing.assert_allclose(np.linalg.det(matrices.transpose(2, 0, 1)), 1, atol=1e-5)
    points = rng.standard_normal((3, 5, 7)).astype(np.float32)
    np.testing.assert_allclose(rotate(matrices, points), np.einsum("xyt,ypt->xpt", matrices, points), atol=1e-5)


@settings(deadline=None)
@given(st.integers(0, 99))
def test_products_do_not_depend_on_the_order_of_their_sums(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-9, 9, (6, 40)), rng.uniform(-9, 9, (40, 5))
    order = rng.permutation(40)
    np.testing.assert_array_equal(product(a, b), product(a[:, order], b[order]))
    np.testing.assert_allclose(product(a, b), a @ b, atol=1e-3)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_three_equations_are_solved(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrices, wanted = rng.normal(size=(5, 3, 3)) + 4 * np.eye(3), rng.normal(size=(5, 3))
    right = np.einsum("nij,nj->ni", matrices, wanted)
    np.testing.assert_allclose(solve(matrices, right), wanted, rtol=1e-8, atol=1e-8)


def test_a_swing_has_its_frequency() -> None:
    wave = swing(np.array([2.0, 0.5]), np.zeros(2), 60, 30)
    assert wave.shape == (2, 60)
    np.testing.assert_allclose(wave[0], np.sin(2 * np.pi * 2 * np.arange(60) / 30), atol=1e-3)
    np.testing.assert_allclose(wave[1, 15], 0.5**0.5 * 2**0.5, atol=1e-3)
