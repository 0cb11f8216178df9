import numpy as np
import pytest
from matplotlib.colors import to_hex

from fingerspelling.landmarks import COLUMNS, HAND, HAND_BONES, POINTS, as_columns
from fingerspelling.plots.style import FINGERS
from fingerspelling.video.reading import Letter, Reading
from fingerspelling.video.recording import Recording
from fingerspelling.video.report import letters_figure

LEFT, RIGHT = POINTS.index("left_hand_0"), POINTS.index("right_hand_0")


def recording() -> Recording:
    """Three frames of a right hand that moves to the right, in a square picture; all else is missing."""
    hand = np.random.default_rng(0).uniform(0.2, 0.4, (HAND, 2))
    points = np.full((3, len(POINTS), 3), np.nan, np.float32)
    points[:, RIGHT : RIGHT + HAND, :2] = hand + np.arange(3)[:, None, None] * np.array([0.1, 0])
    return Recording(as_columns(points).reshape(3, len(COLUMNS)), np.arange(3.0), 10, 10)


@pytest.mark.parametrize(
    ("confidences", "said"),
    [
        ([1.0, 0.25], "The least sure of 2 letters is **b** at 2.0 s: 25% of the further readings have it."),
        ([1.0, 1.0], "It is sure of all **2** letters: every further reading has them too."),
        ([], "Nothing legible was read."),
    ],
)
def test_each_letter_stands_over_the_hand_in_the_colours_of_its_fingers(confidences: list[float], said: str) -> None:
    letters = [Letter(*letter) for letter in zip("ab", (0.0, 2.0), confidences, strict=False)]
    figure = letters_figure(recording(), [Reading(0, 2, letters, 0.9, 1.0)])
    assert figure.get_label().endswith("\n" + said)
    titles = [axes.get_title() or axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ([letter.character for letter in letters] or [""])
    for axes, letter in zip(figure.axes, letters, strict=False):
        _, _, hand = axes.collections  # after the arms and the left hand
        points = recording().landmarks.reshape(3, 3, -1)[int(letter.second), :2, RIGHT : RIGHT + HAND].T * 10
        np.testing.assert_allclose(hand.get_segments(), [points[list(bone)] for bone in HAND_BONES], rtol=1e-6)
        assert {to_hex(colour) for colour in hand.get_colors()} == set(FINGERS)
        left, right = axes.get_xlim()
        assert left < points[:, 0].min() and right > points[:, 0].max()


@pytest.mark.parametrize(
    ("letters", "confidence", "title"), [("ab", 0.9, "ab"), ("ab", 0.7, "ab (doubtful)"), ("", 0.1, "nothing readable")]
)
def test_a_doubtful_phrase_is_called_so(letters: str, confidence: float, title: str) -> None:
    reading = Reading(0, 2, [Letter(letter, 1.0, 1.0) for letter in letters], confidence, 1.0)
    assert letters_figure(recording(), [reading]).get_suptitle() == title


def test_the_other_hand_that_only_rests_in_the_picture_is_not_shown() -> None:
    points = np.full((3, len(POINTS), 3), np.nan, np.float32)
    points[:, LEFT : LEFT + HAND, :2] = np.random.default_rng(1).uniform(0.7, 0.9, (HAND, 2))  # in every frame
    points[:, RIGHT : RIGHT + HAND, :2] = np.random.default_rng(2).uniform(0.1, 0.3, (3, HAND, 2))
    both = Recording(as_columns(points).reshape(3, len(COLUMNS)), np.arange(3.0), 10, 10)
    figure = letters_figure(both, [Reading(0, 2, [Letter("a", 1.0, 1.0)], 0.9, 1.0)])
    left, right = figure.axes[0].get_xlim()
    assert left < 2 and right < 5 and figure.axes[0].get_title(loc="center") == "a"
