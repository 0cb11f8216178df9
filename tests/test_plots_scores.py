import numpy as np
import pandas as pd

from fingerspelling import plots
from fingerspelling.plots.style import Picture
from fingerspelling.scoring.uncertainty import score_table, threshold_scores
from fingerspelling.text import CONSTANT_PHRASE


def table(*rows: tuple[str, float, float, float, int, int]) -> pd.DataFrame:
    columns = ["name", "score", "low", "high", "clips", "signers"]
    return pd.DataFrame(rows, columns=columns).set_index("name")


def test_bars_have_intervals_and_say_how_many_clips_they_are_of() -> None:
    figure = plots.score_bars(table(("url", 0.5, 0.4, 0.6, 30, 3), ("phone", 0.8, 0.7, 0.9, 1, 1)), "kind", 0.6)
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.8]
    assert [text.get_text() for text in axes.texts] == ["0.500   30 clips, 3 signers", "0.800   1 clips"]
    segments = axes.containers[1].lines[2][0].get_segments()
    np.testing.assert_allclose([[a[0], b[0]] for a, b in segments], [[0.4, 0.6], [0.7, 0.9]])
    assert "**0.500** (url) to **0.800** (phone); the intervals of these two do not overlap" in Picture(figure).reading
    touching = plots.score_bars(table(("a", 0.5, 0.4, 0.75, 30, 3), ("b", 0.8, 0.7, 0.9, 1, 1)), "kind", 0.6)
    assert "overlap, so the difference may be chance" in Picture(touching).reading
    alone = plots.score_bars(table(("a", -0.2, -0.3, 0.1, 30, 3)), "kind", 0.6)
    assert Picture(alone).reading == "" and alone.axes[0].get_xlim()[0] < -0.2


def test_reliability_tells_which_threshold_would_have_been_best() -> None:
    right, wrong = "hello there", "zzzzzzzzzzz"
    clips = pd.DataFrame(
        {"phrase": [right] * 9 + [CONSTANT_PHRASE], "prediction": [right] * 9 + [wrong], "participant_id": 1}
    )
    sure, scores = np.array([0.5] * 9 + [0.1]), np.array([1.0] * 9 + [0.0])
    figure = plots.reliability(sure, scores, threshold_scores(sure, clips), "how sure")
    left, right_axes = figure.axes
    assert left.lines[1].get_xydata()[0].tolist() == [0.3, 0.5]
    assert right_axes.lines[1].get_xydata().tolist() == [[0.3, 1.0]]
    assert [text.get_text() for text in right_axes.get_legend().texts] == ["best: 0.30"]
    reading = Picture(figure).reading
    assert "less sure than it should be" in reading and "The best threshold, 0.30" in reading
    assert "10.0% of the clips and adds 0.1000" in reading and "correlation 1.00" in reading


def test_one_clip_is_drawn() -> None:
    clips = pd.DataFrame({"phrase": ["ab"], "prediction": ["ab"], "participant_id": [1]})
    plots.reliability(np.array([0.5]), np.array([1.0]), threshold_scores(np.array([0.5]), clips), "sure")
    plots.score_bars(score_table(clips, pd.Series(["a"])), "kind", 1.0)


def test_score_over_what_it_may_depend_on_says_from_where_on_it_is_good() -> None:
    values = np.repeat([1.0, 2.0, 3.0, 40.0], 20)
    scores = np.repeat([0.2, 0.6, 0.89, 0.9], 20)
    figure = plots.score_over(values, scores, "frames per character", 15)
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xydata()[[0, -1]], [[1, 0.2], [15, 0.9]])
    assert "15 and more" in axes.get_xlabel()
    assert "about 1.0 frames per character, scores **0.200**; from about 3.0 on" in Picture(figure).reading
    falls = plots.score_over(values, np.repeat([0.2, 0.9, 0.6, 0.7], 20), "frames per character", 15)
    assert "the best eighth, about 2.0, 0.900, and that with the most 0.700" in Picture(falls).reading
    dips = plots.score_over(values, np.repeat([0.2, 0.9, 0.6, 0.9], 20), "frames per character", 15)
    assert "from about 40.0 on" in Picture(dips).reading
