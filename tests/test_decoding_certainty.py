import math

import numpy as np
import pytest
import torch
from synthetic import make_model

from fingerspelling import text
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.certainty import certainty
from fingerspelling.decoding.search import hypotheses
from fingerspelling.model.preprocessing import normalize


@pytest.mark.parametrize("ctc_weight", [0.0, 0.3])
def test_certainty_is_what_the_search_gives_each_phrase(store: ClipStore, ctc_weight: float) -> None:
    models = [make_model(seed=seed, ctc_weight=0.5) for seed in (1, 2)]
    for model in models:  # that phrases end
        bias = model.decoder.layer_norm.bias
        with torch.no_grad():
            model.output_projection.weight[text.END] += 8 * bias / bias.norm() ** 2
    clips, phrases, likely = [5, 0, 3], [], []
    for clip in clips:
        frames = normalize(torch.tensor(store.frames(clip))[None])
        with torch.inference_mode():
            [found] = hypotheses(models, [model.encode(frames) for model in models], 3, ctc_weight)
        ids, score = next((ids, score) for ids, score in found if len(ids) < 33)
        phrases.append(text.decode(ids))
        likely.append(math.exp(score / (len(ids) + 1)))
    np.testing.assert_allclose(certainty(models, store, clips, phrases, ctc_weight), likely, rtol=2e-3)
