"""Every figure of the notebooks. Each function returns a closed Figure, which a cell that ends with it shows."""

from fingerspelling.plots.architecture import architecture
from fingerspelling.plots.attention import attention
from fingerspelling.plots.augmentations import Change, changed_points, changed_time
from fingerspelling.plots.clips import clip_strip, selected_points, visibility
from fingerspelling.plots.data import characters, lengths_in_batches, quantiles, shares
from fingerspelling.plots.errors import commonest_confusions, compared, confusions
from fingerspelling.plots.hands import alphabet
from fingerspelling.plots.parameters import ParameterTable
from fingerspelling.plots.player import ClipPlayer
from fingerspelling.plots.results import clip_scores, latency, training_curves
from fingerspelling.plots.scores import reliability, score_bars, score_over
from fingerspelling.plots.style import Phrases, Picture, save
