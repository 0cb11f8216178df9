"""Merge into the linear and convolution layers what is constant around them once training is over."""

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from fingerspelling.model import FingerspellingModel
from fingerspelling.model.encoder import ScaledLinear, SqueezeformerBlock


def fold_constants(model: FingerspellingModel) -> None:
    """Fold a model's batch normalisations and scales, in place; in evaluation it computes the same as before.

    About a sixth of the encoder's passes over its activations disappear.
    """
    for extractor in (model.extractor, *model.part_extractors.values()):
        if extractor.conv is not None:
            extractor.conv = fuse_conv_bn_eval(extractor.conv, extractor.conv_norm)
            extractor.conv_norm = nn.Identity()
        extractor.linear = fuse_linear_bn_eval(extractor.linear, extractor.norm)
        extractor.norm = nn.Identity()
    for block in model.encoder.blocks:
        _fold_block(block)


def _fold_block(block: SqueezeformerBlock) -> None:
    attention, convolution = block.attention, block.convolution
    attention.queries_keys_values = _plain(attention.queries_keys_values)
    convolution.gate = _plain(convolution.gate)
    for feed_forward in (block.feed_forward_1, block.feed_forward_2):
        feed_forward[0] = _plain(feed_forward[0])
    convolution.depthwise = fuse_conv_bn_eval(convolution.depthwise, convolution.norm)
    convolution.norm = nn.Identity()


@torch.no_grad()
def _plain(scaled: ScaledLinear) -> nn.Linear:
    linear = nn.Linear(scaled.linear.in_features, scaled.linear.out_features)
    weight, bias = scaled.merged()
    linear.weight.copy_(weight)
    linear.bias.copy_(bias)
    return linear
