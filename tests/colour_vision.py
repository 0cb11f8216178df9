"""Colours as those who lack a cone see them, and how far apart they are."""

import numpy as np
from matplotlib.colors import to_rgb

# Machado et al., "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1, of
# linear RGB.
VISION = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
)


def lab(colours: object, vision: str) -> np.ndarray:
    """Return colours as they are seen, in CIELAB, where about 2 is the least difference that anybody sees.

    Args:
        colours: names, or RGB in 0..1, float [colours, 3].
        vision: one of VISION.
    """
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = (linear @ VISION[vision].T).clip(0, 1) @ TO_XYZ.T / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def distances(colours: object, vision: str) -> np.ndarray:
    """Return how far apart each two colours are, float [colours, colours]."""
    seen = lab(colours, vision)
    return np.linalg.norm(seen[:, None] - seen, axis=-1)


def nearest(colours: object, vision: str) -> float:
    """Return the distance of the two colours that are most alike."""
    apart = distances(colours, vision)
    return float(apart[np.triu_indices(len(apart), 1)].min())
