"""What was published about the competition's clips, as numbers.

The recordings may not be passed on, but other competitors published counts of all 67,208 training clips with their
notebooks on GitHub, and the output of some notebooks shows nine whole clips. Sources are named as they are there.
"""

from dataclasses import dataclass

CENTRAL, OUTER, RARE = 0.1, 0.2, 0.3  # how far off a mean or median, another figure, a rare event may be


@dataclass(frozen=True)
class Known:
    """One published figure."""

    sample: str  # what was measured (a key of `measures.samples`)
    figure: str | int  # "mean", "sd", "least", "most", "share", or a number: the quantile at that percentage
    value: float  # what it is in the competition's data
    allowed: float  # how far a simulation may be off, as a share of the value
    source: str  # who counted
    nine: bool = False  # whether it is known of nine clips only

    @property
    def name(self) -> str:
        """The sample and the figure in words."""
        figure = {50: "median", "share": ""}.get(self.figure, self.figure)
        return f"{self.sample} {f'{figure} %' if isinstance(figure, int) else figure}".strip()


def _table(text: str, source: str, nine: bool = False, rare: bool = False) -> list[Known]:
    """Read a table with one row per sample and one column per figure; "-" where it is not known."""
    head, *rows = (line.split() for line in text.strip().splitlines())
    figures = [int(figure) if figure.isdigit() else figure for figure in head]
    table = []
    for row in rows:
        sample = " ".join(row[: -len(figures)])
        for figure, value in zip(figures, row[-len(figures) :], strict=True):
            if value != "-":
                allowed = RARE if rare else CENTRAL if figure in ("mean", "share", 50) else OUTER
                table.append(Known(sample, figure, float(value), allowed, source, nine))
    return table


# Numbers at the top are percentages, of quantiles. The two outermost of "frames" were counted over 4,996 clips.
_ALL_CLIPS = """
                                       mean    sd     1     5    10    25    50     75     90     95     99
characters per phrase                 17.80  5.73     8    11    12    12    17     22     27     28     30
frames                                159.7  84.2     6    36    68   104   149    207    269    309    401
frames per character                   9.02  3.84  0.33  2.38  4.62  6.75  8.86  11.18  13.62  15.36  19.67
frames with a hand per clip            93.7     -     1     5    11    35    82    135    191    233    327
frames with a hand per character       5.36  3.82     -     -     -  2.13  4.95   7.92      -      -      -
share of a clip's frames with a hand  0.561 0.295     -     -     -  0.30 0.579  0.829      -      -      -
"""
_KINDS_AND_HANDS = """
                            share
phrases: address or name    0.478
phrases: url                0.285
phrases: phone              0.237
frames with a hand          0.587
frames with the left hand   0.114
frames with the right hand  0.477
"""
_CHARACTERS = """
                                      share
characters: letters                   0.612
characters: digits                    0.246
characters: space                     0.049
characters: symbols                   0.093
correlation of frames and characters   0.60
"""
_RARE = """
                                                share
frames with both hands                          0.004
frames without a face                           0.007
correlation of frames and share without a hand  -0.19
"""
_NINE_CLIPS = """
                                mean   10    25    50    75    90  least   most
frames in a run with a hand       14    1     1   3.5    20    38      -      -
frames in a run without a hand   5.3    1     1     3   7.5    11      -      -
palm length                        -    -     -     -     -     -  0.124  0.179
wrist x                            -    -     -     -     -     -   0.19   0.64
wrist y                            -    -     -     -     -     -   0.61   0.86
wrist step                         -    -     -     -     -     -  0.003  0.027
"""
KNOWN = [
    *_table(_ALL_CLIPS, "chenghuige, 67,208 clips"),
    *_table(_KINDS_AND_HANDS, "chenghuige, derived from means"),
    *_table(_CHARACTERS, "DufreyM, 67,208 clips"),
    *_table(_RARE, "chenghuige; DufreyM, 161,000 frames", rare=True),
    *_table(_NINE_CLIPS, "nine whole clips in notebooks", nine=True),
]
# Clips of everyday sentences.
_EVERYDAY = """
                                  mean     5    25    50    75    95
frames with a hand per character  4.36  1.08  2.55  4.23  5.80  8.31
"""
SUPPLEMENTAL = _table(_EVERYDAY, "24,666 supplemental clips")
# FSboard, recordings by the makers of the competition's; others aligned the words with the frames.
_WORDS = """
                                 5     50    95
seconds per letter in words  0.208  0.289  0.500
"""
WORDS = _table(_WORDS, "817 words of 5 signers")
# The most frequent of all 1,196,614 characters; DufreyM.
_COMMON = [0.0602, 0.0581, 0.0489, 0.0483, 0.0464, 0.0453, 0.0394, 0.0382, 0.0366, 0.0361, 0.0321, 0.0276, 0.0264]
CHARACTER_SHARES = dict(zip("ea or-tnislc214", [*_COMMON, 0.0262, 0.0249], strict=True))


def quantiles(sample: str) -> dict[int, float]:
    """Return the published quantiles of a sample, percentage -> value."""
    return {row.figure: row.value for row in KNOWN if row.sample == sample and isinstance(row.figure, int)}
