"""A small software renderer: balls, rods and plates in a depth buffer, shaded by one lamp and outlined.

Coordinates are x to the right, y down, z away from the eye, which looks along z from infinitely far away: a picture
shows x and y as they are, and of the points that lie behind one another the one with the smallest z.
"""

import matplotlib as mpl
import numpy as np

PIXELS = 80  # per unit of length
LIGHT = np.array([-0.35, -0.4, -0.85])  # towards the lamp: above, to the left, in front
JUMP = 0.06  # where one part lies that much behind another, the nearer one gets an outline
OUTLINE = "#33261f"


class Canvas:
    """For every pixel, the depth, normal and part of the nearest surface so far.

    Args:
        low: upper left corner of the square to draw, x and y.
        size: its side.
    """

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
        """Paint a ball: where a pixel is d radii off its centre, the surface is sqrt(1 - d^2) radii nearer."""
        place = self._around(centre[None], radius)
        aside = (self.places[place] - centre[:2]) / radius
        rest = 1 - (aside**2).sum(-1)
        height = np.sqrt(rest.clip(0))
        normal = np.concatenate([aside, -height[..., None]], -1)
        self._paint(place, rest > 0, centre[2] - radius * height, normal, part)

    def rod(self, start: np.ndarray, end: np.ndarray, radius: float, part: int) -> None:
        """Paint a cylinder without its ends.

        A pixel's line of sight is p + t s, from its place p at depth 0 along s = (0, 0, 1). Relative to the rod's start
        and without their parts along its axis u, p and s become p' and s', and the line meets the surface where

            |p' + t s'|^2 = r^2,  that is  a t^2 + 2 b t + c = 0  with  a = s's',  b = p's',  c = p'p' - r^2.

        The nearer of both places is at the depth t = (-b - sqrt(b^2 - a c)) / a. The rod is there if p u + t s u, how
        far along the axis that is, lies between 0 and its length.
        """
        length = max(np.linalg.norm(end - start), 1e-6)
        axis = (end - start) / length
        place = self._around(np.stack([start, end]), radius)
        pixel = np.pad(self.places[place], [(0, 0), (0, 0), (0, 1)]) - start  # p, from the rod's start
        along = pixel @ axis
        across, sight = pixel - along[..., None] * axis, np.array([0, 0, 1]) - axis[2] * axis  # p' and s'
        a, b, c = max(sight @ sight, 1e-6), across @ sight, (across**2).sum(-1) - radius**2
        root = b**2 - a * c
        depth = -(b + np.sqrt(root.clip(0))) / a
        reached = along + depth * axis[2]
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
        self._paint(place, np.all(weights >= 0, axis=-1), weights @ corners[:, 2], normal, part)

    def image(self, colours: np.ndarray) -> np.ndarray:
        """Return the shaded picture: RGBA in 0..1, float [side, side, 4], transparent where nothing was painted.

        Parts have colours in RGB, float [parts, 3].
        """
        seen = self.part >= 0
        light = 0.8 + 0.25 * np.maximum(self.normal @ (LIGHT / np.linalg.norm(LIGHT)), 0)
        image = np.dstack([np.clip(colours[self.part] * light[..., None], 0, 1), seen])
        depth = np.pad(np.where(seen, self.depth, 99), 1, mode="edge")
        around = [np.roll(depth, step, axis)[1:-1, 1:-1] for step in (1, -1) for axis in (0, 1)]
        image[seen & (np.max(around, 0) - depth[1:-1, 1:-1] > JUMP), :3] = mpl.colors.to_rgb(OUTLINE)
        return image
