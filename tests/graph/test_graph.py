"""Graphs and operations: shapes, refusals, counts."""

import numpy as np
import pytest

from motefit.graph.builder import Builder
from motefit.graph.counter import count
from motefit.graph.fold import fold
from motefit.graph.graph import Graph, Quantization
from motefit.graph.ops import LSTM, Add, AveragePool2D, Conv2D, Dense, DepthwiseConv2D, LastStep, Op
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.spec.errors import RecipeError


def conv(**changes):
    return Conv2D(inputs=("x", "w"), output="y", **changes)


@pytest.mark.parametrize(
    ("op", "shapes", "expected"),
    [
        (conv(), [(9, 7, 2), (4, 3, 3, 2)], (9, 7, 4)),
        (conv(padding="valid"), [(9, 7, 2), (4, 3, 3, 2)], (7, 5, 4)),
        (conv(stride=(2, 3)), [(9, 7, 2), (4, 3, 3, 2)], (5, 3, 4)),
        (conv(padding="valid", dilation=(4, 1)), [(9, 7, 2), (4, 3, 3, 2)], (1, 5, 4)),
        (
            DepthwiseConv2D(inputs=("x", "w"), output="y", stride=(2, 2)),
            [(9, 7, 2), (1, 3, 3, 2)],
            (5, 4, 2),
        ),
        (Dense(inputs=("x", "w"), output="y"), [(3, 2, 2), (5, 12)], (5,)),
        (AveragePool2D(inputs=("x",), output="y", window=(3, 7)), [(9, 7, 2)], (7, 1, 2)),
        (Add(inputs=("a", "b"), output="y"), [(9, 1, 2), (9, 7, 1)], (9, 7, 2)),
        (
            LSTM(inputs=("x", "w", "r", "b"), output="y"),
            [(6, 2), (4, 5, 2), (4, 5, 5), (4, 5)],
            (6, 5),
        ),
        (LastStep(inputs=("x",), output="y"), [(6, 5)], (5,)),
    ],
)
def test_shapes(op, shapes, expected):
    assert op.infer(shapes) == expected


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (conv(), [(9, 7, 2), (4, 3, 3, 5)], "does not fit"),
        (conv(padding="valid"), [(2, 7, 2), (4, 3, 3, 2)], "a window of 3 does not fit"),
        (conv(padding="valid", dilation=(5, 1)), [(9, 7, 2), (4, 3, 3, 2)], "window of 11"),
        (DepthwiseConv2D(inputs=("x", "w"), output="y"), [(9, 7, 2), (2, 3, 3, 2)], "weight"),
        (Dense(inputs=("x", "w"), output="y"), [(3, 2, 2), (5, 11)], "weight"),
        (Add(inputs=("a", "b"), output="y"), [(9, 2, 2), (9, 7, 2)], "cannot add"),
        (Add(inputs=("a", "b"), output="y"), [(9, 2), (9, 7, 2)], "cannot add"),
        (
            LSTM(inputs=("x", "w", "r", "b"), output="y"),
            [(6, 2), (4, 5, 2), (4, 5, 4), (4, 5)],
            "do not fit",
        ),
        (LastStep(inputs=("x",), output="y"), [(6, 5, 1)], "expected"),
    ],
)
def test_shapes_that_do_not_fit(op, shapes, message):
    with pytest.raises(RecipeError, match=message):
        op.infer(shapes)


def test_the_abstract_operation_has_no_shape():
    with pytest.raises(TypeError, match="no shape rule"):
        Op(inputs=(), output="y").infer([])


def test_a_graph_checks_its_names():
    with pytest.raises(RecipeError, match="at least one operation"):
        Graph(input_shape=(3,), ops=(), constants={})
    with pytest.raises(RecipeError, match=r"y: unknown inputs \['w'\]"):
        Graph(input_shape=(3,), ops=(Dense(inputs=("input", "w"), output="y"),), constants={})
    op = Dense(inputs=("input", "w"), output="y")
    weight = {"w": np.zeros((3, 3), np.float32)}
    with pytest.raises(RecipeError, match="two tensors are named 'y'"):
        Graph(input_shape=(3,), ops=(op, op), constants=weight)


def test_constants_are_replaced_by_name_and_shape(rng):
    builder = Builder((3,), rng=rng)
    builder.dense(2)
    graph = builder.build()
    changed = graph.with_constants({"dense0.bias": np.ones(2, np.float32)})
    assert changed.constants["dense0.bias"].tolist() == [1, 1]
    assert graph.constants["dense0.bias"].tolist() == [0, 0]
    for bad in ({"dense0.bias": np.ones(3)}, {"dense9.bias": np.ones(2)}):
        with pytest.raises(RecipeError, match="no constant"):
            graph.with_constants(bad)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scales_are_positive_and_finite(scale):
    with pytest.raises(RecipeError, match="positive and finite"):
        Quantization(scale=np.array([scale]))


def test_scales_along_an_axis():
    q = Quantization(scale=np.array([1.0, 2.0, 3.0]), axis=3)
    assert q.along(4).shape == (1, 1, 1, 3)
    assert Quantization(scale=np.array([0.5])).along(4) == 0.5


def test_counts_by_hand(rng):
    builder = Builder((10, 8, 1), rng=rng)
    builder.conv(4, (3, 3), stride=(2, 2))  # 5 x 4 x 4 outputs, 9 products each
    builder.batch_norm()
    builder.relu()
    builder.depthwise((3, 3))  # 80 outputs, 9 products each
    builder.batch_norm()
    builder.relu()
    builder.conv(6, (1, 1))  # 5 x 4 x 6 outputs, 4 products each
    builder.batch_norm()
    builder.relu()
    builder.global_average_pool()  # 6 outputs of 20
    builder.dense(3)
    trained = builder.build()
    counts = count(fold(trained))
    assert counts.parameters == (36 + 4) + (36 + 4) + (24 + 6) + (18 + 3)
    assert counts.macs == 80 * 9 + 80 * 9 + 120 * 4 + 6 * 20 + 18
    # the pointwise convolution holds its 80 inputs and 120 outputs, 4 bytes each
    assert counts.activation_bytes == 4 * (80 + 120)
    graph = fold(trained)
    form = quantize(graph, calibrate(graph, rng.normal(size=(2, 10, 8, 1))))
    assert count(form).activation_bytes == 80 + 120


def test_a_residual_keeps_its_start_alive(rng):
    builder = Builder((6, 1, 4), rng=rng)
    start = builder.conv(4, (1, 1))
    builder.conv(4, (1, 1))
    builder.conv(4, (1, 1))
    builder.add(start, builder.cursor)
    assert count(fold(builder.build())).activation_bytes == 4 * 3 * 24


def test_lstm_counts(rng):
    builder = Builder((6, 2), rng=rng)
    builder.lstm(5)
    counts = count(builder.build())
    assert counts.macs == 6 * 4 * (5 * 2 + 5 * 5)
    assert counts.parameters == 4 * (5 * 2 + 5 * 5 + 5)
