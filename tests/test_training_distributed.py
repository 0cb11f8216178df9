import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from fingerspelling.training import distributed
from fingerspelling.training.distributed import batch_norms, merge_statistics, slow_statistics


def statistics(model: nn.Module) -> Tensor:
    return torch.cat([torch.cat([norm.running_mean, norm.running_var]) for norm in batch_norms(model)])


def see(model: nn.Module, batches: list[Tensor]) -> nn.Module:
    for batch in batches:
        model(batch)
    return model


def make() -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(3, momentum=0.3), nn.LayerNorm(3))).double()


@given(processes=st.integers(1, 5), epochs=st.lists(st.integers(1, 12), min_size=1, max_size=3))
def test_merged_statistics_are_those_of_one_process(processes: int, epochs: list[int]) -> None:
    """Also where the batches do not deal evenly, and over several epochs."""
    generator = torch.Generator().manual_seed(sum(epochs))
    one, several = make(), [make() for _ in range(processes)]
    for model in several:
        slow_statistics(model, processes)
    for batches in epochs:
        epoch = [5 * torch.randn(4, 3, generator=generator, dtype=torch.double) for _ in range(batches)]
        see(one, epoch)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(distributed, "reduce", lambda tensor, _: tensor)  # each its own part of the sum
            for process, model in enumerate(several):
                merge_statistics(see(model, epoch[process::processes]), process, processes, batches)
        merged = torch.stack([statistics(model) for model in several]).sum(0)
        torch.testing.assert_close(merged, statistics(one))
        for model in several:
            for norm, same in zip(batch_norms(model), batch_norms(one), strict=True):
                norm.running_mean.copy_(same.running_mean)
                norm.running_var.copy_(same.running_var)
