"""Properties of every scale and of quantizing by it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from motefit.graph.graph import Quantization
from motefit.graph.scales import (
    BIAS_LIMIT,
    activation_quantization,
    bias_safe_scale,
    dequantize_array,
    fake_quantize,
    quantize_array,
    quantize_bias,
    quantize_weight,
    symmetric_quantization,
    weight_scale,
)
from motefit.spec.errors import RecipeError

BOUND = st.floats(-(2.0**100), 2.0**100, width=32)
WEIGHTS = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=4, max_side=5),
    elements=st.floats(-100, 100, width=32)
    | st.just(0.0)
    | st.floats(-(2.0**-100), 2.0**-100, width=32),
)


@given(BOUND, BOUND)
def test_zero_is_exactly_the_zero_point(low, high):
    q = activation_quantization(low, high)
    assert -128 <= q.zero_point <= 127
    assert quantize_array(np.zeros(3), q).tolist() == [q.zero_point] * 3
    assert dequantize_array(np.full(3, q.zero_point, np.int8), q).tolist() == [0.0] * 3


@given(BOUND, BOUND, st.floats(0, 1))
def test_error_inside_the_range_is_half_a_step(low, high, where):
    low, high = min(low, high, 0.0), max(low, high, 0.0)
    assume(high - low > 1e-6)
    q = activation_quantization(low, high)
    value = np.float32(low + where * (high - low))
    step = float(q.scale[0])
    # the zero point is a whole number of steps, so the ends may move by half a step
    edge = 0.5 * step if min(value - low, high - value) < 0.5 * step else 0.0
    error = abs(float(fake_quantize(np.array([value]), q)[0]) - float(value))
    assert error <= 0.5 * step + edge + 1e-5 * step + 1e-6 * abs(float(value))


@given(BOUND, BOUND)
def test_both_ends_saturate(low, high):
    q = activation_quantization(low, high)
    far = np.array([3e38, -3e38, np.inf, -np.inf], np.float32)
    assert quantize_array(far, q).tolist() == [127, -128, 127, -128]


@given(BOUND, BOUND)
def test_quantizing_what_was_quantized_changes_nothing(low, high):
    q = activation_quantization(low, high)
    every = np.arange(-128, 128).astype(np.int8)
    np.testing.assert_array_equal(quantize_array(dequantize_array(every, q), q), every)


@pytest.mark.parametrize(
    ("low", "high", "zero_point"),
    [(0.0, 2.55, -128), (-2.55, 0.0, 127), (3.0, 5.0, -128), (-5.0, -3.0, 127), (0.0, 0.0, -128)],
)
def test_one_sided_ranges_keep_zero(low, high, zero_point):
    assert activation_quantization(low, high).zero_point == zero_point


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_range_that_is_not_finite_is_refused(bad):
    with pytest.raises(RecipeError, match="not finite"):
        activation_quantization(0.0, bad)
    with pytest.raises(RecipeError, match="not finite"):
        activation_quantization(bad, 0.0)


def test_nan_becomes_the_zero_point():
    q = activation_quantization(-1.0, 3.0)
    assert quantize_array(np.array([np.nan]), q)[0] == q.zero_point


@given(st.floats(1e-3, 1e3), st.floats(0.0, 10.0))
def test_a_least_scale_is_kept(high, least):
    q = activation_quantization(-1.0, high, least_scale=least)
    assert q.scale[0] >= np.float32(least)
    assert q.scale[0] == np.float32(max(least, (high + 1.0) / 255))


@given(WEIGHTS, st.booleans())
def test_weights_fill_127_steps_and_err_by_half_a_step(weight, per_channel):
    axis = weight.ndim - 1 if per_channel else None
    q = Quantization(scale=weight_scale(weight, axis), axis=axis)
    integers = quantize_weight(weight, q)
    assert integers.dtype == np.int8
    assert np.abs(integers.astype(int)).max() <= 127
    assert np.all(integers[weight == 0] == 0)
    error = np.abs(dequantize_array(integers, q) - weight)
    assert np.all(error <= q.along(weight.ndim) * 0.5001)


def test_a_pruned_channel_takes_a_usable_scale():
    weight = np.array([[1.0, -2.0], [0.0, 0.0]], np.float32)
    np.testing.assert_allclose(weight_scale(weight, 0), [2 / 127, 2 / 127])
    np.testing.assert_allclose(weight_scale(np.zeros((2, 2)), 0), [1 / 127, 1 / 127])
    np.testing.assert_allclose(weight_scale(np.zeros((2, 2)), None), [1 / 127])


@given(
    arrays(np.float32, 4, elements=st.floats(-(2.0**20), 2.0**20, width=32)),
    st.floats(1e-12, 1e3),
    st.booleans(),
)
def test_biases_never_overflow(bias, input_scale, per_channel):
    scale = np.full(4 if per_channel else 1, 1e-9, np.float32)
    raised = bias_safe_scale(scale, bias, input_scale)
    assert raised.shape == scale.shape
    assert np.all(raised >= scale)
    q = Quantization(scale=np.float32(input_scale) * raised, axis=0 if per_channel else None)
    assert np.abs(quantize_bias(bias, q).astype(np.int64)).max() <= BIAS_LIMIT * 1.001


@given(BOUND, BOUND)
def test_symmetric_parameters_hold_both_ends(low, high):
    q = symmetric_quantization(low, high)
    assert q.zero_point == 0
    peak = max(abs(low), abs(high))
    assert 127 * float(q.scale[0]) >= peak * 0.999 or peak < 1e-9
