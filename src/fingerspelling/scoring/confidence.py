"""How right an answer is likely to be, from how probable the model's search finds it."""

from dataclasses import dataclass

import numpy as np

LEAST = 1e-6  # probabilities count as at least this, and at most as 1 less this
STEPS = 50  # of Newton's method, which needs a handful


@dataclass(frozen=True)
class Calibration:
    """A logistic curve over the logit of a probability (Platt, 1999), fitted to what clips scored.

    Attributes:
        intercept: the curve's logit where the probability is a half.
        slope: its rise per unit of the probability's logit; 0 and 1 would leave the probability as it is.
        threshold: below this confidence, there is nothing to read.
    """

    intercept: float
    slope: float
    threshold: float = 0.0

    def confidence(self, probability: float) -> float:
        """Return the score to be expected, 0..1, of an answer of this probability per character."""
        return float(_curve(np.array([self.intercept, self.slope]), _design(np.array([probability])))[0])


def fit(probabilities: np.ndarray, scores: np.ndarray) -> Calibration:
    """Fit the curve to clips: float [clips] each, probabilities per character and scores, both 0..1."""
    design, curve = _design(probabilities), np.array([0.0, 1.0])
    for _ in range(STEPS):
        expected = _curve(curve, design)
        weights = expected * (1 - expected)
        # A hint of the identity, for scores that leave the curve undetermined, as where all are 1.
        slope = design.T @ (scores - expected) - 1e-3 * (curve - [0.0, 1.0])
        curve = curve + np.linalg.solve((design.T * weights) @ design + 1e-3 * np.eye(2), slope)
    return Calibration(*curve.tolist())


def separating(legible: np.ndarray, empty: np.ndarray) -> float:
    """Return the threshold that keeps most of the legible clips and refuses most of the empty ones.

    It is where the sum of both shares is largest (Youden's J), halfway between two confidences: float [clips] each, in
    what was read rightly, and in what was read where nothing is spelled.
    """
    values = np.unique([0.0, *legible, *empty])
    between = np.append((values[1:] + values[:-1]) / 2, 1.0)
    kept = np.array([(legible >= threshold).sum() for threshold in between]) / max(len(legible), 1)
    refused = np.array([(empty < threshold).sum() for threshold in between]) / max(len(empty), 1)
    return float(between[np.argmax(kept + refused)])


def _design(probabilities: np.ndarray) -> np.ndarray:
    clipped = np.clip(probabilities.astype(float), LEAST, 1 - LEAST)
    return np.stack([np.ones(len(clipped)), np.log(clipped / (1 - clipped))], 1)


def _curve(curve: np.ndarray, design: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(design @ curve, -50, 50)))
