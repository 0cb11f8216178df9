"""Figures of clips, recorded or simulated, and how far they are from the competition's (published.py)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fingerspelling.data.parquet import open_parquet, read_clips
from fingerspelling.data.published import KNOWN, Known
from fingerspelling.files import DataError
from fingerspelling.landmarks import POINTS, SELECTED_COLUMNS, as_points
from fingerspelling.text import phrase_kind

MEASURED = ["face_0", "left_hand_0", "left_hand_9", "right_hand_0", "right_hand_9"]  # the points that are looked at
PLACES = [POINTS.index(name) for name in MEASURED]  # of these points among all

# Shares of all frames, and the column of `measure` that counts them.
COUNTED = {
    "frames with a hand": "hand",
    "frames with the left hand": "left",
    "frames with the right hand": "right",
    "frames with both hands": "both",
    "frames without a face": "no_face",
}
SETS = 1000  # of nine clips, drawn to compare with what is known of nine clips only
# Share of the nine's frames that show a hand: 77 runs of 14 frames with about 68 gaps of 5.3 between them.
NINE_SEEN = 0.75
SEEN_MARGIN = 0.05
SUMMARIES: dict[str, Callable] = {"mean": np.mean, "share": np.mean, "sd": np.std, "least": np.min, "most": np.max}


def measure(phrase: str, points: np.ndarray) -> dict[str, object]:
    """Measure one clip.

    Args:
        phrase: what is spelled.
        points: float [frames, 5, 2 or more], the points MEASURED in shares of the frame; NaN where not detected.

    Returns:
        phrase; frames; left, right, both, hand and no_face (numbers of frames); hand_runs and gaps (the lengths of
        runs of frames with and without a hand); palm, wrist_x, wrist_y and wrist_step (medians of the hand that is
        seen more often, in shares of the frame; NaN where it is never seen, or never in two frames in a row).
    """
    seen = np.isfinite(points[:, :, 0])
    left, right = seen[:, 1], seen[:, 3]
    hand = left | right
    own = 1 if left.sum() > right.sum() else 3
    wrist, knuckle = points[:, own, :2], points[:, own + 1, :2]
    return {
        "phrase": phrase,
        "frames": len(points),
        "left": left.sum(),
        "right": right.sum(),
        "both": (left & right).sum(),
        "hand": hand.sum(),
        "no_face": (~seen[:, 0]).sum(),
        "hand_runs": _run_lengths(hand),
        "gaps": _run_lengths(~hand),
        "palm": _median(np.hypot(*(knuckle - wrist).T)),
        "wrist_x": _median(wrist[:, 0]),
        "wrist_y": _median(wrist[:, 1]),
        "wrist_step": _median(np.hypot(*np.diff(wrist, axis=0).T)),
    }


def _run_lengths(mask: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return edges[1::2] - edges[::2]


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else np.nan


def measure_files(data_dir: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the competition's table whose clip was found, with the columns of `measure`.

    Clips of an empty phrase are left out; a file that cannot be read is reported and skipped.

    Raises:
        DataError: not one clip could be measured.
    """
    columns = [f"{axis}_{point}" for axis in "xy" for point in MEASURED]
    measured, reason = {}, f"{data_dir}: no clips to measure"
    for path, rows in table[table["phrase"] != ""].groupby("path", sort=False):
        source = Path(data_dir) / path
        try:
            clips = read_clips(source, columns)
            open_parquet(source, SELECTED_COLUMNS).close()
        except DataError as error:
            reason = str(error)
            print(f"skipped {reason}")
            continue
        for clip in rows.itertuples():
            if clip.sequence_id in clips:
                measured[clip.Index] = measure(clip.phrase, as_points(clips[clip.sequence_id], axes=2))
    if not measured:
        raise DataError(reason)
    measures = pd.DataFrame.from_dict(measured, orient="index").drop(columns="phrase")
    return table.join(measures, how="inner")


