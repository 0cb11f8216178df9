"""Hands as bodies: a picture of one from its 21 joints, and pages of what each character looks like."""

from collections.abc import Mapping
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fingerspelling.plots.render3d import Canvas
from fingerspelling.plots.style import FINGERS, WIDTH, finished

FINGER_JOINTS = np.arange(1, 21).reshape(5, 4)  # from the thumb to the little finger, from the knuckle to the tip
# Palms, of a middle finger's joints; the thumb is thicker, the little finger thinner.
RADII = np.array([0.115, 0.105, 0.1, 0.088])
WIDTHS = [1.15, 1.0, 1.0, 0.97, 0.88]
PALM = len(FINGER_JOINTS)  # the part after the fingers
SKIN = "#fff7f0"  # so pale that even in the shade it is no finger's colour, whoever looks
COLOURS = np.array([mpl.colors.to_rgb(colour) for colour in (*FINGERS, SKIN)])  # of parts
PALM_RADIUS, WEB_RADIUS = 0.12, 0.085
TRIANGLES = [(0, 1, 5), (0, 5, 9), (0, 9, 13), (0, 13, 17), (1, 2, 5)]
EDGES = [(0, 1), (1, 5), (0, 5), (5, 9), (9, 13), (13, 17), (0, 17)]


def hand_picture(hand: np.ndarray, low: np.ndarray, size: float) -> np.ndarray:
    """Draw a hand as a body with light and shadow, each finger in its colour.

    Args:
        hand: float [21, 3] in palms: x right, y down, z away.
        low: upper left corner of the square to draw, in the same coordinates.
        size: its side in palms.

    Returns:
        RGBA in 0..1, float [side, side, 4] with render3d.PIXELS per palm; transparent where there is no hand.
    """
    hand, low = np.asarray(hand, float), np.asarray(low, float)
    canvas = Canvas(low, size)
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
    for finger, (joints, width) in enumerate(zip(FINGER_JOINTS, WIDTHS, strict=True)):
        radii = RADII * width
        for joint, radius in zip(joints, radii, strict=True):
            canvas.ball(hand[joint], radius, finger)
        for start, end, radius in zip(joints, joints[1:], (radii[1:] + radii[:-1]) / 2, strict=False):
            canvas.rod(hand[start], hand[end], radius, finger)
    return canvas.image(COLOURS)


def alphabet(characters: Mapping[str, np.ndarray], columns: int = 6) -> Figure:
    """Draw a page of characters, each float [keys, 21, 3] in palms (simulation.hand_shape), `columns` per row.

    Of one that moves, it draws the hand where it starts, pale where it ends, and its path.
    """
    rows = -(-len(characters) // columns)
    low = {character: keys[:, :, :2].min((0, 1)) for character, keys in characters.items()}
    high = {character: keys[:, :, :2].max((0, 1)) for character, keys in characters.items()}
    size = max((high[character] - low[character]).max() for character in characters) + 3 * PALM_RADIUS
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 1.12 * WIDTH / columns * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (character, keys) in zip(axes.flat, characters.items(), strict=False):
        corner = (low[character] + high[character] - size) / 2
        extent = (corner[0], corner[0] + size, corner[1] + size, corner[1])
        for key, alpha in ((-1, 0.2), (0, 1.0)) if len(keys) > 1 else ((0, 1.0),):
            axis.imshow(hand_picture(keys[key], corner, size), extent=extent, alpha=alpha)
        axis.set_title("space" if character == " " else character, loc="center", fontweight="bold")
        if len(keys) > 1:
            _draw_path(axis, keys)
    return finished(figure, f"The shapes of the hand that stand for {' '.join(characters)}.", _reading(characters))


def _reading(characters: Mapping[str, np.ndarray]) -> str:
    """Say which characters are most alike: of those that are held, by their joints; else, how far a fingertip moves."""
    if all(len(keys) > 1 for keys in characters.values()):
        ways = {
            name.strip() or "space": np.linalg.norm(np.diff(_path(keys), axis=0), axis=1).sum()
            for name, keys in characters.items()
        }
        least, most = min(ways, key=ways.__getitem__), max(ways, key=ways.__getitem__)
        far = f"{ways[most]:.1f} for `{most}`, the most"
        return f"The fingertip travels {ways[least]:.1f} palms for `{least}`, the least, and {far}."
    apart = {
        f"{one} and {other}": np.linalg.norm(characters[one][0] - characters[other][0], axis=-1).mean()
        for one, other in combinations(characters, 2)
    }
    alike = sorted(apart, key=apart.__getitem__)[:3]
    said = ", ".join(f"{pair} ({apart[pair]:.2f})" for pair in alike)
    return f"Most alike: {said}; in brackets, how many palms apart their joints are on average." if alike else ""


def _path(keys: np.ndarray) -> np.ndarray:
    """Return the path of the fingertip that is held out farthest, float [keys, 2]."""
    tips = keys[:, FINGER_JOINTS[:, -1]]
    reach = np.linalg.norm(tips - keys[:, :1], axis=-1).max(0)
    return tips[:, reach.argmax(), :2]


def _draw_path(axes: Axes, keys: np.ndarray) -> None:
    path = _path(keys)
    axes.plot(*path.T, color="black", linewidth=1.3, solid_joinstyle="round")
    axes.annotate("", path[-1], path[-2], arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkB": 0})
