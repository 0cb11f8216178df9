"""A competitor's submission for tests: it reads two columns, and the first tells the character of every frame."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fingerspelling.landmarks import COLUMNS

TOLD, IGNORED = "x_right_hand_8", "z_pose_11"
CLASSES = 64


@functools.cache
def make_tflite(
    shape: tuple[int | None, ...] | None = (None, 2), input_name: str = "inputs", output_name: str = "outputs"
) -> bytes:
    """Make a model.tflite whose row i has its maximum where the first column of frame i says; it fails beyond 63."""
    import tensorflow as tf

    def serve(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output_name: tf.gather(tf.eye(CLASSES), tf.cast(inputs[input_name][:, 0], tf.int32))}

    module = tf.Module()
    module.serve = tf.function(serve)
    spec = tf.TensorSpec(shape, tf.float32, name=input_name)
    function = module.serve.get_concrete_function(**{input_name: spec})
    return tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert()


def make_deadly_tflite() -> bytes:
    """Make a model.tflite that loads, and crashes the runtime with the first clip: its first operator has no output."""
    import flatbuffers

    from fingerspelling.scoring.tflite_file import schema

    graph = schema.ModelT.InitFromPackedBuf(make_tflite())
    graph.subgraphs[0].operators[0].outputs = np.array([-1], np.int32)
    builder = flatbuffers.Builder()
    builder.Finish(graph.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@functools.cache
def make_endless_tflite() -> bytes:
    """Make a model.tflite that never ends."""
    import tensorflow as tf

    def serve(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        rounds = tf.while_loop(lambda x: x < 1, lambda x: [x * 0], [tf.reduce_sum(inputs) * 0])
        return {"outputs": tf.eye(CLASSES) + rounds[0]}

    module = tf.Module()
    module.serve = tf.function(serve)
    function = module.serve.get_concrete_function(tf.TensorSpec((None, 2), tf.float32, name="inputs"))
    return tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert()


def write_submission(folder: Path, columns: Sequence[str] = (TOLD, IGNORED)) -> Path:
    """Write the two files of a submission to a folder and return it."""
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(make_tflite())
    (folder / "inference_args.json").write_text(json.dumps({"selected_columns": list(columns)}))
    return folder


def frames_that_spell(ids: Sequence[float]) -> pd.DataFrame:
    """A clip of all columns whose frames tell these class numbers."""
    values = np.full((len(ids), len(COLUMNS)), np.nan, np.float32)
    values[:, COLUMNS.index(TOLD)] = ids
    return pd.DataFrame(values, columns=COLUMNS)
