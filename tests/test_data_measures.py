from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from synthetic import TRAIN, clip_table

from fingerspelling.data import measures
from fingerspelling.data.competition import read_table
from fingerspelling.data.measures import MEASURED, compare, measure, measure_files, samples, summary
from fingerspelling.data.published import KNOWN, Known, quantiles
from fingerspelling.files import DataError

FACE, LEFT, RIGHT = 0, [1, 2], [3, 4]


def marks(text: str) -> np.ndarray:
    return np.array([mark == "x" for mark in text])


def clip(left: np.ndarray, right: np.ndarray, palm: float = 0.15) -> np.ndarray:
    """A clip whose hands are seen in the marked frames; the wrist moves by 0.01 per frame to the right."""
    points = np.full((len(right), len(MEASURED), 3), 0.5)
    points[:, 1::2, 0] += 0.01 * np.arange(len(right))[:, None]
    points[:, 2::2] = points[:, 1::2] - [0, palm, 0]
    for hand, seen in ((LEFT, left), (RIGHT, right)):
        points[np.ix_(~seen, hand)] = np.nan
    return points


def test_a_clip_is_measured() -> None:
    points = clip(marks("......xx.."), marks("xxx..xx..x"))
    points[8:, FACE] = np.nan
    measured = measure("abc", points)
    counts = {name: measured[name] for name in ("frames", "left", "right", "both", "hand", "no_face")}
    assert counts == {"frames": 10, "left": 2, "right": 6, "both": 1, "hand": 7, "no_face": 2}
    assert measured["hand_runs"].tolist() == [3, 3, 1]
    assert measured["gaps"].tolist() == [2, 1]
    assert measured["palm"] == pytest.approx(0.15)
    assert measured["wrist_x"] == pytest.approx(0.5 + 0.01 * np.median([0, 1, 2, 5, 6, 9]))
    assert measured["wrist_y"] == pytest.approx(0.5)
    assert measured["wrist_step"] == pytest.approx(0.01)


def test_the_hand_that_is_seen_more_often_is_measured() -> None:
    points = clip(marks("xxxx"), marks("...x"))
    points[:, LEFT, 1] = 0.9
    assert measure("abc", points)["wrist_y"] == pytest.approx(0.9)


def test_without_a_hand_there_is_nothing_to_measure() -> None:
    measured = measure("abc", clip(marks("..."), marks("...")))
    assert measured["hand"] == 0 and measured["gaps"].tolist() == [3]
    assert np.isnan([measured["palm"], measured["wrist_x"], measured["wrist_step"]]).all()


@given(arrays(bool, st.tuples(st.integers(1, 40), st.just(2))))
def test_runs_and_gaps_fill_the_clip(seen: np.ndarray) -> None:
    measured = measure("abc", clip(*seen.T))
    assert measured["hand_runs"].sum() == measured["hand"] == seen.any(1).sum()
    assert measured["hand_runs"].sum() + measured["gaps"].sum() == measured["frames"]
    assert abs(len(measured["hand_runs"]) - len(measured["gaps"])) <= 1


def test_clips_of_files_are_measured(competition: Path) -> None:
    measured = measure_files(competition, read_table(competition)).set_index("sequence_id")
    for expected in (clip for clips in TRAIN.values() for clip in clips):
        row, points = measured.loc[expected.sequence_id], clip_table(expected)
        assert row["phrase"] == expected.phrase and row["frames"] == expected.n_frames
        assert row["left"] == points["x_left_hand_0"].count()
        assert row["right"] == points["x_right_hand_0"].count()
        hand = "left" if row["left"] else "right"
        if row[hand]:
            assert row["wrist_y"] == pytest.approx(points[f"y_{hand}_hand_0"].median(), rel=1e-5)


def test_clips_that_are_not_there_are_left_out(competition: Path) -> None:
    table = read_table(competition)
    absent = pd.concat([table, table.iloc[:1].assign(sequence_id=999)], ignore_index=True)
    assert measure_files(competition, absent)["sequence_id"].tolist() == table["sequence_id"].tolist()
    with pytest.raises(DataError, match=r"nowhere\.parquet"):
        measure_files(competition, table.assign(path="nowhere.parquet"))
    with pytest.raises(DataError, match="no clips"):
        measure_files(competition, table.iloc[:0])


def test_files_that_cannot_be_read_are_skipped(own_competition: Path, capsys: pytest.CaptureFixture) -> None:
    table = read_table(own_competition)
    truncated, lacking = (own_competition / path for path in table["path"].unique()[:2])
    truncated.write_bytes(truncated.read_bytes()[:-100])
    assert len(measure_files(own_competition, table)) == (table["path"] != table["path"].iloc[0]).sum() > 0
    assert f"skipped {truncated}" in capsys.readouterr().out
    pd.read_parquet(lacking).drop(columns="z_face_0").to_parquet(lacking)
    with pytest.raises(DataError, match="z_face_0"):
        measure_files(own_competition, table)


