import io

import pytest
import torch
from synthetic import make_model
from torch import nn
from torch.optim import SGD
from transformers import get_cosine_schedule_with_warmup

from fingerspelling.training.optim import MuonWithAdamW, warmup_then_cosine


def scheduled(steps: int, warmup: int, batches_per_step: int) -> list[float]:
    """Return the learning rate of each step."""
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=4.5e-3)
    schedule = warmup_then_cosine(optimizer, warmup, steps, batches_per_step)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize("batches_per_step", [1, 8])
def test_the_learning_rate_advances_with_every_batch(batches_per_step: int) -> None:
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=4.5e-3)
    by_batch = get_cosine_schedule_with_warmup(optimizer, 10 * batches_per_step, 100 * batches_per_step)
    rates = []
    for batch in range(100 * batches_per_step):
        if batch % batches_per_step == batches_per_step - 1:
            rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        by_batch.step()
    assert scheduled(100, 10, batches_per_step) == pytest.approx(rates)


def test_the_first_learning_rate_is_the_winners() -> None:
    assert scheduled(steps=1500, warmup=1320, batches_per_step=8)[0] == pytest.approx(3e-6, rel=0.01)
    assert scheduled(steps=4, warmup=0, batches_per_step=1)[0] == 4.5e-3


def make(model: nn.Module) -> MuonWithAdamW:
    return MuonWithAdamW(model, lr=0.01, weight_decay=0.1)


def step(model: nn.Module, optimizer: MuonWithAdamW, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()


def test_hidden_matrices_go_to_muon_and_the_rest_to_adamw() -> None:
    model = make_model()
    names = {parameter: name for name, parameter in model.named_parameters()}
    muon, others = ({names[p] for p in group["params"]} for group in make(model).param_groups)
    assert len(muon) + len(others) == len(names)
    assert all(dict(model.named_parameters())[name].ndim == 2 for name in muon)
    assert {"encoder.blocks.0.attention.query.weight", "extractor.linear.weight", "decoder.layers.0.fc1.weight"} <= muon
    assert {"output_projection.weight", "confidence.weight", "decoder.embed_tokens.weight"} <= others
    assert {"extractor.conv.weight", "encoder.blocks.0.convolution.depthwise.weight"} <= others


def test_muons_step_is_orthogonal_and_decays() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(8, 8, bias=False)), nn.Linear(8, 2))
    before = model[0][0].weight.detach().clone()
    step(model, make(model), seed=1)
    change = (before * (1 - 0.01 * 0.1) - model[0][0].weight.detach()) / (0.01 * 0.2 * 8**0.5)
    singular = torch.linalg.svdvals(change)
    assert singular.min() > 0.3 and singular.max() < 1.5  # five Newton-Schulz iterations come no nearer to 1


def test_a_loaded_state_goes_on_to_the_same_weights() -> None:
    models = [make_model(), make_model()]
    optimizers = [make(model) for model in models]
    step(models[0], optimizers[0], seed=1)
    models[1].load_state_dict(models[0].state_dict())
    file = io.BytesIO()
    torch.save(optimizers[0].state_dict(), file)
    file.seek(0)
    optimizers[1].load_state_dict(torch.load(file, weights_only=True))
    for model, optimizer in zip(models, optimizers, strict=True):
        optimizer.param_groups[0]["lr"] = 0.02  # as a schedule sets it
        step(model, optimizer, seed=2)
    for (name, tensor), other in zip(models[0].state_dict().items(), models[1].state_dict().values(), strict=True):
        assert torch.equal(tensor, other), name


@pytest.mark.parametrize("group", range(2))
def test_a_schedule_reaches_every_group(group: int) -> None:
    model = make_model()
    optimizer = make(model)
    for other in optimizer.param_groups:
        other["lr"] = 0.0
    optimizer.param_groups[group]["lr"] = 0.01
    before = [parameter.detach().clone() for parameter in optimizer.param_groups[group]["params"]]
    step(model, optimizer, seed=3)
    assert all(
        not torch.equal(old, new) for old, new in zip(before, optimizer.param_groups[group]["params"], strict=True)
    )
