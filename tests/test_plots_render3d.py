import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fingerspelling.plots.render3d import OUTLINE, PIXELS, Canvas

LOW, SIZE = np.array([-2.0, -1.0]), 4.0
CENTRE = round(SIZE * PIXELS) // 2  # the pixel at x = 0, y = 1


def surface(canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """The points in space that were painted and their normals, float [points, 3] each."""
    seen = canvas.part >= 0
    assert seen.any()
    return np.column_stack([canvas.places[seen], canvas.depth[seen]]), canvas.normal[seen]


def test_a_ball_is_round_and_seen_from_in_front() -> None:
    canvas, centre = Canvas(LOW, SIZE), np.array([0.3, 0.8, 5.0])
    canvas.ball(centre, 0.7, 0)
    points, normals = surface(canvas)
    np.testing.assert_allclose(np.linalg.norm(points - centre, axis=1), 0.7)
    np.testing.assert_allclose(normals, (points - centre) / 0.7, atol=1e-12)
    assert (points[:, 2] <= centre[2]).all()
    assert len(points) == pytest.approx(np.pi * (0.7 * PIXELS) ** 2, rel=0.01)


@pytest.mark.parametrize("end", [(1.0, 1.5, 5.0), (1.0, 1.5, 4.0), (-0.8, 2.0, 9.0)])
def test_a_rod_is_a_cylinder_seen_from_in_front(end: tuple[float, ...]) -> None:
    canvas, start, radius = Canvas(LOW, SIZE), np.array([-1.0, 0.5, 5.0]), 0.3
    canvas.rod(start, np.array(end), radius, 0)
    points, normals = surface(canvas)
    axis = (np.array(end) - start) / np.linalg.norm(np.array(end) - start)
    along = (points - start) @ axis
    from_axis = points - start - along[:, None] * axis
    np.testing.assert_allclose(np.linalg.norm(from_axis, axis=1), radius)
    assert (along >= 0).all() and (along <= np.linalg.norm(np.array(end) - start)).all()
    np.testing.assert_allclose(normals, from_axis / radius, atol=1e-9)
    assert (normals[:, 2] <= 0).all()  # the near side


def test_a_plate_lies_before_its_triangle() -> None:
    canvas, corners = Canvas(LOW, SIZE), np.array([[-1.0, 0.0, 3.0], [1.0, 0.0, 3.5], [0.0, 2.0, 4.0]])
    normal = np.array([0.0, 0.6, -0.8])
    canvas.triangle(corners, normal, 0.1, 0)
    points, normals = surface(canvas)
    face = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    distance = (points - corners[0]) @ (face / np.linalg.norm(face))
    np.testing.assert_allclose(distance, -0.1 * np.sign(face[2]))
    assert (normals == normal).all()
    edge_on = Canvas(LOW, SIZE)
    edge_on.triangle(np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 2.0]]), normal, 0.1, 0)
    assert (edge_on.part < 0).all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_is_nearer_is_seen_whatever_was_painted_first(order: tuple[int, int]) -> None:
    canvas, balls = Canvas(LOW, SIZE), [(np.array([0.0, 1.0, 3.0]), 0.2), (np.array([0.0, 1.0, 4.0]), 0.5)]
    for part in order:
        canvas.ball(*balls[part], part)
    colours = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    image = canvas.image(colours)
    right = CENTRE + round(0.35 * PIXELS)
    assert image[CENTRE, CENTRE, 0] > 0.5 and image[CENTRE, CENTRE, 1] == 0
    assert image[CENTRE, right, 0] == 0 and image[CENTRE, right, 1] > 0.5
    outlined = np.flatnonzero((image[CENTRE, :CENTRE, :3] == to_rgb(OUTLINE)).all(1))
    radii = (CENTRE - outlined[[0, -1]]) / PIXELS
    assert radii == pytest.approx([0.5, 0.2], abs=0.02)
    assert image[0, 0, 3] == 0 and image[CENTRE, CENTRE, 3] == 1


def test_what_lies_outside_the_picture_is_cut_off() -> None:
    canvas = Canvas(LOW, SIZE)
    canvas.ball(np.array([-2.0, 1.0, 3.0]), 0.5, 0)
    canvas.ball(np.array([9.0, 9.0, 3.0]), 0.5, 0)
    points, _ = surface(canvas)
    assert points[:, 0].min() == -2.0 and points[:, 0].max() < -1.5
