"""From the search's probability to the score to be expected, and below which confidence there is nothing to read."""

import numpy as np
import pytest

from fingerspelling.scoring.confidence import Calibration, fit, separating


def test_an_intercept_of_0_and_a_slope_of_1_leave_a_probability_as_it_is() -> None:
    same = Calibration(0.0, 1.0)
    assert [same.confidence(p) for p in (0.1, 0.5, 0.93)] == pytest.approx([0.1, 0.5, 0.93])
    assert same.confidence(0.0) < 1e-5 and same.confidence(1.0) > 1 - 1e-5


def test_the_curve_that_made_the_scores_is_found() -> None:
    rng, true = np.random.default_rng(0), Calibration(-0.8, 1.7)
    probabilities = rng.random(4000)
    expected = np.array([true.confidence(p) for p in probabilities])
    scores = rng.binomial(8, expected) / 8  # of phrases of eight letters
    found = fit(probabilities, scores)
    assert (found.intercept, found.slope) == pytest.approx((true.intercept, true.slope), abs=0.1)
    assert np.mean([found.confidence(p) for p in probabilities]) == pytest.approx(scores.mean(), abs=1e-3)


@pytest.mark.parametrize("scores", [np.ones(20), np.zeros(20)])
def test_scores_that_are_all_alike_give_a_curve_too(scores: np.ndarray) -> None:
    found = fit(np.linspace(0.1, 0.9, 20), scores)
    assert np.isfinite([found.intercept, found.slope]).all()
    assert abs(found.confidence(0.5) - scores[0]) < 0.1


def test_the_threshold_separates_what_is_read_from_what_is_not_there() -> None:
    legible, empty = np.array([0.9, 0.8, 0.7, 0.65, 0.2]), np.array([0.1, 0.15, 0.3, 0.75])
    threshold = separating(legible, empty)
    assert 0.3 < threshold < 0.65  # keeps four of five, refuses three of four
    assert separating(np.array([]), empty) > 0.75, "of a model that reads nothing rightly, all is refused"
    assert separating(np.array([0.6]), np.array([0.2])) == pytest.approx(0.4)
    assert separating(np.array([0.3, 0.9]), np.array([0.1, 0.0])) == pytest.approx(0.2)
