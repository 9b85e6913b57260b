"""The float executor against torch, an independent implementation."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from motefit.graph.builder import Builder
from motefit.graph.execute import float32
from motefit.graph.graph import Graph
from motefit.graph.ops import (
    Activation,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Quantize,
    Softmax,
)
from motefit.spec.errors import ModelFileError

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))


def channels_first(array):
    """float64: torch 2.13's float32 convolutions are wrong for some one-channel strided inputs."""
    return double(np.moveaxis(array, -1, 1))


def double(array):
    return torch.from_numpy(np.ascontiguousarray(array).astype(np.float64))


def same_pads(size, kernel, stride, dilation):
    """TensorFlow's rule, written out: (before, after) for one dimension."""
    out = (size + stride - 1) // stride
    total = max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


@given(
    depthwise=st.booleans(),
    size=SIZES,
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    options=st.fixed_dictionaries(
        {
            "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
            "dilation": st.tuples(st.integers(1, 2), st.integers(1, 3)),
            "padding": st.sampled_from(["same", "valid"]),
            "activation": st.sampled_from(["none", "relu", "relu6"]),
        }
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_convolutions(depthwise, size, kernel, options, seed):
    stride, dilation = options["stride"], options["dilation"]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if options["padding"] == "valid":
        size = (max(size[0], reach[0]), max(size[1], reach[1]), size[2])
    rng = np.random.default_rng(seed)
    outputs = size[2] if depthwise else 3
    shape = (1, *kernel, size[2]) if depthwise else (outputs, *kernel, size[2])
    weight = rng.normal(size=shape).astype(np.float32)
    bias = rng.normal(size=outputs).astype(np.float32)
    kind = DepthwiseConv2D if depthwise else Conv2D
    op = kind(inputs=("input", "w", "b"), output="y", **options)
    graph = Graph(input_shape=size, ops=(op,), constants={"w": weight, "b": bias})
    x = rng.normal(size=(2, *size)).astype(np.float32)

    source = channels_first(x)
    if options["padding"] == "same":
        rows, columns = (same_pads(size[i], kernel[i], stride[i], dilation[i]) for i in (0, 1))
        source = functional.pad(source, (*columns, *rows))
    order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    expected = functional.conv2d(
        source,
        double(weight.transpose(order)),
        double(bias),
        stride=stride,
        dilation=dilation,
        groups=size[2] if depthwise else 1,
    )
    limits = {"none": (None, None), "relu": (0.0, None), "relu6": (0.0, 6.0)}
    expected = expected.numpy().clip(*limits[options["activation"]])
    ours = float32.run(graph, x)
    assert ours.shape[1:] == graph.output_shape
    assert ours.dtype == np.float32
    np.testing.assert_allclose(np.moveaxis(ours, -1, 1), expected, atol=2e-5)


@given(size=SIZES, window=st.tuples(st.integers(1, 5), st.integers(1, 5)), seed=st.integers(0, 99))
def test_average_pool_counts_no_padding(size, window, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, *size)).astype(np.float32)
    op = AveragePool2D(inputs=("input",), output="y", window=window, padding="same")
    ours = float32.run(Graph(input_shape=size, ops=(op,), constants={}), x)
    before = [same_pads(size[i], window[i], 1, 1)[0] for i in (0, 1)]
    for row in range(size[0]):
        for column in range(size[1]):
            top, left = row - before[0], column - before[1]
            part = x[:, max(top, 0) : top + window[0], max(left, 0) : left + window[1]]
            np.testing.assert_allclose(ours[:, row, column], part.mean(axis=(1, 2)), atol=1e-5)


def test_dense_flattens_and_softmax_sums_to_one(rng):
    weight = rng.normal(size=(5, 12)).astype(np.float32)
    ops = (
        Dense(inputs=("input", "w"), output="y"),
        Softmax(inputs=("y",), output="p"),
    )
    graph = Graph(input_shape=(2, 3, 2), ops=ops, constants={"w": weight})
    x = 100 * rng.normal(size=(7, 2, 3, 2)).astype(np.float32)
    tensors = float32.run_all(graph, x)
    np.testing.assert_allclose(tensors["y"], x.reshape(7, -1) @ weight.T, rtol=1e-4, atol=1e-3)
    expected = torch.softmax(torch.from_numpy(tensors["y"]), dim=-1).numpy()
    np.testing.assert_allclose(tensors["p"], expected, atol=1e-6)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(units=st.integers(1, 6), steps=st.integers(1, 7), seed=st.integers(0, 2**32 - 1))
def test_lstm(units, steps, seed):
    rng = np.random.default_rng(seed)
    builder = Builder((steps, 3), rng=rng)
    builder.lstm(units)
    graph = builder.build()
    graph = graph.with_constants(
        {n: a + rng.normal(size=a.shape).astype(np.float32) for n, a in graph.constants.items()}
    )
    module = torch.nn.LSTM(3, units, batch_first=True)
    parts = {part: graph.constants[f"lstm0.{part}"] for part in ("weight", "recurrent", "bias")}
    with torch.no_grad():
        # torch keeps the same order of gates: input, forget, cell, output
        module.weight_ih_l0.copy_(torch.from_numpy(parts["weight"].reshape(4 * units, 3)))
        module.weight_hh_l0.copy_(torch.from_numpy(parts["recurrent"].reshape(4 * units, units)))
        module.bias_ih_l0.copy_(torch.from_numpy(parts["bias"].reshape(-1)))
        module.bias_hh_l0.zero_()
        x = rng.normal(size=(4, steps, 3)).astype(np.float32)
        expected, (_, cell) = module(torch.from_numpy(x))
    tensors = float32.run_all(graph, x)
    np.testing.assert_allclose(tensors["lstm0"], expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(tensors["lstm0.cell"][:, -1], cell[0].numpy(), atol=1e-5)


def test_batch_norm_add_and_activations(rng):
    x = rng.normal(size=(5, 2, 2, 3)).astype(np.float32) * 5
    constants = {name: rng.uniform(0.5, 2, 3).astype(np.float32) for name in ("g", "b", "m", "v")}
    ops = (
        BatchNorm(inputs=("input", "g", "b", "m", "v"), output="n", epsilon=1e-2),
        Activation(inputs=("n",), output="r", kind="relu6"),
        AveragePool2D(inputs=("r",), output="p", window=(1, 2)),
        Add(inputs=("r", "p"), output="s", activation="relu"),
    )
    graph = Graph(input_shape=(2, 2, 3), ops=ops, constants=constants)
    tensors = float32.run_all(graph, x)
    named = {n: double(a) for n, a in constants.items()}
    norm = functional.batch_norm(
        channels_first(x), named["m"], named["v"], named["g"], named["b"], eps=1e-2
    )
    np.testing.assert_allclose(np.moveaxis(tensors["n"], -1, 1), norm.numpy(), atol=1e-5)
    np.testing.assert_array_equal(tensors["r"], np.clip(tensors["n"], 0, 6))
    np.testing.assert_array_equal(tensors["s"], tensors["r"] + tensors["p"])


def test_run_in_chunks_and_of_nothing(rng):
    builder = Builder((4,), rng=rng)
    builder.dense(3)
    graph = builder.build()
    x = rng.normal(size=(150, 4)).astype(np.float32)
    np.testing.assert_allclose(
        float32.run(graph, x), float32.run_all(graph, x)["dense0"], atol=1e-6
    )
    assert float32.run(graph, x[:0]).shape == (0, 3)


def test_an_operation_it_does_not_know(rng):
    graph = Graph(input_shape=(4,), ops=(Quantize(inputs=("input",), output="q"),), constants={})
    with pytest.raises(ModelFileError, match="cannot run Quantize"):
        float32.run(graph, np.zeros((1, 4)))
