"""The 59 characters as postures of the hand: shape, orientation and, where the character moves, its path.

A posture is a row of 26 channels: the 20 joint ANGLES of hand.py (degrees), the turn of the hand (pronation, pitch
and roll, degrees, see geometry.rotations) and its place in palms (right in the image, down, away from the camera),
all for a right hand. Angles of the letters were fitted to their mean shapes in continuous spelling and to still
letters of several signers at once, with one orientation per source; those of the digits to 218 people.

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

from dataclasses import dataclass

import numpy as np

from fingerspelling.simulation.geometry import rotate, rotations
from fingerspelling.simulation.hand import ANGLES, joints
from fingerspelling.text import CHARACTERS

CHANNELS = len(ANGLES) + 6
TURN = slice(len(ANGLES), len(ANGLES) + 3)
PLACE = slice(len(ANGLES) + 3, CHANNELS)

# thumb: radial, palmar, mcp, ip; fingers: mcp, abduction, pip, dip; turn: pronation, pitch, roll.
_TABLE = """
#               thumb               index              middle                ring              little            turn
a           21  -1   6  -1    58   0  92  52    71  -1  90  47    75  -1  89  44    67  -1  89  47    27   2   7
b            9   1  61  57     8  -2   6   6     7  -1   6   6     9   0   7   6     6   0   6   5    19   8  10
c           31  49   9  20    27  -1  37  19    28   0  42  24    28   0  42  24    26   0  35  20    31   2  13
d           10  38  25  23    -1   0   5   6    48   0  62  31    52   0  65  35    47   0  61  34    34  -1   9
e           11  24  39  50    20   0  93  59    26   0  97  60    27   0  98  60    20   0  93  59    27  -1  10
f           16  36  19  22    41   1  61  30    10   0  11   8     0  -8   8   7   -11 -15   2   4    26   1  11
g            7  26  11   4    54  -1   7   4    64  -1  96  52    70  -1  96  51    63  -1  92  53    87  40   9
h           14  27  30  32    52  -1   0   3    58  -1   4   5    66  -1  89  48    61  -1  86  48    93  38  16
i           12  29  22  29    59   0  88  52    71  -1  88  48    69  -1  88  47    -2 -10   6   6    38  -2  13
j           18  25  19  30    57   0  94  56    65  -1  93  49    61  -1  89  48    22 -11  14   8    52  18  15
k           -4  13  13   6     6   5  10   7    46  -1  11   8    76  -1  82  43    71  -1  82  44    41  18   8
l           48  -3   5  -2     5   1   6   6    67  -1  89  47    78  -1  87  45    69  -1  91  49    26   5   9
m            1  22  37  34    72   0  60  28    74   0  62  30    74   0  62  30    70  -1  88  45    26 -14   8
n            4  22  28  32    70   0  60  30    70   0  62  30    80  -2  78  39    73  -1  80  42    31  -4   6
o            8  35  17  25    42   0  57  31    48   0  58  31    47   0  55  30    45   0  46  27    39  -2   8
p           -3  18  16   7    26   5  16  11    69  -1  15   8    67  -1  81  43    63  -1  82  44    55  55  28
q           19  36  24  11    48  -1  17   8    53  -1 105  69    70  -1  89  47    64  -1  89  49    60  59  35
r            6  30  30  33    13 -12  10   8     6  12   4   5    59  -1  88  49    66  -1  88  49    31  -2  11
s           12  31  30  42    57   0  94  54    68   0  96  52    78  -1  94  49    75  -1  92  50    29  -6   9
t          -11  26   1   2    62   1  84  35    79  -1  85  43    83  -1  82  40    72  -1  87  46    36   7   7
u            6  33  31  34     7  -1   6   6    10   0   8   7    63  -1  89  48    68  -1  87  48    32   4  10
v            5  33  31  33     5  11   8   7     8 -10  10   8    63  -1  88  48    68  -1  88  48    31   4  10
w           -4  33  44  40     3  12   7   6     0  -1   5   5     3 -12   6   5    61   2  79  41    30  -2  11
x            9  34  31  31    -4   1  77  42    60   0  90  52    72  -1  88  50    69  -1  84  48    49   3   8
y           40   2   5  -1    63   0  88  49    73  -1  86  46    71  -1  88  47     0 -16   6   6    29   4   4
z           12  30  26  28    28  -1  18  11    70  -1  90  47    76  -1  88  46    66  -1  95  55    25  14  11
0           13  44  19  30    48   0  59  31    53   0  58  31    51   0  54  30    49   0  45  26    46   2   8
1           10  35  31  35     4   2   4   5    66  -1  94  50    79  -1  93  48    77  -1  91  48    31   0   7
2            3  35  37  35     0  11   5   5     1  -9   5   5    73  -1  94  50    76  -1  91  49    27   1   9
3           45  10   4  -1    -2   9   4   5     0  -8   5   5    71  -1  94  49    78  -1  93  49    25   5   5
4           13   5  61  62    -3  13   4   5     0   3   5   5    -1  -6   5   5    -3 -16   4   5    24  -2   8
5           47  11   5   0    -2  13   4   5     0   3   5   5     1  -6   5   5    -2 -16   4   5    22  12   5
6           -5  43  42  24    -1  10   5   5     1   0   5   5     0 -10   5   5    66   4  59  30    22  -4  10
7            5  49  29  21    -2  11   4   5     0   0   5   5    65   0  57  30    -5 -13   3   4    24  -5   9
8            8  48  24  21    -1  10   5   5    61   0  57  30     0  -5   5   5    -8 -13   1   4    33  -8   7
9           17  40  22  25    49   0  62  29     2   1   6   5     0  -8   6   5    -6 -16   3   4    41   1   7
relaxed     20  25  15  15    15   3  20  12    18   0  25  15    20  -3  28  15    22  -8  28  15    35  10  15
e_open      14  38  30  35    20   0  80  40    24   0  84  40    25   0  84  40    20   0  80  40    27   0  11
k_up        -8   6  11   5     3   6   7   6    26  -4   9   7    76  -1  86  45    71  -1  86  46    30   8   8
t_tight    -11  26   2   0    65   3  92  40    80  -1  92  48    80  -1  90  48    72  -1  90  48    28   2   7
t_flow       8  17  20  23    40   1  65  24    73  -1  85  43    83  -1  82  40    72  -1  87  46    36   7   7
m_flow       2  23  36  34    64   0  47  23    66   0  49  24    65   0  52  26    67  -1  73  39    26 -14   8
n_flow       4  22  28  32    59   0  45  23    59   0  51  26    80  -2  78  39    73  -1  80  42    31  -4   6
p_flow      -3  18  16   7    26   5  16  11    69  -1  15   8    67  -1  81  43    63  -1  82  44    53  41  25
q_flow      19  36  24  11    48  -1  17   8    53  -1 105  69    70  -1  89  47    64  -1  89  49    42  34  25
"""
SHAPES = {row.split()[0]: tuple(map(int, row.split()[1:])) for row in _TABLE.strip().splitlines()[1:]}


@dataclass(frozen=True)
class Sign:
    """How one character is signed."""

    shapes: tuple[str, ...]  # names of hand shapes, one per key, or a single one for all of them
    # The stations of the path: right, down, away (palms), then pronation, pitch, roll (degrees), all added to the
    # shape's own; trailing zeros may be left out.
    keys: tuple[tuple[float, ...], ...] = ((),)

    def postures(self) -> np.ndarray:
        """Return the sign's postures, float32 [keys, 26]."""
        shapes = self.shapes * len(self.keys) if len(self.shapes) == 1 else self.shapes
        rows = np.zeros((len(self.keys), CHANNELS), np.float32)
        for row, shape, key in zip(rows, shapes, self.keys, strict=True):
            place, turn = key[:3], key[3:]
            row[: TURN.stop] = SHAPES[shape]
            row[TURN.start : TURN.start + len(turn)] += turn
            row[PLACE.start : PLACE.start + len(place)] = place
        return rows


