"""The 59 characters as postures of the hand: shape, orientation and, where the character moves, its path.

A posture is a row of 26 channels: the 20 joint ANGLES of hand.py (degrees), the turn of the hand (pronation, pitch
and roll, degrees, see geometry.rotations) and its place in palms (right in the image, down, away from the camera),
all for a right hand. Shapes and turns of the hand are in hand_shapes.txt, those of still letters in still_letters.txt.

Letters and digits are those of ASL; J and Z are drawn. There is no standard for punctuation; here it is drawn in
the air with the finger, or resembles the ASL sign of that meaning, so that each can be told from all others:

    space  the open hand slides aside              . : ;  pokes towards the camera; the comma part hooks down
    ,      index hooks downwards                   '      bent index twists
    -      index, drawn to the side                _      the same, low and with the fingertip down
    /      index, slanted stroke                   ~      index, drawn as a wave
    +      index, stroke aside, then down          =      two fingers lying, one stroke aside
    #      V, stroke aside, then down              *      fingertips flick open, twice
    ( )    C, turned to either side, drawn down    [      L, turned to the other side, drawn down
    !      index strokes down, then pokes          ?      index bends twice
    @      fist opens to the index, which circles  &      open hand closes while sliding (AND)
    $      S twists                                %      O, slanted stroke (PERCENT)
"""

from pathlib import Path

import numpy as np

from fingerspelling.simulation.geometry import rotate, rotations
from fingerspelling.simulation.hand import ANGLES, joints
from fingerspelling.text import CHARACTERS

CHANNELS = len(ANGLES) + 6
TURN = slice(len(ANGLES), len(ANGLES) + 3)
PLACE = slice(len(ANGLES) + 3, CHANNELS)


def _shapes(file: str) -> dict[str, np.ndarray]:
    """Read joint angles and turns of the hand: name -> float32 [rows of that name, 23]."""
    shapes: dict[str, list[list[str]]] = {}
    for line in Path(__file__).with_name(file).read_text().splitlines():
        name, *values = line.split()
        shapes.setdefault(name, []).append(values)
    del shapes["#"]  # comments
    return {name: np.array(rows, np.float32) for name, rows in shapes.items()}


SHAPES = {name: row for name, (row,) in _shapes("hand_shapes.txt").items()}
STILL = _shapes("still_letters.txt")  # letters as single, still hands, in several ways each


def _sign(shapes: tuple[str, ...], keys: tuple[tuple[float, ...], ...] = ((),)) -> np.ndarray:
    """Return the postures of a sign, float32 [keys, 26].

    Args:
        shapes: names of hand shapes, one per key, or a single one for all of them.
        keys: the stations of the path: right, down, away (palms), then pronation, pitch, roll (degrees), all added to
            the shape's own; trailing zeros may be left out.
    """
    shapes = shapes * len(keys) if len(shapes) == 1 else shapes
    rows = np.zeros((len(keys), CHANNELS), np.float32)
    for row, shape, key in zip(rows, shapes, keys, strict=True):
        place, turn = key[:3], key[3:]
        row[: TURN.stop] = SHAPES[shape]
        row[TURN.start : TURN.start + len(turn)] += turn
        row[PLACE.start : PLACE.start + len(place)] = place
    return rows


