"""Hands in the round: one picture from 21 joints, and pages of what each character looks like."""

from collections.abc import Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fingerspelling.plots.style import FINGERS, finished

SKIN, OUTLINE = "#e6c8b2", "#33261f"
LIGHT = np.array([-0.35, -0.4, -0.85])  # towards the lamp: above, to the left, before the hand
PIXELS = 80  # a palm
JUMP = 0.06  # palms; where one part lies that much behind another, the nearer one gets an outline
# Palms, of a middle finger from its knuckle to its tip; the thumb is thicker, the little finger thinner.
RADII = np.array([0.115, 0.105, 0.1, 0.088])
WIDTHS = [1.15, 1.0, 1.0, 0.97, 0.88]
DIGITS = np.arange(1, 21).reshape(5, 4)  # joints of thumb to little finger
PALM = len(DIGITS)  # number of the part
PALM_RADIUS, WEB_RADIUS = 0.12, 0.085
TRIANGLES = [(0, 1, 5), (0, 5, 9), (0, 9, 13), (0, 13, 17), (1, 2, 5)]
EDGES = [(0, 1), (1, 5), (0, 5), (5, 9), (9, 13), (13, 17), (0, 17)]


class _Canvas:
    """A depth buffer that rounded bones and the palm are painted on; x right, y down, z away."""

    def __init__(self, low: np.ndarray, size: float) -> None:
        side = round(size * PIXELS)
        rows, columns = np.mgrid[:side, :side]
        self.low = low
        self.places = np.stack([columns, rows], -1) / PIXELS + low
        self.depth = np.full((side, side), np.inf)
        self.normal = np.zeros((side, side, 3))
        self.part = np.full((side, side), -1)

    def _around(self, points: np.ndarray, reach: float) -> tuple[slice, slice]:
        first = np.floor((points[:, :2].min(0) - reach - self.low) * PIXELS).astype(int).clip(0)
        last = np.ceil((points[:, :2].max(0) + reach - self.low) * PIXELS).astype(int).clip(0)
        return slice(first[1], last[1] + 1), slice(first[0], last[0] + 1)

    def _paint(self, place: tuple, hit: np.ndarray, depth: np.ndarray, normal: np.ndarray, part: int) -> None:
        nearer = hit & (depth < self.depth[place])
        self.depth[place][nearer] = depth[nearer]
        self.normal[place][nearer] = np.broadcast_to(normal, (*nearer.shape, 3))[nearer]
        self.part[place][nearer] = part

    def ball(self, centre: np.ndarray, radius: float, part: int) -> None:
        place = self._around(centre[None], radius)
        aside = (self.places[place] - centre[:2]) / radius
        rest = 1 - (aside**2).sum(-1)
        height = np.sqrt(rest.clip(0))
        normal = np.concatenate([aside, -height[..., None]], -1)
        self._paint(place, rest > 0, centre[2] - radius * height, normal, part)

    def rod(self, start: np.ndarray, end: np.ndarray, radius: float, part: int) -> None:
        """Paint a cylinder: where the line of sight of each pixel meets it first."""
        length = max(np.linalg.norm(end - start), 1e-6)
        along = (end - start) / length
        place = self._around(np.stack([start, end]), radius)
        offset = np.pad(self.places[place], [(0, 0), (0, 0), (0, 1)]) - start
        at = offset @ along
        across, sight = offset - at[..., None] * along, np.array([0, 0, 1]) - along[2] * along
        a, b, c = max(sight @ sight, 1e-6), across @ sight, (across**2).sum(-1) - radius**2
        root = b**2 - a * c
        depth = -(b + np.sqrt(root.clip(0))) / a
        reached = at + depth * along[2]
        normal = (across + depth[..., None] * sight) / radius
        self._paint(place, (root > 0) & (reached >= 0) & (reached <= length), depth, normal, part)

    def triangle(self, corners: np.ndarray, normal: np.ndarray, radius: float, part: int) -> None:
        """Paint the near face of a triangular plate, shaded with a normal that neighbours share."""
        face = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        if abs(face[2]) < 1e-6:  # seen from its edge
            return
        corners = corners - face * (np.sign(face[2]) * radius / np.linalg.norm(face))
        place = self._around(corners, 0)
        to_corners = np.linalg.inv(np.vstack([corners[:, :2].T, np.ones(3)]))
        weights = np.pad(self.places[place], [(0, 0), (0, 0), (0, 1)], constant_values=1) @ to_corners.T
        self._paint(place, (weights >= 0).all(-1), weights @ corners[:, 2], normal, part)

    def image(self) -> np.ndarray:
        """Return the shaded picture with outlines: RGBA, float [side, side, 4]."""
        skin = np.array(mpl.colors.to_rgb(SKIN))
        colours = np.array([0.7 * np.array(mpl.colors.to_rgb(colour)) + 0.3 * skin for colour in FINGERS] + [skin])
        seen = self.part >= 0
        light = 0.5 + 0.55 * np.maximum(self.normal @ (LIGHT / np.linalg.norm(LIGHT)), 0)
        image = np.dstack([np.clip(colours[self.part] * light[..., None], 0, 1), seen])
        depth = np.pad(np.where(seen, self.depth, 99), 1, mode="edge")
        beside = [np.roll(depth, step, axis)[1:-1, 1:-1] for step in (1, -1) for axis in (0, 1)]
        image[seen & (np.max(beside, 0) - depth[1:-1, 1:-1] > JUMP), :3] = mpl.colors.to_rgb(OUTLINE)
        return image


