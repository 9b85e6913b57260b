"""What quantization promises for any numbers: bounds, saturation, an exact zero, odd inputs."""

import numpy as np
import pytest
from combinations import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from motefit.graph.execute import float32, int8
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import INPUT, Graph, Quantization
from motefit.graph.ops import Conv2D, Dense, DepthwiseConv2D
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.gptq import refine_weights
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import dynamic_range, halve_weights, quantize_weights
from motefit.graph.scales import (
    activation_quantization,
    dequantize_array,
    quantize_array,
    quantize_weight,
    weight_limit,
    weight_scale,
)
from motefit.tflite.validate import validate
from motefit.tflite.write.write import write

PROBLEM = Problem(input_shape=(20, 12), outputs=4)
FINITE = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
ARRAYS = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=FINITE
)
ANY = settings(deadline=None)
FORMS = {
    "int8": lambda g, ex: quantize(g, calibrate(g, ex)),
    "int4": lambda g, ex: quantize(g, calibrate(g, ex), weight_bits=4),
    "dynamic-range": lambda g, _: dynamic_range(g, min_size=1),
    "int8-weights": lambda g, _: quantize_weights(g, min_size=1),
    "int4-weights": lambda g, _: quantize_weights(g, min_size=1, bits=4),
    "float16": lambda g, _: halve_weights(g, min_size=1),
}
ROUNDED = [form for form in FORMS if form != "float16"]


@ANY
@given(x=ARRAYS, low=FINITE, high=FINITE)
def test_inside_the_range_the_error_is_half_a_step(x, low, high):
    low, high = min(low, high), max(low, high)
    quantization = activation_quantization(low, high)
    scale = float(quantization.scale[0])
    wide = max(high, 0) - min(low, 0) > 1e-9
    inside = np.clip(x, min(low, 0), max(high, 0)) if wide else np.clip(x, 0, 1)
    back = dequantize_array(quantize_array(inside, quantization), quantization)
    # the zero point is rounded too: it may move an end of the range by half a step
    assert np.abs(back.astype(np.float64) - inside).max() <= scale * (1 + 1e-5)
    middle = np.clip(inside, min(low, 0) + scale, max(high, 0) - scale)
    if min(low, 0) + scale < max(high, 0) - scale:
        back = dequantize_array(quantize_array(middle, quantization), quantization)
        assert np.abs(back.astype(np.float64) - middle).max() <= 0.5 * scale * (1 + 1e-4)


@ANY
@given(x=ARRAYS, low=FINITE, high=FINITE)
def test_beyond_the_range_numbers_saturate_and_zero_never_drifts(x, low, high):
    quantization = activation_quantization(min(low, high), max(low, high))
    q = quantize_array(x, quantization)
    assert q.dtype == np.int8
    order = np.argsort(x, axis=None)
    assert np.all(np.diff(q.ravel()[order].astype(int)) >= 0)  # nothing wraps around
    zero = quantize_array(np.zeros(1, np.float32), quantization)
    assert zero[0] == quantization.zero_point
    assert dequantize_array(zero, quantization)[0] == 0.0
    huge = quantize_array(np.array([-3e38, 3e38, -np.inf, np.inf], np.float32), quantization)
    np.testing.assert_array_equal(huge, [-128, 127, -128, 127])


@ANY
@given(weight=ARRAYS, bits=st.sampled_from([4, 8]), axis=st.sampled_from([None, 0, 1]))
def test_weights_are_symmetric_and_off_by_half_a_step(weight, bits, axis):
    scale = weight_scale(weight, axis, bits=bits)
    quantization = Quantization(scale=scale, axis=axis, bits=bits)
    q = quantize_weight(weight, quantization)
    limit = weight_limit(bits)
    assert -limit <= q.min() <= q.max() <= limit
    assert np.all(q[weight == 0] == 0)
    np.testing.assert_array_equal(quantize_weight(-weight, quantization), -q)
    wrong = np.abs(dequantize_array(q, quantization).astype(np.float64) - weight)
    assert np.all(wrong <= 0.5 * quantization.along(2).astype(np.float64) * (1 + 1e-5) + 1e-9)


def net(rng) -> Graph:
    graph = fold(build("dscnn", {"width": 8, "blocks": 2}, problem=PROBLEM, rng=rng))
    noise = {
        n: a + 0.1 * rng.normal(size=a.shape) for n, a in graph.constants.items() if "bias" in n
    }
    return graph.with_constants({n: a.astype(np.float32) for n, a in noise.items()})


def examples_for(graph, rng, size=12):
    return rng.normal(size=(size, *graph.input_shape)).astype(np.float32)


def outputs(form, examples):
    if INPUT not in form.quantization:
        return float32.run(form, examples)
    given_ = quantize_array(examples, form.quantization[INPUT])
    return dequantize_array(int8.run(form, given_), form.quantization[form.output])


