"""Rounding that looks at the data keeps a layer's outputs better than nearest rounding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph.execute import float32
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Quantization
from motefit.graph.quantize.gptq import best_rounding, refine_weights
from motefit.graph.quantize.weight_only import quantize_weights
from motefit.graph.scales import weight_scale

SERIES = Problem(input_shape=(6, 2), outputs=6)


def covariance(rng, size, rank):
    mixing = rng.normal(size=(size, rank))
    return mixing @ mixing.T


def quantization_of(weight, *, per_channel):
    axis = 0 if per_channel else None
    return Quantization(scale=weight_scale(weight, axis), axis=axis)


@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 9)),
    per_channel=st.booleans(),
    rank=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_integers_fit_and_scales_do_not_grow(shape, per_channel, rank, seed):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=shape)
    q = quantization_of(weight, per_channel=per_channel)
    # of any rank, also 0: inputs that never change
    integers, scale = best_rounding(weight, q, covariance(rng, shape[1], rank))
    assert scale.shape == q.scale.shape
    assert np.all(scale <= q.scale)
    assert np.abs(integers).max() <= 127
    np.testing.assert_array_equal(integers, np.rint(integers))


@pytest.mark.parametrize("per_channel", [True, False])
def test_output_errors_are_far_below_those_of_nearest_rounding(per_channel, rng):
    ratios = []
    for _ in range(15):
        weight, spread = rng.normal(size=(4, 12)), covariance(rng, 12, 12)
        q = quantization_of(weight, per_channel=per_channel)
        errors = []
        for integers, scale in (
            (np.rint(weight / q.scale.reshape(-1, 1)), q.scale),
            best_rounding(weight, q, spread),
        ):
            wrong = weight - integers * scale.reshape(-1, 1)
            errors.append(np.einsum("oi,ij,oj->", wrong, spread, wrong))
        ratios.append(errors[1] / errors[0])
    assert np.mean(ratios) < 0.7


@pytest.mark.parametrize(
    ("name", "options"), [("mlp", {"units": (8,)}), ("conv1d", {"filters": (6,), "units": (5,)})]
)
@pytest.mark.parametrize("per_channel", [True, False])
def test_a_network_on_a_series_comes_nearer_to_float(name, options, per_channel, rng, randomize):
    graph = fold(randomize(build(name, options, problem=SERIES, rng=rng), rng))
    walks = rng.normal(size=(400, 6, 2)).cumsum(axis=1) + 3 * rng.normal(size=(400, 1, 2))
    examples = walks.astype(np.float32).reshape(-1, *graph.input_shape)
    nearest = quantize_weights(graph, per_channel=per_channel, min_size=1)
    refined = refine_weights(nearest, graph, examples)
    exact = float32.run(graph, examples)
    before, after = (
        np.abs(float32.run(form, examples) - exact).mean() for form in (nearest, refined)
    )
    assert after < 0.7 * before
    assert refined.ops == nearest.ops
    for key, array in nearest.constants.items():
        assert refined.constants[key].dtype == array.dtype
        assert refined.constants[key].shape == array.shape


def test_constant_inputs_are_kept_by_the_bias(rng):
    graph = fold(build("mlp", {"units": (5,)}, problem=SERIES, rng=rng))
    examples = np.full((20, *graph.input_shape), 2.5, np.float32)
    refined = refine_weights(quantize_weights(graph, min_size=1), graph, examples)
    np.testing.assert_allclose(
        float32.run(refined, examples), float32.run(graph, examples), atol=1e-4
    )


def test_layers_left_in_float_stay(rng):
    graph = fold(build("mlp", {"units": (20,)}, problem=SERIES, rng=rng))
    examples = rng.normal(size=(50, *graph.input_shape)).astype(np.float32)
    form = quantize_weights(graph, min_size=200)  # dense0 has 240 weights, dense1 120
    refined = refine_weights(form, graph, examples)
    np.testing.assert_array_equal(
        refined.constants["dense1.weight"], graph.constants["dense1.weight"]
    )
    assert refined.constants["dense0.weight"].dtype == np.int8
