"""What was read, as text: the hand in the moment in which each letter was read, drawn in braille."""

from collections.abc import Sequence

import numpy as np

from fingerspelling.landmarks import HAND_BONES
from fingerspelling.video.reading import Letter, Reading
from fingerspelling.video.recording import Recording

WIDE, TALL = 12, 6  # characters of a hand's picture, 2 x 4 dots each
BLANK = 0x2800  # the first braille character; its dots are the bits of what is added, in this order
DOTS = np.array([[0, 3], [1, 4], [2, 5], [6, 7]])
LETTER = "{} {:.1f}s {:.0%}"  # below a picture: which, when, and how sure


def hands(recording: Recording, readings: Sequence[Reading], columns: int = 80) -> str:
    """Draw the spelling hand of each letter that was read, in rows that fit into so many columns."""
    letters = [letter for reading in readings for letter in reading.letters]
    per_row = max(columns // (WIDE + 1), 1)
    return "\n\n".join(_row(recording, letters[i : i + per_row]) for i in range(0, len(letters), per_row))


def _row(recording: Recording, letters: Sequence[Letter]) -> str:
    frames, hand = recording.spelling_hand()
    nearest = [np.abs(recording.seconds[frames] - letter.second).argmin() for letter in letters]
    pictures = [_picture(hand[place]) for place in nearest]
    named = [LETTER.format("␣" if it.character == " " else it.character, it.second, it.confidence) for it in letters]
    lines = [*zip(*pictures, strict=True), tuple(named)]
    return "\n".join(" ".join(part.ljust(WIDE) for part in line).rstrip() for line in lines)


def _picture(hand: np.ndarray) -> list[str]:
    """Draw a hand's bones as large as fits; returns TALL lines of WIDE characters."""
    size = np.array([2 * WIDE - 1, 4 * TALL - 1])
    low, high = hand.min(0), hand.max(0)
    scale = (size / np.maximum(high - low, 1e-6)).min()
    dots = (hand - (low + high) / 2) * scale + size / 2
    bones = np.concatenate([np.linspace(dots[a], dots[b], 4 * TALL) for a, b in HAND_BONES])
    x, y = bones.round().astype(int).T
    cells = np.full((TALL, WIDE), BLANK)
    np.bitwise_or.at(cells, (y // 4, x // 2), 1 << DOTS[y % 4, x % 2])
    return ["".join(map(chr, line)) for line in cells]
