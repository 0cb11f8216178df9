"""Batch normalisation's running statistics on several processes: as if one had seen all batches in turn.

A running statistic is a weighted sum of the batches' own, so nothing has to be sent while a process sees every n-th
batch: it forgets as much in a batch as one process would in n, and the sums are put together when they are needed.
"""

from accelerate.utils import reduce
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """Return a model's batch normalisations."""
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


def slow_statistics(model: nn.Module, processes: int) -> None:
    """Give batch normalisations the momentum with which a process sees every n-th batch only."""
    for norm in batch_norms(model):
        norm.momentum = 1 - (1 - norm.momentum) ** processes


def merge_statistics(model: nn.Module, process: int, processes: int, batches: int) -> None:
    """Replace the processes' running statistics by those of all batches in turn.

    Args:
        model: after `slow_statistics`, with statistics that were the same everywhere before these batches.
        process: number of this process.
        processes: how many there are.
        batches: how many the processes have seen, dealt to them in turn.
    """
    age = (batches - 1 - process) % processes  # in batches, of this process's last one
    for norm in batch_norms(model):
        kept = (1 - norm.momentum) ** (1 / processes)  # by one process, of a statistic, in one batch
        weight = (1 - kept) * kept**age / norm.momentum
        for statistic in (norm.running_mean, norm.running_var):
            statistic.copy_(reduce(statistic * weight, "sum"))
