"""Quantized graphs: their form, the official rules, and hard cases."""

from dataclasses import replace

import numpy as np
import pytest
from family_cases import SMALL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motefit.graph.builder import Builder
from motefit.graph.execute import float32, int8
from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.ops import LSTM, Dequantize, Quantize
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import quantize_weights
from motefit.spec.errors import DataError, ModelFileError, RecipeError

SPEECH = Problem(input_shape=(25, 10), outputs=4)
SERIES = Problem(input_shape=(6, 2), outputs=6)
KNOBS = SMALL | {
    "cnn": {"filters": (12, 8)},
    "dscnn": {"width": 12, "blocks": 2},
    "tcnet": {"width": 12},
    "bcresnet": {"channels": (8, 10), "blocks": (1,)},
    "mlp": {"units": (16,)},
    "conv1d": {"filters": (8,), "units": (8,)},
    "linear": {"change": False},
    "lstm": {"units": 8},
    "residual-mlp": {"units": 8},
}
# of the spread of a network with random weights; residual sums of uneven sizes lose most
TOLERANCE = {"bcresnet": 0.2}
FIXTURES = [HealthCheck.function_scoped_fixture]


@pytest.fixture
def net(rng, randomize):
    """Convolution, depthwise, addition, pool, dense, softmax; with examples."""
    builder = Builder((9, 8, 1), rng=rng)
    builder.conv(6, (3, 3), stride=(2, 2))
    builder.batch_norm()
    first = builder.relu()
    builder.depthwise((3, 3))
    second = builder.batch_norm()
    builder.add(first, second)
    builder.relu()
    builder.global_average_pool()
    builder.dense(4)
    builder.softmax()
    graph = fold(randomize(builder.build(), rng))
    return graph, rng.normal(size=(40, 9, 8, 1)).astype(np.float32)


def test_calibration_is_the_range_of_every_activation(net):
    graph, examples = net
    ranges = calibrate(graph, examples, outliers=0)
    everything = float32.run_all(graph, examples)
    assert set(ranges) == set(graph.activations())
    for name, (low, high) in ranges.items():
        assert (low, high) == (everything[name].min(), everything[name].max())


@pytest.mark.parametrize("outliers", [1e-4, 0.003, 0.1])
def test_calibration_leaves_a_share_of_outliers_out(net, outliers):
    graph, examples = net
    ranges = calibrate(graph, examples, outliers=outliers)
    for name, values in float32.run_all(graph, examples).items():
        ordered = np.sort(values.ravel())
        left_out = int(outliers * len(ordered))
        assert ranges[name] == (ordered[left_out], ordered[-1 - left_out])


@pytest.mark.parametrize("outliers", [-0.1, 0.5, float("nan")])
def test_a_share_of_outliers_is_below_one_half(net, outliers):
    with pytest.raises(RecipeError, match="outliers must be"):
        calibrate(*net, outliers=outliers)


def test_calibration_needs_examples(net):
    with pytest.raises(RecipeError, match="at least one"):
        calibrate(net[0], np.zeros((0, 9, 8, 1), np.float32))


def test_int8_form_follows_the_specification(net):
    graph, examples = net
    form = quantize(graph, calibrate(graph, examples))
    q = form.quantization
    assert set(q) == set(form.activations()) | set(form.constants)
    for op in form.ops[:2]:
        _, weight, bias = op.inputs
        axis = 3 if op.output == "depthwise0" else 0
        assert (q[weight].axis, q[weight].zero_point, q[bias].axis) == (axis, 0, 0)
        assert form.constants[weight].dtype == np.int8
        assert form.constants[weight].min() >= -127
        assert form.constants[bias].dtype == np.int32
        np.testing.assert_array_equal(q[bias].scale, q[op.inputs[0]].scale * q[weight].scale)
    assert q["pool0"] is q["add0"]
    assert (q["softmax0"].scale[0], q["softmax0"].zero_point) == (1 / 256, -128)
    assert q["conv0"].zero_point == -128  # a rectifier's output begins at 0
    assert quantize(graph, calibrate(graph, examples), per_channel=False).quantization[
        "conv0.weight"
    ].scale.shape == (1,)


