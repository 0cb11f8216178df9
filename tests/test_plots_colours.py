"""Every figure, page and stored picture, for those who see no difference between red and green.

Each figure is drawn without smooth edges and with hands in an even light, so that its pixels have the colours that mean
something and no mixtures of them. Whichever two of these anybody else tells apart have to stay apart. The same holds of
all colours that a page names, and of those that cover much of a stored picture, which are to be the figures' own.
"""

import inspect
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from colour_vision import VISION, distances, nearest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image
from synthetic import make_model

from fingerspelling import plots
from fingerspelling.decoding.inspection import Inspection, follow_clip
from fingerspelling.landmarks import SELECTED_PLACES, as_columns
from fingerspelling.model.preprocessing import normalize
from fingerspelling.plots import errors, hands, results, style
from fingerspelling.plots.render3d import OUTLINE, Canvas
from fingerspelling.runs.config import ROOT
from fingerspelling.runs.pages import _small
from fingerspelling.scoring.uncertainty import threshold_scores
from fingerspelling.simulation import Signer, SimulationConfig, hand_shape, render_clip
from fingerspelling.video import report
from fingerspelling.video.reading import Letter, Reading
from fingerspelling.video.recording import Recording
from fingerspelling.video.report import letters_figure

TOLD_APART, APART = 25, 16  # in CIELAB: what the usual eye sees as two colours at a glance, and what has to be left
DPI = 200
LEAST = 6  # pixels that make a colour one of the figure's
RNG = np.random.default_rng(0)


@cache
def landmarks() -> np.ndarray:
    return render_clip(Signer.sample(np.random.default_rng(2)), "a bee", np.random.default_rng(2), SimulationConfig())


def frames() -> np.ndarray:
    return landmarks()[:, SELECTED_PLACES]


def histories() -> dict[str, pd.DataFrame]:
    curve = {"epoch": np.arange(6.0), "eval_loss": 3 - np.arange(6) / 3, "eval_score": np.arange(6) / 7}
    parts = {f"loss_{name}": 5 - i - np.arange(6) / 3 for i, name in enumerate(("forward", "backward", "ctc", "frame"))}
    history = pd.DataFrame({**curve, **parts, "loss": 4.5 - np.arange(6) / 3, "learning_rate": np.arange(6) / 1000})
    return {f"seed{seed}": history for seed in range(3)}


