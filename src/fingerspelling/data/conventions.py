"""How a file's points differ from the competition's, and putting them right.

The competition's are shares of the picture's width and height, NaN where a point was not detected, and left and right
are the signer's own, as a camera that does not mirror sees them.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from fingerspelling.data.parquet import SAMPLE_COLUMNS, detected, in_pixels, read_column, sample_points
from fingerspelling.landmarks import COLUMNS
from fingerspelling.parameters import parameters

POINT_COLUMNS = frozenset(COLUMNS)
ROWS = 300  # that are looked at in a file
# Width and height of usual videos, from the smallest; a phone's are upright.
PICTURES = [(480, 640), (640, 480), (720, 1280), (1280, 720), (1080, 1920), (1920, 1080), (2160, 3840), (3840, 2160)]
OUTERMOST = 98  # percentile of coordinates of face and hands that has to be inside of the picture


@parameters
class ExtractionConfig:
    """What the competition's files, or others in their format, cannot say about themselves."""

    # Width and height of the videos whose coordinates are in pixels. None estimates them, which is of no consequence to
    # a model: it standardizes each coordinate.
    picture_size: tuple[PositiveInt, PositiveInt] | None = None
    mirror: bool = False  # x becomes 1 - x, for pictures that were mirrored after the points were named
    swap_hands: bool = False  # exchange the hands: for files whose left hand is the signer's right one
    upside_down: bool = False  # y becomes 1 - y, for files in which it grows upwards


AS_THEY_ARE = ExtractionConfig()


@dataclass(frozen=True)
class Convention:
    """How a file's columns become the competition's."""

    picture: tuple[float, float] | None = None  # width and height, in pixels, where coordinates are
    mark: float | None = None  # x and y of undetected points, see `parquet.detected`
    mirror: bool = False
    swap_hands: bool = False
    upside_down: bool = False

    def __str__(self) -> str:
        """Say in words what is put right, "" for nothing."""
        changes = ["pixels of {:.0f} x {:.0f}".format(*self.picture)] if self.picture else []
        changes += [] if self.mark is None else [f"{self.mark:g} for undetected"]
        changes += ["mirrored"] * self.mirror + ["hands swapped"] * self.swap_hands
        changes += ["upside down"] * self.upside_down
        return ", ".join(changes)

    def column(self, batch: pa.RecordBatch, name: str) -> np.ndarray:
        """Return a column of points as the competition would have it, float32 [rows]."""
        if self.swap_hands:
            axis, point = name.split("_", 1)
            other = {"left": "right", "right": "left"}
            side, _, rest = point.partition("_")
            name = f"{axis}_{other[side]}_{rest}" if side in other else name
        values = read_column(batch, name, self.mark)
        if self.picture:
            values = values / np.float32(self.picture[name[0] == "y"])  # z counts widths, too
        return 1 - values if {"x": self.mirror, "y": self.upside_down}.get(name[0]) else values

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows of a file with all of their points as the competition would have them."""
        columns = {name: batch[name] for name in batch.schema.names}
        points = {
            name: pa.array(self.column(batch, name), from_pandas=True) for name in columns if name in POINT_COLUMNS
        }
        return pa.record_batch(columns | points).replace_schema_metadata(batch.schema.metadata)


def recognise(batch: pa.RecordBatch, config: ExtractionConfig = AS_THEY_ARE) -> Convention | None:
    """Return how a file's columns differ from the competition's, by the first of its rows; None if they do not.

    Raises:
        pa.ArrowException: a column holds no numbers.
    """
    rows = pa.array(np.linspace(0, batch.num_rows - 1, min(batch.num_rows, ROWS)).astype(int))
    names, points = sample_points(batch.select([*SAMPLE_COLUMNS & {*batch.schema.names}]).take(rows))
    there, mark = detected(*points)
    inside = points[:, there]  # [axes, points that are there]
    picture = None
    if in_pixels(inside):
        whole = np.array([not name.startswith("pose") for name in names])  # arms may be below the picture
        seen = points[:, whole][:, there[whole]]
        picture = config.picture_size or _smallest_picture(*np.percentile(seen if seen.size else inside, OUTERMOST, 1))
    found = Convention(picture, mark, config.mirror, config.swap_hands, config.upside_down)
    return None if found == Convention() else found


def _smallest_picture(right: float, bottom: float) -> tuple[float, float]:
    """Return the width and height of the smallest usual picture that reaches as far."""
    return next((size for size in PICTURES if right <= size[0] and bottom <= size[1]), (right, bottom))
