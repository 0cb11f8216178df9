from collections import Counter

import pytest

from fingerspelling import plots
from fingerspelling.plots.style import Picture
from fingerspelling.scoring.metric import edit_operations

COUNTS = Counter(
    {("2", "3"): 17, ("2", "2"): 83, ("u", "r"): 5, ("u", ""): 2, ("", "x"): 4, (" ", "-"): 1, ("z", "q"): 1}
)


def cells(figure: object) -> dict[tuple[str, str], int]:
    (axes,) = figure.axes
    rows, columns = (
        [label.get_text() for label in labels] for labels in (axes.get_yticklabels(), axes.get_xticklabels())
    )
    return {
        (rows[round(text.get_position()[1])], columns[round(text.get_position()[0])]): int(text.get_text())
        for text in axes.texts
    }


def test_every_error_is_in_one_of_the_cells() -> None:
    shown = cells(plots.confusions(COUNTS))
    assert shown == {
        ("2", "3"): 17,
        ("u", "r"): 5,
        ("u", "missed"): 2,
        ("invented", "x"): 4,
        ("␣", "-"): 1,
        ("z", "q"): 1,
    }
    few = cells(plots.confusions(COUNTS, most=2))
    assert few == {
        ("2", "3"): 17,
        ("u", "r"): 5,
        ("u", "missed"): 2,
        ("invented", "other"): 4,
        ("other", "other"): 2,
    }
    reading = Picture(plots.confusions(COUNTS)).reading
    assert reading == "**30** errors on 109 characters: 24 read as another one, 2 missed, 4 invented."


def test_without_errors_the_figures_say_so() -> None:
    counts = Counter({("a", "a"): 3})
    assert Picture(plots.confusions(counts)).reading == "All 3 characters were read right."
    assert Picture(plots.commonest_confusions(counts)).reading == "No character was read as another one."


def test_commonest_pairs_stand_beside_both_hands() -> None:
    figure = plots.commonest_confusions(COUNTS, most=2)
    bars, *hands = figure.axes
    assert [bar.get_width() for bar in bars.patches] == [17, 5]
    assert bars.texts[0].get_text() == "2 read as 3: 17 times, 17.0% of all 2"
    assert [axes.texts[0].get_text() for axes in hands] == ["2", "3", "u", "r"]
    figure.draw_without_rendering()
    assert all(axes.texts[0].get_window_extent().x1 <= axes.get_window_extent().x0 + 1 for axes in hands)
    first, second = (axes.images[0].get_array() for axes in hands[:2])
    assert first.shape != second.shape or (first != second).any()
    assert "**2** read as **3**, 17 times. The 2 pairs shown are 92%" in Picture(figure).reading


@pytest.mark.parametrize(
    ("true", "read", "above", "below", "wrong"),
    [("abc", "abc", "abc", "abc", 0), ("abc", "ac", "abc", "a·c", 1), ("a c", "axxc", "a·␣c", "axxc", 2)],
)
def test_phrases_are_aligned_and_errors_boxed(true: str, read: str, above: str, below: str, wrong: int) -> None:
    (axes,) = plots.compared([read], [true], [0.5]).axes
    score, *letters = axes.texts
    assert score.get_text() == "0.50"
    assert "".join(text.get_text() for text in letters[::2]) == above
    assert "".join(text.get_text() for text in letters[1::2]) == below
    assert [a.get_position()[0] for a in letters[::2]] == [b.get_position()[0] for b in letters[1::2]]
    assert sum(text.get_bbox_patch() is not None for text in letters) == 2 * wrong


def test_what_is_compared_is_counted() -> None:
    figure = plots.compared(["ab", "xz"], ["ab", "xyz"], [1, 0.67])
    assert "1 of these 2 phrases" in Picture(figure).reading
    assert "**1** errors on 5 characters: 0 read as another one, 1 missed, 0 invented." in Picture(figure).reading
    assert sum(edit_operations(["ab", "xz"], ["ab", "xyz"]).values()) == 5
