"""The integer executor equals LiteRT's builtin kernels bit for bit."""

import numpy as np
import pytest
from family_cases import SMALL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motefit.graph.execute import int8
from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Graph, Quantization
from motefit.graph.ops import (
    LSTM,
    Add,
    AveragePool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    Op,
    Quantize,
    Softmax,
)
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize

NETS = SMALL | {
    "cnn": {"filters": (12, 8, 6), "pointwise_depthwise": True, "softmax": True},
    "dscnn": {"width": 19, "strides": (2, 1), "first_kernel": (5, 3)},
    "tcnet": {"width": 17, "dilations": (1, 2, 3), "kernels": (5, 3)},
    "bcresnet": {"channels": (1, 8, 20)},
    "bcresnet published": {
        "channels": (3, 9),
        "first_stride": (2, 2),
        "frequency_strides": (1, 2),
        "bands": 5,
        "published_head": True,
    },
    "mlp": {"units": (16, 9)},
    "conv1d": {"filters": (9,), "units": (8,)},
    "linear": {"change": False},
    "lstm": {"units": 9, "layers": 2, "flatten": True},
    "residual-mlp": {"units": 9},
}
SPEECH = Problem(input_shape=(31, 20), outputs=5)
SERIES = Problem(input_shape=(6, 2), outputs=6)
EXACT = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def small_net(name, rng, randomize):
    family = name.partition(" ")[0]
    problem = SPEECH if "keyword-spotting" in FAMILIES.all()[family].tasks else SERIES
    graph = build(family, NETS[name], problem=problem, rng=rng)
    return fold(randomize(graph, rng))


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("io", ["int8", "float32"])
@pytest.mark.parametrize("name", sorted(NETS))
def test_every_family_is_bit_exact(name, io, per_channel, rng, randomize, builtin):
    graph = small_net(name, rng, randomize)
    examples = rng.normal(size=(24, *graph.input_shape)).astype(np.float32)
    quantized = quantize(graph, calibrate(graph, examples), io=io, per_channel=per_channel)
    batch = 1.5 * examples  # beyond the calibrated range: saturation is part of the arithmetic
    if io == "int8":
        batch = int8.quantize_array(batch, quantized.quantization["input"])
    ours = int8.run(quantized, batch)
    assert len(np.unique(ours)) > 5
    np.testing.assert_array_equal(ours, builtin(quantized, batch))


def per_tensor(scale, zero_point=0):
    return Quantization(scale=np.array([scale]), zero_point=zero_point)


def one_op(op, shape, constants, quantization):
    return Graph(input_shape=shape, ops=(op,), constants=constants, quantization=quantization)


def weighted(kind, shape, rng, *, kernel=(1, 1), per_channel=True, step=0.01, **settings_):
    """A graph of one convolution, depthwise or dense operation with random integers."""
    channels = shape[-1]
    outputs = channels if kind is DepthwiseConv2D else int(rng.integers(1, 20))
    if kind is Dense:
        size, axis = (outputs, int(np.prod(shape))), 0
    elif kind is Conv2D:
        size, axis = (outputs, *kernel, channels), 0
    else:
        size, axis = (1, *kernel, channels), 3
    weight = rng.integers(-127, 128, size).astype(np.int8)
    scale = 0.01 * np.exp(rng.normal(size=outputs if per_channel else 1))
    terms = weight.size / outputs
    q = {
        "input": per_tensor(0.02, int(rng.integers(-128, 128))),
        "w": Quantization(scale=scale, axis=axis if per_channel else None),
        "b": Quantization(scale=0.02 * scale, axis=0 if per_channel else None),
        "out": per_tensor(step * np.sqrt(terms), int(rng.integers(-128, 128))),
    }
    bias = rng.integers(-9000, 9000, outputs).astype(np.int32)
    op = kind(inputs=("input", "w", "b"), output="out", **settings_)
    return one_op(op, shape, {"w": weight, "b": bias}, q)


def same_as_builtin(graph, builtin, rng, examples=60):
    batch = rng.integers(-128, 128, (examples, *graph.input_shape)).astype(np.int8)
    np.testing.assert_array_equal(int8.run(graph, batch), builtin(graph, batch))


@EXACT
@given(
    kind=st.sampled_from([Conv2D, DepthwiseConv2D]),
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20)),
    slide=st.sampled_from(
        [
            {},
            {"stride": (2, 2)},
            {"stride": (2, 1)},
            {"dilation": (2, 1)},
            {"dilation": (1, 3)},
        ]
    ),
    options=st.fixed_dictionaries(
        {
            "kernel": st.tuples(st.integers(1, 4), st.integers(1, 4)),
            "activation": st.sampled_from(["none", "relu", "relu6"]),
            "per_channel": st.booleans(),
            "step": st.sampled_from([1e-4, 0.01, 0.1, 100.0]),
        }
    ),
)
def test_convolutions_of_any_shape(kind, seed, size, slide, options, builtin):
    rng = np.random.default_rng(seed)
    graph = weighted(kind, size, rng, **slide, **options)
    same_as_builtin(graph, builtin, rng, examples=20)


@EXACT
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 70),
    per_channel=st.booleans(),
    step=st.sampled_from([1e-4, 0.01, 0.1, 100.0]),
)
def test_dense_of_any_size(seed, size, per_channel, step, builtin):
    rng = np.random.default_rng(seed)
    graph = weighted(Dense, (size,), rng, per_channel=per_channel, step=step)
    same_as_builtin(graph, builtin, rng)


