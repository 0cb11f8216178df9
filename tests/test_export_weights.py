"""How weights are stored, on a model of two layers."""

from collections.abc import Callable

import numpy as np
import pytest

from fingerspelling.export.tflite import _conversion
from fingerspelling.scoring.runtime import load_runner

X = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def converted() -> bytes:
    """A matrix of 16 x 100, biases of 100 and as many scales, all in float16."""
    _conversion()
    import tensorflow as tf

    rng = np.random.default_rng(1)
    weights, bias, scale = (tf.constant(rng.normal(size=size), tf.float32) for size in ((16, 100), 100, 100))

    @tf.function(input_signature=[tf.TensorSpec([None, 16])])
    def f(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": tf.sigmoid(inputs @ weights + bias) * scale}

    module = tf.Module()
    module.f = f
    converter = tf.lite.TFLiteConverter.from_concrete_functions([f.get_concrete_function()], module)
    converter.optimizations, converter.target_spec.supported_types = [tf.lite.Optimize.DEFAULT], [tf.float16]
    return converter.convert()


def stored(content: bytes) -> dict[int, str]:
    """Return the types of the constants by their sizes, vectors of one type as one."""
    from tensorflow.lite.python.schema_py_generated import TensorType

    from fingerspelling.export.weights import read_model

    names = {number: name for name, number in vars(TensorType).items()}
    model = read_model(content)
    graph = model.subgraphs[0]
    constants = [tensor for tensor in graph.tensors if model.buffers[tensor.buffer].data is not None]
    return {int(np.prod(tensor.shape)): names[tensor.type] for tensor in constants}


def changed(content: bytes, *changes: Callable) -> bytes:
    from fingerspelling.export.weights import read_model, to_bytes

    model = read_model(content)
    for change in changes:
        change(model)
    return to_bytes(model)


def run(content: bytes) -> np.ndarray:
    return load_runner(content)(inputs=X)["outputs"]


def test_vectors_become_float32_and_say_the_same(converted):
    from fingerspelling.export.weights import store_vectors_whole

    assert stored(converted) == {1600: "FLOAT16", 100: "FLOAT16"}
    whole = changed(converted, store_vectors_whole)
    assert stored(whole) == {1600: "FLOAT16", 100: "FLOAT32"}
    np.testing.assert_allclose(run(whole), run(converted), rtol=1e-5)  # TensorFlow 2.20's runtime adds in another order
    assert abs(len(whole) - len(converted)) < 1000, "their halves are still there"


def test_matrices_become_int8_before_or_after_vectors_become_whole(converted):
    from fingerspelling.export.weights import quantize_linear_layers, store_vectors_whole

    files = [
        changed(converted, *changes)
        for changes in ([quantize_linear_layers, store_vectors_whole], [store_vectors_whole, quantize_linear_layers])
    ]
    for content in files:
        assert stored(content) == {1600: "INT8", 100: "FLOAT32"}
        np.testing.assert_allclose(run(content), run(converted), atol=0.02)
