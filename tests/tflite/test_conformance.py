"""Every family in every form has the executors' outputs in every runtime."""

import numpy as np
import pytest

from motefit.graph.counter import count
from motefit.graph.execute import float32, int8
from motefit.graph.families import FAMILIES
from motefit.spec.errors import ModelFileError
from motefit.tflite.inspect import inspect
from motefit.tflite.micro import arena_bytes
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write

NAMES = FAMILIES.names()
RUNTIMES = ("xnnpack", "builtin", "micro")
INT8_FORMS = ("int8", "int8-tensor", "int8-float-edges")
# Float sums in another order, relative to the largest output.
FLOAT_TOLERANCE = 1e-5
# Steps of int8. builtin: the promise of the design. micro: the reference kernels, exact but for
# the LSTM's activation tables. xnnpack: one rounding where builtin has two, over up to 30 layers.
STEPS = {"builtin": 1, "micro": 1, "xnnpack": 4}
# Relative to the largest output. xnnpack has its own rounding of activations: 0.009 is the maximum.
DYNAMIC_TOLERANCE = {"builtin": FLOAT_TOLERANCE, "xnnpack": 0.02}
# Its scalar rounding, one step off in a thousand, matters more for coarse weights.
INT4_MICRO_STEPS = 3
# With bands, a broadcast residual net adds twice as often, and LiteRT's vector code for sums does
# not round like the reference kernels (graph.execute.int8).
BROADCAST_MICRO_STEPS = 2
# TensorFlow Lite Micro's LSTM rounds in different places and feeds its output back for 12 steps.
LSTM_MICRO_STEPS = 3


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_float32_equals_the_reference(case, run_model, family, runtime):
    it = case(family, "float32")
    expected = float32.run(it.graph, it.examples)
    got = run_model(runtime, write(it.graph), it.examples)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=0, atol=FLOAT_TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("form", ["weights", "weights-tensor"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_int8_weights_equal_the_reference(case, run_model, family, form, runtime):
    it = case(family, form)
    expected = float32.run(it.graph, it.examples)
    got = run_model(runtime, write(it.graph), it.examples)
    error = np.abs(got - expected).max() / np.abs(expected).max()
    if runtime == "micro" and form == "weights":
        # its DEQUANTIZE uses the first channel's scale for all: per channel is wrong there
        assert error > FLOAT_TOLERANCE
    else:
        assert error < FLOAT_TOLERANCE


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("form", ["float16", "weights4", "weights4-tensor"])
@pytest.mark.parametrize("runtime", ["xnnpack", "builtin"])
def test_small_weights_equal_the_reference(case, run_model, family, form, runtime):
    it = case(family, form)
    expected = float32.run(it.graph, it.examples)
    got = run_model(runtime, write(it.graph), it.examples)
    np.testing.assert_allclose(got, expected, rtol=0, atol=FLOAT_TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("form", ["dynamic", "dynamic-tensor"])
@pytest.mark.parametrize("runtime", ["xnnpack", "builtin"])
def test_dynamic_range_equals_the_reference(case, run_model, family, form, runtime):
    it = case(family, form)
    expected = float32.run(it.graph, it.examples)
    got = run_model(runtime, write(it.graph), it.examples)
    error = np.abs(got - expected).max() / np.abs(expected).max()
    assert error < DYNAMIC_TOLERANCE[runtime]


@pytest.mark.parametrize("form", ["float16", "weights4-tensor", "dynamic"])
def test_micro_refuses(case, form):
    """Not a promise: if it gains a form, the docstring of CompressSpec must change."""
    pytest.importorskip("tflite_micro")
    with pytest.raises(ModelFileError, match="TensorFlow Lite Micro cannot run this model"):
        arena_bytes(ModelFile(data=write(case("dscnn", form).graph)))


@pytest.mark.parametrize("family", [f for f in NAMES if f != "lstm"])
@pytest.mark.parametrize("form", ["int4", "int4-tensor"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_int4_is_within_steps_of_the_integer_executor(case, run_model, family, form, runtime):
    it = case(family, form)
    if runtime == "micro" and form == "int4":
        with pytest.raises(ModelFileError, match="TensorFlow Lite Micro cannot run"):
            arena_bytes(
                ModelFile(data=write(it.graph))
            )  # each family ends in a dense layer, which refuses it
        return
    got = run_model(runtime, write(it.graph), it.examples).astype(int)
    allowed = INT4_MICRO_STEPS if runtime == "micro" else STEPS[runtime]
    assert np.abs(got - int8.run(it.graph, it.examples)).max() <= allowed


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("form", INT8_FORMS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_int8_is_within_steps_of_the_integer_executor(case, run_model, family, form, runtime):
    it = case(family, form)
    expected = int8.run(it.graph, it.examples)
    got = run_model(runtime, write(it.graph), it.examples)
    assert got.dtype == expected.dtype
    last = it.graph.ops[-1]
    step = 1.0 if form != "int8-float-edges" else it.graph.quantization[last.inputs[0]].scale[0]
    micro = {"lstm": LSTM_MICRO_STEPS, "bcresnet": BROADCAST_MICRO_STEPS}
    allowed = micro.get(family, 1) if runtime == "micro" else STEPS[runtime]
    off = np.abs(got.astype(np.float64) - expected.astype(np.float64)).max() / step
    assert off <= allowed + 1e-3


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("bias_quantization", ["borrowed", "none"])
@pytest.mark.parametrize("runtime", ["builtin", "micro"])
def test_bias_scales_change_no_output(case, run_model, family, bias_quantization, runtime):
    it = case(family, "int8")
    full = write(it.graph)
    short = write(it.graph, bias_quantization=bias_quantization)
    assert len(short) < len(full) or family == "lstm"
    np.testing.assert_array_equal(
        run_model(runtime, short, it.examples), run_model(runtime, full, it.examples)
    )


@pytest.mark.parametrize("family", [f for f in NAMES if f != "lstm"])
def test_borrowed_bias_scales_change_nothing_for_xnnpack(case, run_model, operators, family):
    it = case(family, "int8")
    own = write(it.graph)
    borrowed = write(it.graph, bias_quantization="borrowed")
    assert operators(borrowed) == operators(own)
    assert "DELEGATE" in operators(own)
    np.testing.assert_array_equal(
        run_model("xnnpack", borrowed, it.examples), run_model("xnnpack", own, it.examples)
    )


def test_xnnpack_does_not_take_over_layers_whose_bias_has_no_scales(case, operators):
    graph = case("dscnn", "int8").graph
    assert operators(write(graph))[-1] == "DELEGATE"
    assert "DELEGATE" not in operators(write(graph, bias_quantization="none"))


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("form", ["float32", "int8", "int8-float-edges", "weights4", "dynamic"])
def test_the_file_counts_as_the_graph_does(case, family, form):
    """Of constants that are equal, byte for byte, the file holds one."""
    graph = case(family, form).graph
    counts, found = count(graph), inspect(write(graph))
    held = {(array.dtype.str, array.tobytes()): array for array in graph.constants.values()}
    points = {name: known.zero_point for name, known in graph.quantization.items()}
    zero = {id(array): points.get(name, 0) for name, array in graph.constants.items()}
    assert found.parameters == sum(array.size for array in held.values())
    assert found.parameters <= counts.parameters
    assert (found.macs, found.activation_bytes) == (counts.macs, counts.activation_bytes)
    assert found.not_counted == ()
    zeros = sum(int(np.count_nonzero(a == zero[id(a)])) for a in held.values())
    assert found.zero_parameters == zeros
