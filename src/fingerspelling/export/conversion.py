"""An exported PyTorch program -> the bytes of a TensorFlow Lite model. Importing this imports TensorFlow."""

import logging
from pathlib import Path

import tensorflow as tf
from torch.export import ExportedProgram

from fingerspelling.export.replay import to_tensorflow
from fingerspelling.export.weights import quantize_linear_layers, read_model, store_vectors_whole, to_bytes
from fingerspelling.landmarks import SELECTED_COLUMNS
from fingerspelling.scoring.runtime import INPUT, OUTPUT, PROBABILITY, SIGNATURE

tf.get_logger().setLevel(logging.ERROR)
tf.config.set_visible_devices([], "GPU")  # converting needs none, and TensorFlow would take all of its memory


def save(program: ExportedProgram, folder: str | Path, unrolled_steps: int | None = None) -> None:
    """Write a program of `ClipTranscriber` as a TensorFlow SavedModel with the competition's signature.

    Loops stay loops, or run unrolled_steps times each (see `to_tensorflow`). Where the program returns a probability,
    the signature does, too, as a second output.

    Raises:
        UnmappedOperatorError: the program has an operator without a TensorFlow counterpart.
    """
    transcribe = to_tensorflow(program, unrolled_steps)

    def serve(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        # A clip of no frames is read as one empty frame.
        missing = tf.maximum(1 - tf.shape(inputs)[0], 0)
        frames = tf.pad(inputs, [[0, missing], [0, 0]], constant_values=float("nan"))
        frames.set_shape(inputs.shape)
        rows, length, *probability = transcribe(frames)
        return {OUTPUT: rows[: length[0]], **dict(zip([PROBABILITY], probability, strict=False))}

    signature = tf.TensorSpec([None, len(SELECTED_COLUMNS)], tf.float32, name=INPUT)
    module = tf.Module()
    module.serve = tf.function(serve, autograph=False, input_signature=[signature])
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.serve})


def convert(folder: str | Path, precision: str) -> bytes:
    """Return a SavedModel as a TensorFlow Lite model of builtin operators, with weights in fp32, fp16 or int8.

    int8 is for the weights of linear layers; all else is then in fp16.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision == "fp32":
        return converter.convert()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    model = read_model(converter.convert())
    if precision == "int8":
        quantize_linear_layers(model)
    store_vectors_whole(model)
    return to_bytes(model)
