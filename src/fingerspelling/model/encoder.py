"""The Squeezeformer encoder: attention, feed-forward, convolution, feed-forward, each followed by a LayerNorm.

After Kim et al., "Squeezeformer: An Efficient Transformer for Automatic Speech Recognition" (2022), section 3:
post-norm blocks with a learnt scale and bias in front of every module. As the winner did, it uses rotary positions
(Su et al., "RoFormer", 2021) and no downsampling between blocks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fingerspelling.model.extractor import MaskedBatchNorm


def rotary_angles(n_frames: int | torch.SymInt, d_head: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines of the rotary positions, float [frames, d_head] each."""
    frequency = 10_000 ** (-torch.arange(0, d_head, 2, device=device, dtype=torch.float32) / d_head)
    angles = torch.arange(n_frames, device=device, dtype=torch.float32)[:, None] * frequency
    angles = torch.cat((angles, angles), -1)
    return angles.cos(), angles.sin()


class ScaleBias(nn.Module):
    """A learnt scale and bias a feature, in front of a module (Squeezeformer, section 3.1.3)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))

    def reset_parameters(self) -> None:
        nn.init.ones_(self.scale)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.bias


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions."""

    def __init__(self, d_model: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query, self.key, self.value, self.output = (nn.Linear(d_model, d_model, bias=False) for _ in range(4))

    def forward(self, x: Tensor, mask: Tensor | None, rotary: tuple[Tensor, Tensor]) -> Tensor:
        cos, sin = rotary

        def split_heads(y: Tensor) -> Tensor:  # [batch, heads, frames, d_head]
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        def rotate(y: Tensor) -> Tensor:
            first, second = y.chunk(2, -1)
            return y * cos + torch.cat((-second, first), -1) * sin

        y = F.scaled_dot_product_attention(
            rotate(split_heads(self.query(x))),
            rotate(split_heads(self.key(x))),
            split_heads(self.value(x)),
            attn_mask=None if mask is None else mask[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Sequential):
    """Two linear layers with Swish between, expansion 1."""

    def __init__(self, d_model: int, dropout: float) -> None:
        super().__init__(nn.Linear(d_model, d_model), nn.SiLU(), nn.Dropout(dropout), nn.Linear(d_model, d_model))


class Convolution(nn.Module):
    """Gated pointwise, depthwise over time, normalised, pointwise."""

    def __init__(self, d_model: int, kernel: int) -> None:
        super().__init__()
        self.gate = nn.Linear(d_model, 2 * d_model)
        self.depthwise = nn.Conv1d(d_model, d_model, kernel, padding=kernel // 2, groups=d_model, bias=False)
        self.norm = MaskedBatchNorm(d_model)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        y = F.glu(self.gate(x))
        if mask is not None:
            y = y * mask[..., None]  # else padding would leak into its neighbours
        y = self.depthwise(y.transpose(1, 2)).transpose(1, 2)
        return self.output(F.silu(self.norm(y, mask)))


class SqueezeformerBlock(nn.Module):
    """One block of the encoder; float [batch, frames, d_model] to the same."""

    def __init__(self, d_model: int, heads: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(d_model, heads, dropout)
        self.feed_forward_1 = FeedForward(d_model, dropout)
        self.convolution = Convolution(d_model, kernel)
        self.feed_forward_2 = FeedForward(d_model, dropout)
        self.scales = nn.ModuleList(ScaleBias(d_model) for _ in range(4))
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(4))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None, rotary: tuple[Tensor, Tensor]) -> Tensor:
        modules = (
            lambda y: self.attention(y, mask, rotary),
            self.feed_forward_1,
            lambda y: self.convolution(y, mask),
            self.feed_forward_2,
        )
        for module, scale, norm in zip(modules, self.scales, self.norms, strict=True):
            x = norm(x + self.dropout(module(scale(x))))
        return x


class SqueezeformerEncoder(nn.Module):
    """A stack of Squeezeformer blocks that share their rotary positions."""

    def __init__(self, d_model: int, layers: int, heads: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.d_head = d_model // heads
        self.blocks = nn.ModuleList(SqueezeformerBlock(d_model, heads, kernel, dropout) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode features.

        Args:
            x: float [batch, frames, d_model].
            mask: bool [batch, frames], True on real frames; None where all are real.

        Returns:
            float [batch, frames, d_model]; what stands on padding frames is meaningless.
        """
        rotary = rotary_angles(x.shape[1], self.d_head, x.device)
        for block in self.blocks:
            x = block(x, mask, rotary)
        return x
