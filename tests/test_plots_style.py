"""Colours that those who see no difference between red and green tell apart, and what is said of figures."""

import ast
import itertools
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import is_color_like, to_rgb
from matplotlib.figure import Figure

from fingerspelling import plots
from fingerspelling.files import DataError
from fingerspelling.plots import errors, hands, render3d, style
from fingerspelling.video import report

# Machado et al., "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1, of
# linear RGB.
VISION = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
)
SKIN = "#e6c8b2"  # of a drawn hand, between lines of the fingers' colours
MAPS = {"Greys", "Blues", "PuOr"}  # one lightness per value, or two hues that everybody tells apart
SERIES = [style.BLUE, style.ORANGE, style.GREEN, style.RED, style.GREY]


def lab(colour: object, vision: np.ndarray) -> np.ndarray:
    """A colour as somebody sees it, in CIELAB, where about 2 is the least difference that anybody sees."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ (vision @ linear).clip(0, 1) / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colours: object, vision: str) -> float:
    seen = [lab(colour, VISION[vision]) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(
    ("colours", "apart"),
    [(style.FINGERS, 40), (hands.COLOURS[:5], 25), (SERIES, 20)],
    ids=["fingers", "fingers of a drawn hand", "series"],
)
def test_colours_are_told_apart(vision: str, colours: list[str], apart: float) -> None:
    assert nearest(colours, vision) > apart


@pytest.mark.parametrize("vision", VISION)
def test_lines_are_seen_on_white(vision: str) -> None:
    paper = lab("white", VISION[vision])
    assert min(np.linalg.norm(lab(colour, VISION[vision]) - paper) for colour in (*SERIES, *style.FINGERS)) > 30


def colours_in(source: str) -> set[str]:
    """The colours, and the maps of them, that code names, without greys and letters."""
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    texts = {text for text in texts if isinstance(text, str) and len(text) > 1}
    chromatic = {text for text in texts if is_color_like(text) and max(to_rgb(text)) - min(to_rgb(text)) > 0.01}
    return chromatic | (texts & {*matplotlib.colormaps})


def test_figures_have_no_other_colours() -> None:
    known = {*SERIES, *style.FINGERS, errors.DARK, render3d.OUTLINE, SKIN, *MAPS}
    sources = [*Path(plots.__file__).parent.glob("*.py"), Path(report.__file__)]
    others = {source.name: colours_in(source.read_text()) - known for source in sources}
    assert not any(others.values()), others
    assert colours_in("plot(x, color='tab:red', cmap='jet'); plot(y, color='#808080')") == {"tab:red", "jet"}


def test_measure_finds_colours_that_protanopes_confuse() -> None:
    old = ["#e07b39", "#b59a2c"]  # an index and a middle finger of old
    assert nearest(old, "usual") > 30 and nearest(old, "deuteranopia") < 5


def test_figure_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure, path = plots.clip_scores([0.1, 0.9], 0.15), tmp_path / "new/figure.png"
    style.save(figure, path)
    whole = path.read_bytes()
    assert whole.startswith(b"\x89PNG")

    def killed(_: Figure, file: Path, **__: object) -> None:
        Path(file).write_bytes(whole[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", killed)
    with pytest.raises(KeyboardInterrupt):
        style.save(figure, path)
    assert path.read_bytes() == whole and len(list(path.parent.iterdir())) == 1
    with pytest.raises(DataError, match=r"figure\.xyz: no format of a figure; the name has to end with one of .*png"):
        style.save(figure, tmp_path / "figure.xyz")


def test_cell_shows_a_figure_its_alternative_text_and_the_line_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = plots.clip_scores([0.1, 0.9], 0.15)
    style.finished(figure, "Bars of two clips.", "Half of them **fail**.")
    shown: list[tuple[dict, dict]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata=None: shown.append((data, metadata)))
    style.Picture(figure)._ipython_display_()
    (image, metadata), (line, _) = shown
    assert metadata["image/png"]["alt"] == image["text/plain"] == "Bars of two clips. Half of them fail."
    assert image["image/png"].startswith("iVBOR") and line["text/markdown"] == "Half of them **fail**."


def test_phrases_stand_below_each_other_letter_by_letter() -> None:
    table = plots.Phrases(pd.DataFrame({"phrase": ["a <b", "www"]}))
    assert repr(table) == repr(table.table)
    html = table._repr_html_()
    assert "text-align:left;font-family:monospace'>a &lt;b</td>" in html and "<td>" not in html
