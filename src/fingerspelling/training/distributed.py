"""Batch normalization's running statistics on several processes: as if one had seen all batches in turn.

One process that sees the batches' statistics b_0 ... b_{B-1} one after another, and keeps the share k = 1 - momentum
of what it has at each, comes from s to

    r = k^B s + (1 - k) sum_j k^(B-1-j) b_j.

Process p of n sees the batches p, p + n, ... and keeps k^n at each, so that it comes, in B_p batches, to

    r_p = k^(n B_p) s + (1 - k^n) sum_i k^(n (B_p-1-i)) b_(p+ni).

Its last batch is a_p = (B-1-p) mod n batches older than the last of all, hence

    r = sum_p w_p r_p   with   w_p = k^a_p (1 - k) / (1 - k^n).

So nothing has to be sent until the statistics are needed, and then one sum is enough.
"""

from typing import Any

from accelerate.utils import reduce
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(model: nn.Module) -> list[Any]:
    """Return a model's batch normalizations."""
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


def slow_statistics(model: nn.Module, processes: int) -> None:
    """Give batch normalizations the momentum 1 - k^n, for a process that sees every n-th batch only."""
    for norm in batch_norms(model):
        norm.momentum = 1 - (1 - norm.momentum) ** processes


def merge_statistics(model: nn.Module, process: int, processes: int, batches: int) -> None:
    """Replace the processes' running statistics by those of all batches in turn.

    Args:
        model: after `slow_statistics`, with statistics that were the same everywhere before these batches.
        process: number of this process.
        processes: n.
        batches: B, how many the processes have seen together since then.
    """
    age = (batches - 1 - process) % processes
    for norm in batch_norms(model):
        kept = (1 - norm.momentum) ** (1 / processes)
        weight = kept**age * (1 - kept) / norm.momentum
        for statistic in (norm.running_mean, norm.running_var):
            statistic.copy_(reduce(statistic * weight, "sum"))
