from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import CONFIG

from fingerspelling.data.store import ClipStore
from fingerspelling.files import DataError
from fingerspelling.training import confidence_targets, split_by_signer
from fingerspelling.training.split import folds_by_signer


@pytest.mark.parametrize("fold", range(4))
def test_validation_signers_are_never_trained_on(store: ClipStore, fold: int) -> None:
    split = split_by_signer(store, replace(CONFIG, validation_fold=fold))
    signers, supplemental = store.table["participant_id"].to_numpy(), store.table["supplemental"].to_numpy()
    unseen = set(signers[split.validation])
    assert unseen
    assert not unseen & set(signers[split.training])
    assert not unseen & set(signers[split.supplemental])
    assert supplemental[split.supplemental].all()
    assert sorted([*split.training, *split.validation]) == np.flatnonzero(~supplemental).tolist()


def test_folds_hold_every_clip_out_once(store: ClipStore) -> None:
    splits = [split_by_signer(store, replace(CONFIG, validation_fold=fold)) for fold in range(4)]
    held_out = np.concatenate([split.validation for split in splits])
    assert sorted(held_out) == np.flatnonzero(~store.table["supplemental"]).tolist()


def test_fold_minus_1_trains_on_everybody(store: ClipStore) -> None:
    everything = split_by_signer(store, replace(CONFIG, validation_fold=-1))
    assert everything.training.tolist() == np.flatnonzero(~store.table["supplemental"]).tolist()
    first = split_by_signer(store, replace(CONFIG, validation_fold=0))
    assert everything.validation.tolist() == first.validation.tolist()


def test_what_joins_training_can_be_chosen(store: ClipStore) -> None:
    table = store.table
    split = split_by_signer(store, replace(CONFIG, validation_fold=-1))
    assert table["sequence_id"].iloc[split.supplemental].tolist() == [3001, 3002, 3003, 3005]  # 3004 is too long
    assert not len(split_by_signer(store, replace(CONFIG, supplemental=False)).supplemental)
    longer = split_by_signer(store, replace(CONFIG, validation_fold=-1, min_frames=38))
    assert table["n_frames"].iloc[longer.training].min() == 38
    assert table["sequence_id"].iloc[longer.supplemental].tolist() == [3003, 3005]
    assert longer.validation.tolist() == split.validation.tolist()


def test_a_split_with_an_empty_side_is_an_error(store: ClipStore) -> None:
    with pytest.raises(DataError, match="0 clips to train on, 3 held out"):
        split_by_signer(store, replace(CONFIG, min_frames=1000))
    with pytest.raises(DataError, match=r"4 signers .* 5 folds by signer; set training.folds to 4 at most"):
        split_by_signer(store, replace(CONFIG, folds=5))


def test_scores_of_a_first_round_become_targets(store: ClipStore, tmp_path: Path) -> None:
    for name, scores in {"a": {1001: 0.25, 1002: 0.0, 3001: 0.9}, "b": {2006: 0.75, 1001: 0.1, 777: 0.3}}.items():
        table = pd.DataFrame({"sequence_id": scores.keys(), "raw_score": scores.values(), "score": 0.6})
        table.to_parquet(tmp_path / f"{name}.parquet")
    targets = confidence_targets(store, (str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")))
    by_id = dict(zip(store.table["sequence_id"], targets, strict=True))
    expected = {1001: 0.25, 1002: 0.0, 2006: 0.75, 1003: 1.0, 2005: 1.0, 3001: 0.5, 3005: 0.5}
    assert {clip: by_id[clip] for clip in expected} == expected
    assert confidence_targets(store, ("a.parquet", "b.parquet"), tmp_path).tolist() == targets.tolist()
    assert confidence_targets(store, ()).tolist() == [0.5] * 5 + [1.0] * 12


def test_unreadable_scores_are_named(store: ClipStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.parquet: no readable out-of-fold scores"):
        confidence_targets(store, (str(tmp_path / "nowhere.parquet"),))
    path = tmp_path / "other.parquet"
    pd.DataFrame({"sequence_id": [1]}).to_parquet(path)
    with pytest.raises(DataError, match=r"other\.parquet: no readable out-of-fold scores"):
        confidence_targets(store, (str(path),))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"other\.parquet: no readable out-of-fold scores"):
        confidence_targets(store, (str(path),))


signers = st.lists(st.integers(0, 12), min_size=1, max_size=200)


@given(signers, st.integers(1, 5))
def test_no_signer_stands_in_two_folds(participants: list[int], n_folds: int) -> None:
    series = pd.Series(participants)
    if series.nunique() < n_folds:
        with pytest.raises(DataError, match=f"cannot be split into {n_folds} folds"):
            folds_by_signer(series, n_folds)
        return
    folds = folds_by_signer(series, n_folds)
    assert set(folds) == set(range(n_folds))
    assert len(set(zip(participants, folds, strict=True))) == len(set(participants))


@given(signers, st.randoms())
def test_folds_do_not_depend_on_the_order_of_clips(participants: list[int], random) -> None:
    shuffled = random.sample(range(len(participants)), len(participants))
    series = pd.Series(participants)
    n_folds = min(3, series.nunique())
    assert (folds_by_signer(series, n_folds)[shuffled] == folds_by_signer(series.iloc[shuffled], n_folds)).all()


def test_folds_are_of_about_the_same_size() -> None:
    rng = np.random.default_rng(0)
    participants = pd.Series(np.repeat(np.arange(94), rng.integers(1, 1500, 94)))
    sizes = np.bincount(folds_by_signer(participants, 4))
    assert sizes.max() / sizes.min() < 1.01
