"""What was read, as a page that plays the video and as a picture: landmarks over frames, letters in time."""

import base64
import json
from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from fingerspelling.files import DataError, write_whole, written_whole
from fingerspelling.landmarks import FACE, HAND, HAND_BONES, POSE, as_points
from fingerspelling.text import visible
from fingerspelling.video.reading import Letter, Reading
from fingerspelling.video.recording import Recording

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = Path(__file__).with_name("report.html")
LEFT, RIGHT = FACE, FACE + HAND + POSE  # the hands' first points among landmarks.POINTS
ARMS = [(11, 13), (13, 15), (12, 14), (14, 16), (11, 12)]  # of the pose's points
BONES = [(first + a, first + b) for first in (LEFT, RIGHT) for a, b in HAND_BONES]
ARM_BONES = [(FACE + HAND + a, FACE + HAND + b) for a, b in ARMS]
BONES += ARM_BONES
JOINTS = sorted({joint for bone in BONES for joint in bone})
FRAMES_SHOWN = 1500  # at most in a page
MOMENTS = 12  # letters at most in a picture


def write_page(path: Path, recording: Recording, readings: Sequence[Reading], title: str) -> None:
    """Write one HTML file that plays the recording, with its landmarks and letters; it needs no network."""
    stride = max(1, -(-len(recording.landmarks) // FRAMES_SHOWN))
    shown = sorted(recording.pictures) or range(0, len(recording.landmarks), stride)
    points = (as_points(recording.landmarks)[:, JOINTS, :2] * 1000).round()
    clip = {
        "width": recording.width,
        "height": recording.height,
        "bones": [(JOINTS.index(a), JOINTS.index(b)) for a, b in BONES],
        "frames": [
            {
                "second": round(float(recording.seconds[i]), 3),
                "points": [[*map(int, point)] if np.isfinite(point).all() else None for point in points[i]],
                "picture": base64.b64encode(recording.pictures.get(i, b"")).decode(),
            }
            for i in shown
        ],
        "letters": [
            [letter.character, round(letter.second, 2), round(letter.confidence, 2)]
            for reading in readings
            for letter in reading.letters
        ],
    }
    data = json.dumps(clip, separators=(",", ":")).replace("<", "\\u003c")  # or "</script>" would end it
    phrases = _phrases(readings)
    page = Template(TEMPLATE.read_text(encoding="utf-8"))
    write_whole(path, page.substitute(title=escape(title), phrases=escape(phrases), clip=data))


def write_picture(path: Path, recording: Recording, readings: Sequence[Reading]) -> None:
    """Write `letters_figure` as a PNG; a DataError says that matplotlib is not installed."""
    try:
        figure = letters_figure(recording, readings)
    except ImportError as error:
        raise DataError(f"a picture needs the package {error.name}; install fingerspelling[workbook]") from error
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def letters_figure(recording: Recording, readings: Sequence[Reading]) -> "Figure":
    """Draw of up to twelve letters the hand in the frame in which each was read, with time and confidence."""
    import matplotlib.pyplot as plt
    from matplotlib.collections import LineCollection

    from fingerspelling.plots.clips import draw_hand, evenly
    from fingerspelling.plots.style import GREY, finished

    letters = [letter for reading in readings for letter in reading.letters]
    chosen = evenly(letters, MOMENTS)
    columns = max(len(chosen), 1)
    figure, axes = plt.subplots(1, columns, figsize=(1.1 * columns + 0.2, 1.9), squeeze=False, layout="constrained")
    points = as_points(recording.landmarks)[..., :2] * [recording.width, recording.height]
    frames, hand = recording.spelling_hand()
    corners = np.stack([hand.min(1), hand.max(1)], 1)
    half = 0.55 * np.ptp(corners, axis=1).max(initial=0)
    for axis, letter in zip(axes[0], chosen, strict=False):
        nearest = np.abs(recording.seconds[frames] - letter.second).argmin()
        frame, (x, y) = frames[nearest], corners[nearest].mean(0)
        if recording.pictures:
            picture = recording.pictures[min(recording.pictures, key=lambda i: abs(i - frame))]
            extent = (0, recording.width, recording.height, 0)
            axis.imshow(plt.imread(BytesIO(picture), format="jpg"), extent=extent)
        axis.add_collection(LineCollection([points[frame, list(bone)] for bone in ARM_BONES], colors=GREY))
        for first in (LEFT, RIGHT):
            draw_hand(axis, points[frame, first : first + HAND], 2)
        axis.set_title(visible(letter.character), loc="center", fontsize=15, fontweight="bold", family="monospace")
        axis.set_xlabel(f"{letter.second:.1f} s\n{letter.confidence:.0%}", fontsize=8)
        axis.set(xlim=(x - half, x + half), ylim=(y + half, y - half))
    for axis in axes[0]:
        axis.set(xticks=[], yticks=[], aspect="equal")
    figure.suptitle(_phrases(readings), family="monospace")
    drawn = f"The hand in {len(chosen)} frames of the recording, each with the letter that was read in it."
    return finished(figure, drawn, _doubt(letters))


def _doubt(letters: Sequence[Letter]) -> str:
    least = min(letters, key=lambda letter: letter.confidence, default=None)
    if least is None:
        return "Nothing legible was read."
    if least.confidence == 1:
        return f"It is sure of all **{len(letters)}** letters: every further reading has them too."
    where = f"**{visible(least.character)}** at {least.second:.1f} s"
    return (
        f"The least sure of {len(letters)} letters is {where}: {least.confidence:.0%} of the further readings have it."
    )


def _phrases(readings: Sequence[Reading]) -> str:
    return " · ".join((it.text or "nothing readable") + " (doubtful)" * it.answer.doubtful for it in readings)
