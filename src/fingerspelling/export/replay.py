"""Run a graph of torch.export on TensorFlow operators."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import GraphModule, Node

from fingerspelling.export.operators import OPERATORS

# Where and how PyTorch stores a tensor means nothing to TensorFlow.
STORAGE_ARGUMENTS = {"device", "layout", "pin_memory", "memory_format"}


class UnmappedOperatorError(NotImplementedError):
    """The model uses an operator that has no TensorFlow counterpart; the message names it and the model's line."""


def to_tensorflow(program: ExportedProgram, unrolled_steps: int | None = None) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return a function of TensorFlow tensors that computes what an exported PyTorch program does.

    Its inputs and outputs keep their order, its weights become constants.

    Args:
        program: the exported program, as `run_decompositions({})` returned it.
        unrolled_steps: run the body of every loop this many times instead of asking its condition; once the condition
            is false, the body must change nothing that matters. None keeps loops as loops.

    Raises:
        UnmappedOperatorError: when called, for an operator that `OPERATORS` lacks.
    """
    stored = {**program.state_dict, **program.constants}
    constants = [
        _constant(stored[spec.target])
        for spec in program.graph_signature.input_specs
        if spec.kind is not InputKind.USER_INPUT
    ]
    run_loop = _while_loop if unrolled_steps is None else partial(_unrolled_loop, unrolled_steps)
    return lambda *inputs: run_graph(program.graph_module, [*constants, *inputs], run_loop)


def run_graph(module: GraphModule, inputs: Iterable[tf.Tensor], run_loop: Callable) -> Any:
    """Run one graph, of a program or of a loop's condition or body, node by node, and return its output."""
    values: dict[Node, Any] = {}
    remaining = iter(inputs)
    # Among what nothing depends on are the checks that tracing leaves behind, which PyTorch itself would keep.
    module.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    for node in module.graph.nodes:
        values[node] = _run_node(module, node, values, remaining, run_loop)
    return values[node]  # the last node is the output


def _run_node(
    module: GraphModule, node: Node, values: dict[Node, Any], inputs: Iterator[tf.Tensor], run_loop: Callable
) -> Any:
    arguments = torch.fx.map_arg(node.args, values.__getitem__)
    if node.op == "placeholder":
        return next(inputs)
    if node.op == "get_attr":  # a constant, or the graph of a loop's condition or body
        attribute = getattr(module, str(node.target))
        return _constant(attribute) if isinstance(attribute, torch.Tensor) else attribute
    if node.op == "output":
        return arguments[0]
    if node.target is torch.ops.higher_order.while_loop:
        return run_loop(*arguments)
    if node.target not in OPERATORS:
        raise UnmappedOperatorError(
            f"operator {node.target} has no TensorFlow counterpart in export/operators.py; used at\n" + _origin(node)
        )
    keywords = {name: value for name, value in node.kwargs.items() if name not in STORAGE_ARGUMENTS}
    return OPERATORS[node.target](*arguments, **torch.fx.map_arg(keywords, values.__getitem__))


def _while_loop(condition: GraphModule, body: GraphModule, carried: tuple, captured: tuple = ()) -> list[tf.Tensor]:
    return tf.while_loop(
        lambda *state: run_graph(condition, [*state, *captured], _while_loop),
        lambda *state: run_graph(body, [*state, *captured], _while_loop),
        list(carried),
        shape_invariants=[tensor.shape for tensor in carried],
    )


def _unrolled_loop(
    steps: int, condition: GraphModule, body: GraphModule, carried: tuple, captured: tuple = ()
) -> Iterable[tf.Tensor]:
    for _ in range(steps):
        carried = run_graph(body, [*carried, *captured], partial(_unrolled_loop, steps))
    return carried


def _origin(node: Node) -> str:
    """Return the line of the model's source that a node came from, and, in a loop, the traced expression."""
    trace = (node.meta.get("stack_trace") or "").splitlines()
    sources = [i for i, line in enumerate(trace) if line.lstrip().startswith('File "/')]
    lines = [*trace[sources[-1] :][:2], trace[-1]] if sources else ["an unknown line"]
    return "\n".join(dict.fromkeys(lines))


def _constant(tensor: torch.Tensor) -> tf.Tensor:
    array = tensor.detach().numpy()
    return tf.constant(array.astype(np.int32) if array.dtype == np.int64 else array)
