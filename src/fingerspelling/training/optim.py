"""The learning rate's schedule, and what the recipe can choose besides AdamW."""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_then_cosine(optimizer: Optimizer, warmup: int, steps: int, batches_per_step: int) -> LambdaLR:
    """Return a schedule that raises the learning rate evenly, then lowers it to 0 by half a cosine.

    As the winner's, it advances with every batch, and a step takes what its last batch has come to: the first step of
    eight batches takes 7/8 of what the second one adds, not 0.

    Args:
        optimizer: its learning rate is the highest.
        warmup: steps until that is reached.
        steps: of the whole training.
        batches_per_step: batches, those of all processes together.
    """

    def factor(step: int) -> float:
        place = step + 1 - 1 / batches_per_step
        if place < warmup:
            return place / warmup
        return (1 + math.cos(math.pi * min((place - warmup) / max(steps - warmup, 1), 1))) / 2

    return LambdaLR(optimizer, factor)


class MuonWithAdamW(Optimizer):
    """Muon for the matrices of the hidden layers, AdamW for all other parameters, as one optimizer.

    After Jordan, "Muon: An optimizer for hidden layers in neural networks" (2024): embeddings, output layers, biases
    and convolutions stay with AdamW. Steps are scaled as in Liu et al., "Muon is Scalable for LLM Training" (2025), so
    that both take the same learning rate and weight decay.
    """

    def __init__(self, model: nn.Module, lr: float, weight_decay: float) -> None:
        """Deal the parameters to both: a model's own linear layers count as output layers, its parts' as hidden."""
        hidden = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and "." in name]
        matrices = {f"{name}.weight" for name in hidden}
        parts: tuple[list[nn.Parameter], ...] = [], []
        for name, parameter in model.named_parameters():
            parts[name in matrices].append(parameter)
        others, muons = parts
        self._muon = Muon(muons, lr, weight_decay, adjust_lr_fn="match_rms_adamw")
        self._adamw = AdamW(others, lr, weight_decay=weight_decay)
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step with both, on the groups and state that this optimizer saves and loads."""
        self._muon.param_groups, self._adamw.param_groups = self.param_groups[:1], self.param_groups[1:]
        for part in (self._muon, self._adamw):
            part.state = self.state
            part.step()