SIGNS = {character: _sign((character,)) for character in CHARACTERS if character.isalnum()} | {
    "j": _sign(("j",), ((0, -0.35, 0, -35, -15, -10), (0, 0.3, 0, -5, 0, 0), (0.4, 0.3, 0, 40, 15, 20))),
    "z": _sign(("z",), ((0.45, -0.4), (-0.45, -0.4), (0.4, 0.35), (-0.5, 0.4))),
    " ": _sign(("relaxed",), ((-0.2,), (0.35,))),
    ".": _sign(("1",), ((0, 0, 0.1, 0, 15), (0, 0.1, -0.6, 0, 45))),
    ":": _sign(("1",), ((0, -0.4, 0, 0, 15), (0, -0.35, -0.5, 0, 40), (0, 0.35, 0, 0, 15), (0, 0.4, -0.5, 0, 40))),
    ";": _sign(("1", "1", "1", "x"), ((0, -0.4, 0, 0, 15), (0, -0.35, -0.5, 0, 40), (0, 0.2), (-0.1, 0.6, 0, 0, 30))),
    ",": _sign(("1", "x"), ((0, 0, -0.1, 0, 25), (-0.15, 0.5, 0, 0, 35, -15))),
    "'": _sign(("x",), ((0, -0.4, 0, -50, 0, -15), (0.1, -0.3, 0, 35, 10, 15))),
    "!": _sign(("1",), ((0, -0.6, 0, 0, 0), (0, 0.3, 0, 0, 30), (0, 0.4, -0.5, 0, 55))),
    "?": _sign(("1", "x", "1", "x"), ((0, -0.2), (0, 0, -0.1), (0, -0.1), (0, 0, -0.15))),
    "-": _sign(("1",), ((0.55, 0, 0, 0, 20, 25), (-0.55, 0, 0, 0, 20, -10))),
    "_": _sign(("1",), ((0.55, 0.7, 0, 0, 75, 20), (-0.55, 0.7, 0, 0, 75, -10))),
    "/": _sign(("1",), ((-0.5, -0.6, 0, 0, 0, -25), (0.45, 0.5, 0, 0, 30, 35))),
    "~": _sign(
        ("1",),
        ((0.6, 0.1, 0, 0, 30, 20), (0.2, -0.3, 0, 0, 5, 10), (-0.2, 0.2, 0, 0, 40, 0), (-0.6, -0.15, 0, 0, 15, -15)),
    ),
    "+": _sign(("1",), ((0.5, 0, 0, 0, 10, 30), (-0.5, 0, 0, 0, 10, -15), (0, -0.5), (0, 0.5, 0, 0, 45))),
    "=": _sign(("h",), ((0.5,), (-0.5,))),
    "#": _sign(("v",), ((0.4, 0, 0, 0, 0, 35), (-0.4, 0, 0, 0, 0, 35), (0, -0.4), (0, 0.4, 0, 0, 35))),
    "*": _sign(("o", "5", "o", "5"), ((0, 0, 0, 0, 25), (0, 0, -0.3, 0, 25), (0, 0, 0, 0, 25), (0, 0, -0.3, 0, 25))),
    "(": _sign(("c",), ((0, -0.5, 0, 25, 0, -5), (0, 0.5, 0, 25, 0, 15))),
    ")": _sign(("c",), ((0, -0.5, 0, -85, 0, 10), (0, 0.5, 0, -85, 0, -15))),
    "[": _sign(("l",), ((0, -0.5, 0, -75, 0, 0), (0, 0.5, 0, -75, 0, 0))),
    "@": _sign(
        ("a", "1", "1", "1", "1"),
        ((0,), (0.3, 0, 0, 0, 20), (0, -0.35, 0, 0, 5), (-0.3, 0, 0, 0, 20), (0, 0.3, 0, 0, 35)),
    ),
    "&": _sign(("5", "o"), ((0.35, 0, 0, 40), (-0.35, 0, 0, 15))),
    "$": _sign(("s",), ((0, 0, 0, -55, 0, -15), (0, 0.1, 0, 55, 0, 20))),
    "%": _sign(("o",), ((-0.45, -0.5, 0, 0, 0, -15), (0.45, 0.5, 0, 0, 20, 20))),
}

# Other ways to sign a character, and the share of signers who do.
VARIANTS: dict[str, list[tuple[float, np.ndarray]]] = {
    **{digit: [(0.3, _sign((digit,), ((0, 0, 0, 150, 0, -15),)))] for digit in "1345"},  # palm to the signer
    "0": [(0.2, _sign(("0",), ((0, 0, 0, 30),))), (0.25, _sign(("o",)))],
    "6": [(0.25, _sign(("w",)))],
    "9": [(0.25, _sign(("f",)))],
    "2": [(0.25, _sign(("2",), ((0, 0, 0, 150, 0, -15),))), (0.15, _sign(("v",)))],
    "e": [(0.3, _sign(("e_open",)))],
    "g": [(0.25, _sign(("g",), ((0, 0, 0, 50, 10, 15),)))],
    "h": [(0.25, _sign(("h",), ((0, 0, 0, 45, 10, 15),)))],
    "k": [(0.15, _sign(("k_up",)))],
    "m": [(0.6, _sign(("m_flow",)))],
    "n": [(0.6, _sign(("n_flow",)))],
    "p": [(0.5, _sign(("p_flow",))), (0.2, _sign(("k",), ((0, 0, 0, 10, 35, 25),)))],
    "q": [(0.5, _sign(("q_flow",))), (0.2, _sign(("g",), ((0, 0, 0, -45, 10, 30),)))],
    "t": [(0.55, _sign(("t_flow",))), (0.15, _sign(("t_tight",)))],
    " ": [(0.4, _sign(("relaxed",), ((0, 0.1),))), (0.2, _sign(("5",), ((-0.2,), (0.4,))))],
    "-": [(0.2, _sign(("b",), ((0.5, 0, 0, 0, 45, 60), (-0.5, 0, 0, 0, 45, 60))))],
    "/": [(0.2, _sign(("b",), ((-0.45, -0.5, 0, 0, 0, -20), (0.45, 0.5, 0, 0, 25, 35))))],
}


def hand_shape(character: str) -> np.ndarray:
    """Return the hand that signs a character as the camera sees it.

    Returns:
        float32 [keys, 21, 3] in palms: x to the right of the image, y down, z away; for a sign that moves, one hand
        per station, at its place.

    Raises:
        ValueError: not one of the 59 characters.
    """
    if character not in SIGNS:
        raise ValueError(f"{character!r} is not one of the competition's 59 characters")
    postures = SIGNS[character]
    turned = rotate(rotations(postures[:, TURN].T), joints(postures)) + postures.T[PLACE, None]
    return turned.T
