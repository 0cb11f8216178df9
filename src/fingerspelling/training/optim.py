"""Optimizers that the recipe can choose besides AdamW."""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer


class MuonWithAdamW(Optimizer):
    """Muon for the matrices of the hidden layers, AdamW for all other parameters, as one optimizer.

    After Jordan, "Muon: An optimizer for hidden layers in neural networks" (2024): embeddings, output layers, biases
    and convolutions stay with AdamW. Steps are scaled as in Liu et al., "Muon is Scalable for LLM Training" (2025), so
    that both take the same learning rate and weight decay.
    """

    def __init__(self, model: nn.Module, lr: float, weight_decay: float, decayed: set[str]) -> None:
        """Deal the parameters to both.

        Args:
            model: its own linear layers count as output layers, those of its parts as hidden ones.
            lr: learning rate.
            weight_decay: of the matrices and of `decayed`.
            decayed: names of parameters.
        """
        hidden = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and "." in name]
        matrices = {f"{name}.weight" for name in hidden}
        named = list(model.named_parameters())
        others = [(name, parameter) for name, parameter in named if name not in matrices]
        self._muon = Muon(
            [parameter for name, parameter in named if name in matrices],
            lr,
            weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self._adamw = AdamW(
            [
                {"params": [parameter for name, parameter in others if name in decayed], "weight_decay": weight_decay},
                {"params": [parameter for name, parameter in others if name not in decayed], "weight_decay": 0.0},
            ],
            lr,
        )
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step with both, on the groups and state that this optimizer saves and loads."""
        self._muon.param_groups, self._adamw.param_groups = self.param_groups[:1], self.param_groups[1:]
        for part in (self._muon, self._adamw):
            part.state = self.state
            part.step()