@pytest.mark.parametrize("name", sorted(FORMS))
@pytest.mark.parametrize("kind", [Conv2D, DepthwiseConv2D, Dense])
def test_a_fully_pruned_channel_gives_its_bias(name, kind):
    rng = np.random.default_rng(2)
    graph = net(rng)
    op = next(op for op in graph.ops if isinstance(op, kind))
    weight = graph.constants[op.inputs[1]].copy()
    weight[(..., 1) if kind is DepthwiseConv2D else 1] = 0
    bias = graph.constants[op.inputs[2]].copy()
    bias[1] = 0.7
    graph = graph.with_constants({op.inputs[1]: weight, op.inputs[2]: bias})
    examples = examples_for(graph, rng)
    form = FORMS[name](graph, examples)
    assert np.all(np.isfinite(outputs(form, examples)))
    if name in {"int8", "int4"}:
        tensors = int8.run_all(form, quantize_array(examples, form.quantization[INPUT]))
        channel = dequantize_array(tensors[op.output], form.quantization[op.output])[..., 1]
    else:
        channel = float32.run_all(form, examples)[op.output][..., 1]
    step = float(form.quantization[op.output].scale[0]) if name in {"int8", "int4"} else 1e-3
    assert np.abs(channel - 0.7).max() <= step
    validate(write(form))


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_network_of_zeros(name):
    rng = np.random.default_rng(2)
    graph = net(rng)
    graph = graph.with_constants({n: np.zeros_like(a) for n, a in graph.constants.items()})
    examples = examples_for(graph, rng)
    form = FORMS[name](graph, examples)
    np.testing.assert_array_equal(outputs(form, examples), 0)
    validate(write(form))


@pytest.mark.parametrize("name", sorted(FORMS))
@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
@pytest.mark.parametrize("refined", [False, True])
def test_a_constant_input(name, value, refined):
    """Calibration and rounding see one number only: no scale of 0, no singular matrix."""
    rng = np.random.default_rng(2)
    graph = net(rng)
    examples = np.full((6, *graph.input_shape), value, np.float32)
    form = FORMS[name](graph, examples)
    if refined and name in ROUNDED:
        form = refine_weights(form, graph, examples)
    out, wanted = outputs(form, examples), float32.run(graph, examples)
    assert np.all(out == out[0])
    near = 0.5 if "4" in name else 0.05
    assert np.abs(out - wanted).max() <= near * np.abs(wanted).max()
    validate(write(form))


@pytest.mark.slow
@examples(12)
@given(
    name=st.sampled_from(sorted(FORMS)),
    exponent=st.integers(-15, 15),
    spread=st.integers(0, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_extreme_scales_export_finite_sound_files(name, exponent, spread, seed):
    """Weights and inputs of any magnitude; channels up to 2**20 apart."""
    rng = np.random.default_rng(seed)
    graph = net(rng)
    changed = {
        n: (a * 2.0**exponent * 2.0 ** rng.uniform(-spread, 0, a.shape[-1])).astype(np.float32)
        for n, a in graph.constants.items()
        if n.startswith(("conv", "depthwise"))
    }
    graph = graph.with_constants(changed)
    examples = examples_for(graph, rng) * np.float32(2.0 ** rng.integers(-20, 20))
    form = FORMS[name](graph, examples)
    validate(write(form))
    assert np.all(np.isfinite(outputs(form, examples)))
    if name in ROUNDED:
        refined = refine_weights(form, graph, examples)
        validate(write(refined))
        assert np.all(np.isfinite(outputs(refined, examples)))


@pytest.mark.parametrize("form", ROUNDED)
def test_pruned_weights_stay_pruned_when_rounded_to_data(form):
    rng = np.random.default_rng(5)
    graph = net(rng)
    changed = {
        n: np.where(rng.random(a.shape) < 0.5, 0, a).astype(np.float32)
        for n, a in graph.constants.items()
        if n.endswith("weight")
    }
    graph = graph.with_constants(changed)
    examples = examples_for(graph, rng, size=40)
    refined = refine_weights(FORMS[form](graph, examples), graph, examples)
    for name, weight in changed.items():
        assert np.all(refined.constants[name][weight == 0] == 0)
        assert np.any(refined.constants[name] != 0)


@pytest.mark.parametrize("form", ROUNDED)
def test_rounding_to_data_brings_outputs_nearer(form):
    rng = np.random.default_rng(6)
    graph = net(rng)
    examples = examples_for(graph, rng, size=80)
    nearest = FORMS[form](graph, examples)
    refined = refine_weights(nearest, graph, examples)
    fresh = examples_for(graph, rng, size=80)
    wanted = float32.run(graph, fresh)
    errors = [np.sqrt(np.mean((outputs(g, fresh) - wanted) ** 2)) for g in (nearest, refined)]
    assert errors[1] < errors[0]
