"""What all figures have in common."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fingerspelling.files import DataError, written_whole

# A test holds colours far enough apart for those who see no difference between red and green.
BLUE, ORANGE, GREEN, RED, GREY = "#3f75e5", "#ce841a", "#1ab466", "#bb0c1d", "#8c8c8c"
FINGERS = ["#6a1239", "#cca007", "#59c38d", "#6ea0c7", "#5042b5"]  # thumb to little finger
WIDTH = 9.5  # inches, at most: what a cell of JupyterLab shows on a laptop's screen without shrinking it
# Of the frame: the recordings are portrait videos of a phone's selfie camera.
HEIGHT_OVER_WIDTH = 16 / 9

mpl.rcParams.update(
    {
        "figure.dpi": 100,
        "savefig.dpi": 120,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e6e6e6",
        "text.parse_math": False,  # a $ in a phrase is a $
        "axes.prop_cycle": mpl.rcsetup.cycler(color=[BLUE, ORANGE, GREEN, RED, GREY]),
        "legend.frameon": False,
        "legend.fontsize": 8,
    }
)


def finished(figure: Figure, drawn: str, reading: str = "") -> Figure:
    """Return a figure that is ready to be shown.

    Args:
        figure: the figure.
        drawn: what it draws, for those who cannot see it.
        reading: what it shows, computed from its numbers; the line beneath it.
    """
    plt.close(figure)  # or Jupyter would show it a second time
    figure.set_label(f"{drawn}\n{reading}")
    return figure


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure in the format that the file's name ends with; the file appears only when whole.

    Raises:
        DataError: there is no such format.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in (formats := figure.canvas.get_supported_filetypes()):
        raise DataError(f"{path}: no format of a figure; the name has to end with one of {', '.join(sorted(formats))}")
    with written_whole(path) as temporary:
        figure.savefig(temporary, format=kind, **options)


@dataclass(frozen=True)
class Picture:
    """A figure as a cell shows it: an image with its alternative text, and under it the line that reads it."""

    figure: Figure

    @property
    def alt(self) -> str:
        """What the figure draws and what it shows, in words."""
        return " ".join(str(self.figure.get_label()).split("\n")).replace("**", "").strip()

    @property
    def reading(self) -> str:
        return str(self.figure.get_label()).partition("\n")[2]

    def __repr__(self) -> str:
        return self.alt

    def _ipython_display_(self) -> None:
        # Not at the top: a training without a notebook, on a cluster, may have no IPython.
        from IPython.core.pylabtools import print_figure
        from IPython.display import display

        image, alt = print_figure(self.figure, "png", base64=True), self.alt
        display({"image/png": image, "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})
        if self.reading:
            display({"text/markdown": self.reading, "text/plain": self.reading}, raw=True)


@dataclass(frozen=True)
class Phrases:
    """A table whose cells stand at the left, in letters of one width, so that phrases can be compared by eye."""

    table: pd.DataFrame

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        cell = "<td style='text-align:left;font-family:monospace'>"
        return self.table.to_html(border=0, justify="left").replace("<td>", cell)


def bare(axes: Axes, title: str = "") -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9, loc="center")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d0d0d0")
