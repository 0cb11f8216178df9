import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerspelling.simulation import SimulationConfig
from fingerspelling.simulation.alphabet import PLACE, TURN
from fingerspelling.simulation.hand import LIMITS
from fingerspelling.simulation.movement import GROUPS, LOOKALIKES, SPEED_LIMITS, Manner, sign
from fingerspelling.simulation.signer import Signer
from fingerspelling.text import CHARACTERS

CONFIG = SimulationConfig()
phrases = st.text(alphabet=CHARACTERS, min_size=1, max_size=31)


def signer(seed: int) -> Signer:
    return Signer.sample(np.random.default_rng(seed))


@settings(deadline=None, max_examples=40)
@given(phrases, st.integers(0, 1000), st.sampled_from([0.5, 1.0, 8.0]))
def test_movement_respects_joints_and_speeds(phrase: str, seed: int, tempo: float) -> None:
    config = SimulationConfig(tempo=tempo)
    motion, characters = sign(phrase, signer(seed), np.random.default_rng(seed), config)
    assert motion.dtype == np.float32 and len(motion) == len(characters)
    angles = motion[:, : TURN.start]
    assert (angles >= LIMITS[:, 0]).all() and (angles <= LIMITS[:, 1]).all()
    speed = np.abs(np.diff(motion, axis=0)) * config.fps
    for channels, limit in zip(GROUPS, SPEED_LIMITS, strict=True):
        # Two movements at a time at most reach their peak together; drifting adds a little.
        assert speed[:, channels].max() < 2 * limit * 1.05


@settings(deadline=None, max_examples=30)
@given(phrases, st.integers(0, 1000))
def test_every_character_has_its_time_in_order(phrase: str, seed: int) -> None:
    _, characters = sign(phrase, signer(seed), np.random.default_rng(seed), CONFIG)
    inside = characters[characters >= 0]
    assert (np.diff(inside) >= 0).all()
    assert set(inside) <= set(range(len(phrase)))
    assert len(set(inside)) >= 0.9 * len(phrase)


def test_slow_signers_reach_the_posture_and_fast_ones_undershoot() -> None:
    person = signer(1)
    target = person.postures["b"][0, : TURN.start]

    def miss(tempo: float) -> float:
        misses = []
        for seed in range(30):
            motion, characters = sign("sbs", person, np.random.default_rng(seed), SimulationConfig(tempo=tempo))
            own = np.abs(motion[characters == 1, : TURN.start] - target).mean(1)
            misses.append(own.min())
        return float(np.mean(misses))

    assert miss(0.5) < 5  # what differs from one time to the next is 4 degrees a joint
    assert miss(4) > miss(0.5) + 3


def test_doubled_letters_are_told_apart_by_a_movement() -> None:
    person = signer(2)
    moved = []
    for phrase in ("ll", "l"):
        spans = []
        for seed in range(20):
            motion, characters = sign(phrase, person, np.random.default_rng(seed), CONFIG)
            place = motion[characters >= 0][5:, PLACE]
            spans.append(np.ptp(place, axis=0).max())
        moved.append(np.mean(spans))
    assert moved[0] > moved[1] + 0.1


def test_tempo_and_frame_rate_set_the_number_of_frames() -> None:
    def frames(**parameters: float) -> float:
        config = SimulationConfig(**parameters)
        return np.mean([len(sign("fingerspelling", signer(s), np.random.default_rng(s), config)[0]) for s in range(10)])

    assert frames(fps=60) == pytest.approx(2 * frames(fps=30), rel=0.02)
    assert frames(tempo=0.5) == pytest.approx(2 * frames(), rel=0.1)


def test_haste_is_limited_by_the_hand() -> None:
    def frames(tempo: float) -> int:
        return len(
            sign("fingerspelling", signer(3), np.random.default_rng(3), SimulationConfig(tempo=tempo, fps=120))[0]
        )

    assert frames(10) > 1.25 * frames(1) / 10  # the movements' own time is left


def test_letters_slip_into_those_that_look_like_them() -> None:
    def nearness(letters: list[str], motion: np.ndarray) -> float:
        """Degrees of the joints between a motion and the nearest that it comes to any of some letters."""
        postures = np.concatenate([person.postures[letter][0] for letter in letters]).reshape(-1, motion.shape[1])
        return np.abs(motion[:, None, : TURN.start] - postures[:, : TURN.start]).mean(2).min()

    config, own, others = SimulationConfig(tempo=0.3), [], []
    for seed in range(40):
        person = signer(seed)
        motion, characters = sign("f", person, np.random.default_rng(seed), config, Manner(slips=1.0))
        held = motion[characters == 0]
        own.append(nearness(["f"], held))
        others.append(nearness(LOOKALIKES["f"], held))
        usual, _ = sign("f", person, np.random.default_rng(seed), config)
        assert nearness(["f"], usual) < 6 < nearness(LOOKALIKES["f"], usual)
    assert max(others) < 6  # another letter is always formed,
    assert 0.15 < np.mean(np.array(own) > 6) < 0.5  # and the own is in a third of the cases not
