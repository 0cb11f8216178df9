import pytest
from competitor import CLASSES, make_tflite

from fingerspelling.scoring.tflite_file import operators, signatures


def test_the_signature_is_listed() -> None:
    rows = [("serving_default", "input", "inputs", "FLOAT32", [-1, 2])]
    rows += [("serving_default", "output", "outputs", "FLOAT32", [-1, CLASSES])]
    assert list(signatures(make_tflite()).itertuples(index=False, name=None)) == rows


def test_operators_are_counted_by_name() -> None:
    table = operators(make_tflite()).set_index("operator")
    assert table.loc["GATHER", "count"] == 1
    assert table["builtin"].all() and (table["version"] >= 1).all()
    assert table["count"].is_monotonic_decreasing


def test_operators_of_subgraphs_count_and_those_from_elsewhere_are_told_apart() -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([2, 2], tf.float32)])
    def serve(x: tf.Tensor) -> tf.Tensor:
        (x,) = tf.while_loop(lambda x: tf.reduce_sum(x) < CLASSES, lambda x: (x + tf.abs(x),), (x,))
        return tf.linalg.inv(x)  # TensorFlow Lite has none

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    table = operators(converter.convert()).set_index("operator")
    assert table.loc["ABS", "count"] == 1  # in the loop's body
    assert table.index[~table["builtin"]].tolist() == ["FlexMatrixInverse"]


@pytest.mark.parametrize("content", [b"", b"no model at all"])
def test_other_bytes_are_refused(content: bytes) -> None:
    for read in (operators, signatures):
        with pytest.raises(ValueError, match="not a TensorFlow Lite model"):
            read(content)
