from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerspelling.scoring.metric import clip_scores, edit_operations, score
from fingerspelling.text import edit_distance

words = st.text(alphabet="abc ", max_size=12)
pairs = st.lists(st.tuples(words, words), min_size=1, max_size=6)


def test_score_weighs_clips_by_their_characters() -> None:
    # 1 of 3 and 2 of 5 characters are wrong: (8 - 3) / 8, not the mean of 2/3 and 3/5.
    assert score(["cut", "hxlly"], ["cat", "hello"]) == pytest.approx(5 / 8)


def test_swapped_neighbours_cost_two() -> None:
    assert score(["ab"], ["ba"]) == 0.0


def test_score_may_fall_below_zero() -> None:
    assert score(["abcdef"], ["x"]) == -5.0
    assert clip_scores(["abcdef"], ["x"]) == [0.0]


def test_score_has_no_value_without_characters() -> None:
    with pytest.raises(ValueError, match="no characters"):
        score(["a"], [""])
    with pytest.raises(ValueError, match="2 predictions for 1 phrases"):
        score(["a", "b"], ["a"])


def test_clip_scores_are_each_clips_own() -> None:
    assert clip_scores(["abcd", "abxx", "", "a"], ["abcd", "abcd", "abcd", ""]) == [1.0, 0.5, 0.0, 0.0]


@given(pairs)
def test_scores_agree_for_a_single_clip(clips: list[tuple[str, str]]) -> None:
    for predicted, true in clips:
        if true:
            assert clip_scores([predicted], [true])[0] == pytest.approx(max(0.0, score([predicted], [true])))


@given(pairs)
def test_edit_operations_account_for_every_character(clips: list[tuple[str, str]]) -> None:
    predictions, phrases = zip(*clips, strict=True)
    counts = edit_operations(predictions, phrases)
    true, predicted, errors = Counter(), Counter(), 0
    for (of, by), count in counts.items():
        true[of] += count
        predicted[by] += count
        errors += count * (of != by)
    del true[""], predicted[""]
    assert true == Counter("".join(phrases))
    assert predicted == Counter("".join(predictions))
    assert errors == sum(map(edit_distance, predictions, phrases))


def test_edit_operations_tell_what_became_what() -> None:
    counts = edit_operations(["helpo", "ct", "aab"], ["hello", "cat", "ab"])
    assert counts["l", "p"] == 1
    assert counts["a", ""] == 1
    assert counts["", "a"] == 1
    assert counts["h", "h"] == 1
