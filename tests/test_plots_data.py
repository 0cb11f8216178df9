import numpy as np
import pandas as pd
import pytest

from fingerspelling import plots


def test_quantiles_next_to_the_competitions() -> None:
    figure = plots.quantiles({"frames": np.arange(101), "others": [3, 3]}, {"frames": {5: 7, 50: 40}})
    ours, competition = figure.axes[0].lines
    np.testing.assert_allclose(ours.get_ydata(), ours.get_xdata())
    np.testing.assert_array_equal(competition.get_xydata(), [[7, 5], [40, 50]])
    assert "in brackets: frames **50** (there 40); others **3**." in figure.get_label()
    assert not figure.axes[0].get_legend() and len(figure.legends) == 1  # whose dots would lie among the others
    assert len(figure.axes[1].lines[1].get_xdata()) == 0


def test_shares_next_to_the_competitions() -> None:
    names = ["letters", "digits"]
    axes = plots.shares(pd.Series([0.5, 0.25], names), pd.Series([0.6, 0.2], names)).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [50, 25]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[60, 0], [20, 1]])


def test_characters_next_to_the_competitions() -> None:
    axes = plots.characters(["aab", "b-bb"], {"a": 0.1, "b": 0.2}).axes[0]
    assert [bar.get_height() for bar in axes.patches[:3]] == pytest.approx([400 / 7, 200 / 7, 100 / 7])
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, 20], [1, 10]])


def test_batches_say_how_much_is_padding() -> None:
    figure = plots.lengths_in_batches([[10, 20], [30, 40]], 100)
    padded, real = figure.axes[0].containers
    assert [bar.get_height() for bar in padded] == [40, 80] and [bar.get_height() for bar in real] == [30, 70]
    assert "**16.7%** of the frames are padding" in figure.get_label() and "would be 75%" in figure.get_label()


def test_readings_of_shares_and_characters() -> None:
    names = ["letters", "digits"]
    assert (
        "**letters**: 50.0% here, 60.0% there"
        in plots.shares(pd.Series([0.5, 0.25], names), pd.Series([0.6, 0.2], names)).get_label()
    )
    assert "The 1 commonest characters make up half" in plots.characters(["aab", "aaa"], {"a": 0.1}).get_label()
