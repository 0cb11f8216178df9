"""The Squeezeformer encoder: attention, feed-forward, convolution, feed-forward, each followed by a LayerNorm.

After Kim et al., "Squeezeformer: An Efficient Transformer for Automatic Speech Recognition" (2022), section 3:
post-norm blocks with a learnt scale and bias in front of every module. As the winner did, it uses rotary positions
(Su et al., "RoFormer", 2021), no dropout in the attention, and no downsampling between blocks.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fingerspelling.model.configuration import FingerspellingConfig
from fingerspelling.model.dropout import Dropout
from fingerspelling.model.padding import Padding


def rotary_angles(n_frames: int | torch.SymInt, d_head: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines that `rotate` multiplies by, float [frames, d_head] each.

    The sines are negative in the first half.
    """
    frequency = 10_000 ** (-torch.arange(0, d_head, 2, device=device, dtype=torch.float32) / d_head)
    angles = torch.arange(cast(int, n_frames), device=device, dtype=torch.float32)[:, None] * frequency
    return torch.cat((angles, angles), -1).cos(), torch.cat((-angles, angles), -1).sin()


def merged(scale: Tensor, bias: Tensor, linear: nn.Linear) -> tuple[Tensor, Tensor]:
    """Return weights and bias of a layer that computes a scale and bias, float [features], then a linear layer."""
    shifted = linear.weight @ bias
    return linear.weight * scale, shifted if linear.bias is None else shifted + linear.bias


class ScaleBias(nn.Module):
    """A learnt scale and bias per feature, in front of a linear layer (Squeezeformer, section 3.1.3).

    W (s x + b) + c = (W s) x + (W b + c): both are merged into the weights, of which there are far fewer than
    activations.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))

    def reset_parameters(self) -> None:
        nn.init.ones_(self.scale)
        nn.init.zeros_(self.bias)

    def merge(self, linear: nn.Linear) -> tuple[Tensor, Tensor]:
        """Return the weights and the bias of the one layer that computes the same as this and a linear layer."""
        return merged(self.scale, self.bias, linear)

    def forward(self, x: Tensor, *linears: nn.Linear) -> Tensor:
        """Return the outputs of one linear layer or, side by side, of several, which are computed as one."""
        weights, biases = zip(*map(self.merge, linears), strict=True)
        return F.linear(x, torch.cat(weights), torch.cat(biases))


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = ScaleBias(d_model)
        self.query, self.key, self.value, self.output = (nn.Linear(d_model, d_model, bias=False) for _ in range(4))

    def forward(self, x: Tensor, padding: Padding, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        y = padding.pad_input(self.scale(x, self.query, self.key, self.value))
        queries, keys, values = y.unflatten(-1, (3 * self.heads, -1)).transpose(1, 2).chunk(3, 1)
        if rotary is not None:
            queries, keys = rotate(queries, *rotary), rotate(keys, *rotary)
        mask = None if padding.mask is None else padding.mask[:, None, None, :]
        y = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        return self.output(padding.unpad_input(y.transpose(1, 2).flatten(2)))


def rotate(y: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of features (i, i + d_head / 2) by its frame's angle, float [..., frames, d_head]."""
    first, second = y.chunk(2, -1)
    return y * cos + torch.cat((second, first), -1) * sin


class FeedForward(nn.Module):
    """Two linear layers with Swish between, expansion 1."""

    def __init__(self, d_model: int, dropout: float) -> None:
        super().__init__()
        self.scale = ScaleBias(d_model)
        self.input, self.output = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(F.silu(self.scale(x, self.input)))
        return self.dropout(self.output(y))


class Convolution(nn.Module):
    """Gated pointwise, depthwise over time, normalised, pointwise."""

    def __init__(self, d_model: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.scale = ScaleBias(d_model)
        self.gate = nn.Linear(d_model, 2 * d_model)
        self.depthwise = nn.Conv2d(d_model, d_model, (1, kernel), padding=(0, kernel // 2), groups=d_model, bias=False)
        # As its gradients come; processes then share them without a copy.
        self.depthwise.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.norm = nn.BatchNorm1d(d_model)
        self.output = nn.Linear(d_model, d_model)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, padding: Padding) -> Tensor:
        y = padding.pad_input(F.glu(self.scale(x, self.gate)))
        y = self.convolve_rows(y) if y.is_cuda else self.convolve_images(y)
        return self.dropout(self.output(F.silu(self.norm(padding.unpad_input(y)))))

    def convolve_images(self, y: Tensor) -> Tensor:
        """Convolve images of one row, for which CPUs have a quick depthwise kernel; for rows they have none."""
        return self.depthwise(y[:, None].permute(0, 3, 1, 2)).permute(0, 2, 3, 1).flatten(1, 2)

    def convolve_rows(self, y: Tensor) -> Tensor:
        """Do the same with the kernel that PyTorch has for GPUs.

        Images in channels_last would go to cuDNN, which plans anew for every length of clips: that took four fifths of
        a training's time.
        """
        kernels = self.depthwise.weight.flatten(1)[:, None]
        return F.conv1d(y.mT.contiguous(), kernels, padding=kernels.shape[2] // 2, groups=len(kernels)).mT


class SqueezeformerBlock(nn.Module):
    """One block of the encoder; float [real frames, d_model] to the same."""

    def __init__(self, config: FingerspellingConfig) -> None:
        super().__init__()
        d_model, dropout = config.d_model, config.dropout
        self.attention = Attention(d_model, config.encoder_attention_heads)
        self.feed_forward_1 = FeedForward(d_model, dropout)
        self.convolution = Convolution(d_model, config.conv_kernel, dropout)
        self.feed_forward_2 = FeedForward(d_model, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(4))

    def forward(self, x: Tensor, padding: Padding, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        x = self.norms[0](x + self.attention(x, padding, rotary))
        x = self.norms[1](x + self.feed_forward_1(x))
        x = self.norms[2](x + self.convolution(x, padding))
        return self.norms[3](x + self.feed_forward_2(x))


class ConformerBlock(SqueezeformerBlock):
    """The same modules as in the Conformer (Gulati et al., 2020, section 2): each normalises what it reads, and the
    feed-forward modules, of half weight, enclose the two others.
    """

    def __init__(self, config: FingerspellingConfig) -> None:
        super().__init__(config)
        self.last_norm = nn.LayerNorm(config.d_model)

    def forward(self, x: Tensor, padding: Padding, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        x = x + self.feed_forward_1(self.norms[0](x)) / 2
        x = x + self.attention(self.norms[1](x), padding, rotary)
        x = x + self.convolution(self.norms[2](x), padding)
        return self.last_norm(x + self.feed_forward_2(self.norms[3](x)) / 2)


class Encoder(nn.Module):
    """A stack of blocks that share their rotary positions."""

    def __init__(self, config: FingerspellingConfig) -> None:
        super().__init__()
        self.d_head = config.d_model // config.encoder_attention_heads if config.rotary else None
        block = {"squeezeformer": SqueezeformerBlock, "conformer": ConformerBlock}[config.encoder_block]
        self.blocks = nn.ModuleList(block(config) for _ in range(config.encoder_layers))

    def forward(self, x: Tensor, padding: Padding) -> Tensor:
        """Encode features, float [real frames, d_model] to the same."""
        rotary = rotary_angles(padding.n_frames, self.d_head, x.device) if self.d_head else None
        for block in self.blocks:
            x = block(x, padding, rotary)
        return x