def samples(clips: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the numbers behind each figure of measured clips: per clip, per run of frames, or one of all together."""
    length = clips["phrase"].str.len().to_numpy()
    frames, hand = clips["frames"].to_numpy(), clips["hand"].to_numpy()
    shares = _shares_of_text(clips["phrase"]) | {
        **{name: clips[column].sum() / frames.sum() for name, column in COUNTED.items()},
        "correlation of frames and characters": _correlation(frames, length),
        "correlation of frames and share without a hand": _correlation(frames, 1 - hand / frames),
    }
    return {name: np.array([share]) for name, share in shares.items()} | {
        "characters per phrase": length,
        "frames": frames,
        "frames per character": frames / length,
        "frames with a hand per clip": hand,
        "frames with a hand per character": hand / length,
        "share of a clip's frames with a hand": hand / frames,
        **_hand_samples(clips),
    }


def _shares_of_text(phrases: pd.Series) -> dict[str, float]:
    kinds = phrases.map(phrase_kind)
    text = pd.Series(list("".join(phrases)), dtype=str)
    classes = {"letters": text.str.isalpha(), "digits": text.str.isdecimal(), "space": text == " "}
    classes["symbols"] = ~np.logical_or.reduce([*classes.values()])
    return {f"phrases: {kind}": float((kinds == kind).mean()) for kind in ("address or name", "url", "phone")} | {
        f"characters: {name}": float(of_class.mean()) for name, of_class in classes.items()
    }


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else np.nan


def _hand_samples(clips: pd.DataFrame) -> dict[str, np.ndarray]:
    medians = {"palm length": "palm", "wrist x": "wrist_x", "wrist y": "wrist_y", "wrist step": "wrist_step"}
    return {
        "frames in a run with a hand": np.concatenate([*clips["hand_runs"]]),
        "frames in a run without a hand": np.concatenate([*clips["gaps"]]),
        **{name: clips[column].dropna().to_numpy() for name, column in medians.items()},
    }


def summary(values: np.ndarray, figure: str | int) -> float:
    """Return a figure (see published.Known) of numbers; NaN of none."""
    if len(values) == 0:
        return np.nan
    return float(np.percentile(values, figure) if isinstance(figure, int) else SUMMARIES[figure](values))


def compare(clips: pd.DataFrame, figures: Sequence[Known] = KNOWN) -> pd.DataFrame:
    """Compare clips, a few hundred at least, one row of `measure` each, with the competition's.

    What is known of nine clips only is compared with sets of nine. The nine show a hand in 75 % of their frames, all
    clips in 59 %; so sets are drawn that show as much of the hand as the nine do.

    Returns:
        One row per figure, indexed by its name: competition, these (the figure of these clips, or its mean over the
        sets of nine), difference (a share of the competition's), allowed, fits and source. The least and the most of
        nine clips fit if they are among the middle 90 % of those of the sets.
    """
    whole = samples(clips)
    nines = [_hand_samples(nine) for nine in _sets_of_nine(clips)] if any(row.nine for row in figures) else []
    rows = {}
    for row in figures:
        drawn = [summary(sample[row.sample], row.figure) for sample in (nines if row.nine else [whole])]
        value = float(np.mean(drawn)) if drawn else np.nan
        difference = value / row.value - 1
        fits = abs(difference) <= row.allowed
        if drawn and row.figure in ("least", "most"):
            fits = bool(np.percentile(drawn, 5) <= row.value <= np.percentile(drawn, 95))
        rows[row.name] = (row.value, value, difference, row.allowed, fits, row.source)
    columns = ["competition", "these", "difference", "allowed", "fits", "source"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _sets_of_nine(clips: pd.DataFrame) -> list[pd.DataFrame]:
    drawn = np.random.default_rng(0).integers(len(clips), size=(SETS, 9))
    hand, frames = (clips[column].to_numpy()[drawn].sum(1) for column in ("hand", "frames"))
    return [clips.iloc[rows] for rows in drawn[np.abs(hand / frames - NINE_SEEN) < SEEN_MARGIN]]
