"""A model.tflite for runtimes that take tensors of fixed sizes alone, such as LiteRT in a browser.

The model works for any number of frames, and its operators find out sizes as they run. Only at its ends does such a
runtime ask for numbers: the input has one, which may be overwritten in the file before each clip, so that no clip needs
padding; and instead of the phrase's rows alone, the output has room for the longest phrase, and how many rows are used.

    python -m fingerspelling.export.static model.tflite folder      # model.tflite and model.json there, for `make web`
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from tensorflow.lite.python import schema_py_generated as schema

from fingerspelling.export.weights import read_model, to_bytes
from fingerspelling.files import DataError, write_whole
from fingerspelling.processes import exit_status
from fingerspelling.scoring.runtime import OUTPUT
from fingerspelling.scoring.submission import ARGUMENTS_FILE, calibration_in

LENGTH = "length"  # the last output, int32 [1]
SHAPE, SHAPE_SIGNATURE = 4, 18  # where a tensor's table has these fields (schema.fbs)


def with_fixed_sizes(content: bytes) -> tuple[bytes, list[int]]:
    """Return a model of `export_tflite` whose ends have fixed sizes.

    Returns:
        The new file, for one frame: float32 [1, 390] -> float32 [max_new_tokens, 59], and int32 [1], how many rows are
        the phrase; between them float32 [1], its probability, where the model tells it.
        Offsets in it at which the number of frames stands, a little-endian int32 each: all are to be overwritten.

    Raises:
        ValueError: this is no such file.
    """
    if not schema.Model.ModelBufferHasIdentifier(content, 0):
        raise ValueError("no TensorFlow Lite model")
    model = read_model(content)
    signature = model.signatureDefs[0]
    graph = model.subgraphs[signature.subgraphIndex]
    (phrase,) = [output for output in signature.outputs if output.name == OUTPUT.encode()]
    (last,) = [operator for operator in graph.operators if phrase.tensorIndex in operator.outputs]
    if model.operatorCodes[last.opcodeIndex].builtinCode != schema.BuiltinOperator.STRIDED_SLICE:
        raise ValueError("its output is not the first rows of a matrix")
    rows, _, length, _ = last.inputs  # rows[:length]
    graph.operators.remove(last)
    phrase.tensorIndex = rows
    signature.outputs.append(schema.TensorMapT())
    signature.outputs[-1].name, signature.outputs[-1].tensorIndex = LENGTH.encode(), length
    graph.outputs = [output.tensorIndex for output in signature.outputs]
    inputs = graph.tensors[signature.inputs[0].tensorIndex]
    inputs.shape = inputs.shapeSignature = [1, inputs.shape[1]]
    fixed = to_bytes(model)
    return fixed, _frame_counts(fixed)


def _frame_counts(content: bytes) -> list[int]:
    """Return where a file has the first number of its input's shape."""
    model = schema.Model.GetRootAs(content, 0)
    signature = model.SignatureDefs(0)
    table = model.Subgraphs(signature.SubgraphIndex()).Tensors(signature.Inputs(0).TensorIndex())._tab
    return [table.Vector(table.Offset(field)) for field in (SHAPE, SHAPE_SIGNATURE)]


def main() -> int:
    """Convert the file that the command line names."""
    source, folder = map(Path, sys.argv[1:])
    try:
        content, offsets = with_fixed_sizes(source.read_bytes())
    except ValueError as error:
        raise DataError(f"{source}: not a model.tflite of the workbook ({error})") from error
    arguments = source.with_name(ARGUMENTS_FILE)
    calibration = calibration_in(arguments.read_bytes()) if arguments.is_file() else None
    about = {"frameCounts": offsets, "confidence": calibration and asdict(calibration)}
    for name, written in (("model.tflite", content), ("model.json", json.dumps(about).encode())):
        write_whole(folder / name, written)
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
