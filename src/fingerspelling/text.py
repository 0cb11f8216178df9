"""Characters <-> ids: the competition's 59 characters and the decoder's four special tokens."""

# Place = id in the competition's character_to_prediction_index.json.
CHARACTERS = " !#$%&'()*+,-./0123456789:;=?@[_abcdefghijklmnopqrstuvwxyz~"
PAD, START, END, MASK = 59, 60, 61, 62
VOCABULARY_SIZE = 63
MAX_PHRASE = 31  # characters; the longest phrase of the competition's training set
CONSTANT_SCORE = 0.16  # about what CONSTANT_PHRASE scores, answered to every clip

_IDS = {character: i for i, character in enumerate(CHARACTERS)}


def unknown_characters(phrase: str) -> str:
    """Return the characters of a phrase that are not among the 59, each once and sorted."""
    return "".join(sorted(set(phrase) - _IDS.keys()))


def encode(phrase: str) -> list[int]:
    """Return the ids of a phrase's characters.

    Raises:
        ValueError: the phrase has a character outside the 59.
    """
    if unknown := unknown_characters(phrase):
        raise ValueError(f"phrase {phrase!r} has {unknown!r}, not among the competition's 59 characters")
    return [_IDS[character] for character in phrase]


def decode(ids: list[int]) -> str:
    """Return the phrase that ids spell; ids outside the 59 give nothing, as in the competition's scorer."""
    return "".join(CHARACTERS[i] for i in ids if 0 <= i < len(CHARACTERS))


def phrase_kind(phrase: str) -> str:
    """Tell which of the competition's kinds a phrase is: "phone", "url" or "address or name".

    A phone number is digits with + - ( ) or blanks and no letter; a URL has no blank and a dot, slash or other
    symbol or joins its words by - or _; all else is an address, a name or a sentence.
    """
    if not any(character.isalpha() for character in phrase):
        return "phone" if sum(map(str.isdigit, phrase)) >= 7 or phrase[:1] == "+" else "address or name"
    if " " not in phrase and any(not character.isalnum() for character in phrase):
        return "url"
    return "address or name"
