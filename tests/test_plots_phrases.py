"""Whatever a phrase holds is drawn as it is."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from fingerspelling import plots

FRAMES = np.random.default_rng(0).random((30, 130, 3)).astype(np.float32)
PHRASES = [
    "$_$ 12 street",
    "$\\frac$ {",
    "a\tb\x07\x1b",
    "one\ntwo",
    "\U0001f600 emoji",
    "مرحبا",
    "\\",
    "^_{$",
    "",
    "e\u0301",
]

FIGURES: dict[str, Callable[[str], Figure]] = {
    "clip_strip": lambda phrase: plots.clip_strip(FRAMES, phrase, 3),
    "visibility": lambda phrase: plots.visibility([FRAMES] * 2, [phrase, "b"]),
    "compared": lambda phrase: plots.compared([phrase], ["$a$" + phrase], [0.5]),
    "changed_time": lambda phrase: plots.changed_time(
        {phrase: plots.Change({phrase: FRAMES}, FRAMES, phrase)}, {phrase: 0.5}
    ),
    "shares": lambda phrase: plots.shares(pd.Series({phrase: 0.5}), pd.Series({phrase: 0.4})),
    "confusions": lambda phrase: plots.confusions({("$", phrase): 1, ("$", "$"): 2, ("", "$"): 1}),
    "characters": lambda phrase: plots.characters([phrase, "$$"], {"$": 0.1}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_phrase_is_drawn_as_it_is(name: str) -> None:
    for phrase in PHRASES:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="(?s)Glyph|.*missing from")  # the font has no emoji
            figure = FIGURES[name](phrase)
            figure.canvas.draw()
        assert not any(text.get_parse_math() for text in figure.findobj(Text))


@pytest.mark.parametrize("milliseconds", [[3, 4, 5], [0.2, 30, 4000]])
def test_logarithmic_axes_are_labelled_in_plain_numbers(milliseconds: list[float]) -> None:
    figure = plots.latency([10, 20, 30], np.array(milliseconds) / 1000)
    figure.canvas.draw()
    labels = [label.get_text() for axis in figure.axes for label in axis.get_yticklabels(which="both")]
    assert any(labels) and not any("$" in label for label in labels)
    assert all(float(label) for label in filter(None, labels))
