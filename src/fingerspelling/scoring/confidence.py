"""How right an answer is likely to be, from how probable the model's search finds it."""

from dataclasses import dataclass

import numpy as np

DOUBTFUL = 0.8  # below this confidence, one character in five or more is likely to be wrong
REFUSED = 0.01  # share of the legible clips that a threshold may refuse
LEAST = 1e-6  # probabilities count as at least this, and at most as 1 less this
STEPS = 50  # of Newton's method, which needs a handful


@dataclass(frozen=True)
class Calibration:
    """A logistic curve over the logit of a probability (Platt, 1999), fitted to what clips scored.

    Attributes:
        intercept: the curve's logit where the probability is a half.
        slope: its rise per unit of the probability's logit; 0 and 1 would leave the probability as it is.
        threshold: below this confidence, an answer is not shown: it is likely to be invented.
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


def keeping(legible: np.ndarray) -> float:
    """Return the largest threshold that refuses at most REFUSED of the legible clips, by their confidences [clips].

    A right answer that is withheld is lost, while a doubtful one is shown with its confidence. Weighing both errors
    alike (Youden's J) would refuse a tenth of the legible clips for the sake of resting hands that look like a letter.
    """
    return float(np.sort(legible)[int(REFUSED * len(legible))]) if len(legible) else 1.0


def _design(probabilities: np.ndarray) -> np.ndarray:
    clipped = np.clip(probabilities.astype(float), LEAST, 1 - LEAST)
    return np.stack([np.ones(len(clipped)), np.log(clipped / (1 - clipped))], 1)


def _curve(curve: np.ndarray, design: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(design @ curve, -50, 50)))
