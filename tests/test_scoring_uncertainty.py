import numpy as np
import pandas as pd
import pytest

from fingerspelling.scoring.uncertainty import score_difference, score_table, threshold_scores
from fingerspelling.text import CONSTANT_PHRASE


def clips(*rows: tuple[int, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["participant_id", "phrase", "prediction"])


def test_scores_of_groups_with_their_intervals() -> None:
    table = score_table(
        clips((1, "abcd", "abcd"), (2, "abcd", "abxx"), (3, "ab", "ab"), (3, "ab", "ab")),
        pd.Series(["two signers", "two signers", "right", "right"]),
    )
    assert table.index.tolist() == ["two signers", "right"]
    assert table.loc["two signers"].tolist() == [0.75, 0.5, 1.0, 2, 2]  # draws of two signers: 0.5, 0.75 or 1
    assert table.loc["right"].tolist() == [1, 1, 1, 2, 1]


def test_signers_are_drawn_not_clips() -> None:
    alike = clips(*[(signer, "abcd", "abcd" if signer % 2 else "xxxx") for signer in range(4) for _ in range(100)])
    everybody = pd.Series("all", alike.index)
    apart = alike.assign(participant_id=range(len(alike)))
    width = {name: np.ptp(score_table(of, everybody)[["low", "high"]]) for name, of in [("4", alike), ("400", apart)]}
    assert width["4"] > 0.7 and width["400"] < 0.12


def test_signer_alone_has_an_interval_from_clips() -> None:
    table = score_table(clips(*[(1, "ab", "ab" if i % 2 else "xx") for i in range(50)]), pd.Series("one", range(50)))
    assert 0.3 < table["low"].iloc[0] < 0.45 and 0.55 < table["high"].iloc[0] < 0.7


def test_threshold_gives_the_constant_phrase_to_those_that_are_less_sure() -> None:
    right, wrong = "hello there", "zzzzzzzzzzz"
    read = clips((1, right, right), (1, CONSTANT_PHRASE, wrong), (2, right, right))
    table = threshold_scores(np.array([0.9, 0.2, 0.7]), read)
    assert table["threshold"].tolist() == pytest.approx([0, 0.45, 0.8, 1])
    assert table["share"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert table["score"].iloc[0] == pytest.approx(2 / 3) and table["score"].iloc[1] == 1
    assert table["score"].idxmax() == 1 and table["score"].iloc[3] < table["score"].iloc[2] < 1


def test_difference_of_two_readings_of_the_same_clips() -> None:
    hard = clips(*[(signer, "abcd", "xxxx" if signer % 2 else "abcd") for signer in range(20)])
    ours = hard.assign(
        sequence_id=range(20), prediction=["abcx" if p == "abcd" else "axxx" for p in hard["prediction"]]
    )
    theirs = ours.assign(prediction=["abxx" if p == "abcx" else "xxxx" for p in ours["prediction"]])
    told = score_difference(ours, theirs)
    assert told == pytest.approx({"difference": 0.25, "low": 0.25, "high": 0.25, "clips": 20})  # for each signer alike
    swapped = score_difference(theirs, ours)
    assert swapped["difference"] == pytest.approx(-0.25)
    assert score_difference(ours, theirs.assign(sequence_id=range(100, 120)))["clips"] == 0
