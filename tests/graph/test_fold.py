"""Folding keeps the function and leaves only what ships."""

from dataclasses import replace

import numpy as np
import pytest

from motefit.graph.builder import Builder
from motefit.graph.execute import float32
from motefit.graph.fold import fold
from motefit.graph.ops import Activation, BatchNorm, Conv2D, Dropout
from motefit.spec.errors import RecipeError


@pytest.fixture
def trained(rng, randomize):
    builder = Builder((9, 8, 1), rng=rng)
    builder.conv(6, (3, 3), stride=(2, 2))
    builder.batch_norm(epsilon=0.1)
    start = builder.relu()
    builder.dropout(0.5)
    builder.depthwise((3, 3))
    builder.batch_norm()
    builder.add(start, builder.cursor)
    builder.relu()
    builder.global_average_pool()
    builder.dropout(0.1)
    builder.dense(4, bias=False)
    builder.batch_norm()
    return randomize(builder.build(), rng)


def test_fold_keeps_the_function(trained, rng):
    shipped = fold(trained)
    x = rng.normal(size=(20, 9, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(
        float32.run(shipped, x), float32.run(trained, x), rtol=1e-4, atol=1e-4
    )
    assert not any(isinstance(op, BatchNorm | Activation | Dropout) for op in shipped.ops)
    assert [op.output for op in shipped.ops] == ["conv0", "depthwise0", "add0", "pool0", "dense0"]
    assert shipped.ops[0].activation == "relu"
    assert shipped.ops[2].inputs == ("conv0", "depthwise0")
    assert shipped.ops[2].activation == "relu"
    used = {name for op in shipped.ops for name in op.inputs}
    assert set(shipped.constants) <= used


def test_fold_gives_every_layer_a_bias_and_is_idempotent(trained):
    once = fold(trained)
    for op in once.ops:
        if hasattr(op, "activation") and op.output != "add0":
            assert len(op.inputs) == 3
    twice = fold(once)
    assert twice.ops == once.ops
    for name, array in once.constants.items():
        np.testing.assert_array_equal(twice.constants[name], array)


def test_fold_leaves_its_argument_alone(trained):
    before = {name: array.copy() for name, array in trained.constants.items()}
    fold(trained)
    for name, array in before.items():
        np.testing.assert_array_equal(trained.constants[name], array)


def built(rng, *steps):
    builder = Builder((5, 5, 2), rng=rng)
    for step in steps:
        step(builder)
    return builder.build()


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((Builder.relu,), "must follow"),
        ((lambda b: b.conv(2, (1, 1)), Builder.relu, Builder.relu), "must follow"),
        ((lambda b: b.conv(2, (1, 1)), Builder.relu, Builder.batch_norm), "must follow"),
        ((Builder.global_average_pool, Builder.batch_norm), "must follow"),
    ],
)
def test_what_cannot_be_folded(steps, message, rng):
    with pytest.raises(RecipeError, match=message):
        fold(built(rng, *steps))


def test_a_norm_whose_input_is_read_twice(rng):
    builder = Builder((5, 5, 2), rng=rng)
    start = builder.conv(2, (1, 1))
    builder.batch_norm()
    builder.add(start, builder.cursor)
    with pytest.raises(RecipeError, match="other operations read conv0"):
        fold(builder.build())


def test_a_norm_after_a_bias(rng, randomize):
    graph = built(rng, lambda b: b.conv(3, (2, 2), bias=True), Builder.batch_norm)
    graph = randomize(graph, rng)
    assert len(graph.ops[0].inputs) == 3
    x = rng.normal(size=(4, 5, 5, 2)).astype(np.float32)
    np.testing.assert_allclose(
        float32.run(fold(graph), x), float32.run(graph, x), rtol=1e-4, atol=1e-5
    )


def test_relu6_is_fused(rng):
    graph = built(rng, lambda b: b.conv(3, (2, 2)), Builder.relu)
    graph = replace(graph, ops=(graph.ops[0], replace(graph.ops[1], kind="relu6")))
    (op,) = fold(graph).ops
    assert isinstance(op, Conv2D)
    assert op.activation == "relu6"
