"""What all figures have in common."""

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

BLUE, ORANGE, GREEN, RED, GREY = "#3b6fb6", "#e07b39", "#4a9d6e", "#c0504d", "#8c8c8c"
FINGERS = ["#c0504d", "#e07b39", "#b59a2c", "#4a9d6e", "#3b6fb6"]  # thumb to little finger
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
    }
)


def finished(figure: Figure) -> Figure:
    plt.close(figure)  # or Jupyter would show it a second time
    return figure


def bare(axes: Axes, title: str = "") -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9, loc="center")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d0d0d0")


def log_scale(axes: Axes) -> None:
    """Make the y axis logarithmic, with labels that need no mathematics."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter())
