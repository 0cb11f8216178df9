"""Operators, precisions and error messages of the export, on small modules instead of models."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._higher_order_ops.while_loop import while_loop

from fingerspelling.export.tflite import _conversion
from fingerspelling.landmarks import SELECTED_COLUMNS
from fingerspelling.scoring.runtime import load_runner

aten = torch.ops.aten


class Program(nn.Module):
    """Turns a function of [frames, 390] into what `conversion.save` takes."""

    def __init__(self, function: Callable[[Tensor], Tensor], width: int = 59) -> None:
        super().__init__()
        self.linear = nn.Linear(len(SELECTED_COLUMNS), width)
        self.function = function

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return self.function(self.linear(inputs)), torch.full((1,), 3)

    def export(self) -> torch.export.ExportedProgram:
        example = torch.rand(20, len(SELECTED_COLUMNS))
        return torch.export.export(self.eval(), (example,)).run_decompositions({})


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_shrink_with_the_precision(tmp_path):
    torch.manual_seed(0)
    program = Program(lambda x: torch.relu(x)[:, :59], width=64)
    conversion = _conversion()
    conversion.save(program.export(), tmp_path)
    frames = torch.rand(20, len(SELECTED_COLUMNS))
    expected = program(frames)[0][:3].detach()
    sizes = []
    for precision, tolerance in [("fp32", 1e-5), ("fp16", 1e-3), ("int8", 5e-2)]:
        model = conversion.convert(tmp_path, precision)
        outputs = load_runner(model)(inputs=frames.numpy())["outputs"]
        np.testing.assert_allclose(outputs, expected, atol=tolerance)
        sizes.append(len(model))
    weights = program.linear.weight.numel()
    assert sizes[0] - sizes[1] > 1.8 * weights and sizes[1] - sizes[2] > 0.8 * weights


def plain(x: Tensor) -> Tensor:
    return torch.erf(x)


def in_a_loop(x: Tensor) -> Tensor:
    _, x = while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, torch.erf(y)), (torch.tensor(0), x))
    return x


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("function", [plain, in_a_loop])
def test_an_operator_without_counterpart_is_named_with_its_line(tmp_path, function):
    with pytest.raises(NotImplementedError, match=r"aten\.erf\.default") as caught:
        _conversion().save(Program(function).export(), tmp_path)
    assert "test_export_operators.py" in str(caught.value) and "self.function(self.linear(inputs))" in str(caught.value)


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape) + sum(shape)))


MASK = torch.where(draw(1, 1, 5, 5) > 0, 0.0, -1e9)


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        (aten.conv2d.default, (draw(2, 3, 9, 13), draw(8, 3, 3, 3), draw(8), (2, 2), (1, 1))),
        (aten.conv2d.default, (draw(1, 3, 9, 13), draw(8, 3, 3, 3), None, (1, 2), (1, 1))),
        (aten.linear.default, (draw(2, 5, 6), draw(4, 6), draw(4))),
        (aten.layer_norm.default, (draw(2, 5, 6), (6,), draw(6), draw(6))),
        (aten.layer_norm.default, (draw(2, 5, 6), (6,), draw(6))),
        (aten.layer_norm.default, (draw(2, 5, 6), (6,))),
        (aten.glu.default, (draw(2, 5, 6),)),
        (aten.scaled_dot_product_attention.default, (draw(1, 2, 5, 8), draw(1, 2, 5, 8), draw(1, 2, 5, 4), MASK)),
        (aten.slice.Tensor, (draw(4, 7), 1, 2, 2**63 - 1)),
        (aten.slice.Tensor, (draw(4, 7), -1, 1, -1, 2)),
        (aten.pad.default, (draw(4, 7), (0, 0, 2, 1), "constant", 3.0)),
        (aten.select.int, (draw(4, 7, 2), 1, -1)),
        (aten.index.Tensor, (draw(4, 7, 2), (None, torch.tensor([3, 0])))),
        (aten.transpose.int, (draw(4, 7, 2), -1, 0)),
        (aten.view.default, (draw(4, 6), (2, -1, 3))),
        (aten.split.Tensor, (draw(4, 6), 3, -1)),
        (aten.unsqueeze.default, (draw(4, 6), -1)),
        (aten.unsqueeze.default, (draw(4, 6), 1)),
        (aten.mul.Tensor, (torch.arange(4), 0.5)),
        (aten.div.Tensor, (torch.arange(4), 2)),
        (aten.add.Tensor, (torch.arange(4), draw(4))),
        (aten.pow.Scalar, (10_000, draw(4))),
        (aten.where.ScalarOther, (draw(4) > 0, draw(4), 0)),
        (aten.where.Scalar, (draw(4) > 0, 0.0, -1e9)),
        (aten.where.Scalar, (draw(4) > 0, 33, 0)),
        (aten.clamp.default, (torch.arange(4), 1, 2)),
        (aten.abs.default, (draw(4),)),
        (aten.alias.default, (draw(4),)),
        (aten.le.Scalar, (draw(4), 0.5)),
        (aten.matmul.default, (draw(2, 4, 6), draw(2, 6, 5))),
        (aten.matmul.default, (draw(4, 2, 1, 6), draw(4, 2, 6, 5))),
        (aten.matmul.default, (draw(4, 2, 1, 6), draw(1, 2, 6, 5))),
        (aten.cumsum.default, (torch.tensor([[1], [2]]), 1)),
        (aten.any.dim, (draw(4, 7) > 1, 1)),
        (aten.argmax.default, (draw(4, 7), -1, True)),
        (aten.topk.default, (draw(2, 30), 4)),
        (aten.amax.default, (draw(4, 7), [1], True)),
        (aten.log_softmax.int, (draw(4, 7), -1)),
        (aten.exp.default, (draw(4, 7),)),
        (aten.log.default, (draw(4, 7).abs(),)),
        (aten.log.default, (torch.zeros(2),)),
        (aten.zeros_like.default, (draw(4, 7),)),
        (aten.floor_divide.default, (torch.arange(9), 4)),
        (aten.remainder.Scalar, (torch.arange(9), 4)),
        (aten.full.default, ((2, 3), 7)),
        (aten.arange.start_step, (1, 9, 2)),
    ],
    ids=str,
)
def test_operators_compute_what_pytorch_computes(target, arguments):
    _conversion()
    import tensorflow as tf

    from fingerspelling.export.operators import DTYPES, OPERATORS

    def to_tf(value: object) -> object:
        return tf.constant(value.numpy(), DTYPES[value.dtype]) if isinstance(value, Tensor) else value

    computed = OPERATORS[target](*tf.nest.map_structure(to_tf, arguments))
    expected = target(*arguments)
    for mine, theirs in zip(tf.nest.flatten(computed), tf.nest.flatten(expected), strict=True):
        assert mine.dtype == DTYPES[theirs.dtype]
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("batch", [4, 1])
def test_a_row_times_a_transposed_matrix(batch):
    _conversion()
    import tensorflow as tf

    from fingerspelling.export.operators import OPERATORS

    row, matrix = draw(4, 2, 1, 6), draw(batch, 2, 5, 6)
    product = tf.function(lambda a, b: OPERATORS[aten.matmul.default](a, tf.transpose(b, [0, 1, 3, 2])))
    np.testing.assert_allclose(product(row.numpy(), matrix.numpy()), row @ matrix.mT, atol=1e-5)