def hand_picture(hand: np.ndarray, low: np.ndarray, size: float) -> np.ndarray:
    """Draw a hand as a body with light and shadow, each finger in its colour.

    Args:
        hand: float [21, 3] in palms: x right, y down, z away.
        low: upper left corner of the square to draw, in the same coordinates.
        size: its side in palms.

    Returns:
        RGBA in 0..1, float [side, side, 4] with PIXELS to a palm; transparent where there is no hand.
    """
    hand, low = np.asarray(hand, float), np.asarray(low, float)
    canvas = _Canvas(low, size)
    palm = np.sum([np.cross(hand[b] - hand[a], hand[c] - hand[a]) for a, b, c in TRIANGLES[1:4]], 0)
    palm *= (-1 if palm[2] > 0 else 1) / np.linalg.norm(palm)
    for triangle in TRIANGLES:
        radius = WEB_RADIUS if 2 in triangle else PALM_RADIUS
        canvas.triangle(hand[list(triangle)], palm, radius, PALM)
    for start, end in EDGES:
        canvas.rod(hand[start], hand[end], PALM_RADIUS, PALM)
        canvas.ball(hand[end], PALM_RADIUS, PALM)
    canvas.ball(hand[0], PALM_RADIUS, PALM)
    canvas.rod(hand[2], hand[5], WEB_RADIUS, PALM)
    for digit, (joints, width) in enumerate(zip(DIGITS, WIDTHS, strict=True)):
        radii = RADII * width
        for joint, radius in zip(joints, radii, strict=True):
            canvas.ball(hand[joint], radius, digit)
        for start, end, radius in zip(joints, joints[1:], (radii[1:] + radii[:-1]) / 2, strict=False):
            canvas.rod(hand[start], hand[end], radius, digit)
    return canvas.image()


def alphabet(characters: Mapping[str, np.ndarray], columns: int = 9) -> Figure:
    """Draw a page of characters. Of one that moves: the hand at the start, pale where it ends, and a fingertip's path.

    Args:
        characters: character -> float [keys, 21, 3] in palms (simulation.hand_shape).
        columns: pictures in a row.
    """
    rows = -(-len(characters) // columns)
    low = {character: keys[:, :, :2].min((0, 1)) for character, keys in characters.items()}
    high = {character: keys[:, :, :2].max((0, 1)) for character, keys in characters.items()}
    size = max((high[character] - low[character]).max() for character in characters) + 3 * PALM_RADIUS
    figure, axes = plt.subplots(rows, columns, figsize=(1.4 * columns, 1.6 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (character, keys) in zip(axes.flat, characters.items(), strict=False):
        corner = (low[character] + high[character] - size) / 2
        extent = (corner[0], corner[0] + size, corner[1] + size, corner[1])
        for key, alpha in ((-1, 0.3), (0, 1.0)) if len(keys) > 1 else ((0, 1.0),):
            axis.imshow(hand_picture(keys[key], corner, size), extent=extent, alpha=alpha)
        axis.set_title("space" if character == " " else character, loc="center", fontweight="bold")
        if len(keys) > 1:
            _draw_path(axis, keys)
    return finished(figure)


def _draw_path(axes: Axes, keys: np.ndarray) -> None:
    """Draw where the fingertip goes that is held out farthest."""
    tips = keys[:, DIGITS[:, -1]]
    reach = np.linalg.norm(tips - keys[:, :1], axis=-1).max(0)
    path = tips[:, reach.argmax(), :2]
    axes.plot(*path.T, color="black", linewidth=1.3, solid_joinstyle="round")
    axes.annotate("", path[-1], path[-2], arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkB": 0})
