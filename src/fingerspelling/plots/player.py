"""A clip that plays in the page: the signer, the spelling hand close up, and when which letter is signed and read.

It is one piece of HTML with its data and script, so that it works in JupyterLab, on Kaggle, and in a saved page without
a network. Where no script may run, it is a filmstrip. `data-lm-suppress-shortcuts` lets
the keys reach the player's controls, where JupyterLab would fold headings at an arrow and edit the cell at Enter.
"""

import base64
import itertools
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from fingerspelling.landmarks import HAND_BONES, PARTS, WRISTS, spelling_hand
from fingerspelling.plots.clips import BODY, bone_colours, evenly, letter_runs, moments
from fingerspelling.plots.style import GREY, HEIGHT_OVER_WIDTH
from fingerspelling.text import visible

TEMPLATE = Template(Path(__file__).with_name("player.html").read_text(encoding="utf-8"))
STEPS = 254  # of a coordinate, from one edge of a picture to the other; 255 stands for a point that is missing
FPS = 30
STILLS = 9  # pictures in the filmstrip
_numbers = itertools.count()  # of the players in a page


@dataclass(frozen=True)
class ClipPlayer:
    """A clip with its letters, which a cell that ends with it shows."""

    frames: np.ndarray  # float [frames, 130, 3], raw landmarks
    phrase: str  # what is spelled
    # int [frames], the place in the phrase of the character that is signed, -1 for none; None where nobody knows, as
    # for recordings.
    signed: np.ndarray | None = None
    prediction: str = ""  # what was read, if anything
    read_at: Sequence[int] | np.ndarray = ()  # int [characters of the prediction], the frame at which each was read

    def __repr__(self) -> str:
        read = f", read as {self.prediction!r}" if self.prediction else ""
        return f"moving picture of a clip of {len(self.frames)} frames that spells {self.phrase!r}{read}"

    def _repr_html_(self) -> str:
        frames = np.asarray(self.frames, np.float32)
        points, person, hand = _points(frames)
        rows = []
        if self.signed is not None:
            runs = letter_runs(self.phrase, self.signed)
            rows.append(["signed", [[letter, run.mean(), len(run) / 2] for letter, run in runs]])
        if self.prediction:
            letters = zip(self.prediction, self.read_at, strict=True)
            rows.append(["read", [[visible(letter), int(frame), 0] for letter, frame in letters]])
        clip = {
            "frames": len(self.frames),
            "fps": FPS,
            "points": base64.b64encode(points.tobytes()).decode(),
            "person": person,
            "hand": hand,
            "rows": rows,
            "signed": None if self.signed is None else [visible(self.phrase[i]) if i >= 0 else "" for i in self.signed],
        }
        name = f"clip-{next(_numbers)}-{zlib.crc32(points.tobytes()):08x}"
        seen = np.flatnonzero(points[:, -1, 0] < 255)
        # No "<" in the script's data, or "</script>" in a phrase would end it.
        data = json.dumps(clip, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        start = int(seen[len(seen) // 2]) if len(seen) else 0
        phrase = escape(visible(self.phrase))
        read = [(int(frame), visible(letter)) for letter, frame in zip(self.prediction, self.read_at, strict=True)]
        shown = read if read and self.signed is None else moments(frames, self.phrase, self.signed)
        strip = _filmstrip(points, hand, [moment for moment in shown if moment[0] in seen])
        label = escape(repr(self))
        return TEMPLATE.substitute(id=name, label=label, phrase=phrase, strip=strip, clip=data, start=start)


def _filmstrip(points: np.ndarray, bones: list, shown: list[tuple[int, str]]) -> str:
    """Return the hand close up in some of the frames shown, each over its letter, as SVG."""
    pictures = []
    for place, (frame, letter) in enumerate(evenly(shown, STILLS)):
        lines: dict[str, str] = {}
        for start, end, colour, _ in bones:
            (x, y), (to_x, to_y) = points[frame, [start, end]] * (96 / STEPS)
            lines[colour] = lines.get(colour, "") + f"M{x:.0f} {y:.0f}L{to_x:.0f} {to_y:.0f}"
        paths = "".join(f'<path d="{line}" stroke="{colour}"/>' for colour, line in lines.items())
        text = f'<text x="48" y="116" font-size="20" fill="#000">{escape(letter)}</text>'
        pictures.append(f'<g transform="translate({100 * place})">{paths}{text}</g>')
    style = 'fill="none" stroke-width="3" stroke-linecap="round" font-family="monospace" text-anchor="middle"'
    return f'<svg viewBox="0 0 {100 * STILLS} 122" {style}>{"".join(pictures)}</svg>'


def _points(frames: np.ndarray) -> tuple[np.ndarray, list, list]:
    """Return the clip in 255 steps, and the lines to draw.

    Returns:
        uint8 [frames, points, 2]: the person and both hands in the picture, then the spelling hand in a square that
        follows it; 255 where a point is missing.
        The lines of the person and of the hand close up: [from, to, colour, width].
    """
    joints = sorted({place for chain in BODY for place in chain})
    hands = [PARTS[name] for name in ("left_hand", "right_hand")]
    chosen = np.concatenate([joints, *hands])
    first = len(joints)
    person = [[joints.index(a), joints.index(b), GREY, 2] for chain in BODY for a, b in itertools.pairwise(chain)]
    colours = bone_colours()
    for start in (first, first + 21):
        person += [[start + a, start + b, colour, 2.5] for (a, b), colour in zip(HAND_BONES, colours, strict=True)]
    close = [[first + 42 + a, first + 42 + b, colour, 9] for (a, b), colour in zip(HAND_BONES, colours, strict=True)]
    points = np.concatenate([frames[:, chosen, :2], _close_up(frames)], 1)
    missing = ~np.isfinite(points).all(-1)
    steps = np.where(missing[..., None], 0, points).clip(0, 1) * STEPS
    whole = steps.round().astype(np.uint8)
    whole[missing] = 255
    return whole, person, close


def _close_up(frames: np.ndarray) -> np.ndarray:
    """Return the spelling hand in a square of a fixed size that follows it, 0..1 inside: float [frames, 21, 2].

    Where only the other hand was found, this is taken for it, as the detector sometimes confuses them.
    """
    own = spelling_hand(frames)
    other = PARTS["left_hand" if own[0] == WRISTS[1] else "right_hand"]
    hand = np.where(np.isfinite(frames[:, own[:1], :1]), frames[:, own, :2], frames[:, other, :2])
    hand = hand * [1, HEIGHT_OVER_WIDTH]  # in frame widths
    seen = np.flatnonzero(np.isfinite(hand[:, 0, 0]))
    if not len(seen):
        return hand
    centres = (hand[seen].min(1) + hand[seen].max(1)) / 2
    window = np.exp(-0.5 * np.square(np.arange(-15, 16) / 6))  # the camera follows slowly, or nothing would move
    steady = np.stack([np.interp(np.arange(len(hand)), seen, centres[:, axis]) for axis in (0, 1)], 1)
    padded = np.pad(steady, [(15, 15), (0, 0)], mode="edge")
    smooth = np.stack([np.convolve(padded[:, axis], window / window.sum(), "valid") for axis in (0, 1)], 1)
    away = hand - smooth[:, None]
    size = 2.1 * np.percentile(np.abs(away[seen]).max((1, 2)), 98)  # the other frames are faults of the detector
    return away / size + 0.5
