"""The TensorFlow counterpart of every PyTorch operator that the exported model consists of.

`OPERATORS` maps an ATen overload, or a Python operator on sizes, to a function of the same arguments. Written for
speed in TensorFlow Lite: constant weights are laid out when the graph is built, channels go last around
convolutions. 64-bit integers become 32-bit.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import torch

from fingerspelling.export.convolutions import conv2d

aten = torch.ops.aten
Size = Any  # an int or a tf.Tensor

DTYPES = {torch.float32: tf.float32, torch.int64: tf.int32, torch.int32: tf.int32, torch.bool: tf.bool}


def _binary(function: Callable) -> Callable:
    """Let a TensorFlow function promote mixed integers and floats as PyTorch does."""

    def promoted(a: Any, b: Any) -> tf.Tensor:
        tensors = [x for x in (a, b) if tf.is_tensor(x)]
        fractional = any(x.dtype.is_floating for x in tensors) or isinstance(a, float) or isinstance(b, float)
        if tensors and fractional:
            a, b = (tf.cast(x, tf.float32) for x in (a, b))
        return function(a, b)

    return promoted


def _shape(sizes: Sequence[Size]) -> list[int] | tf.Tensor:
    """Return a shape; one unknown size is left for TensorFlow to infer, which keeps the shape constant."""
    unknown = [i for i, size in enumerate(sizes) if tf.is_tensor(size)]
    if len(unknown) == 1 and -1 not in [size for size in sizes if isinstance(size, int)]:
        return [-1 if i in unknown else size for i, size in enumerate(sizes)]
    return tf.stack(sizes) if unknown else list(sizes)


def _unsqueeze(x: tf.Tensor, dim: int) -> tf.Tensor:
    sizes = [-1 if size is None else size for size in x.shape]
    if sizes.count(-1) > 1:
        return tf.expand_dims(x, dim)
    sizes.insert(dim % (len(sizes) + 1), 1)
    return tf.reshape(x, sizes)  # the converter merges two RESHAPE into one; an EXPAND_DIMS would stay, and copy


def _filled(sizes: Sequence[Size], value: float | tf.Tensor, dtype: torch.dtype | None = None) -> tf.Tensor:
    if dtype is None and not tf.is_tensor(value):
        dtype = torch.tensor(value).dtype
    value = tf.convert_to_tensor(value) if dtype is None else tf.cast(value, DTYPES[dtype])
    return tf.fill(tf.stack(sizes) if sizes else [], value)


def _range(*bounds: Size, dtype: torch.dtype | None = None) -> tf.Tensor:
    return tf.cast(tf.range(*bounds), DTYPES[dtype or torch.int64])


def _cast(x: tf.Tensor, dtype: torch.dtype | None = None) -> tf.Tensor:
    return x if dtype is None else tf.cast(x, DTYPES[dtype])


def _clamp(x: tf.Tensor, low: float | None = None, high: float | None = None) -> tf.Tensor:
    x = x if low is None else tf.maximum(x, tf.cast(low, x.dtype))
    return x if high is None else tf.minimum(x, tf.cast(high, x.dtype))


def _where(condition: tf.Tensor, a: Any, b: Any) -> tf.Tensor:
    return _binary(lambda x, y: tf.where(condition, x, y))(a, b)


def _argmax(x: tf.Tensor, dim: int, keepdim: bool = False) -> tf.Tensor:
    index = tf.argmax(x, dim, output_type=tf.int32)
    return tf.expand_dims(index, dim) if keepdim else index


def _cumsum(x: tf.Tensor, dim: int) -> tf.Tensor:
    # TensorFlow Lite's CUMSUM is newer than the oldest runtime; over one element there is nothing to add.
    return x if x.shape[dim] == 1 else tf.cumsum(x, dim)


def _slice(x: tf.Tensor, dim: int = 0, start: Size = 0, end: Size | None = None, step: int = 1) -> tf.Tensor:
    if isinstance(end, int) and end >= 2**31:  # PyTorch's "to the end"
        end = None
    return x[(slice(None),) * (dim % len(x.shape)) + (slice(start, end, step),)]


def _index(x: tf.Tensor, indices: Sequence[tf.Tensor | None]) -> tf.Tensor:
    (axis,) = [axis for axis, index in enumerate(indices) if index is not None]
    return tf.gather(x, indices[axis], axis=axis)


def _transpose(x: tf.Tensor, a: int, b: int) -> tf.Tensor:
    order = list(range(len(x.shape)))
    order[a], order[b] = order[b], order[a]
    return tf.transpose(x, order)


def _pad(x: tf.Tensor, widths: Sequence[int], mode: str = "constant", value: float | None = None) -> tf.Tensor:
    pairs = [list(widths[i : i + 2]) for i in range(0, len(widths), 2)]
    paddings = [[0, 0]] * (len(x.shape) - len(pairs)) + pairs[::-1]
    return tf.pad(x, paddings, mode, constant_values=value or 0)


def _matmul(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Multiply matrices. XNNPACK lays out the second one anew for every product: here it gets little to lay out.

    In decoding, step after step, a is a single row per hypothesis and head.
    """
    b, transposed = _undo_transpose(b)
    if len(a.shape) == 4 and a.shape[-2] == 1:
        if b.shape.is_fully_defined() and a.shape[:-2] == b.shape[:-2]:
            return _row_times_own_matrix(a, b, transposed)
        if b.shape[0] == 1 != a.shape[0]:
            return _rows_share_matrix(a, b, transposed)
    return tf.matmul(a, b, transpose_b=transposed)


