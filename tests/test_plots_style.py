"""Colours that those who see no difference between red and green tell apart, and what is said of figures."""

import ast
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from colour_vision import VISION, distances, nearest
from matplotlib.colors import is_color_like, to_rgb
from matplotlib.figure import Figure

from fingerspelling import plots
from fingerspelling.files import DataError
from fingerspelling.plots import errors, hands, render3d, style
from fingerspelling.video import report

MAPS = {"Greys", "Blues", "PuOr"}  # one lightness per value, or two hues that everybody tells apart
SERIES = [style.BLUE, style.ORANGE, style.GREEN, style.RED, style.GREY]


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(
    ("colours", "apart"),
    [(style.FINGERS, 40), ([*style.FINGERS, hands.SKIN], 29), (SERIES, 20)],
    ids=["fingers", "fingers and palm", "series"],
)
def test_colours_are_told_apart(vision: str, colours: list[str], apart: float) -> None:
    assert nearest(colours, vision) > apart


@pytest.mark.parametrize("vision", VISION)
def test_lines_are_seen_on_white(vision: str) -> None:
    assert distances(["white", *SERIES, *style.FINGERS], vision)[0, 1:].min() > 30


def colours_in(source: str) -> set[str]:
    """The colours, and the maps of them, that code names, without greys and letters."""
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    texts = {text for text in texts if isinstance(text, str) and len(text) > 1}
    chromatic = {text for text in texts if is_color_like(text) and max(to_rgb(text)) - min(to_rgb(text)) > 0.01}
    return chromatic | (texts & {*matplotlib.colormaps})


def test_figures_have_no_other_colours() -> None:
    known = {*SERIES, *style.FINGERS, errors.DARK, render3d.OUTLINE, hands.SKIN, *MAPS}
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
