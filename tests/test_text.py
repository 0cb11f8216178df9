import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerspelling import text
from fingerspelling.scoring import metric
from fingerspelling.simulation.phrases import sample_phrase
from fingerspelling.text import CHARACTERS, decode, encode, phrase_kind, unknown_characters

phrases = st.text(alphabet=CHARACTERS, max_size=40)


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