def _undo_transpose(b: tf.Tensor) -> tuple[tf.Tensor, bool]:
    """Return the matrices that b is the transpose of and True, or else b and False.

    A tensor of a graph knows the operation that makes it; one whose result nobody reads is left out of the file.
    """
    if tf.executing_eagerly() or b.op.type != "Transpose":
        return b, False
    matrices, order = b.op.inputs
    last = len(b.shape) - 1
    swapped = tf.get_static_value(order).tolist() == [*range(last - 1), last, last - 1]
    return (matrices, True) if swapped else (b, False)


def _row_times_own_matrix(a: tf.Tensor, b: tf.Tensor, transposed: bool) -> tf.Tensor:
    """Multiply each row by a matrix of its own, such as a hypothesis's cache, as a sum of products."""
    if transposed:
        return tf.expand_dims(tf.reduce_sum(a * b, -1), -2)
    return tf.reduce_sum(tf.reshape(a, [*a.shape[:-2], -1, 1]) * b, -2, keepdims=True)


def _rows_share_matrix(a: tf.Tensor, b: tf.Tensor, transposed: bool) -> tf.Tensor:
    """Multiply rows, put together to one matrix per head, by the matrix that all hypotheses of a clip share."""
    a = tf.transpose(a, [2, 1, 0, 3])
    return tf.transpose(tf.matmul(a, b, transpose_b=transposed), [2, 1, 0, 3])


def _linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
    y = tf.matmul(x, tf.transpose(weight))  # becomes FULLY_CONNECTED; a matmul with transpose_b would not
    return y if bias is None else y + bias


def _layer_norm(
    x: tf.Tensor,
    shape: Sequence[int],
    weight: tf.Tensor | None = None,
    bias: tf.Tensor | None = None,
    epsilon: float = 1e-5,
    cudnn_enable: bool = True,
) -> tf.Tensor:
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
    y = centred * tf.math.rsqrt(variance + epsilon)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _attention(
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, mask: tf.Tensor | None = None, scale: float | None = None
) -> tf.Tensor:
    scores = tf.matmul(query * (scale or query.shape[-1] ** -0.5), key, transpose_b=True)
    return tf.matmul(tf.nn.softmax(scores if mask is None else scores + mask), value)


def _glu(x: tf.Tensor, dim: int = -1) -> tf.Tensor:
    values, gates = tf.split(x, 2, axis=dim)
    return values * tf.sigmoid(gates)


