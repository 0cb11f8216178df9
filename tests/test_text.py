import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerspelling import text
from fingerspelling.scoring import metric
from fingerspelling.simulation.phrases import sample_phrase
from fingerspelling.text import CHARACTERS, align, decode, edit_distance, encode, phrase_kind, unknown_characters

phrases = st.text(alphabet=CHARACTERS, max_size=40)
alike = st.text(alphabet="abc", max_size=10)


def test_59_characters_from_space_to_tilde() -> None:
    assert len(CHARACTERS) == len(set(CHARACTERS)) == 59
    assert encode(" ~a0") == [0, 58, 32, 15]
    assert (text.PAD, text.START, text.END, text.MASK) == (59, 60, 61, 62)
    assert text.VOCABULARY_SIZE == 63


def test_characters_are_the_competitions(real_data: Path) -> None:
    ids = json.loads((real_data / "competition-meta/character_to_prediction_index.json").read_text())
    assert {character: i for i, character in enumerate(CHARACTERS)} == ids


@given(phrases)
def test_decode_undoes_encode(phrase: str) -> None:
    assert decode(encode(phrase)) == phrase


@given(phrases, st.lists(st.integers(-100, 200).filter(lambda i: not 0 <= i < 59)))
def test_ids_outside_the_59_spell_nothing(phrase: str, others: list[int]) -> None:
    ids = encode(phrase)
    assert decode(others + ids + others) == phrase


@given(st.text())
def test_encode_takes_a_phrase_or_names_what_it_cannot(phrase: str) -> None:
    unknown = unknown_characters(phrase)
    assert unknown == "".join(sorted({character for character in phrase if character not in CHARACTERS}))
    if unknown:
        with pytest.raises(ValueError, match="not among the competition's 59 characters") as error:
            encode(phrase)
        assert repr(phrase) in str(error.value)
        assert repr(unknown) in str(error.value)
    else:
        assert len(encode(phrase)) == len(phrase)


def test_the_constant_phrase_scores_what_is_said() -> None:
    rng = np.random.default_rng(0)
    phrases = [sample_phrase(rng) for _ in range(1000)]
    score = metric.score([text.CONSTANT_PHRASE] * len(phrases), phrases)
    assert score == pytest.approx(text.CONSTANT_SCORE, abs=0.005)


def test_phrases_are_of_three_kinds() -> None:
    kinds = {
        "phone": ["+33-4821-05", "905-431-8402", "(212) 555 0199"],
        "url": ["scales/kuhaylah", "www.aslteach.com", "https://a_b.com", "hotel-booking"],
        "address or name": ["3 creekhouse", "988 franklin lane", "maria", "why do you ask", ""],
    }
    for kind, phrases_of_it in kinds.items():
        assert {phrase: phrase_kind(phrase) for phrase in phrases_of_it} == dict.fromkeys(phrases_of_it, kind)


@pytest.mark.parametrize(
    ("phrase", "other", "distance"),
    [("", "", 0), ("", "ab", 2), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2), ("x" * 200, "x" * 99, 101)],
)
def test_edit_distance_of_known_pairs(phrase: str, other: str, distance: int) -> None:
    assert edit_distance(phrase, other) == edit_distance(other, phrase) == distance


@given(alike, alike)
def test_edit_distance_is_that_of_the_definition(phrase: str, other: str) -> None:
    row = list(range(len(other) + 1))
    for i, character in enumerate(phrase):
        above, row = row, [i + 1]
        for j, its in enumerate(other):
            row.append(min(above[j + 1] + 1, row[j] + 1, above[j] + (character != its)))
    assert edit_distance(phrase, other) == row[-1]


@given(st.one_of(st.tuples(alike, alike), st.tuples(st.text(), st.text())))
def test_an_alignment_spells_both_phrases_and_costs_the_edit_distance(pair: tuple[str, str]) -> None:
    aligned = align(*pair)
    assert tuple("".join(side) for side in zip(*aligned, strict=True)) == (pair if aligned else ())
    assert ("", "") not in aligned
    assert sum(one != other for one, other in aligned) == edit_distance(*pair)


@given(alike, alike)
def test_edits_are_those_of_rapidfuzz(phrase: str, other: str) -> None:
    levenshtein = pytest.importorskip("rapidfuzz.distance", reason="nothing to compare with: no rapidfuzz").Levenshtein
    edits = []
    for edit, i, i_end, j, j_end in levenshtein.opcodes(phrase, other):
        blanks = [""] * max(i_end - i, j_end - j)
        edits += zip(phrase[i:i_end] or blanks, other[j:j_end] or blanks, strict=True)
        assert (edit == "equal") == (phrase[i:i_end] == other[j:j_end])
    assert align(phrase, other) == edits
    assert edit_distance(phrase, other) == levenshtein.distance(phrase, other)
