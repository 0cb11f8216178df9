"""Merge into linear and convolution layers what is constant around them once training is over."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from fingerspelling.model import FingerspellingModel
from fingerspelling.model.encoder import Attention, Convolution, FeedForward, ScaleBias, merged

Part = Attention | FeedForward | Convolution


class Folded(ScaleBias):
    """Takes the place of a scale and bias that the linear layers behind have taken over."""

    def __init__(self) -> None:
        nn.Module.__init__(self)  # nothing is left to learn

    def merge(self, linear: nn.Linear) -> tuple[Tensor, Tensor]:
        return linear.weight, linear.bias


@torch.no_grad()
def fold_constants(model: FingerspellingModel) -> None:
    """Fold what is constant of a model's normalisations and scales into its layers, in place.

    In evaluation it computes the same as before, in fewer passes over the activations.
    """
    extractors: list[Any] = [model.extractor, *model.part_extractors.values()]
    for extractor in extractors:
        if extractor.conv is not None:
            extractor.conv = fuse_conv_bn_eval(extractor.conv, extractor.conv_norm)
            extractor.conv_norm = nn.Identity()
        extractor.linear = fuse_linear_bn_eval(extractor.linear, extractor.norm)
        extractor.norm = nn.Identity()
    if model.config.encoder_block == "squeezeformer":
        _pass_biases_on(model.encoder.blocks)
    for block in model.encoder.blocks:
        _fold_block(block)
    _fold_decoder(model.decoder, model.output_projection)


def _pass_biases_on(blocks: Any) -> None:
    """Leave the biases of all normalisations but the last to the part that follows.

    A block computes x <- norm(x + part(x)), part by part. With norm(x) = n + b, the next part has
        W (s (n + b) + c) = W (s n + (c + s b))    in its first layers: c + s b becomes the bias behind the scale,
        (n + b) + (V y + d) = n + (V y + (d + b))  in the residual: d + b becomes the bias of its last layer.
    """
    norms = [norm for block in blocks for norm in block.norms]
    order = ("attention", "feed_forward_1", "convolution", "feed_forward_2")
    parts: list[Part] = [getattr(block, name) for block in blocks for name in order]
    for norm, part in zip(norms[:-1], parts[1:], strict=True):
        part.scale.bias.add_(part.scale.scale * norm.bias)
        part.output.bias = nn.Parameter(norm.bias if part.output.bias is None else part.output.bias + norm.bias)
        norm.bias = None


def _fold_block(block: Any) -> None:
    attention, convolution = block.attention, block.convolution
    _fold_scale(attention, attention.query, attention.key, attention.value)
    _fold_scale(convolution, convolution.gate)
    for feed_forward in (block.feed_forward_1, block.feed_forward_2):
        _fold_scale(feed_forward, feed_forward.input)
    convolution.depthwise = fuse_conv_bn_eval(convolution.depthwise, convolution.norm)
    convolution.norm = nn.Identity()


def _fold_scale(part: Part, *linears: nn.Linear) -> None:
    _take_over(part.scale.scale, part.scale.bias, linears)
    part.scale = Folded()


def _take_over(scale: Tensor, bias: Tensor, linears: Iterable[nn.Linear]) -> None:
    for linear in linears:
        linear.weight, linear.bias = (nn.Parameter(tensor) for tensor in merged(scale, bias, linear))


def _fold_decoder(decoder: Any, projection: nn.Linear) -> None:
    """Fold the normalisations' scales and biases: nothing but linear layers follows them."""
    pairs: list[Any] = [(decoder.layer_norm, [projection])]
    for layer in decoder.layers:
        attention = layer.self_attn
        pairs += [
            (layer.self_attn_layer_norm, [attention.q_proj, attention.k_proj, attention.v_proj]),
            (layer.encoder_attn_layer_norm, [layer.encoder_attn.q_proj]),
            (layer.final_layer_norm, [layer.fc1]),
        ]
    for norm, linears in pairs:
        _take_over(norm.weight, norm.bias, linears)
        norm.weight = norm.bias = None
