import time
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_training import CONFIG, MODEL, assert_same_weights, watch_evaluations

from fingerspelling.data.store import ClipStore
from fingerspelling.training import Recipe, TrainingConfig, train
from fingerspelling.training.limit import BEGAN, StoppedInTime, TimeLimit


def test_kaggles_sessions_have_a_limit_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    assert TrainingConfig().stop_after_hours is None
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    assert TrainingConfig().stop_after_hours == 11.5
    assert TrainingConfig(stop_after_hours=3.0).stop_after_hours == 3.0
    assert TrainingConfig(stop_after_hours=None).stop_after_hours is None


def test_a_training_stops_with_a_checkpoint_and_goes_on_from_there(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(store, Recipe(MODEL, CONFIG), tmp_path / "whole")
    epochs = watch_evaluations(monkeypatch)
    for epoch in (1, 2):
        hurried = Recipe(MODEL, replace(CONFIG, stop_after_hours=1e-6))
        with pytest.raises(
            StoppedInTime, match=rf"hours: 1e-06\), ours has a checkpoint after epoch {epoch} of 3; the same"
        ):
            train(store, hurried, tmp_path / "ours")
        assert not (tmp_path / "ours/model").exists()
    unhurried = Recipe(MODEL, replace(CONFIG, stop_after_hours=2.0))  # another limit is no other training
    assert_same_weights(train(store, unhurried, tmp_path / "ours"), whole)
    assert epochs == [1, 2, 3]
    assert not (tmp_path / "ours/checkpoints").exists()


def test_a_session_counts_from_its_beginning_and_another_training_from_its_own(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BEGAN, raising=False)
    recipe = Recipe(MODEL, replace(CONFIG, epochs=2, stop_after_hours=1.0))
    train(store, recipe, tmp_path / "here")
    monkeypatch.setenv(BEGAN, str(time.time() - 3600))
    with pytest.raises(StoppedInTime, match=r"hours: 1\), session has a checkpoint after epoch 1 of 2"):
        train(store, recipe, tmp_path / "session")


def test_no_training_begins_whose_first_epoch_might_not_end_in_time(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BEGAN, str(time.time() - 3600))
    recipe, limits = Recipe(MODEL, replace(CONFIG, epochs=1)), (TimeLimit(1.4), TimeLimit(1.6))
    for limit in limits:
        limit.longest = 0.5  # of an earlier training
    with pytest.raises(StoppedInTime, match=r"hours: 1.4\), before ours; the same"):
        train(store, recipe, tmp_path / "ours", limit=limits[0])
    assert not (tmp_path / "ours").exists()
    train(store, recipe, tmp_path / "ours", limit=limits[1])
