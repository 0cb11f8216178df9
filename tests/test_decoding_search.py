import pytest
import torch
from synthetic import make_model

from fingerspelling.decoding.beam import BeamSearch
from fingerspelling.decoding.greedy import GreedySearch
from fingerspelling.decoding.search import decode, decoding_name, make_search


@pytest.mark.parametrize(
    ("num_beams", "ctc_weight", "kind"),
    [(1, 0.0, GreedySearch), (2, 0.0, BeamSearch), (1, 0.1, BeamSearch), (3, 1.0, BeamSearch)],
)
def test_the_settings_decide_what_searches(num_beams: int, ctc_weight: float, kind: type) -> None:
    search = make_search([make_model(ctc_weight=0.5)], [(torch.zeros(1, 20, 32), None)], num_beams, ctc_weight)
    assert type(search) is kind


@pytest.mark.parametrize(
    ("num_beams", "ctc_weight", "reason"),
    [
        (0, 0.0, "num_beams 0 must be at least 1"),
        (4, 1.1, "ctc_weight 1.1 from 0"),
        (4, 0.3, "ctc_weight 0.3: a model has"),
    ],
)
def test_what_cannot_be_searched_is_refused(num_beams: int, ctc_weight: float, reason: str) -> None:
    models = [make_model(ctc_weight=0.5), make_model()]
    with pytest.raises(ValueError, match=reason):
        decode(models, [(torch.zeros(1, 20, 32), None)] * 2, num_beams, ctc_weight)


def test_ways_of_decoding_have_names() -> None:
    names = [decoding_name(*settings) for settings in [(1, 0.0), (1, 0.3), (4, 0.0), (4, 0.3)]]
    assert names == ["greedy", "greedy with 0.3 of CTC", "beam of 4", "beam of 4 with 0.3 of CTC"]
