from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerspelling.simulation import Signer, SimulationConfig, render_clip, training_phrases
from fingerspelling.simulation.camera import FACE_POINTS, LEFT_HAND, POSE_POINTS, RIGHT_HAND
from fingerspelling.text import CHARACTERS

CONFIG = SimulationConfig()


def people(count: int, left_handed: float = CONFIG.left_handed) -> list[Signer]:
    return [Signer.sample(np.random.default_rng(seed), left_handed) for seed in range(count)]


def clips(count: int, config: SimulationConfig = CONFIG) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    signers = people(20)
    return [render_clip(signers[i % 20], phrase, rng, config) for i, phrase in enumerate(training_phrases(rng, count))]


@settings(deadline=None, max_examples=30)
@given(st.text(alphabet=CHARACTERS, min_size=1, max_size=31), st.integers(0, 99))
def test_any_phrase_gives_a_clip(phrase: str, seed: int) -> None:
    clip = render_clip(people(1)[0], phrase, np.random.default_rng(seed), CONFIG)
    assert clip.dtype == np.float32 and clip.shape[1:] == (543, 3) and len(clip) >= 1
    assert not np.isinf(clip).any()
    assert np.isfinite(clip[:, POSE_POINTS]).all()
    for part in (FACE_POINTS, LEFT_HAND, RIGHT_HAND):  # a part is seen as a whole or not at all
        missing = np.isnan(clip[:, part])
        assert (missing.all((1, 2)) == missing.any((1, 2))).all()


def test_same_generator_same_clip() -> None:
    signer = people(1)[0]
    one, same, other = (render_clip(signer, "abc", np.random.default_rng(seed), CONFIG) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other, equal_nan=True)


def test_phrases_that_cannot_be_spelled_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        render_clip(people(1)[0], "", np.random.default_rng(0), CONFIG)
    with pytest.raises(ValueError, match="'É'"):
        render_clip(people(1)[0], "cafÉ", np.random.default_rng(0), CONFIG)


def test_nothing_is_lost_where_nothing_may_be() -> None:
    config = replace(CONFIG, lost_hand=0, junk=0)
    for signer, clip in zip(people(20), clips(20, config), strict=True):
        own, other = (RIGHT_HAND, LEFT_HAND) if signer.side > 0 else (LEFT_HAND, RIGHT_HAND)
        assert np.isfinite(clip[:, own]).all() and np.isfinite(clip[:, FACE_POINTS]).all()
        assert np.isnan(clip[:, other]).all()


def test_statistics_are_those_of_the_competition() -> None:
    """Figures of the 67,208 training clips; wide margins, for a sample of 250 clips of 20 people."""
    sample = clips(250)
    hands = [~np.isnan(clip[:, [LEFT_HAND.start, RIGHT_HAND.start], 0]) for clip in sample]
    frames = np.array([len(clip) for clip in sample])
    assert frames.mean() == pytest.approx(159.7, rel=0.2)
    assert frames.std() == pytest.approx(84.2, rel=0.25)
    seen = np.array([hand.any(1).mean() for hand in hands])
    assert seen.mean() == pytest.approx(0.561, abs=0.08)
    assert seen.std() == pytest.approx(0.295, abs=0.06)
    assert all(hand[0].any() and hand[-1].any() for hand in hands)
    both = np.concatenate(hands).all(1).mean()
    assert 0.0005 < both < 0.01
    no_face = np.mean(np.concatenate([np.isnan(clip[:, 0, 0]) for clip in sample]))
    assert 0.002 < no_face < 0.015
    palms, wrists = [], []
    for clip in sample:
        hand = np.where(np.isnan(clip[:, RIGHT_HAND]), clip[:, LEFT_HAND], clip[:, RIGHT_HAND])[..., :2]
        palms.append(np.nanmedian(np.linalg.norm(hand[:, 9] - hand[:, 0], axis=1)))
        wrists.append(np.nanmedian(hand[:, 0], axis=0))
    assert 0.124 < np.median(palms) < 0.179
    assert (np.quantile(wrists, 0.1, axis=0) > [0.1, 0.58]).all()
    assert (np.quantile(wrists, 0.9, axis=0) < [0.75, 0.9]).all()


def test_hands_are_lost_more_often_in_fast_movement() -> None:
    fast, slow = [], []
    signer = people(1, left_handed=0)[0]
    for seed in range(40):
        whole, seen = (
            render_clip(
                signer, "the quick brown fox", np.random.default_rng(seed), replace(CONFIG, junk=0, lost_hand=lost)
            )
            for lost in (0, 1)
        )
        if len(whole) == len(seen):
            speed = np.abs(np.diff(whole[:, RIGHT_HAND, :2], axis=0)).mean((1, 2))
            lost = np.isnan(seen[:-1, RIGHT_HAND.start, 0])
            fast.append(lost[speed > np.median(speed)].mean())
            slow.append(lost[speed <= np.median(speed)].mean())
    assert len(fast) > 10
    assert np.mean(fast) > np.mean(slow) + 0.03