def attention() -> Figure:
    shown = np.arange(0, len(frames()), 2)
    seen = Inspection(shown, RNG.random((6, len(shown))), RNG.random((len(shown), 60)), shown[[2, 5, 9, 12, 14]])
    return plots.attention(frames(), "a bee", "a bee", seen, np.repeat(np.arange(-1, 5), -(-len(frames()) // 6)))


def changed_points() -> Figure:
    before = normalize(torch.tensor(frames())[None])[0].numpy()
    dropped = np.where(RNG.random((*before.shape[:2], 1)) < 0.3, np.nan, before)
    return plots.changed_points(before, {"drop": dropped, "mirror": before}, {"drop": 0.5})


def changed_time() -> Figure:
    first, second = frames()[:30], frames()[30:50]
    cut = plots.Change({"second": second, "first": first}, np.concatenate([second[8:], first[:20]]), "both")
    return plots.changed_time({"cut-mix": cut}, {})


def letters() -> Figure:
    recording = Recording(as_columns(landmarks()), np.arange(len(landmarks())) / 30, 1080, 1920)
    return letters_figure(recording, [Reading(0, 2, [Letter("a", 0.5, 0.9), Letter("b", 1.0, 0.8)], 0.9, 1.0)])


def architecture() -> Figure:
    return plots.architecture(follow_clip(make_model(ctc_weight=0.5), frames(), "a b"), "a b", 1_000_000)


def reliability() -> Figure:
    sure, clips = RNG.random(50), pd.DataFrame({"phrase": ["a"] * 50, "prediction": "b", "participant_id": 1})
    return plots.reliability(sure, RNG.random(50), threshold_scores(sure, clips), "how sure")


SCORES = pd.DataFrame(
    {"score": [0.5, 0.8], "low": [0.4, 0.7], "high": [0.6, 0.9], "clips": 30, "signers": 3}, index=["url", "phone"]
)
CONFUSED = {("2", "3"): 17, ("2", "2"): 83, ("u", "r"): 5, ("u", ""): 2, ("", "x"): 4}
FIGURES: dict[Callable[..., Figure], Callable[[], Figure]] = {
    letters_figure: letters,
    plots.alphabet: lambda: plots.alphabet({character: hand_shape(character) for character in "amz0"}),
    plots.architecture: architecture,
    plots.attention: attention,
    plots.changed_points: changed_points,
    plots.changed_time: changed_time,
    plots.characters: lambda: plots.characters(["abc 12 -/"], {"a": 0.1}),
    plots.clip_scores: lambda: plots.clip_scores([0.0, 0.1, 0.5, 1.0], 0.15),
    plots.clip_strip: lambda: plots.clip_strip(frames(), "a bee", 6),
    plots.commonest_confusions: lambda: plots.commonest_confusions(CONFUSED),
    plots.compared: lambda: plots.compared(["kagle.con"], ["kaggle.com"], [0.8]),
    plots.confusions: lambda: plots.confusions(CONFUSED),
    plots.latency: lambda: plots.latency([10, 20], [0.01, 0.02], {name: {10: 9, 20: 19} for name in "abc"}),
    plots.lengths_in_batches: lambda: plots.lengths_in_batches([[10, 20], [30, 40]], 100),
    plots.quantiles: lambda: plots.quantiles({"frames": np.arange(99)}, {"frames": {5: 7, 50: 40}}),
    plots.reliability: reliability,
    plots.score_bars: lambda: plots.score_bars(SCORES, "kind", 0.6),
    plots.score_over: lambda: plots.score_over(RNG.random(50), RNG.random(50), "frames", 1),
    plots.selected_points: lambda: plots.selected_points(frames()[np.isfinite(frames()).sum((1, 2)).argmax()]),
    plots.shares: lambda: plots.shares(pd.Series([0.5], ["letters"]), pd.Series([0.6], ["letters"])),
    plots.training_curves: lambda: plots.training_curves(histories()),
    plots.visibility: lambda: plots.visibility([frames()], ["a bee"]),
    results.run_curves: lambda: results.run_curves({str(run): part for run, part in enumerate(histories().values())}),
    results.sweep_scores: lambda: results.sweep_scores(pd.DataFrame({"score": [0.5, np.nan]}, index=["one", "two"])),
}


def test_every_figure_is_here() -> None:
    found = {
        function
        for path in Path(plots.__file__).parent.glob("*.py")
        for name, function in inspect.getmembers(import_module(f"fingerspelling.plots.{path.stem}"), inspect.isfunction)
        if inspect.get_annotations(function).get("return") is Figure and name != "finished"
    }
    assert found == FIGURES.keys() - {letters_figure}


def colours_of(figure: Figure) -> list[np.ndarray]:
    """Return the colours of a figure's areas and lines, without those along edges.

    Returns:
        RGB in 0..1, float [colours, 3], of each map of values, whose shades are compared with what lies on it, and of
        all that is outside of them.
    """
    for image in figure.findobj(AxesImage):
        image.set_interpolation("nearest")
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels, inner = inner_pixels(np.asarray(canvas.buffer_rgba())[..., :3])
    part = np.zeros(inner.shape, int)
    maps = [axes for axes in figure.axes if any(values is not None and values.ndim == 2 for values in mapped(axes))]
    for number, axes in enumerate(maps, 1):
        (left, below), (right, above) = axes.get_window_extent().get_points().round().astype(int)
        part[len(part) + 1 - above : len(part) + 1 - below, left:right] = number
    return [counted(pixels[inner & (part == number)])[0] for number in range(len(maps) + 1)]


def inner_pixels(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an image's pixels as one number each, and which of them are like their neighbours below and beside."""
    pixels = image.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    here = pixels[:-1, :-1]
    return here, (here == pixels[1:, :-1]) & (here == pixels[:-1, 1:]) & (here == pixels[1:, 1:])


def counted(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours of pixels that are one number each, float [colours, 3] in 0..1, and how many have each."""
    values, counts = np.unique(pixels, return_counts=True)
    enough = counts >= LEAST
    return (values[enough, None] >> np.array([16, 8, 0]) & 255) / 255, counts[enough]


def mapped(axes: Axes) -> list[np.ndarray | None]:
    return [artist.get_array() for artist in axes.get_children() if isinstance(artist, AxesImage | QuadMesh)]


def merged(colours: np.ndarray, vision: str) -> list[str]:
    """Return which two colours are one to those who see this way."""
    lost = (distances(colours, "usual") > TOLD_APART) & (distances(colours, vision) < APART)
    return [f"{to_hex(colours[one])} and {to_hex(colours[other])}" for one, other in np.argwhere(np.triu(lost))]


def even_light(canvas: Canvas, colours: np.ndarray) -> np.ndarray:
    return np.dstack([colours[canvas.part], canvas.part >= 0])


@pytest.mark.parametrize("function", FIGURES, ids=lambda function: function.__name__)
def test_what_a_figure_tells_apart_by_colour_is_told_apart(
    function: Callable[..., Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Canvas, "image", even_light)
    parts = colours_of(FIGURES[function]())
    assert sum(map(len, parts)) > 2
    assert not [pair for colours in parts for vision in VISION for pair in merged(colours, vision)]


def test_a_figure_whose_lines_are_one_to_some_eyes_is_found() -> None:
    figure = results.run_curves({"one": histories()["seed0"]})
    (axes, _) = figure.axes
    axes.lines[0].set_color("#e07b39")
    axes.plot([0, 5], [1, 2], color="#b59a2c")
    (colours,) = colours_of(figure)
    assert merged(colours, "deuteranopia") == ["#b59a2c and #e07b39"] and not merged(colours, "usual")


@pytest.mark.parametrize("vision", VISION)
def test_the_parts_of_a_drawn_hand_are_told_apart_in_its_light(vision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the shade in the middle of each part's shades, over all characters."""
    seen: dict[int, list[np.ndarray]] = {part: [] for part in range(len(hands.COLOURS))}
    lit = Canvas.image

    def kept(canvas: Canvas, colours: np.ndarray) -> np.ndarray:
        image = lit(canvas, colours)
        for part, shades in seen.items():
            shades.append(image[canvas.part == part, :3])
        return image

    monkeypatch.setattr(Canvas, "image", kept)
    plots.alphabet({character: hand_shape(character) for character in "abcdefghiklmnopqrstuvwxy0123456789"})
    assert nearest([np.median(np.concatenate(shades), 0) for shades in seen.values()], vision) > APART


def test_a_page_keeps_the_fingers_colours_among_many_greys() -> None:
    written = BytesIO()
    attention().savefig(written, dpi=100)
    before, after = (
        np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)
        for png in (written.getvalue(), _small(written.getvalue()))
    )
    fingers = (before[:, :, None] == (hands.COLOURS[:5] * 255).round()).all(-1).any(-1)
    assert fingers.sum() > 100 and np.abs(after - before)[fingers].max() <= 10


def player() -> str:
    signed = np.zeros(len(landmarks()), int)
    return plots.ClipPlayer(frames(), "a bee", signed, "a b", [2, 5, 9])._repr_html_()


PAGES: dict[str, Callable[[], str]] = {
    "player": player,
    "a video's report": lambda: report.TEMPLATE.read_text(),
    "webcam": lambda: (ROOT / "web/index.html").read_text() + (ROOT / "web/src/page.js").read_text(),
}


def colours_named(html: str) -> list[str]:
    return sorted({match[:7] for match in re.findall(r"#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3})\b", html)})


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_tells_apart_by_colour_is_told_apart(name: str) -> None:
    colours = colours_named(PAGES[name]())
    assert len(colours) > 2
    found = np.array([to_rgb(colour) for colour in colours])
    assert not [pair for vision in VISION for pair in merged(found, vision)]


def test_a_page_names_each_of_its_colours() -> None:
    assert colours_named(player()) == sorted({*style.FINGERS, style.GREY, "#000", "#666", "#d0d0d0", "#fff"})
    assert colours_named("<b style='color:#abc'>#1 &#39; #12345678</b>") == ["#123456", "#abc"]


PICTURES = sorted([*ROOT.glob("docs/images/*.png"), *ROOT.glob("weights/*/*.png")])
MUCH = 0.01  # of all pixels that are not white


def drawn_today() -> np.ndarray:
    """Return what figures consist of: greys, their colours, hands in light and shade, all of them also paler."""
    light = np.linspace(0.8, 1.05, 6)[:, None, None]
    others = [
        to_rgb(name) for name in (style.BLUE, style.ORANGE, style.GREEN, style.RED, errors.DARK, OUTLINE, "black")
    ]
    own = np.concatenate([(light * hands.COLOURS).clip(0, 1).reshape(-1, 3), others])
    return np.concatenate([1 - share * (1 - own) for share in np.linspace(0, 1, 21)])


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_stored_picture_has_the_colours_of_figures_and_tells_them_apart(path: Path) -> None:
    """One that the code of today would draw in other colours is drawn anew by `make book` or `make weights`."""
    pixels, inner = inner_pixels(np.asarray(Image.open(path).convert("RGB")))
    colours, counts = counted(pixels[inner])
    away = np.linalg.norm(colours[:, None] - drawn_today(), axis=-1).min(1)
    assert not [to_hex(colour) for colour in colours[away > 0.05]]
    much = colours[counts > MUCH * counts[(colours < 1).any(1)].sum()]
    assert len(much) > 1 and not [pair for vision in VISION for pair in merged(much, vision)]
