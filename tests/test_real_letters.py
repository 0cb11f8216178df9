"""The benchmark's readers and classifiers of real hands."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from fingerspelling.runs.config import ROOT
from fingerspelling.simulation import hand_shape


@pytest.fixture
def real_letters(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return pytest.importorskip("real_letters")


def noisy(characters: str, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Hands as the simulation forms them, moved, scaled and disturbed."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(list(characters), count)
    points = np.stack([hand_shape(label)[0] for label in labels]) + rng.normal(0, 0.02, (len(labels), 21, 3))
    return points * rng.uniform(0.1, 3, (len(labels), 1, 1)) + rng.normal(0, 1, (len(labels), 1, 3)), labels


def test_features_know_neither_place_nor_size(real_letters: ModuleType) -> None:
    points, _ = noisy("ab", 2)
    here, there = (real_letters.features(place).numpy() for place in (points, 3 * points + [1, 2, 3]))
    assert here.shape == (4, 40)
    np.testing.assert_allclose(here, there, atol=1e-5)


def test_hands_are_read_and_left_ones_too_where_the_side_is_not_known(real_letters: ModuleType) -> None:
    training = real_letters.Hands("simulated", *noisy("abcl", 40))
    points, labels = noisy("abcl", 10, seed=1)
    mirrored = points * [-1, 1, 1]
    tests = [
        real_letters.Hands("same", points, labels),
        real_letters.Hands("mirrored", mirrored, labels),
        real_letters.Hands(
            "either", np.where(np.arange(len(labels))[:, None, None] % 2, points, mirrored), labels, True
        ),
        real_letters.Hands("digits", points, np.repeat("1", len(labels))),
    ]
    table = real_letters.accuracies(real_letters.readings(training, tests, "abcl"))
    assert list(table) == ["same", "mirrored", "either", "mean"]
    assert (table[["same", "either"]] > 0.95).all(axis=None)
    assert (table["mirrored"] < 0.9).all()
    np.testing.assert_allclose(table["mean"], table[["same", "mirrored", "either"]].mean(axis=1))


def test_the_weakest_are_listed_with_what_they_are_taken_for(real_letters: ModuleType) -> None:
    results = pd.DataFrame({"label": [*"aaaabbd"], "read": [*"abccbbc"]})
    lines = ["  d 0.00   c 1.00, a 0.00, b 0.00", "  a 0.25   c 0.50, b 0.25", "  b 1.00   a 0.00, c 0.00"]
    assert real_letters.weakest(results).splitlines() == lines
    assert real_letters.weakest(results, most=1).splitlines() == lines[:1]


def test_letters_in_flow_are_nearest_to_themselves(real_letters: ModuleType, real_data: Path) -> None:
    still = next(hands for hands in real_letters.read_sets(real_data) if hands.name == "borisgraudt")
    nearest = real_letters.nearest_in_flow(still, real_data)
    assert sum(letter == other for letter, other in nearest.items()) > 13


def test_simulated_letters_in_flow_are_nearest_to_the_real_ones(real_letters: ModuleType, real_data: Path) -> None:
    benchmark = pytest.importorskip("simulation")
    hands = benchmark.hands_in_flow(benchmark.cast(1)[:60], real_letters.FLOW_LETTERS, 100, seed=1)
    nearest = real_letters.nearest_in_flow(hands, real_data)
    assert sum(letter == other for letter, other in nearest.items()) >= 21, nearest


def test_sets_are_read_as_right_hands(real_letters: ModuleType, real_data: Path) -> None:
    sets = {hands.name: hands for hands in real_letters.read_sets(real_data)}
    assert {name: len(hands.labels) for name, hands in sets.items()} == {
        **{"borisgraudt": 10508, "massey": 1771, "bisonhacks": 7500},
        **{"nejohnson2": 1022, "dancsomarci": 1582, "ardamavi": 2020},
    }
    for name, hands in sets.items():
        upright = hands.of("bfw4")
        thumb = (upright.points[:, 5] - upright.points[:, 17])[:, 0] > 0  # its side is to the right
        breadth = np.abs(upright.points[:, 5, 0] - upright.points[:, 17, 0])
        palm = np.linalg.norm((upright.points[:, 9] - upright.points[:, 0])[:, :2], axis=1)
        assert np.median(breadth / palm) == pytest.approx(0.6, abs=0.08), name
        assert hands.either or thumb.mean() > 0.95, name


def test_tables_may_count_joints_from_one(real_letters: ModuleType, tmp_path: Path) -> None:
    values = np.arange(126.0).reshape(2, 63)
    for first in (0, 1):
        columns = [f"{axis}{joint}" for joint in range(first, first + 21) for axis in "xyz"]
        pd.DataFrame(values, columns=columns).assign(label=["A", 5]).to_csv(tmp_path / "hands.csv", index=False)
        points, labels = real_letters._numbered(tmp_path)
        np.testing.assert_array_equal(points.reshape(2, 63), values)
        assert [str(label) for label in labels] == ["A", "5"]