def people(count: int, seed: int = 0) -> pd.DataFrame:
    """Clips whose frames spread as the competition's do, and with runs of seen and unseen frames."""
    rng = np.random.default_rng(seed)
    lengths = quantiles("frames")
    rows = []
    for share in (np.arange(count) + 0.5) / count * 100:
        frames = round(np.interp(share, list(lengths), list(lengths.values())))
        seen = np.repeat(rng.permutation(frames // 4 + 1) % 4 > 0, 4)[:frames]
        rows.append(measure("abcdefgh-1234", clip(np.zeros_like(seen), seen, rng.uniform(0.12, 0.19))))
    return pd.DataFrame(rows)


def test_what_is_alike_fits_and_what_differs_does_not() -> None:
    clips = people(300)
    figures = compare(clips)
    assert list(figures.index) == [row.name for row in KNOWN]
    assert figures.loc[figures.index.str.match(r"frames (\d+ %|median)"), "fits"].all()
    assert figures.loc["frames median", "these"] == pytest.approx(149, abs=2)
    assert figures.loc[["palm length least", "palm length most"], "fits"].all()
    assert not figures.loc["characters per phrase mean", "fits"]
    assert figures.loc["characters per phrase mean", "difference"] == pytest.approx(13 / 17.8 - 1)
    doubled = compare(clips.assign(frames=2 * clips["frames"], palm=2 * clips["palm"]))
    assert not doubled.loc[["frames median", "palm length least", "palm length most"], "fits"].any()


def test_nine_clips_are_compared_with_nine_that_show_as_much_of_the_hand() -> None:
    clips = people(300)
    sets = measures._sets_of_nine(clips)
    assert len(sets) > 100 and all(len(nine) == 9 for nine in sets)
    seen = [nine["hand"].sum() / nine["frames"].sum() for nine in sets]
    assert np.abs(np.array(seen) - measures.NINE_SEEN).max() < measures.SEEN_MARGIN
    never = compare(clips.assign(hand=0))
    assert np.isnan(never.loc["palm length least", "these"]) and not never.loc["palm length least", "fits"]


def test_shares_of_what_is_spelled() -> None:
    clips = pd.DataFrame(
        [measure(phrase, clip(marks(".."), marks("xx"))) for phrase in ("ab 1", "a.com", "555-123-4567")]
    )
    found = {name: values.item() for name, values in samples(clips).items() if values.size == 1}
    assert found["phrases: url"] == found["phrases: phone"] == pytest.approx(1 / 3)
    assert found["characters: letters"] == pytest.approx(6 / 21)
    assert found["characters: digits"] == pytest.approx(11 / 21)
    assert found["characters: symbols"] == pytest.approx(3 / 21)
    assert found["characters: space"] == pytest.approx(1 / 21)
    assert found["frames with the right hand"] == 1 and found["frames without a face"] == 0
    assert np.isnan(found["correlation of frames and characters"])


def test_what_is_counted_per_clip() -> None:
    clips = pd.DataFrame(
        [measure("abcd", clip(marks("...x"), marks("xx.."))), measure("ab", clip(*2 * [marks("....")]))]
    )
    found = samples(clips)
    assert found["frames per character"].tolist() == [1, 2]
    assert found["frames with a hand per character"].tolist() == [0.75, 0]
    assert found["share of a clip's frames with a hand"].tolist() == [0.75, 0]
    assert found["frames in a run without a hand"].tolist() == [1, 4]
    assert found["palm length"] == pytest.approx([0.15])


def test_correlations_have_the_right_sign() -> None:
    clips = pd.DataFrame([measure("a" * n, clip(marks("..." * n), marks("xxx" * n))) for n in range(1, 9)])
    clips.loc[:, "hand"] = clips["frames"] - clips["frames"] ** 2 // 40
    found = samples(clips)
    assert found["correlation of frames and characters"].item() == pytest.approx(1)
    assert found["correlation of frames and share without a hand"].item() > 0.9


def test_published_figures_are_of_samples_that_exist() -> None:
    there = samples(people(20))
    assert {row.sample for row in KNOWN} == there.keys()


def test_summaries() -> None:
    values = np.array([1.0, 2.0, 6.0])
    found = [summary(values, figure) for figure in ("mean", "share", "least", "most", 50, 25)]
    assert found == [3, 3, 1, 6, 2, 1.5]
    assert summary(values, "sd") == pytest.approx(values.std())
    assert np.isnan(summary(values[:0], "mean"))


def test_other_figures_than_the_training_clips_can_be_compared() -> None:
    mine = Known("frames", "most", 401, 0.2, "a test")
    assert compare(people(50), [mine]).loc["frames most", "fits"]