def test_float_edges(net):
    graph, examples = net
    ranges = calibrate(graph, examples)
    inner, outer = quantize(graph, ranges), quantize(graph, ranges, io="float32")
    assert isinstance(outer.ops[0], Quantize)
    assert isinstance(outer.ops[-1], Dequantize)
    assert "input" not in outer.quantization
    result = int8.run(outer, examples)
    assert result.dtype == np.float32
    through = int8.run(inner, int8.quantize_array(examples, inner.quantization["input"]))
    expected = int8.dequantize_array(through, inner.quantization["softmax0"])
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES.names())
def test_int8_is_near_float_for_every_family(name, rng, randomize):
    problem = SPEECH if "keyword-spotting" in FAMILIES.all()[name].tasks else SERIES
    graph = fold(randomize(build(name, KNOBS[name], problem=problem, rng=rng), rng))
    examples = rng.normal(size=(200, *graph.input_shape)).astype(np.float32)
    exact = float32.run(graph, examples)
    ranges = calibrate(graph, examples)
    spread = exact.std()
    for form in (quantize(graph, ranges, io="float32"), quantize_weights(graph, min_size=1)):
        executor = int8 if isinstance(form.ops[0], Quantize) else float32
        error = np.abs(executor.run(form, examples) - exact).mean()
        assert 0 < error < TOLERANCE.get(name, 0.06) * spread


def test_weight_only_form(net):
    graph, examples = net
    form = quantize_weights(graph, min_size=30)
    assert form.constants["conv0.weight"].dtype == np.int8
    assert form.constants["dense0.weight"].dtype == np.float32  # 24 numbers: not worth it
    assert form.constants["conv0.bias"].dtype == np.float32
    heads = [op for op in form.ops if isinstance(op, Dequantize)]
    assert [op.inputs for op in heads] == [("conv0.weight",), ("depthwise0.weight",)]
    assert form.output == graph.output
    same = quantize_weights(graph, min_size=10**6)
    np.testing.assert_array_equal(float32.run(same, examples), float32.run(graph, examples))


def test_lstm_form(rng):
    graph = fold(build("lstm", {"units": 5, "layers": 2}, problem=SERIES, rng=rng))
    examples = rng.normal(size=(50, 6, 2)).astype(np.float32)
    ranges = calibrate(graph, examples)
    form = quantize(graph, ranges)
    for name in (op.output for op in form.ops if isinstance(op, LSTM)):
        q = form.quantization
        cell = float(q[f"{name}.cell"].scale[0])
        assert np.log2(cell) in range(-15, -8)
        assert cell * 32767 >= max(abs(v) for v in ranges[f"{name}.cell"])
        assert q[name].zero_point == 0
        assert q[f"{name}.hidden"] is q[name]
        assert q[f"{name}.weight"].scale.shape == (4,)
        assert form.constants[f"{name}.bias"].dtype == np.int32
    tensors = int8.run_all(form, int8.quantize_array(examples, form.quantization["input"]))
    cells = int8.dequantize_array(tensors["lstm0.cell"], form.quantization["lstm0.cell"])
    exact = float32.run_all(graph, examples)["lstm0.cell"]
    assert np.abs(cells - exact).max() < 0.05 * np.abs(exact).max()


def test_run_in_chunks_equals_run_at_once(net):
    graph, examples = net
    form = quantize(graph, calibrate(graph, examples))
    batch = int8.quantize_array(np.repeat(examples, 4, axis=0), form.quantization["input"])
    whole = int8.run_all(form, batch)[form.output]
    np.testing.assert_array_equal(int8.run(form, batch), whole)
    assert int8.run(form, batch[:0]).shape == (0, 4)


def test_a_pruned_channel_gives_its_bias(net):
    graph, examples = net
    weight, bias = (graph.constants[f"conv0.{part}"].copy() for part in ("weight", "bias"))
    weight[2] = 0
    bias[2] = 0.75
    pruned = graph.with_constants({"conv0.weight": weight, "conv0.bias": bias})
    form = quantize(pruned, calibrate(pruned, examples))
    assert not form.constants["conv0.weight"][2].any()
    batch = int8.quantize_array(examples, form.quantization["input"])
    channel = int8.run_all(form, batch)["conv0"][..., 2]
    q = form.quantization["conv0"]
    np.testing.assert_allclose(int8.dequantize_array(channel, q), 0.75, atol=float(q.scale[0]))


