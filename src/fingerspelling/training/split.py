"""Who is trained on, who is held out, and how well the first round read them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fingerspelling.data.store import ClipStore
from fingerspelling.files import DataError
from fingerspelling.training.config import TrainingConfig

SUPPLEMENTAL_SCORE = 0.5  # the confidence head's target for supplemental clips
SUPPLEMENTAL_LENGTH = 32  # characters; longer supplemental phrases stay out


@dataclass(frozen=True)
class Split:
    """Places in the store of the clips to train on, the supplemental ones among them, and the held-out ones."""

    training: np.ndarray
    supplemental: np.ndarray
    validation: np.ndarray


def folds_by_signer(participants: pd.Series, n_folds: int) -> np.ndarray:
    """Deal the signers into folds of about as many clips each, so that no signer stands in two.

    The signer with the most clips goes first, each to the fold that is smallest so far: the same clips always
    give the same folds.

    Returns:
        int [clips], the fold of each clip.

    Raises:
        DataError: there are fewer signers than folds.
    """
    counts = participants.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    if len(counts) < n_folds:
        if len(counts) == 1:
            advice = "training.folds to 1 and training.validation_fold to -1, to train on all clips and hold out none"
            raise DataError(f"one signer cannot be split into {n_folds} folds by signer; set {advice}")
        advice = f"set training.folds to {len(counts)} at most"
        raise DataError(f"{len(counts)} signers cannot be split into {n_folds} folds by signer; {advice}")
    sizes = np.zeros(n_folds, int)
    fold_of = {}
    for signer, clips in counts.items():
        fold_of[signer] = int(sizes.argmin())
        sizes[fold_of[signer]] += clips
    return participants.map(fold_of).to_numpy()


def split_by_signer(store: ClipStore, config: TrainingConfig) -> Split:
    """Split the store's clips so that no signer stands on both sides (unless validation_fold is -1).

    Raises:
        DataError: one of the sides is empty, or there are fewer signers than folds.
    """
    table = store.table
    main = np.flatnonzero(~table["supplemental"])
    folds = folds_by_signer(table["participant_id"].iloc[main], config.folds)
    held_out = main[folds == max(config.validation_fold, 0)]
    unseen = table["participant_id"].iloc[held_out].unique() if config.validation_fold >= 0 else []
    usable = (table["n_frames"] >= config.min_frames) & ~table["participant_id"].isin(unseen)
    short = table["phrase"].str.len() <= SUPPLEMENTAL_LENGTH
    extra = table["supplemental"] & usable & short & config.supplemental
    split = Split(np.flatnonzero(usable & ~table["supplemental"]), np.flatnonzero(extra), held_out)
    if not len(split.training) or not len(split.validation):
        raise DataError(f"{store.folder}: {len(split.training)} clips to train on, {len(split.validation)} held out")
    return split


def confidence_targets(store: ClipStore, files: tuple[str, ...], folder: Path | None = None) -> np.ndarray:
    """Return the confidence head's target for each clip: out-of-fold scores, 0.5 for supplemental, 1 unknown.

    Args:
        store: the clips.
        files: parquet files with sequence_id and raw_score (`write_predictions`).
        folder: where relative paths start, so that a run's folder can be moved; by default, beside the store.

    Raises:
        DataError: a file of out-of-fold scores cannot be read.
    """
    score_of = pd.Series(dtype=float)
    for file in files:
        try:
            scores = pd.read_parquet((folder or store.folder.parent) / file, columns=["sequence_id", "raw_score"])
        except (OSError, ValueError) as error:
            raise DataError(f"{file}: no readable out-of-fold scores ({error})") from error
        score_of = pd.concat([score_of, scores.set_index("sequence_id")["raw_score"]])
    targets = store.table["sequence_id"].map(score_of[~score_of.index.duplicated()]).fillna(1.0)
    return targets.mask(store.table["supplemental"], SUPPLEMENTAL_SCORE).to_numpy(float)