SIGNS = {character: Sign((character,)) for character in CHARACTERS if character.isalnum()} | {
    "j": Sign(("j",), ((0, -0.35, 0, -35, -15, -10), (0, 0.3, 0, -5, 0, 0), (0.4, 0.3, 0, 40, 15, 20))),
    "z": Sign(("z",), ((0.45, -0.4), (-0.45, -0.4), (0.4, 0.35), (-0.5, 0.4))),
    " ": Sign(("relaxed",), ((-0.2,), (0.35,))),
    ".": Sign(("1",), ((0, 0, 0.1, 0, 15), (0, 0.1, -0.6, 0, 45))),
    ":": Sign(("1",), ((0, -0.4, 0, 0, 15), (0, -0.35, -0.5, 0, 40), (0, 0.35, 0, 0, 15), (0, 0.4, -0.5, 0, 40))),
    ";": Sign(("1", "1", "1", "x"), ((0, -0.4, 0, 0, 15), (0, -0.35, -0.5, 0, 40), (0, 0.2), (-0.1, 0.6, 0, 0, 30))),
    ",": Sign(("1", "x"), ((0, 0, -0.1, 0, 25), (-0.15, 0.5, 0, 0, 35, -15))),
    "'": Sign(("x",), ((0, -0.4, 0, -50, 0, -15), (0.1, -0.3, 0, 35, 10, 15))),
    "!": Sign(("1",), ((0, -0.6, 0, 0, 0), (0, 0.3, 0, 0, 30), (0, 0.4, -0.5, 0, 55))),
    "?": Sign(("1", "x", "1", "x"), ((0, -0.2), (0, 0, -0.1), (0, -0.1), (0, 0, -0.15))),
    "-": Sign(("1",), ((0.55, 0, 0, 0, 20, 25), (-0.55, 0, 0, 0, 20, -10))),
    "_": Sign(("1",), ((0.55, 0.7, 0, 0, 75, 20), (-0.55, 0.7, 0, 0, 75, -10))),
    "/": Sign(("1",), ((-0.5, -0.6, 0, 0, 0, -25), (0.45, 0.5, 0, 0, 30, 35))),
    "~": Sign(
        ("1",),
        ((0.6, 0.1, 0, 0, 30, 20), (0.2, -0.3, 0, 0, 5, 10), (-0.2, 0.2, 0, 0, 40, 0), (-0.6, -0.15, 0, 0, 15, -15)),
    ),
    "+": Sign(("1",), ((0.5, 0, 0, 0, 10, 30), (-0.5, 0, 0, 0, 10, -15), (0, -0.5), (0, 0.5, 0, 0, 45))),
    "=": Sign(("h",), ((0.5,), (-0.5,))),
    "#": Sign(("v",), ((0.4, 0, 0, 0, 0, 35), (-0.4, 0, 0, 0, 0, 35), (0, -0.4), (0, 0.4, 0, 0, 35))),
    "*": Sign(("o", "5", "o", "5"), ((0, 0, 0, 0, 25), (0, 0, -0.3, 0, 25), (0, 0, 0, 0, 25), (0, 0, -0.3, 0, 25))),
    "(": Sign(("c",), ((0, -0.5, 0, 25, 0, -5), (0, 0.5, 0, 25, 0, 15))),
    ")": Sign(("c",), ((0, -0.5, 0, -85, 0, 10), (0, 0.5, 0, -85, 0, -15))),
    "[": Sign(("l",), ((0, -0.5, 0, -75, 0, 0), (0, 0.5, 0, -75, 0, 0))),
    "@": Sign(
        ("a", "1", "1", "1", "1"),
        ((0,), (0.3, 0, 0, 0, 20), (0, -0.35, 0, 0, 5), (-0.3, 0, 0, 0, 20), (0, 0.3, 0, 0, 35)),
    ),
    "&": Sign(("5", "o"), ((0.35, 0, 0, 40), (-0.35, 0, 0, 15))),
    "$": Sign(("s",), ((0, 0, 0, -55, 0, -15), (0, 0.1, 0, 55, 0, 20))),
    "%": Sign(("o",), ((-0.45, -0.5, 0, 0, 0, -15), (0.45, 0.5, 0, 0, 20, 20))),
}