def test_a_network_of_zeros_and_a_constant_input(net, builtin):
    graph, examples = net
    zeros = graph.with_constants({n: np.zeros_like(a) for n, a in graph.constants.items()})
    form = quantize(zeros, calibrate(zeros, np.zeros_like(examples)))
    batch = int8.quantize_array(examples, form.quantization["input"])
    output = int8.run(form, batch)
    assert np.unique(output).tolist() == [-64]  # one quarter for each of four classes
    np.testing.assert_array_equal(output, builtin(form, batch))


@settings(deadline=None, suppress_health_check=FIXTURES)
@given(
    # a signal far below 1e-9 counts as absent, and biases are not scaled to it
    size=st.floats(-6, 12),
    weights=st.floats(-9, 6),
    biases=st.floats(-9, 9),
    constant=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_extreme_scales_stay_near_float(size, weights, biases, constant, seed, builtin):
    """Inputs, weights and biases of any magnitude: no overflow, no NaN, LiteRT agrees."""
    rng = np.random.default_rng(seed)
    builder = Builder((5, 4, 1), rng=rng)
    first = builder.conv(9, (3, 3), bias=True)
    second = builder.depthwise((3, 3))
    builder.add(first, second)
    builder.global_average_pool()
    graph = fold(builder.build())
    factors = {"conv0.weight": 10**weights, "conv0.bias": 10**biases}
    graph = graph.with_constants(
        {
            name: (rng.normal(size=graph.constants[name].shape) * factor).astype(np.float32)
            for name, factor in factors.items()
        }
    )
    examples = (rng.normal(size=(20, 5, 4, 1)) * 10**size).astype(np.float32)
    if constant:
        examples[:] = examples[0, 0, 0]
    form = quantize(graph, calibrate(graph, examples))
    batch = int8.quantize_array(examples, form.quantization["input"])
    output = int8.run(form, batch)
    np.testing.assert_array_equal(output, builtin(form, batch))
    exact = float32.run_all(graph, examples)
    step = float(form.quantization["add0"].scale[0])
    reach = max(np.abs(exact[name]).max() for name in ("conv0", "depthwise0", "add0"))
    error = int8.dequantize_array(output, form.quantization["add0"]) - exact["pool0"]
    assert np.abs(error).max() <= 0.05 * reach + step


def test_a_huge_bias_on_a_tiny_weight(net, builtin):
    graph, examples = net
    weight = graph.constants["conv0.weight"] * np.float32(1e-7)
    bias = np.full_like(graph.constants["conv0.bias"], 40.0)
    graph = graph.with_constants({"conv0.weight": weight, "conv0.bias": bias})
    form = quantize(graph, calibrate(graph, examples))
    assert np.abs(form.constants["conv0.bias"]).max() <= 2**30
    batch = int8.quantize_array(examples, form.quantization["input"])
    np.testing.assert_array_equal(int8.run(form, batch), builtin(form, batch))
    exact = float32.run(graph, examples)
    output = int8.dequantize_array(int8.run(form, batch), form.quantization[form.output])
    assert np.abs(output - exact).max() < 0.05


def test_refusals(net, rng):
    graph, examples = net
    ranges = calibrate(graph, examples)
    form = quantize(graph, ranges)
    with pytest.raises(RecipeError, match="already"):
        quantize(form, ranges)
    with pytest.raises(RecipeError, match="fold"):
        quantize_weights(build("mlp", {}, problem=SERIES, rng=rng))
    with pytest.raises(RecipeError, match="no calibrated range for 'conv0'"):
        quantize(graph, {name: r for name, r in ranges.items() if name != "conv0"})
    with pytest.raises(RecipeError, match="not finite"):
        quantize(graph, {**ranges, "conv0": (0.0, float("nan"))})
    with pytest.raises(DataError, match="input is int8"):
        int8.run(form, examples)
    with pytest.raises(ModelFileError, match="not quantized"):
        int8.run(graph, examples)


def test_nan_in_calibration_is_refused(net):
    graph, examples = net
    examples[17] = np.nan
    with pytest.raises(RecipeError, match="not finite"):
        quantize(graph, calibrate(graph, examples))


def test_a_shared_constant_is_refused(rng):
    builder = Builder((4,), rng=rng)
    builder.dense(4)
    builder.dense(4)
    graph = builder.build()
    shared = replace(graph.ops[1], inputs=("dense0", "dense0.weight", "dense1.bias"))
    twice = Graph(input_shape=(4,), ops=(graph.ops[0], shared), constants=graph.constants)
    with pytest.raises(RecipeError, match="more than one reader"):
        quantize_weights(twice)
