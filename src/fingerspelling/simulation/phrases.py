"""Phrases such as the competition's signers were given: addresses and names, web addresses, phone numbers.

The shares of the kinds and the spread of lengths are those of the 67,208 training phrases. Most are freshly put
together, down to words that do not exist, so that no model gets far by remembering words.
"""

import bisect
import itertools
import string
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from fingerspelling.simulation import words
from fingerspelling.simulation.config import Wording
from fingerspelling.text import MAX_PHRASE

Item = TypeVar("Item")
ATTEMPTS = 30  # to find a phrase of the wanted length before one is cut or filled up
PATIENCE = 200  # phrases in a row that are no new ones, before giving up


def sample_phrase(rng: np.random.Generator, min_length: int = 1, max_length: int = MAX_PHRASE) -> str:
    """Make up a phrase of one of the competition's kinds with min_length..max_length characters."""
    make = _weighted(rng, list(_KINDS), _KINDS.values())
    for _ in range(ATTEMPTS):
        phrase = make(rng)
        if min_length <= len(phrase) <= max_length:
            return phrase
    while len(phrase) < min_length:
        phrase += _digits(rng, 1)
    return phrase[:max_length].strip() or _digits(rng, max_length)


def training_phrases(
    rng: np.random.Generator, count: int, min_length: int = 1, max_length: int = MAX_PHRASE
) -> list[str]:
    """Make up phrases of all kinds, none of them twice.

    Raises:
        ValueError: there are not that many different phrases of these lengths.
    """
    phrases: dict[str, None] = {}
    repeats = 0
    while len(phrases) < count:
        before = len(phrases)
        phrases[sample_phrase(rng, min_length, max_length)] = None
        repeats = 0 if len(phrases) > before else repeats + 1
        if repeats == PATIENCE:
            raise ValueError(f"found only {before} of {count} phrases of {min_length}-{max_length} characters")
    return list(phrases)


def sample_wording(rng: np.random.Generator, wording: Wording) -> str:
    """Make up what a wild signer spells: words, names, random letters and digits, or a competition phrase."""
    shares = vars(wording)
    total = sum(shares.values())
    kind = _weighted(rng, list(shares), [share / total for share in shares.values()])
    return (_WORDINGS[kind](rng) if kind in _WORDINGS else sample_phrase(rng))[:MAX_PHRASE].strip()


