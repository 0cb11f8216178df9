import pytest
import torch

from fingerspelling.parameters import ParameterError
from fingerspelling.training import TrainingConfig


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"precision": "fp8"}, "fp8"),
        ({"validation_fold": 4}, "4 is not among 4"),
        ({"validation_fold": -2}, "-2"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"optimizer": "sgd"}, "adamw.*muon"),
        ({"epochs": 3}, "warmup_epochs 10 are more than epochs, 3: .* not reach its highest; give fewer"),
        ({"epochs": 10, "warmup_epochs": 2, "decay_epochs": 9}, "2 and decay_epochs 9 are more than epochs, 10"),
        ({"epochs": 3, "warmup_epochs": 0, "decay_epochs": 9}, "0 and decay_epochs 9 are more than epochs, 3"),
    ],
)
def test_values_out_of_range_are_named(change: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TrainingConfig(**change)


def test_a_warm_up_and_a_decay_may_fill_a_training() -> None:
    config = TrainingConfig(epochs=4, warmup_epochs=0.1, decay_epochs=3.9)
    assert (config.warmup_epochs, config.decay_epochs) == (0.1, 3.9)
    assert TrainingConfig(epochs=1, warmup_epochs=1).warmup_epochs == 1


def test_a_steps_batches_are_dealt_evenly_or_not_at_all() -> None:
    config = TrainingConfig(gradient_accumulation_steps=8)
    assert [config.steps_per_process(processes) for processes in (1, 2, 4, 8)] == [8, 4, 2, 1]
    with pytest.raises(
        ParameterError, match=r"training\.gradient_accumulation_steps: 8 batches .* evenly to 3 processes"
    ):
        config.steps_per_process(3)


T4, A100 = (7, 5), (8, 0)


@pytest.mark.parametrize(
    ("asked", "gpu", "taken"),
    [
        ("auto", None, "fp32"),
        ("auto", T4, "fp16"),
        ("auto", A100, "bf16"),
        ("fp16", A100, "fp16"),
        ("fp32", A100, "fp32"),
        ("bf16", A100, "bf16"),
        ("bf16", None, "bf16"),
    ],
)
def test_precision_follows_the_device(
    asked: str, gpu: tuple[int, int] | None, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: gpu)
    assert TrainingConfig(precision=asked).autocast() == taken


def test_bf16_is_refused_where_it_would_be_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: T4)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    with pytest.raises(ParameterError, match=r"training\.precision: Tesla T4 has no bf16 .*7\.5.* fp16 or auto"):
        TrainingConfig(precision="bf16").autocast()
