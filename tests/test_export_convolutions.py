"""Convolutions for TensorFlow Lite, against PyTorch's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fingerspelling.export.tflite import _conversion
from fingerspelling.scoring.runtime import load_runner


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("kernel", [1, 7, 25, 27, 51, 55])
def test_depthwise_convolutions_of_any_length(kernel):
    _conversion()
    import tensorflow as tf

    from fingerspelling.export.convolutions import conv2d

    channels = 150  # more than one group
    weight, bias = draw(channels, 1, 1, kernel), draw(channels)
    arguments = (1, 1), (0, kernel // 2), (1, 1), channels

    @tf.function(input_signature=[tf.TensorSpec([1, channels, 1, None])])
    def convolve(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        constants = tf.constant(weight.numpy()), tf.constant(bias.numpy())
        return {"outputs": conv2d(inputs, *constants, *arguments)}

    # TensorFlow itself has no dilated kernel on CPUs.
    module = tf.Module()
    module.convolve = convolve
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convolve.get_concrete_function()], module)
    run = load_runner(converter.convert())
    for width in (1, 2, 24, 60):
        x = draw(1, channels, 1, width)
        np.testing.assert_allclose(run(inputs=x.numpy())["outputs"], F.conv2d(x, weight, bias, *arguments), atol=1e-4)


def test_channels_are_dealt_to_even_groups_of_whole_tiles():
    _conversion()
    from fingerspelling.export.convolutions import CHANNEL_TILE, MAX_DEPTHWISE_CHANNELS, _channel_groups

    assert _channel_groups(208) == [112, 96] and _channel_groups(32) == [32]
    for channels in range(1, 700):
        sizes = _channel_groups(channels)
        assert sum(sizes) == channels and max(sizes) <= MAX_DEPTHWISE_CHANNELS
        assert all(size % CHANNEL_TILE == 0 for size in sizes[:-1])


@pytest.mark.parametrize("change", [{"padding": (0, 2)}, {"stride": (1, 2)}, {"dilation": (1, 2)}])
def test_other_convolutions_are_refused(change):
    _conversion()
    from fingerspelling.export.convolutions import conv2d

    with pytest.raises(NotImplementedError, match=r"conv2d of .* 6 groups"):
        conv2d(draw(1, 6, 1, 9).numpy(), draw(6, 1, 1, 3).numpy(), groups=6, **change)
