"""Change how the weights of a TensorFlow Lite model are stored, where its converter has no option for it.

The converter quantises depthwise convolutions too. XNNPACK has no kernel for these: without it they would take three
times as long, and they hold only a fiftieth of the weights. And with float16 it puts an operator behind every vector,
whose time is worth more than the space.
"""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

Entry = TypeVar("Entry")

FULLY_CONNECTED, DEQUANTIZE = schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.DEQUANTIZE
VERSION = 12  # of FULLY_CONNECTED: the first with a scale per output
# Layers with fewer outputs stay in float: the features of the parts of the body, and the logits. They are a fiftieth of
# the weights; with them quantised the demo's score falls by 0.0022 on 2,000 clips, without by 0.0008.
MIN_OUTPUTS = 64
LONGEST_VECTOR = 1024  # numbers
FLOATS = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16}


def read_model(content: bytes) -> schema.ModelT:
    """Return what a .tflite file holds, as objects that can be changed."""
    return flatbuffer_utils.convert_bytearray_to_object(content)


def to_bytes(model: schema.ModelT) -> bytes:
    """Return a model's bytes, without the constants that no operator reads any more."""
    used = {entry.buffer for entry in model.metadata or []}
    for graph in model.subgraphs:
        used |= {graph.tensors[i].buffer for operator in graph.operators for i in operator.inputs if i >= 0}
        used |= {graph.tensors[i].buffer for i in graph.outputs}
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def store_vectors_whole(model: schema.ModelT) -> None:
    """Store short constants in float32 instead of float16.

    Otherwise operators convert them, two hundred in a large model, which a runtime prepares for every length of a clip.
    """
    for graph in model.subgraphs:
        for stored, tensor in _stored_in_float16(model, graph):
            values = _constant(model, stored)
            if values is not None and values.size <= LONGEST_VECTOR:
                tensor.buffer = _add_buffer(model, values)
        _drop_conversions(model, graph)


def quantize_linear_layers(model: schema.ModelT) -> None:
    """Give linear layers int8 weights, symmetric, with one scale per output.

    Their inputs are quantised as they come (dynamic range), their biases become float32. Before, their weights are in
    float32, or in float16 behind DEQUANTIZE operators.
    """
    numbers = {"builtinCode": FULLY_CONNECTED, "deprecatedBuiltinCode": FULLY_CONNECTED}
    code = _entry(schema.OperatorCodeT, **numbers, version=VERSION)
    model.operatorCodes.append(code)
    for graph in model.subgraphs:
        stored = {id(tensor): constant for constant, tensor in _stored_in_float16(model, graph)}
        for layer in graph.operators:
            if _kind(model, layer) == FULLY_CONNECTED:
                parts = [graph.tensors[i] for i in layer.inputs[1:] if i >= 0]
                _quantize(model, graph, layer, [_constant(model, stored.get(id(part), part)) for part in parts])
        _drop_conversions(model, graph)


def _kind(model: schema.ModelT, operator: schema.OperatorT) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)  # the second holds it if it fits into a byte


def _stored_in_float16(
    model: schema.ModelT, graph: schema.SubGraphT
) -> Iterator[tuple[schema.TensorT, schema.TensorT]]:
    """Yield each tensor that an operator converts to float32, and the result."""
    for operator in graph.operators:
        if _kind(model, operator) == DEQUANTIZE:
            yield graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]


def _drop_conversions(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    """Remove the operators that convert to float32 what nothing reads, or what is stored in float32 by now."""
    used = {index for operator in graph.operators for index in operator.inputs} | set(graph.outputs)

    def needed(operator: schema.OperatorT) -> bool:
        result = operator.outputs[0]
        return result in used and model.buffers[graph.tensors[result].buffer].data is None

    graph.operators = [o for o in graph.operators if _kind(model, o) != DEQUANTIZE or needed(o)]


def _quantize(
    model: schema.ModelT, graph: schema.SubGraphT, layer: schema.OperatorT, parts: list[np.ndarray | None]
) -> None:
    constant = [part for part in parts if part is not None]
    if len(constant) < len(parts) or len(constant[0]) < MIN_OUTPUTS:
        return
    weights, *bias = constant
    scales = np.maximum(np.abs(weights).max(1), np.finfo(np.float32).tiny * 127) / 127
    constants = [_add(model, graph, np.round(weights / scales[:, None]).astype(np.int8), scales)]
    constants += [_add(model, graph, values) for values in bias]
    layer.inputs = np.array([layer.inputs[0], *constants], np.int32)
    layer.opcodeIndex = len(model.operatorCodes) - 1
    layer.builtinOptions.asymmetricQuantizeInputs = True


def _constant(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray | None:
    """Return a constant's values as float32; None if the tensor is computed, or not of floats."""
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.type not in FLOATS:
        return None
    shape = () if tensor.shape is None else tensor.shape
    return np.frombuffer(bytes(data), FLOATS[tensor.type]).reshape(shape).astype(np.float32)


def _add(model: schema.ModelT, graph: schema.SubGraphT, values: np.ndarray, scales: np.ndarray | None = None) -> int:
    """Add a constant, int8 if scales are given for its rows, else float32; return its index."""
    shape = np.array(values.shape, np.int32)
    tensor = _entry(schema.TensorT, shape=shape, buffer=_add_buffer(model, values), name=b"")
    if scales is not None:
        tensor.type = schema.TensorType.INT8
        zeros = np.zeros(len(scales), np.int64)
        tensor.quantization = _entry(schema.QuantizationParametersT, scale=scales, zeroPoint=zeros)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _add_buffer(model: schema.ModelT, values: np.ndarray) -> int:
    model.buffers.append(_entry(schema.BufferT, data=np.frombuffer(values.tobytes(), np.uint8)))
    return len(model.buffers) - 1


def _entry(kind: type[Entry], **fields: object) -> Entry:
    """Make an entry of a model; TensorFlow 2.20's classes take no fields."""
    entry = kind()
    vars(entry).update(fields)
    return entry
