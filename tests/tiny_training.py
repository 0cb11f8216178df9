"""The smallest model and recipe that still train, for tests."""

import pytest
import torch

from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.training import FingerspellingTrainer, TrainingConfig

MODEL = FingerspellingConfig(d_model=32, encoder_layers=1, conv_kernel=7, decoder_layers=1, decoder_ffn_dim=32)
CONFIG = TrainingConfig(epochs=3, batch_size=4, gradient_accumulation_steps=1, learning_rate=3e-3, warmup_epochs=1.0)


def assert_same_weights(first: FingerspellingModel, second: FingerspellingModel) -> None:
    for (name, tensor), other in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(tensor, other), name


def watch_evaluations(monkeypatch: pytest.MonkeyPatch, die_in: int = 0) -> list[float]:
    """Note the epoch of each evaluation; die in the n-th one, before that epoch's checkpoint is written."""
    evaluate, epochs = FingerspellingTrainer.evaluate, []

    def watching(self: FingerspellingTrainer, *arguments: object, **named: object) -> dict[str, float]:
        epochs.append(self.state.epoch)
        if len(epochs) == die_in:
            raise KeyboardInterrupt
        return evaluate(self, *arguments, **named)

    monkeypatch.setattr(FingerspellingTrainer, "evaluate", watching)
    return epochs
