"""The interpreter compared with the reference executors, and its errors."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_edits import custom_operation, newer_operation, rewritten

from motefit.graph.execute import float32, int8
from motefit.runtime.interpreter import Interpreter, quantize
from motefit.spec.errors import DataError, ModelFileError
from motefit.tflite.write.write import write


@pytest.fixture(params=[True, False], ids=["xnnpack", "builtin"])
def xnnpack(request):
    return request.param


def test_float_outputs_equal_the_reference_executor(speech_graph, xnnpack):
    interpreter = Interpreter(write(speech_graph), xnnpack=xnnpack)
    batch = np.random.default_rng(2).standard_normal((5, 49, 10)).astype(np.float32)
    outputs = interpreter.run(batch)
    assert outputs.shape == (5, 3)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, float32.run(speech_graph, batch), atol=1e-5)


def test_inputs_are_quantized_and_outputs_dequantized(int8_graph):
    interpreter = Interpreter(write(int8_graph), xnnpack=False)
    assert interpreter.input_dtype == interpreter.output_dtype == np.int8
    batch = np.random.default_rng(3).standard_normal((5, 49, 10)).astype(np.float32)
    entry = int8_graph.quantization["input"]
    exit_ = int8_graph.quantization[int8_graph.output]
    raw = int8.run(int8_graph, int8.quantize_array(batch, entry))
    wanted = (raw.astype(np.float32) - exit_.zero_point) * exit_.scale[0]
    difference = np.abs(interpreter.run(batch) - wanted)
    assert difference.max() <= exit_.scale[0] * 1.001  # one step, as the writer promises


def test_a_state_does_not_leak_into_the_next_example(lstm_graph, xnnpack):
    interpreter = Interpreter(write(lstm_graph), xnnpack=xnnpack)
    batch = np.random.default_rng(4).standard_normal((3, 6, 3)).astype(np.float32)
    together = interpreter.run(batch)
    np.testing.assert_array_equal(interpreter.run(batch), together)
    np.testing.assert_array_equal(interpreter.run(batch[::-1])[::-1], together)


def test_an_empty_batch_gives_an_empty_batch(series_graph):
    interpreter = Interpreter(write(series_graph))
    assert interpreter.run(np.empty((0, 6, 3), np.float32)).shape == (0, 6)


@given(
    st.lists(st.floats(-300, 300, width=32), min_size=1, max_size=50),
    st.sampled_from([0.001953125, 0.03, 1.0, 7.5]),
    st.integers(-128, 127),
)
def test_rounding_is_half_away_from_zero(values, scale, zero_point):
    array, step = np.array(values, np.float32), np.float32(scale)
    got = quantize(array, scale=step, zero_point=zero_point, dtype=np.dtype(np.int8))
    exact = (array / step).astype(np.float64)
    away = np.copysign(np.floor(np.abs(exact) + 0.5), exact) + zero_point
    np.testing.assert_array_equal(got, np.clip(away, -128, 127))


def test_rounding_at_ties_and_next_to_them():
    half = np.float32(0.5)
    values = [half, np.nextafter(half, np.float32(0)), np.float32(1.5), np.float32(2.5), -half]
    array = np.array(values, np.float32)
    got = quantize(array, scale=np.float32(1), zero_point=0, dtype=np.dtype(np.int8))
    assert got.tolist() == [1, 0, 2, 3, -1]


def test_uint8_uses_its_own_range():
    array = np.array([-9.0, 0.0, 9.0], np.float32)
    got = quantize(array, scale=np.float32(0.05), zero_point=100, dtype=np.dtype(np.uint8))
    assert got.tolist() == [0, 100, 255]


@pytest.mark.parametrize("damage", ["empty", "mark only", "text", "first half"])
def test_damaged_bytes_are_an_error_with_a_reason(series_graph, damage):
    model = write(series_graph)
    files = {"empty": b"", "mark only": model[:8], "text": b"text " * 9}
    with pytest.raises(ModelFileError, match=r"not a \.tflite model|cannot load"):
        Interpreter(files.get(damage, model[: len(model) // 2]))


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_ends_in_an_answer_or_a_model_file_error(lstm_graph, seed):
    rng = np.random.default_rng(seed)
    model = bytearray(write(lstm_graph))
    for position in rng.integers(0, len(model), 3):
        model[position] = rng.integers(256)
    with contextlib.suppress(ModelFileError):
        interpreter = Interpreter(bytes(model))
        outputs = interpreter.run(np.zeros((1, *interpreter.input_shape), np.float32))
        assert outputs.shape == (1, *interpreter.output_shape)


def test_a_missing_operation_is_named(series_graph):
    with pytest.raises(ModelFileError, match="FULLY_CONNECTED"):
        Interpreter(rewritten(write(series_graph), newer_operation))


def test_a_custom_operation_is_named(series_graph):
    with pytest.raises(ModelFileError, match="FancyOp"):
        Interpreter(rewritten(write(series_graph), custom_operation))


def test_two_outputs_are_refused(series_graph):
    def change(table):
        subgraph = table.subgraphs[0]
        subgraph.outputs = [*subgraph.outputs, subgraph.operators[0].outputs[0]]

    with pytest.raises(ModelFileError, match="exactly one output, this one has 2"):
        Interpreter(rewritten(write(series_graph), change))


def test_int8_without_a_scale_is_refused(int8_graph):
    def change(table):
        subgraph = table.subgraphs[0]
        subgraph.tensors[subgraph.inputs[0]].quantization = None

    with pytest.raises(ModelFileError, match=r"scale|cannot load"):
        Interpreter(rewritten(write(int8_graph), change))


def test_wrong_inputs_are_errors(series_graph, int8_graph):
    interpreter = Interpreter(write(series_graph))
    with pytest.raises(DataError, match="18 values per example"):
        interpreter.run(np.zeros((2, 5, 3), np.float32))
    with pytest.raises(DataError, match="finite"):
        interpreter.run(np.full((1, 6, 3), np.nan, np.float32))
    with pytest.raises(DataError, match="int8"):
        Interpreter(write(int8_graph)).run_raw(np.zeros((49, 10), np.float32))
    with pytest.raises(DataError, match="threads"):
        Interpreter(write(series_graph), threads=0)
