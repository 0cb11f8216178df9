"""Merge into the linear and convolution layers what is constant around them once training is over."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from transformers.models.speech_to_text.modeling_speech_to_text import Speech2TextDecoder

from fingerspelling.model import FingerspellingModel
from fingerspelling.model.encoder import Attention, Convolution, FeedForward, SqueezeformerBlock

Part = Attention | FeedForward | Convolution


class Folded(nn.Module):
    """Stands where a scale and bias stood that its linear layers have taken over."""

    def forward(self, x: Tensor, *linears: nn.Linear) -> Tensor:
        weights, biases = zip(*((linear.weight, linear.bias) for linear in linears), strict=True)
        return F.linear(x, torch.cat(weights), torch.cat(biases))


@torch.no_grad()
def fold_constants(model: FingerspellingModel) -> None:
    """Fold a model's normalisations and scales, as far as they are constant, in place.

    In evaluation it computes the same as before, in fewer passes over the activations.
    """
    for extractor in (model.extractor, *model.part_extractors.values()):
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


def _parts(block: SqueezeformerBlock) -> list[Part]:
    return [block.attention, block.feed_forward_1, block.convolution, block.feed_forward_2]


def _pass_biases_on(blocks: nn.ModuleList) -> None:
    """Leave the biases of all normalisations but the last to the layers of the next part.

    That adds them for itself as a part of its own bias, and in its last layer for the connection around it.
    """
    normalised = [(norm, part) for block in blocks for part, norm in zip(_parts(block), block.norms, strict=True)]
    for (norm, _), (_, part) in pairwise(normalised):
        part.scale.bias += part.scale.scale * norm.bias
        part.output.bias = nn.Parameter(norm.bias if part.output.bias is None else part.output.bias + norm.bias)
        norm.bias = None


def _fold_block(block: SqueezeformerBlock) -> None:
    attention, convolution = block.attention, block.convolution
    _fold_scale(attention, attention.query, attention.key, attention.value)
    _fold_scale(convolution, convolution.gate)
    for feed_forward in (block.feed_forward_1, block.feed_forward_2):
        _fold_scale(feed_forward, feed_forward.input)
    convolution.depthwise = fuse_conv_bn_eval(convolution.depthwise, convolution.norm)
    convolution.norm = nn.Identity()


def _fold_scale(part: Part, *linears: nn.Linear) -> None:
    for linear in linears:
        linear.weight, linear.bias = (nn.Parameter(tensor) for tensor in part.scale.merge(linear))
    part.scale = Folded()


def _fold_decoder(decoder: Speech2TextDecoder, projection: nn.Linear) -> None:
    """Fold scale and bias of the normalisations, which stand before linear layers alone."""
    pairs = [(decoder.layer_norm, [projection])]
    for layer in decoder.layers:
        attention = layer.self_attn
        pairs += [
            (layer.self_attn_layer_norm, [attention.q_proj, attention.k_proj, attention.v_proj]),
            (layer.encoder_attn_layer_norm, [layer.encoder_attn.q_proj]),
            (layer.final_layer_norm, [layer.fc1]),
        ]
    for norm, linears in pairs:
        for linear in linears:
            bias = linear.weight @ norm.bias
            linear.bias = nn.Parameter(bias if linear.bias is None else bias + linear.bias)
            linear.weight = nn.Parameter(linear.weight * norm.weight)
        norm.weight = norm.bias = None