# Other ways to sign a character, and the share of signers who do.
VARIANTS: dict[str, list[tuple[float, Sign]]] = {
    **{digit: [(0.3, Sign((digit,), ((0, 0, 0, 150, 0, -15),)))] for digit in "1345"},  # palm to the signer
    "0": [(0.2, Sign(("0",), ((0, 0, 0, 30),))), (0.25, Sign(("o",)))],
    "6": [(0.25, Sign(("w",)))],
    "9": [(0.25, Sign(("f",)))],
    "2": [(0.25, Sign(("2",), ((0, 0, 0, 150, 0, -15),))), (0.15, Sign(("v",)))],
    "e": [(0.3, Sign(("e_open",)))],
    "g": [(0.25, Sign(("g",), ((0, 0, 0, 50, 10, 15),)))],
    "h": [(0.25, Sign(("h",), ((0, 0, 0, 45, 10, 15),)))],
    "k": [(0.15, Sign(("k_up",)))],
    "m": [(0.6, Sign(("m_flow",)))],
    "n": [(0.6, Sign(("n_flow",)))],
    "p": [(0.5, Sign(("p_flow",))), (0.2, Sign(("k",), ((0, 0, 0, 10, 35, 25),)))],
    "q": [(0.5, Sign(("q_flow",))), (0.2, Sign(("g",), ((0, 0, 0, -45, 10, 30),)))],
    "t": [(0.55, Sign(("t_flow",))), (0.15, Sign(("t_tight",)))],
    " ": [(0.4, Sign(("relaxed",), ((0, 0.1),))), (0.2, Sign(("5",), ((-0.2,), (0.4,))))],
    "-": [(0.2, Sign(("b",), ((0.5, 0, 0, 0, 45, 60), (-0.5, 0, 0, 0, 45, 60))))],
    "/": [(0.2, Sign(("b",), ((-0.45, -0.5, 0, 0, 0, -20), (0.45, 0.5, 0, 0, 25, 35))))],
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
    postures = SIGNS[character].postures()
    turned = rotate(rotations(postures[:, TURN].T), joints(postures)) + postures.T[PLACE, None]
    return turned.T
