"""Characters <-> ids: the competition's 59 characters and the decoder's four special tokens; the edit distance."""

from itertools import takewhile

# A character's place is its id in the competition's character_to_prediction_index.json.
CHARACTERS = " !#$%&'()*+,-./0123456789:;=?@[_abcdefghijklmnopqrstuvwxyz~"
PAD, START, END, MASK = 59, 60, 61, 62
VOCABULARY_SIZE = 63
MAX_PHRASE = 31  # characters; the longest phrase of the competition's training set

# The answer where there is nothing to read, of the commonest characters in their commonest order.
CONSTANT_PHRASE = "2 a-e -aroe"
CONSTANT_SCORE = 0.16  # what it scores, on the competition's phrases as on simulated ones

_IDS = {character: i for i, character in enumerate(CHARACTERS)}


def unknown_characters(phrase: str) -> str:
    """Return the characters of a phrase that are not among the 59, each once and sorted."""
    return "".join(sorted(set(phrase) - _IDS.keys()))


def encode(phrase: str) -> list[int]:
    """Return the ids of a phrase's characters; a ValueError names those outside of the 59."""
    if unknown := unknown_characters(phrase):
        raise ValueError(f"phrase {phrase!r} has {unknown!r}, not among the competition's 59 characters")
    return [_IDS[character] for character in phrase]


def decode(ids: list[int]) -> str:
    """Return the phrase that ids spell; ids outside the 59 spell nothing, as in the competition's scorer."""
    return "".join(CHARACTERS[i] for i in ids if 0 <= i < len(CHARACTERS))


def visible(phrase: str) -> str:
    """Return a phrase as figures show it: a space as a sign of its own."""
    return phrase.replace(" ", "␣")


def phrase_kind(phrase: str) -> str:
    """Return which of the competition's kinds a phrase is: "phone", "url" or "address or name".

    A phone number has digits with + - ( ) or spaces, and no letters. A URL has no space, but a dot, a slash or
    another symbol, or words joined by - or _. All else is an address, a name or a sentence.
    """
    if not any(character.isalpha() for character in phrase):
        return "phone" if sum(map(str.isdigit, phrase)) >= 7 or phrase[:1] == "+" else "address or name"
    if " " not in phrase and any(not character.isalnum() for character in phrase):
        return "url"
    return "address or name"


def edit_distance(phrase: str, other: str) -> int:
    """Return the Levenshtein distance: the fewest characters to insert, delete or replace between two phrases."""
    rises, falls = _steps(phrase, other)[-1]
    return len(other) + rises.bit_count() - falls.bit_count()


def align(phrase: str, other: str) -> list[tuple[str, str]]:
    """Return a cheapest alignment as pairs of characters, ("", x) or (x, "") where only one has any.

    Of several that cost the same, this is the one that RapidFuzz returns.
    """
    start = [*takewhile(_equal, zip(phrase, other, strict=False))]
    phrase, other = phrase[len(start) :], other[len(start) :]
    pairs = [*takewhile(_equal, zip(reversed(phrase), reversed(other), strict=False))]  # from the last to the first
    i, j = len(phrase) - len(pairs), len(other) - len(pairs)
    columns = _steps(phrase[:i], other[:j])
    while i or j:
        if i and columns[j][0] >> (i - 1) & 1:
            i -= 1
            pairs.append((phrase[i], ""))
        elif not i or columns[j - 1][1] >> (i - 1) & 1:
            j -= 1
            pairs.append(("", other[j]))
        else:
            i, j = i - 1, j - 1
            pairs.append((phrase[i], other[j]))
    return [*start, *reversed(pairs)]


def _equal(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]


def _steps(phrase: str, other: str) -> list[tuple[int, int]]:
    """Return the columns of the table of edit distances, one per prefix of the other phrase.

    A column is two integers, whose bit i says whether the distance rises or falls by one from i to i + 1 characters of
    the phrase (Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003).
    """
    places: dict[str, int] = {}
    for i, character in enumerate(phrase):
        places[character] = places.get(character, 0) | 1 << i
    rows = (1 << len(phrase)) - 1
    rises, falls = rows, 0
    columns = [(rises, falls)]
    for character in other:
        same = places.get(character, 0)
        diagonal = (((same & rises) + rises) ^ rises) | same | falls  # no step from the upper left
        rises_right, falls_right = (falls | ~(diagonal | rises)) << 1 | 1, (rises & diagonal) << 1
        rises, falls = (falls_right | ~(diagonal | rises_right)) & rows, rises_right & diagonal & rows
        columns.append((rises, falls))
    return columns