OPERATORS: dict[Callable, Callable] = {
    # Arithmetic, on tensors and on sizes.
    aten.add.Tensor: _binary(tf.add),
    aten.sub.Tensor: _binary(tf.subtract),
    aten.mul.Tensor: _binary(tf.multiply),
    aten.div.Tensor: lambda a, b: tf.divide(tf.cast(a, tf.float32), tf.cast(b, tf.float32)),
    aten.pow.Scalar: _binary(tf.pow),
    aten.floor_divide.default: _binary(tf.math.floordiv),
    aten.remainder.Scalar: _binary(tf.math.floormod),
    operator.add: _binary(tf.add),
    operator.sub: _binary(tf.subtract),
    operator.mul: _binary(tf.multiply),
    operator.floordiv: _binary(tf.math.floordiv),
    torch.sym_min: _binary(tf.minimum),
    torch.sym_max: _binary(tf.maximum),
    aten.neg.default: tf.negative,
    aten.abs.default: tf.abs,
    aten.sqrt.default: tf.sqrt,
    aten.exp.default: tf.exp,
    aten.log.default: tf.math.log,
    aten.cos.default: tf.cos,
    aten.sin.default: tf.sin,
    aten.clamp.default: _clamp,
    # Comparison and choice.
    aten.eq.Tensor: _binary(tf.equal),
    aten.eq.Scalar: _binary(tf.equal),
    aten.ne.Scalar: _binary(tf.not_equal),
    aten.lt.Tensor: _binary(tf.less),
    aten.lt.Scalar: _binary(tf.less),
    aten.le.Tensor: _binary(tf.less_equal),
    aten.le.Scalar: _binary(tf.less_equal),
    aten.gt.Scalar: _binary(tf.greater),
    aten.ge.Scalar: _binary(tf.greater_equal),
    aten.__and__.Tensor: tf.logical_and,
    aten.__or__.Tensor: tf.logical_or,
    aten.bitwise_not.default: tf.logical_not,
    aten.isnan.default: tf.math.is_nan,
    aten.where.self: _where,
    aten.where.Scalar: _where,
    aten.where.ScalarOther: _where,
    aten.where.ScalarSelf: _where,
    # Reductions.
    aten.sum.dim_IntList: lambda x, dim, keepdim=False: tf.reduce_sum(x, dim, keepdim),
    aten.amax.default: lambda x, dim, keepdim=False: tf.reduce_max(x, dim, keepdim),
    aten.mean.dim: lambda x, dim, keepdim=False: tf.reduce_mean(x, dim, keepdim),
    aten.any.dim: lambda x, dim, keepdim=False: tf.reduce_any(x, dim, keepdim),
    aten.argmax.default: _argmax,
    aten.cumsum.default: _cumsum,
    aten.topk.default: lambda x, k: tf.math.top_k(x, k),
    # New tensors.
    aten.zeros.default: lambda sizes, dtype=None: _filled(sizes, 0, dtype or torch.float32),
    aten.zeros_like.default: tf.zeros_like,
    aten.full.default: _filled,
    aten.arange.default: _range,
    aten.arange.start_step: _range,
    # Type and shape.
    aten._to_copy.default: _cast,
    aten.type_as.default: lambda x, other: tf.cast(x, other.dtype),
    aten.clone.default: tf.identity,
    aten.detach.default: tf.identity,
    aten.alias.default: tf.identity,
    aten.view.default: lambda x, sizes: tf.reshape(x, _shape(sizes)),
    aten._unsafe_view.default: lambda x, sizes: tf.reshape(x, _shape(sizes)),
    aten.unsqueeze.default: _unsqueeze,
    aten.squeeze.default: tf.squeeze,
    aten.permute.default: tf.transpose,
    aten.transpose.int: _transpose,
    aten.sym_size.int: lambda x, dim: tf.shape(x)[dim],
    # Parts of tensors.
    aten.select.int: lambda x, dim, i: x[(slice(None),) * (dim % len(x.shape)) + (i,)],
    aten.slice.Tensor: _slice,
    aten.split.Tensor: lambda x, size, dim=0: tf.split(x, x.shape[dim] // size, axis=dim),
    aten.cat.default: lambda tensors, dim=0: tf.concat(tensors, dim),
    aten.stack.default: lambda tensors, dim=0: tf.stack(tensors, dim),
    aten.pad.default: _pad,
    aten.index.Tensor: _index,
    aten.index_select.default: lambda x, dim, index: tf.gather(x, index, axis=dim),
    aten.embedding.default: lambda weight, ids, padding=-1: tf.gather(weight, ids),
    operator.getitem: operator.getitem,
    # Layers.
    aten.relu.default: tf.nn.relu,
    aten.sigmoid.default: tf.sigmoid,
    aten.silu.default: lambda x: x * tf.sigmoid(x),
    aten.glu.default: _glu,
    aten.softmax.int: lambda x, dim, dtype=None: tf.nn.softmax(x, dim),
    aten.log_softmax.int: lambda x, dim, dtype=None: tf.nn.log_softmax(x, dim),
    aten.matmul.default: _matmul,
    aten.linear.default: _linear,
    aten.layer_norm.default: _layer_norm,
    aten.scaled_dot_product_attention.default: _attention,
    aten.conv2d.default: conv2d,
}
