import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from fingerspelling import plots
from fingerspelling.plots.style import BLUE, GREY


def test_each_model_has_its_curves() -> None:
    history = pd.DataFrame(
        {"epoch": [1, 1, 2, 2], "loss": [3, None, 2, None], "learning_rate": [1e-3, None, 1e-4, None]}
        | {"eval_loss": [None, 2.5, None, 1.5], "eval_score": [None, 0.1, None, -0.3]}
    )
    parts = history.assign(loss_forward=[4, None, 3, None], loss_ctc=[5, None, 4, None])
    losses, score, rate = plots.training_curves({"seed1": parts, "seed2": history}).axes
    drawn = [[3, 2], [4, 3], [5, 4], [2.5, 1.5], [3, 2], [2.5, 1.5]]
    assert [line.get_ydata().tolist() for line in losses.lines] == drawn
    assert [text.get_text() for text in losses.get_legend().texts] == [
        "training, all",
        "training, forward",
        "training, ctc",
        "validation, all",
    ]
    assert [text.get_text() for text in score.get_legend().texts] == ["seed1", "seed2", "a constant answer"]
    assert len({line.get_linestyle() for line in rate.lines}) == 2
    for told_apart in (Line2D.get_color, Line2D.get_marker):
        assert len({told_apart(line) for line in losses.lines[:4]}) == 4
    assert score.get_ylim()[0] <= -0.3
    said = "from 0.100 to **-0.300** and never passed a constant's; the validation loss was lowest at the end"
    assert said in losses.figure.get_label()
    assert len(losses.get_yticks()) > 2


def test_shares_of_clips_by_score() -> None:
    axes = plots.clip_scores([0.0, 0.01, 0.12, 0.5, 1.0], 0.15).axes[0]
    heights = {round(bar.get_x(), 2): bar.get_height() for bar in axes.patches if bar.get_height()}
    assert heights == {0.0: 40, 0.1: 20, 0.5: 20, 0.95: 20}
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert {to_hex(colour) for colour in colours[:3]} == {GREY} and {to_hex(colour) for colour in colours[3:]} == {BLUE}


def test_latency_says_how_long_a_clip_takes() -> None:
    figure = plots.latency([10, 20, 30], [0.01, 0.02, 0.06], {"another": {10: 50, 20: 60}})
    (axes,) = figure.axes
    assert axes.collections[0].get_offsets()[:, 1].tolist() == [10, 20, 60]
    assert "**20 ms**" in figure.get_label() and "60 ms at most" in figure.get_label()
    assert len(axes.get_yticks()) > 2
