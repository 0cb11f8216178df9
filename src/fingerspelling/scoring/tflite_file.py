"""What is in a TensorFlow Lite file: its signatures, and the operators that a runtime must know."""

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
    """List the inputs and outputs of the signatures of a .tflite file's content.

    Returns:
        One row per input or output: signature, kind ("input" or "output"), name, type and shape, -1 for any size.

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
    """Count the operators of a .tflite file's content, all of its subgraphs together.

    A runtime can run a model if it knows every operator in at least this version. Custom operators, whose
    names are their authors' (TensorFlow's own begin with Flex), are built into none.

    Returns:
        One row per operator, the most frequent first: operator, version, builtin and count.

    Raises:
        ValueError: these are not the bytes of a TensorFlow Lite model.
    """
    graph = _parse(model)
    counts = Counter(op.opcodeIndex for subgraph in graph.subgraphs for op in subgraph.operators or [])
    rows = []
    for index, count in counts.most_common():
        code = graph.operatorCodes[index]
        # Codes above 126 are in a field that was added later; the older one then holds 127.
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        builtin = number != schema.BuiltinOperator.CUSTOM
        name = BUILTINS[number] if builtin else code.customCode.decode()
        rows.append({"operator": name, "version": code.version, "builtin": builtin, "count": count})
    return pd.DataFrame(rows)


def _parse(model: bytes) -> schema.ModelT:
    if not schema.Model.ModelBufferHasIdentifier(model, 0):
        raise ValueError("not a TensorFlow Lite model")
    return schema.ModelT.InitFromPackedBuf(model)