def _pick(rng: np.random.Generator, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _weighted(rng: np.random.Generator, items: Sequence[Item], shares: Iterable[float]) -> Item:
    """Draw an item by its share, the same one as `rng.choice` with `p` does, in a tenth of the time."""
    cumulated = list(itertools.accumulate(shares))
    return items[bisect.bisect_right([each / cumulated[-1] for each in cumulated], rng.random())]


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(map(str, rng.integers(0, 10, count).tolist()))


def _invented(rng: np.random.Generator, syllables: int) -> str:
    before, vowels, after = words.SYLLABLES[int(rng.integers(len(words.SYLLABLES)))]
    word = "".join(_pick(rng, before) + _pick(rng, vowels) + _pick(rng, after) for _ in range(syllables))
    if rng.random() < 0.12:
        place = int(rng.integers(len(word) + 1))
        word = word[:place] + _pick(rng, list(words.RARE_LETTERS)) + word[place:]
    return word


def _surname(rng: np.random.Generator) -> str:
    if rng.random() < 0.3:
        return _invented(rng, int(rng.integers(2, 4)))
    opening, ending = _pick(rng, words.NAME_OPENINGS), _pick(rng, words.NAME_ENDINGS)
    middle = _invented(rng, 1) if rng.random() < 0.15 else ""
    return opening + middle + ending


def _address(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.29:
        given = _pick(rng, words.GIVEN_NAMES) if rng.random() < 0.7 else _invented(rng, 2)
        return f"{given} {_surname(rng)}"
    if draw < 0.32:
        return f"{_pick(rng, words.DIRECTIONS[:4])} {_surname(rng)} {_pick(rng, words.PLACE_WORDS)}"
    number = _digits(rng, _weighted(rng, range(1, 7), [0.02, 0.06, 0.12, 0.5, 0.18, 0.12])).lstrip("0") or "7"
    parts = [number]
    if rng.random() < 0.2:
        parts.append(_pick(rng, words.DIRECTIONS))
    parts.append(_road(rng))
    if rng.random() < 0.18 and not parts[-1][-1].isdigit():
        parts.append(_pick(rng, words.DIRECTIONS))
    return " ".join(parts)


def _road(rng: np.random.Generator) -> str:
    draw, street = rng.random(), _pick(rng, words.STREETS)
    if draw < 0.17:
        number = int(rng.integers(1, 800))
        ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending} {street}"
    if draw < 0.24:
        return f"{_pick(rng, ['county road', 'private road', 'highway', 'state route'])} {rng.integers(1, 999)}"
    name = _surname(rng) if rng.random() < 0.6 else _pick(rng, words.PLACE_WORDS)
    if rng.random() < 0.3:
        name += " " + (_pick(rng, words.PLACE_WORDS) if rng.random() < 0.6 else _surname(rng))
    return f"{name} {street}" if rng.random() < 0.72 else name


def _phone(rng: np.random.Generator) -> str:
    if rng.random() < 0.52:
        return "-".join(_digits(rng, count) for count in (3, 3, 4))
    count = _weighted(rng, range(2, 6), [0.2, 0.38, 0.3, 0.12])
    groups = [_weighted(rng, range(2, 5), [0.42, 0.3, 0.28]) for _ in range(count)]
    country = _weighted(rng, range(1, 4), [0.05, 0.5, 0.45])
    return "+" + "-".join(_digits(rng, count) for count in (country, *groups))


def _site_word(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.35:
        return _invented(rng, int(rng.integers(2, 4)))
    if draw < 0.55:
        return _surname(rng)
    if draw < 0.75:
        return _pick(rng, words.SITE_WORDS) + _pick(rng, words.SITE_WORDS)
    if draw < 0.9:
        return _pick(rng, words.SITE_WORDS) + _invented(rng, int(rng.integers(1, 3)))
    return _pick(rng, words.SITE_WORDS)


def _path(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.55:
        return _site_word(rng)
    if draw < 0.68:
        return _site_word(rng) + _pick(rng, ["-", "-", "_"]) + _site_word(rng)
    if draw < 0.84:
        return _digits(rng, int(rng.integers(2, 7)))
    if draw < 0.9:
        return _site_word(rng)[:8] + _pick(rng, words.FILE_ENDINGS)
    if draw < 0.96:
        mark, word = _pick(rng, list("?#~@!$&*'(:;,+%")), _site_word(rng)[:9]
        return mark + word + _pick(rng, ["", "=1", "!", ")", "[0", "%20", ";"])
    return f"?{_pick(rng, words.SITE_WORDS)}={_site_word(rng)[:7]}"


def _url(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.62:
        start = _pick(rng, ["www.", "www.", "https://", "https://www.", "http://", *[""] * 5])
        site = _site_word(rng) + (("-" + _site_word(rng)) if rng.random() < 0.3 else "")
        host = _pick(rng, words.SITE_WORDS) + "." if rng.random() < 0.08 else ""
        tail = "/" + _path(rng) if rng.random() < (0.5 if start else 0.8) else ""
        return f"{start}{host}{site}.{_pick(rng, words.TOP_DOMAINS)}{tail}" + ("/" if rng.random() < 0.25 else "")
    start = "/" if rng.random() < 0.3 else ""
    parts = [_path(rng) for _ in range(_weighted(rng, range(1, 4), [0.25, 0.45, 0.3]))]
    if len(parts) == 1:
        parts[0] = _site_word(rng) + _pick(rng, ["-", "_", ".", "/"]) + parts[0]
    return start + "/".join(parts) + ("/" if rng.random() < 0.25 else "")


def _word(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.7:
        return _pick(rng, words.KNOWN)
    word = _invented(rng, int(rng.integers(1, 4)))
    return word if draw < 0.9 else word[: int(rng.integers(1, 5))]  # down to single letters, and cut anywhere


def _name(rng: np.random.Generator) -> str:
    given, surname = _pick(rng, words.GIVEN_NAMES), _surname(rng)
    return [given, surname, f"{given} {surname}"][int(rng.integers(3))]


_KINDS = {_address: 0.478, _url: 0.285, _phone: 0.237}  # addresses include people's names
_WORDINGS: dict[str, Callable[[np.random.Generator], str]] = {
    "word": _word,
    "words": lambda rng: " ".join(_word(rng) for _ in range(int(rng.integers(2, 5)))),
    "name": _name,
    "letters": lambda rng: "".join(string.ascii_lowercase[i] for i in rng.integers(0, 26, int(rng.integers(1, 9)))),
    "digits": lambda rng: _digits(rng, int(rng.integers(1, 9))),
}
