import numpy as np
import pytest
from synthetic import make_model

from fingerspelling import plots
from fingerspelling.decoding.inspection import follow_clip
from fingerspelling.plots.style import Picture

CLIP = np.random.default_rng(0).random((40, 130, 3)).astype(np.float16)


@pytest.mark.parametrize(("changes", "arrows"), [({"ctc_weight": 0.5}, 6), ({"cnn_features": False}, 4)])
def test_parts_are_drawn_with_their_shapes_and_weights(changes: dict, arrows: int) -> None:
    model = make_model(**changes)
    stages = follow_clip(model, CLIP, "a b")
    figure = plots.architecture(stages, "a b", model.num_parameters())
    places = [axes.get_position().bounds for axes in figure.axes]
    figure.draw_without_rendering()
    assert places == [axes.get_position().bounds for axes in figure.axes]  # the arrows are between them
    boxes = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.images}
    assert len(boxes) == len(stages)
    labels = [axes.get_xlabel() for axes in boxes.values()]
    for stage in stages.values():
        label = next(label for label in labels if label.startswith(" × ".join(map(str, stage.shape))))
        assert stage.weights == 0 or any(f"{stage.weights:,} weights" in label for label in labels), label
    assert len([text for text in figure.axes[0].texts if text.get_text() == ""]) == arrows
    written = next(text.get_text() for text in figure.texts if "it spells" in text.get_text())
    unused = model.num_parameters() - sum(stage.weights for stage in stages.values())
    assert "it spells: a␣b" in written and f"{unused:,} more weights" in written
    assert f"Of {model.num_parameters():,} weights, **" in Picture(figure).reading
    assert "40 × 130 × 3" in Picture(figure).alt
