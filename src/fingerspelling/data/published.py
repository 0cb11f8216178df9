"""What was published about the competition's clips, as numbers.

The recordings may not be passed on, but other competitors published counts of all 67,208 training clips with their
notebooks on GitHub, and the output of some notebooks shows nine whole clips. Sources are named as they are there. The
two outermost quantiles of "frames" were counted over 4,996 clips.
"""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Known:
    """One published figure."""

    sample: str  # what was measured (a key of `measures.samples`)
    figure: str | int  # "mean", "sd", "least", "most", "share", or a number: the quantile at that percentage
    value: float  # what it is in the competition's data
    # How far a simulation may be off, as a share of the value: 0.1 of a mean or median, 0.2 of another figure, 0.3 of a
    # rare event.
    allowed: float
    source: str  # who counted
    nine: bool = False  # whether it is known of nine clips only

    @property
    def name(self) -> str:
        """The sample and the figure in words."""
        figure = {50: "median", "share": ""}.get(self.figure, self.figure)
        return f"{self.sample} {f'{figure} %' if isinstance(figure, int) else figure}".strip()


def _read(*clips: str) -> list[Known]:
    """Return what published.csv says of some clips; numbers among its figures are percentages, of quantiles."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["clips"] in clips]
    return [
        Known(
            row["sample"],
            int(row["figure"]) if row["figure"].isdigit() else row["figure"],
            float(row["value"]),
            float(row["allowed"]),
            row["source"],
            row["clips"] == "nine",
        )
        for row in rows
    ]


KNOWN = _read("training", "nine")
SUPPLEMENTAL = _read("supplemental")  # clips of everyday sentences
WORDS = _read("words")  # of FSboard, by the makers of the competition's; others aligned the words with the frames
# The most frequent of all 1,196,614 characters; DufreyM.
_COMMON = [0.0602, 0.0581, 0.0489, 0.0483, 0.0464, 0.0453, 0.0394, 0.0382, 0.0366, 0.0361, 0.0321, 0.0276, 0.0264]
CHARACTER_SHARES = dict(zip("ea or-tnislc214", [*_COMMON, 0.0262, 0.0249], strict=True))


def quantiles(sample: str) -> dict[int, float]:
    """Return the published quantiles of a sample, percentage -> value."""
    return {row.figure: row.value for row in KNOWN if row.sample == sample and isinstance(row.figure, int)}
