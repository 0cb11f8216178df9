"""The model as a drawing: what each part makes of one clip, with shapes and numbers of weights."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from fingerspelling.decoding.inspection import Stage
from fingerspelling.plots.style import GREY, WIDTH, finished
from fingerspelling.text import visible

# Row and column of each part, and which it is made from.
PLACES = {"clip": (0, 0), "convolution": (0, 1), "features": (0, 2), "encoder": (0, 3), "ctc": (0, 4)}
PLACES |= {"decoder": (1, 3), "characters": (1, 4)}
STEPS = [("clip", "convolution"), ("convolution", "features"), ("features", "encoder"), ("encoder", "ctc")]
STEPS += [("encoder", "decoder"), ("decoder", "characters")]
PROBABILITIES = {"ctc", "characters"}
MEANT = {  # of the sizes of a shape, by part
    "clip": ("frames", "points", "x y z"),
    "convolution": ("frames", "points", "channels"),
    "features": ("frames", "features"),
    "encoder": ("frames", "features"),
    "ctc": ("frames", "characters"),
    "decoder": ("characters", "features"),
    "characters": ("characters", "vocabulary"),
}


def architecture(stages: Mapping[str, Stage], phrase: str, all_weights: int) -> Figure:
    """Draw a model's parts with what each makes of one clip; time runs to the right, in the lower row the phrase.

    The stages are those of `inspection.follow_clip`; all_weights counts the parts that only training uses, too.
    """
    figure = plt.figure(figsize=(WIDTH, 5.0))
    figure.set_layout_engine("none")  # everything is placed by hand, so that arrows stand between the pictures
    boxes = {
        key: Bbox.from_bounds(0.015 + 0.204 * column, 0.6 - 0.49 * row, 0.155, 0.3)
        for key, (row, column) in PLACES.items()
    }
    for key, stage in stages.items():
        axes = figure.add_axes(boxes[key].bounds)
        values = stage.values
        if key in PROBABILITIES:
            axes.imshow(values, aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
        else:
            reach = max(float(np.percentile(np.abs(values), 98)), 1e-6)
            axes.imshow(values, aspect="auto", cmap="PuOr", vmin=-reach, vmax=reach, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        axes.set_title(stage.name.replace(" over ", "\nover "), fontsize=9, loc="left", fontweight="bold")
        shape = " × ".join(map(str, stage.shape))
        weights = f"\n{stage.weights:,} weights" if stage.weights else ""
        axes.set_xlabel(f"{shape}\n{' × '.join(MEANT[key])}{weights}", fontsize=8, loc="left")
    for start, end in STEPS:
        if start == "convolution" and start not in stages:
            start = "clip"
        if start in stages and end in stages:
            _arrow(figure, boxes[start], boxes[end])
    figure.text(0.015, 0.4, _explained(stages, phrase, all_weights), va="top", fontsize=9, linespacing=1.5)
    shapes = "; ".join(f"{stage.name}: {' × '.join(map(str, stage.shape))}" for stage in stages.values())
    drawn = f"The parts of the model in a chain, each with what it makes of a clip that spells {phrase!r}. {shapes}."
    parts = {stage.name: stage.weights for stage in stages.values()}
    largest = max(parts, key=parts.__getitem__)
    reading = f"Of {all_weights:,} weights, **{parts[largest] / all_weights:.0%}** are in this part: {largest}."
    return finished(figure, drawn, reading)


def _explained(stages: Mapping[str, Stage], phrase: str, all_weights: int) -> str:
    drawn = sum(stage.weights for stage in stages.values())
    rest = f"\n{all_weights - drawn:,} more weights only help in training." if all_weights > drawn else ""
    return (
        "Each picture is what the part makes of this clip:\n"
        "a column is a frame, in the lower row a character.\n"
        "Each block of the encoder: attention, feed-forward,\n"
        "convolution, feed-forward. The decoder reads the\n"
        "characters before and looks at all encoded frames;\n"
        f"it spells: {visible(phrase)}{rest}"
    )


def _arrow(figure: Figure, start: Bbox, end: Bbox) -> None:
    if abs(start.y0 - end.y0) < 0.01:
        points = (end.x0 - 0.003, (end.y0 + end.y1) / 2), (start.x1 + 0.003, (start.y0 + start.y1) / 2)
    else:  # down, at the right of what is written under the upper picture
        points = (end.x1 - 0.01, end.y1 + 0.045), (start.x1 - 0.01, start.y0 - 0.005)
    style = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.5}
    figure.axes[0].annotate("", *points, xycoords="figure fraction", textcoords="figure fraction", arrowprops=style)
