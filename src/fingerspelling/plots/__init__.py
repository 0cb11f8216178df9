"""Every figure of the notebooks. Each function returns a closed Figure, which a cell that ends with it shows."""

from fingerspelling.plots.augmentations import Change, changed_points, changed_time
from fingerspelling.plots.clips import clip_strip, selected_points, visibility
from fingerspelling.plots.data import bars, characters, lengths_in_batches, quantiles, scatter, shares
from fingerspelling.plots.hands import alphabet
from fingerspelling.plots.parameters import ParameterTable
from fingerspelling.plots.results import clip_scores, compared, confusions, latency, training_curves

__all__ = [
    "Change",
    "ParameterTable",
    "alphabet",
    "bars",
    "changed_points",
    "changed_time",
    "characters",
    "clip_scores",
    "clip_strip",
    "compared",
    "confusions",
    "latency",
    "lengths_in_batches",
    "quantiles",
    "scatter",
    "selected_points",
    "shares",
    "training_curves",
    "visibility",
]
