"""From the search's probability to the score to be expected, and below which confidence there is nothing to read."""

import numpy as np
import pytest

from fingerspelling.scoring.confidence import REFUSED, Calibration, fit, keeping


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


@pytest.mark.parametrize(("clips", "refused"), [(1, 0), (99, 0), (100, 1), (800, 8)])
def test_the_threshold_is_the_largest_that_refuses_one_legible_clip_in_a_hundred(clips: int, refused: int) -> None:
    legible = np.random.default_rng(0).permutation(clips) / clips
    threshold = keeping(legible)
    assert (legible < threshold).sum() == refused <= REFUSED * clips
    assert (legible < np.nextafter(threshold, 1)).sum() > REFUSED * clips, "a larger one would refuse more"


def test_of_a_model_that_reads_nothing_rightly_all_is_refused() -> None:
    assert keeping(np.array([])) == 1.0
