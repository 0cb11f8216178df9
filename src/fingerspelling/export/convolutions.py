"""Convolutions on TensorFlow, in the shapes that TensorFlow Lite computes quickly."""

from collections.abc import Sequence

import tensorflow as tf

# Of XNNPACK, TensorFlow Lite's fast backend on CPUs. It has no depthwise kernel with more taps, and its largest one is
# faster when that many rows of the channels and of their weights fit into a core's first-level cache. It computes 16
# channels at once.
MAX_DEPTHWISE_TAPS = 25
MAX_DEPTHWISE_CHANNELS = 128
CHANNEL_TILE = 16


def conv2d(
    x: tf.Tensor,
    weight: tf.Tensor,
    bias: tf.Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> tf.Tensor:
    """Convolve as PyTorch's conv2d does, float [batch, channels, height, width].

    Raises:
        NotImplementedError: the convolution is neither dense nor a depthwise one along rows that keeps their length.
    """
    x = tf.transpose(x, [0, 2, 3, 1])
    bias = tf.zeros(weight.shape[0]) if bias is None else bias
    if groups == 1 and tuple(dilation) == (1, 1):
        y = _dense_convolution(x, tf.transpose(weight, [2, 3, 1, 0]), stride, padding) + bias
    elif weight.shape == (groups, 1, 1, 2 * padding[1] + 1) and (*stride, *dilation, padding[0]) == (1, 1, 1, 1, 0):
        y = _depthwise(x, tf.transpose(weight, [2, 3, 0, 1]), bias)
    else:
        raise NotImplementedError(
            f"conv2d of {weight.shape}, {groups} groups, stride {stride}, padding {padding}, dilation {dilation}"
        )
    return tf.transpose(y, [0, 3, 1, 2])


def _dense_convolution(x: tf.Tensor, weight: tf.Tensor, stride: Sequence[int], padding: Sequence[int]) -> tf.Tensor:
    """Convolve a batch of images as high as the kernel, one per row of the result.

    For every height that it has not seen, XNNPACK tabulates anew where an image is read for each value of the result.
    """
    images, _, width, channels = x.shape
    height, margin = weight.shape[0], padding[1] * channels
    # As rows of plain numbers: padding columns of few channels, one by one, takes twelve times as long.
    x = tf.pad(tf.reshape(x, [images, -1, width * channels]), [[0, 0], [padding[0]] * 2, [margin] * 2])
    first = tf.range(0, tf.shape(x)[1] - height + 1, stride[0])
    rows = tf.gather(x, first[:, None] + tf.range(height), axis=1)
    rows = tf.reshape(rows, [-1, height, width + 2 * padding[1], channels])
    y = tf.nn.conv2d(rows, weight, [1, stride[1]], "VALID")
    return tf.reshape(y, [images, -1, *y.shape[2:]])


def _depthwise(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Convolve each channel along its row, group by group of channels."""
    sizes = _channel_groups(x.shape[-1])
    groups = zip(tf.split(x, sizes, -1), tf.split(weight, sizes, 2), tf.split(bias, sizes), strict=True)
    return tf.concat([_convolve_group(*group) for group in groups], -1)


def _convolve_group(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Convolve channels that fit into the cache, as a sum over parts of the kernel."""
    centre = kernel.shape[1] // 2
    if kernel.shape[1] <= MAX_DEPTHWISE_TAPS:
        return _depthwise_part(x, kernel, "SAME") + bias
    # The parts: the centre and up to `near` columns before it; as many columns after it; pairs of columns farther away.
    near = min(centre, MAX_DEPTHWISE_TAPS - 1)
    before, after = kernel[:, centre - near : centre + 1], kernel[:, centre + 1 : centre + near + 1]
    after = tf.pad(after, [[0, 0], [1, 0], [0, 0], [0, 0]])  # a 0 for the centre: without, no frame might be left
    y = _depthwise_part(tf.pad(x, [[0, 0], [0, 0], [near, 0], [0, 0]]), before, "VALID") + bias
    y += _depthwise_part(tf.pad(x, [[0, 0], [0, 0], [0, near], [0, 0]]), after, "VALID")
    for far in range(near + 1, centre + 1):
        y += _depthwise_part(x, tf.gather(kernel, [centre - far, centre + far], axis=1), "SAME", 2 * far)
    return y


def _depthwise_part(x: tf.Tensor, kernel: tf.Tensor, padding: str, dilation: int = 1) -> tf.Tensor:
    return tf.raw_ops.DepthwiseConv2dNative(
        input=x, filter=kernel, strides=[1] * 4, padding=padding, dilations=[1, dilation, dilation, 1]
    )


def _channel_groups(channels: int) -> list[int]:
    """Return the sizes of groups of channels: about equal, all but the last made of whole tiles."""
    groups = -(-channels // MAX_DEPTHWISE_CHANNELS)
    size = -(-channels // (groups * CHANNEL_TILE)) * CHANNEL_TILE
    return [min(size, channels - first) for first in range(0, channels, size)]
