"""Word lists, syllables and sentences from which phrases.py builds what nobody has spelled before."""

import tomllib
from pathlib import Path

_FOLDER = Path(__file__).parent
_LISTS = tomllib.loads((_FOLDER / "words.toml").read_text())


def _listed(name: str) -> list[str]:
    return _LISTS[name].split()


GIVEN_NAMES = _listed("given_names")
NAME_OPENINGS, NAME_ENDINGS = _listed("name_openings"), _listed("name_endings")
PLACE_WORDS, STREETS, DIRECTIONS = _listed("place_words"), _listed("streets"), _listed("directions")
SITE_WORDS, TOP_DOMAINS, FILE_ENDINGS = _listed("site_words"), _listed("top_domains"), _listed("file_endings")
SYLLABLES = [tuple(part.split(",") for part in sounds.split("|")) for sounds in _LISTS["syllables"]]
RARE_LETTERS: str = _LISTS["rare_letters"]
SENTENCES = (_FOLDER / "sentences.txt").read_text().splitlines()
# Words that exist: everyday ones, abbreviations, first names, places, and those of the lists above.
ENGLISH = (_FOLDER / "english.txt").read_text().split()
KNOWN = sorted({word for sentence in SENTENCES for word in sentence.split()} | {*SITE_WORDS, *PLACE_WORDS, *ENGLISH})
