import re

import numpy as np
import pytest

from fingerspelling.simulation import words
from fingerspelling.simulation.config import Wording
from fingerspelling.simulation.phrases import _address, _phone, _url, _weighted, sample_wording, training_phrases
from fingerspelling.simulation.words import SENTENCES
from fingerspelling.text import CHARACTERS, unknown_characters


def test_statistics_are_those_of_the_competition() -> None:
    phrases = training_phrases(np.random.default_rng(0), 20_000)
    lengths = np.array([len(phrase) for phrase in phrases])
    assert lengths.mean() == pytest.approx(17.8, abs=0.7)
    assert lengths.std() == pytest.approx(5.73, abs=0.6)
    assert np.median(lengths) == pytest.approx(17, abs=1)
    assert lengths.max() <= 31
    text = "".join(phrases)
    assert set(text) == set(CHARACTERS)
    shares = {"letters": str.isalpha, "digits": str.isdigit, "spaces": str.isspace}
    shares = {name: sum(map(test, text)) / len(text) for name, test in shares.items()}
    assert shares["letters"] == pytest.approx(0.612, abs=0.025)
    assert shares["digits"] == pytest.approx(0.246, abs=0.025)
    assert shares["spaces"] == pytest.approx(0.049, abs=0.01)


def test_phrases_are_unique_and_spellable() -> None:
    phrases = training_phrases(np.random.default_rng(1), 5000)
    assert len(phrases) == len(set(phrases)) == 5000
    assert not unknown_characters("".join(phrases))
    assert all(phrase == phrase.strip() for phrase in phrases)


def test_words_seldom_repeat() -> None:
    words = [
        word for phrase in training_phrases(np.random.default_rng(2), 3000) for word in re.findall("[a-z]{6,}", phrase)
    ]
    assert len(set(words)) / len(words) > 0.6


def test_kinds_look_like_themselves() -> None:
    rng = np.random.default_rng(3)
    makers = {"phone": _phone, "address": _address, "url": _url}
    samples = {kind: [make(rng) for _ in range(500)] for kind, make in makers.items()}
    assert all(re.fullmatch(r"\+?\d+(-\d+)+", phrase) for phrase in samples["phone"])
    assert all(re.fullmatch(r"[a-z0-9 ]+", phrase) for phrase in samples["address"])
    assert not any(" " in phrase for phrase in samples["url"])
    assert np.mean([bool(re.search(r"[./_-]", phrase)) for phrase in samples["url"]]) > 0.95


@pytest.mark.parametrize(("low", "high"), [(1, 5), (3, 7), (8, 12), (27, 31)])
def test_lengths_stay_within_bounds(low: int, high: int) -> None:
    phrases = training_phrases(np.random.default_rng(4), 300, low, high)
    assert len(phrases) == 300
    assert all(low <= len(phrase) <= high for phrase in phrases)


def test_more_phrases_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"found only \d+ of 5000 phrases of 1-1 characters"):
        training_phrases(np.random.default_rng(5), 5000, 1, 1)


def test_sentences_are_everyday_ones() -> None:
    assert len(SENTENCES) == len(set(SENTENCES)) >= 100
    assert all(re.fullmatch("[a-z]+( [a-z]+)*", sentence) for sentence in SENTENCES)
    assert set("".join(SENTENCES)) == set("abcdefghijklmnopqrstuvwxyz ")


def test_wild_signers_mostly_spell_words_that_exist() -> None:
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words.ENGLISH)
    assert sorted(set(words.ENGLISH)) == words.ENGLISH
    wording = Wording(competition=0, word=1, words=0, name=0, letters=0, digits=0)
    rng = np.random.default_rng(1)
    spelled = [sample_wording(rng, wording) for _ in range(600)]
    assert 0.65 < np.mean([word in words.KNOWN for word in spelled]) < 0.8


def test_weighted_draws_are_those_of_numpy() -> None:
    shares = [0.02, 0.06, 0.12, 0.5, 0.18, 0.12]
    for seed in range(200):
        drawn, expected = (np.random.default_rng(seed) for _ in range(2))
        assert _weighted(drawn, range(6), shares) == expected.choice(6, p=shares)
        assert drawn.random() == expected.random()
