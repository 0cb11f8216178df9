"""Every figure, as it is drawn, for those who see no difference between red and green.

Each is drawn without smooth edges and with hands in an even light, so that its pixels have the colours that mean
something and no mixtures of them. Whichever two of these anybody else tells apart have to stay apart.
"""

import inspect
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from colour_vision import VISION, distances
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from synthetic import make_model

from fingerspelling import plots
from fingerspelling.decoding.inspection import Inspection, follow_clip
from fingerspelling.landmarks import SELECTED_PLACES, as_columns
from fingerspelling.model.preprocessing import normalize
from fingerspelling.plots import results
from fingerspelling.plots.render3d import Canvas
from fingerspelling.scoring.uncertainty import threshold_scores
from fingerspelling.simulation import Signer, SimulationConfig, hand_shape, render_clip
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
    pixels = np.asarray(canvas.buffer_rgba())[..., :3] @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    inner = (pixels[:-1, :-1] == pixels[1:, :-1]) & (pixels[:-1, :-1] == pixels[:-1, 1:])
    inner &= pixels[:-1, :-1] == pixels[1:, 1:]
    part = np.zeros(inner.shape, int)
    maps = [axes for axes in figure.axes if any(values is not None and values.ndim == 2 for values in mapped(axes))]
    for number, axes in enumerate(maps, 1):
        (left, below), (right, above) = axes.get_window_extent().get_points().round().astype(int)
        part[len(pixels) - above : len(pixels) - below, left:right] = number
    found = []
    for number in range(len(maps) + 1):
        values, counts = np.unique(pixels[:-1, :-1][inner & (part == number)], return_counts=True)
        found.append((values[counts >= LEAST, None] >> np.array([16, 8, 0]) & 255) / 255)
    return found


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
