from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import CONFIG, MODEL, assert_same_weights

from fingerspelling.data.store import ClipStore
from fingerspelling.landmarks import SELECTED, WRISTS
from fingerspelling.model import FingerspellingConfig
from fingerspelling.parameters import ParameterError, build
from fingerspelling.simulation import SimulationConfig
from fingerspelling.text import END, PAD
from fingerspelling.training import Recipe, train, trainer
from fingerspelling.training.alignment import alignment_losses, alignment_weight

STREAMED = replace(CONFIG, simulation=SimulationConfig(clips=12, max_length=4))
WITH_CTC = FingerspellingConfig(**MODEL.to_diff_dict() | {"ctc_weight": 0.5})


def test_both_losses_are_of_the_frames_with_a_hand() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([[7, 7, END], [9, END, PAD]])
    places = torch.tensor([[0, 0, 1, 1, -1], [-1, -1, -1, -1, 0]])
    logits = torch.randn(2, 3, PAD + 1, generator=generator)
    attentions = torch.rand(2, 2, 4, 3, 3, generator=generator).softmax(-1)  # layers, clips, heads, tokens, frames
    frames = torch.full((2, 5, len(SELECTED), 3), torch.nan)
    frames[0, :3, WRISTS[0]] = 0.5  # encoded frames 0 and 1 of the first clip, which show its two characters
    frames[1, 1, WRISTS[1]] = 0.5  # no encoded frame
    frames[1, 4, WRISTS[1]] = 0.5  # encoded frame 2 of the second clip, which shows its character
    losses = alignment_losses(logits, list(attentions), places, labels, frames, 2)
    shown = [(0, 0, 0), (0, 1, 1), (1, 0, 2)]  # clip, token, encoded frame
    entropies = [-logits[clip, frame].log_softmax(-1)[labels[clip, token]] for clip, token, frame in shown]
    torch.testing.assert_close(losses["alignment"], torch.stack(entropies).mean())
    shares = [attentions[:, clip, [0, 2], token, frame].mean(1) for clip, token, frame in shown]
    torch.testing.assert_close(losses["attention"], -(torch.stack(shares) + 1e-4).log().mean())
    unseen = alignment_losses(logits, list(attentions), places, labels, torch.full_like(frames, torch.nan), 2)
    assert unseen == {"alignment": 0, "attention": 0}


def test_it_fades_out() -> None:
    assert [alignment_weight(epoch, 2) for epoch in (0, 1, 2, 4)] == [1.0, 0.5, 0.0, 0.0]
    assert alignment_weight(0.0, 0.0) == 0


def test_it_teaches_the_first_part_of_a_training_and_nothing_where_it_is_off(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: list[float] = []

    def watching(epoch: float, epochs: float) -> float:
        weights.append(alignment_weight(epoch, epochs))
        return weights[-1]

    monkeypatch.setattr(trainer, "alignment_weight", watching)
    without = train(store, Recipe(WITH_CTC, STREAMED), tmp_path / "without")
    assert weights == [0.0] * 9
    taught = train(store, Recipe(WITH_CTC, replace(STREAMED, alignment=0.9)), tmp_path / "with")
    assert weights[9:] == pytest.approx([1, 0.63, 0.26] + [0] * 6, abs=0.01)
    assert any(
        not torch.equal(one, other) for one, other in zip(without.parameters(), taught.parameters(), strict=True)
    )
    monkeypatch.setattr(trainer, "alignment_losses", None)  # is not even called
    assert_same_weights(train(store, Recipe(WITH_CTC, STREAMED), tmp_path / "off"), without)


@pytest.mark.parametrize(
    ("training", "model", "reason"),
    [
        ({"alignment": 0.5}, {"ctc_weight": 0.5}, r"training: alignment needs .*: set training\.simulation"),
        ({"alignment": 0.5, "simulation": {}}, {}, r"training\.alignment teaches the CTC head: set model\.ctc_weight"),
        ({"alignment": -1, "simulation": {}}, {"ctc_weight": 0.5}, r"training\.alignment: .*got -1"),
    ],
)
def test_what_it_cannot_be_used_with_is_said(training: dict, model: dict, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        build(Recipe, {"training": training, "model": model})