@EXACT
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20)),
    window=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["same", "valid"]),
)
def test_average_pools_of_any_shape(seed, size, window, stride, padding, builtin):
    rng = np.random.default_rng(seed)
    window = (min(window[0], size[0]), min(window[1], size[1]))
    op = AveragePool2D(
        inputs=("input",), output="out", window=window, stride=stride, padding=padding
    )
    q = per_tensor(0.1, -7)
    same_as_builtin(one_op(op, size, {}, {"input": q, "out": q}), builtin, rng)


def sum_of_two(shape, pooled, scales, rng):
    """Add(input, pool(depthwise(input))): two sides of different scale, and shape if pooled."""
    channels = shape[2]
    ops: list[Op] = [DepthwiseConv2D(inputs=("input", "w", "b"), output="side")]
    q = {
        "input": per_tensor(scales[0], -5),
        "w": Quantization(scale=np.full(channels, 0.01), axis=3),
        "b": Quantization(scale=np.full(channels, 0.01 * scales[0]), axis=0),
        "side": per_tensor(scales[1], 9),
        "out": per_tensor(scales[2], 3),
    }
    name = "side"
    if pooled != (1, 1):
        ops.append(AveragePool2D(inputs=("side",), output="p", window=pooled, stride=pooled))
        q["p"] = q["side"]
        name = "p"
    ops.append(Add(inputs=("input", name), output="out", activation="none"))
    weight = rng.integers(20, 127, (1, 1, 1, channels)).astype(np.int8)
    constants = {"w": weight, "b": np.zeros(channels, np.int32)}
    return Graph(input_shape=shape, ops=tuple(ops), constants=constants, quantization=q)


@EXACT
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 6), st.integers(1, 20), st.sampled_from([1, 2, 8, 16, 19, 33])),
    broadcast=st.sampled_from(["none", "columns", "rows", "both"]),
    scales=st.sampled_from(
        [
            (0.02, 0.02, 0.02),
            (0.02, 0.05, 0.04),
            (0.05, 0.02, 0.025),
            (0.02, 0.031, 0.07),
            (1e-6, 0.03, 0.02),
            (0.03, 1e-6, 1e-5),
        ]
    ),
)
def test_additions_of_any_shape(seed, size, broadcast, scales, builtin):
    rng = np.random.default_rng(seed)
    pooled = (
        size[0] if broadcast in {"rows", "both"} else 1,
        size[1] if broadcast in {"columns", "both"} else 1,
    )
    same_as_builtin(sum_of_two(size, pooled, scales, rng), builtin, rng, examples=20)


@pytest.mark.parametrize("size", [2, 3, 8, 12, 35])
@pytest.mark.parametrize("scale", [1e-5, 0.02, 0.1, 0.3, 1.0, 20.0])
def test_softmax(size, scale, rng, builtin):
    q = {"input": per_tensor(scale, -7), "out": per_tensor(1 / 256, -128)}
    graph = one_op(Softmax(inputs=("input",), output="out"), (size,), {}, q)
    batch = rng.integers(-128, 128, (500, size)).astype(np.int8)
    # the kernel's exponential may be one unit in the last place from numpy's
    difference = int8.run(graph, batch).astype(int) - builtin(graph, batch)
    assert np.abs(difference).max() <= 1
    assert np.mean(difference != 0) < 0.001


@pytest.mark.parametrize(("scale", "zero_point"), [(0.1, 3), (0.0371, -128), (1e-9, 127)])
@pytest.mark.parametrize("size", [3, 8, 45])
def test_quantize_and_dequantize(size, scale, zero_point, rng, builtin):
    q = per_tensor(scale, zero_point)
    graph = one_op(Quantize(inputs=("input",), output="out"), (size,), {}, {"out": q})
    steps = rng.integers(-140, 140, (400, size)) + rng.choice([0.5, 0.25], (400, size))
    batch = (steps * scale).astype(np.float32)
    batch[0] = 3e38
    batch[1] = -3e38
    np.testing.assert_array_equal(int8.run(graph, batch), builtin(graph, batch))

    graph = one_op(Dequantize(inputs=("input",), output="out"), (size,), {}, {"input": q})
    integers = rng.integers(-128, 128, (400, size)).astype(np.int8)
    np.testing.assert_array_equal(int8.run(graph, integers), builtin(graph, integers))


@settings(deadline=None, suppress_health_check=EXACT.suppress_health_check)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(st.integers(1, 8), st.integers(1, 12), st.integers(1, 33)),
    strength=st.sampled_from([0.1, 1.0, 4.0, 20.0]),
    cell_exponent=st.integers(-15, -9),
)
def test_lstms_of_any_size_even_saturated(seed, sizes, strength, cell_exponent, builtin):
    rng = np.random.default_rng(seed)
    steps, features, units = sizes
    constants = {
        "w": rng.integers(-127, 128, (4, units, features)).astype(np.int8),
        "r": rng.integers(-127, 128, (4, units, units)).astype(np.int8),
        "b": rng.integers(-20000, 20000, (4, units)).astype(np.int32),
    }
    scales = 0.01 * strength * np.exp(rng.normal(size=(2, 4)))
    q = {
        "input": per_tensor(0.02, int(rng.integers(-128, 128))),
        "w": Quantization(scale=scales[0] / np.sqrt(features), axis=0),
        "r": Quantization(scale=scales[1] / np.sqrt(units), axis=0),
        "b": Quantization(scale=0.02 * scales[0] / np.sqrt(features), axis=0),
        "out": per_tensor(rng.uniform(0.002, 0.0079)),
        "out.cell": per_tensor(2.0**cell_exponent),
    }
    q["out.hidden"] = q["out"]
    op = LSTM(inputs=("input", "w", "r", "b"), output="out")
    same_as_builtin(one_op(op, (steps, features), constants, q), builtin, rng, examples=8)
