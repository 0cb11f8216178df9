import pandas as pd
import pytest

from fingerspelling.runs.card import as_shown, refused, reliability, training_in_words


@pytest.fixture
def read() -> pd.DataFrame:
    return pd.DataFrame({"kind": "wild", "confidence": [0.05, 0.1, 0.97, 0.98], "score": [0.0, 0.6, 1.0, 0.8]})


def test_scores_stand_beside_the_confidences_that_promised_them(read: pd.DataFrame) -> None:
    table = reliability(read)
    assert table.index.tolist() == ["0% to 20%", "95% to 100%"]  # steps without a clip are left out
    assert table["clips"].tolist() == [2, 2]
    assert table["mean confidence"].tolist() == pytest.approx([0.075, 0.975])
    assert table["mean score"].tolist() == pytest.approx([0.3, 0.9])


def test_what_is_below_the_threshold_is_shown_as_nothing(read: pd.DataFrame) -> None:
    assert as_shown(read.assign(prediction=["a", "b", "c", "d"]), 0.1)["prediction"].tolist() == ["", "b", "c", "d"]


def test_what_is_refused_is_counted_by_kind(read: pd.DataFrame) -> None:
    empty = pd.DataFrame({"kind": "a hand that rests", "confidence": [0.1, 0.2, 0.9]})
    read.loc[2, "confidence"] = 0.79
    table = refused(read, empty, 0.5)
    assert table["clips"].to_dict() == {
        "a hand that rests": 3,
        "wild, read at least half right": 3,
        "wild, read less than half right": 1,
    }
    assert table["refused"].tolist() == pytest.approx([2 / 3, 1 / 3, 1])
    assert table["doubtful"].tolist() == pytest.approx([0, 1 / 3, 0])


def test_a_training_is_told_by_its_clips() -> None:
    recipe = {"training": {"epochs": 2, "simulation": {"clips": 3000, "wild": {"share": 0.7}}}}
    assert training_in_words(recipe) == "6,000 clips, none seen twice, 70% of them by wild signers"
    assert "earlier trainings" in training_in_words(recipe | {"data": {"pretrained": [1, 2]}})
