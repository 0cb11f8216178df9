"""What stands in a TensorFlow Lite file: how it is called, and which operators a runtime must know."""

from collections import Counter

import pandas as pd

try:
    from ai_edge_litert import schema_py_generated as schema
except ImportError:  # TensorFlow has it too
    from tensorflow.lite.python import schema_py_generated as schema

# The schema of the file format: numbers -> names.
BUILTINS, TYPES = (
    {number: name for name, number in vars(names).items() if isinstance(number, int)}
    for names in (schema.BuiltinOperator, schema.TensorType)
)


def signatures(model: bytes) -> pd.DataFrame:
    """List what a model can be called with and what it gives.

    Args:
        model: the content of a .tflite file.

    Returns:
        A row an input or output: signature, kind ("input" or "output"), name, type and shape, -1 where it is free.

    Raises:
        ValueError: these are not the bytes of a TensorFlow Lite model.
    """
    graph = _parse(model)
    rows = []
    for signature in graph.signatureDefs or []:
        tensors = graph.subgraphs[signature.subgraphIndex].tensors
        for kind, ends in (("input", signature.inputs), ("output", signature.outputs)):
            for end in ends:
                tensor = tensors[end.tensorIndex]
                shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
                names = {"signature": signature.signatureKey.decode(), "kind": kind, "name": end.name.decode()}
                rows.append(names | {"type": TYPES[tensor.type], "shape": shape.tolist()})
    return pd.DataFrame(rows)


def operators(model: bytes) -> pd.DataFrame:
    """Count the operators of a model, all of its subgraphs together.

    A runtime runs a model if it knows every operator in at least this version. Custom operators (the name in the
    file; TensorFlow's own begin with Flex) are not part of it.

    Args:
        model: the content of a .tflite file.

    Returns:
        A row an operator, the most frequent first: operator, version, builtin and count.

    Raises:
        ValueError: these are not the bytes of a TensorFlow Lite model.
    """
    graph = _parse(model)
    counts = Counter(op.opcodeIndex for subgraph in graph.subgraphs for op in subgraph.operators or [])
    rows = []
    for index, count in counts.most_common():
        code = graph.operatorCodes[index]
        # Codes above 126 stand in a field that was added later; the older one then says 127.
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        builtin = number != schema.BuiltinOperator.CUSTOM
        name = BUILTINS[number] if builtin else code.customCode.decode()
        rows.append({"operator": name, "version": code.version, "builtin": builtin, "count": count})
    return pd.DataFrame(rows)


def _parse(model: bytes) -> schema.ModelT:
    if not schema.Model.ModelBufferHasIdentifier(model, 0):
        raise ValueError("not a TensorFlow Lite model")
    return schema.ModelT.InitFromPackedBuf(model)
