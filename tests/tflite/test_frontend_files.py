"""Front ends inside model files: LiteRT's outputs from samples, alone and before networks."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.exporting.in_graph import in_graph_file
from motefit.graph.counter import count
from motefit.graph.execute import float32, int8
from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.frontend_graph import frontend_graph, with_frontend
from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import Op
from motefit.graph.ops_signal import Concatenate, Function, MatMul, Multiply, Reshape, Slice
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import dynamic_range, quantize_weights
from motefit.signal.features import features_of
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.importer.read import read_graph
from motefit.tflite.inspect import inspect
from motefit.tflite.write.write import write

RUNTIMES = ("xnnpack", "builtin", "micro")
LITERT = ("xnnpack", "builtin")
# The design's promise for features; networks are compared on their own features.
TOLERANCE = 1e-4
# Relative to the largest output: float networks on features that differ by 1e-6.
FLOAT_TOLERANCE = 1e-4
# In steps: features that differ by rounding, through all layers of a network with random weights.
STEPS = {"xnnpack": 4, "builtin": 2}
NORMALIZATION = Normalization(mean=tuple(range(-6, 4)), std=tuple(1 + n / 10 for n in range(10)))
FRONT_END = FrontEnd()
FRONT_ENDS = {
    "mfcc": FRONT_END,
    "log-mel": FrontEnd(upper_hz=7600.0, coefficients=0),
    "spectrogram": FrontEnd(kind="spectrogram", mel_bins=0, coefficients=0, frame_length=256),
    "unequal-steps": FrontEnd(frame_length=400, frame_step=160),
    "many-steps": FrontEnd(frame_length=640, frame_step=64),
    "gaps": FrontEnd(frame_length=256, frame_step=300),
    "one-frame": FrontEnd(rate_hz=8000, frame_length=4000, frame_step=4000, seconds=0.5),
    "8-khz": FrontEnd(rate_hz=8000, frame_length=320, frame_step=160),
}
SPEECH_FAMILIES = [n for n, f in sorted(FAMILIES.all().items()) if "keyword-spotting" in f.tasks]
FORMS: dict[str, Callable[[Graph, np.ndarray], Graph]] = {
    "float32": lambda graph, _: graph,
    "weights": lambda graph, _: quantize_weights(graph, min_size=1),
    "dynamic": lambda graph, _: dynamic_range(graph, min_size=1),
    "int8": lambda graph, x: quantize(graph, calibrate(graph, x)),
    "int8-float-edges": lambda graph, x: quantize(graph, calibrate(graph, x), io="float32"),
}


def clips(frontend: FrontEnd, count: int = 6) -> np.ndarray:
    """Generate sweeps in noise: sound whose spectrum moves like that of a word."""
    rng = np.random.default_rng(3)
    time = np.arange(frontend.clip_samples) / frontend.rate_hz
    rise = rng.uniform(100, frontend.rate_hz / 4, (count, 1))
    tone = np.sin(2 * np.pi * (200 + rise * time) * time) * rng.uniform(0.05, 0.9, (count, 1))
    return (tone + rng.normal(0, 0.01, tone.shape)).astype(np.float32)


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_features_equal_the_numpy_front_end(run_model, name, runtime):
    frontend = FRONT_ENDS[name]
    pcm = clips(frontend)
    expected = features_of(frontend).batch(pcm)
    model = write(frontend_graph(frontend))
    got = run_model(runtime, model, pcm).reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=TOLERANCE)


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("form", ["float32", "int8"])
def test_xnnpack_takes_over_front_end_and_network_in_one_piece(operators, name, form):
    """An int8 network alone is in two pieces, since XNNPACK has no int8 average pool."""
    frontend = FRONT_ENDS[name]
    alone = operators(write(network("tcnet", form, frontend))).count("DELEGATE")
    assert alone == (1 if form == "float32" else 2)
    assert operators(write(joined("tcnet", form, frontend))).count("DELEGATE") == alone
    assert operators(write(frontend_graph(frontend))).count("DELEGATE") == 1


def network(family: str, form: str, frontend: FrontEnd) -> Graph:
    rng = np.random.default_rng(11)
    problem = Problem(input_shape=frontend.shape, outputs=5)
    graph = fold(build(family, {}, problem=problem, rng=rng))
    return FORMS[form](graph, rng.normal(0, 1, (8, *graph.input_shape)).astype(np.float32))


def joined(family: str, form: str, frontend: FrontEnd) -> Graph:
    return with_frontend(network(family, form, frontend), frontend, normalization_of(frontend))


def normalization_of(frontend: FrontEnd) -> Normalization:
    return NORMALIZATION if frontend.features == 10 else Normalization(mean=(-3.0,), std=(2.0,))


@pytest.mark.parametrize("family", SPEECH_FAMILIES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("runtime", LITERT)
def test_samples_give_what_features_give(run_model, family, form, runtime):
    """Compare the joined file on samples with the network's file on numpy's features."""
    plain, pcm = network(family, form, FRONT_END), clips(FRONT_END)
    mean, std = np.float32(NORMALIZATION.mean), np.float32(NORMALIZATION.std)
    inputs = (features_of(FRONT_END).batch(pcm) - mean) / std
    inputs = inputs.reshape(len(pcm), *plain.input_shape)
    if INPUT in plain.quantization:
        inputs = int8.quantize_array(inputs, plain.quantization[INPUT])
    expected = run_model(runtime, write(plain), inputs)
    file = write(with_frontend(plain, FRONT_END, NORMALIZATION))
    got = run_model(runtime, file, pcm)
    assert got.dtype == expected.dtype
    if form.startswith("int8"):
        last = plain.ops[-1]
        step = 1.0 if form == "int8" else plain.quantization[last.inputs[0]].scale[0]
        apart = np.abs(got.astype(np.float64) - expected.astype(np.float64)).max() / step
        assert apart <= STEPS[runtime] + 1e-3
    else:
        # in the dynamic-range form each example has its own range: see the reference
        allowed = 0.02 if form == "dynamic" else FLOAT_TOLERANCE
        assert np.abs(got - expected).max() <= allowed * np.abs(expected).max()


@pytest.mark.parametrize("form", ["float32", "int8", "int8-float-edges"])
def test_executors_and_counts_agree_with_the_file(run_model, form):
    graph, pcm = joined("dscnn", form, FRONT_END), clips(FRONT_END)
    run = float32.run if form == "float32" else int8.run
    expected = run(graph, pcm)
    file = write(graph)
    got = run_model("builtin", file, pcm)
    assert got.dtype == expected.dtype
    apart = np.abs(got.astype(np.float64) - expected.astype(np.float64)).max()
    scale = np.abs(expected).max() if form == "float32" else 1.0
    assert apart <= (FLOAT_TOLERANCE * scale if form == "float32" else STEPS["builtin"])
    counts, found = count(graph), inspect(file)
    arrays = list(graph.constants.values())
    stored_once = {(a.dtype, a.shape, a.tobytes()): a.size for a in arrays}
    repeated = sum(a.size for a in arrays) - sum(stored_once.values())
    assert (found.parameters, found.macs) == (counts.parameters - repeated, counts.macs)
    assert inspect(file).inputs[0].dtype == "float32"


def test_the_network_keeps_its_bytes():
    """Joining changes no weight: every constant of the network is in the joined graph."""
    plain = network("tcnet", "int8", FRONT_END)
    graph = with_frontend(plain, FRONT_END, NORMALIZATION)
    for name, array in plain.constants.items():
        np.testing.assert_array_equal(graph.constants[name], array)
        assert graph.quantization[name] is plain.quantization[name]
    assert set(graph.quantization) >= set(plain.quantization) - {INPUT}


@pytest.mark.parametrize("bias_quantization", ["own", "borrowed", "none"])
def test_joined_from_the_bytes_of_a_file(bias_quantization):
    plain = network("tcnet", "int8", FRONT_END)
    io = SpeechIO(labels=tuple("abcde"), frontend=FRONT_END, normalization=NORMALIZATION)
    model, inside = in_graph_file(write(plain, bias_quantization=bias_quantization), io)
    assert inside.input == "audio"
    graph = with_frontend(plain, FRONT_END, NORMALIZATION)
    assert model == write(graph, bias_quantization=bias_quantization)
    named, _ = in_graph_file(write(plain, keep_names=True), io, keep_names=True)
    assert b"frontend.0" in named
    with pytest.raises(ModelFileError, match="already has its front end inside"):
        in_graph_file(model, inside)


def test_reading_a_front_end_back_is_refused_by_name():
    with pytest.raises(ModelFileError, match=r"BATCH_MATMUL.*LOG.*SQRT"):
        read_graph(write(joined("tcnet", "int8", FRONT_END)))


SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


@st.composite
def single_ops(draw: st.DrawFn) -> tuple[Op, tuple[int, ...], dict[str, tuple[int, ...]]]:
    """List operations with the shapes of their input and constants."""
    shape = draw(SIZES)
    axis = draw(st.integers(0, len(shape) - 1))
    kind = draw(st.sampled_from([Reshape, Slice, Concatenate, Multiply, MatMul, Function]))
    base = {"inputs": (INPUT,), "output": "y"}
    if kind is Reshape:
        return Reshape(shape=(1, *shape[::-1]), **base), shape, {}
    if kind is Slice:
        start = draw(st.integers(0, shape[axis] - 1))
        stop = draw(st.integers(start + 1, shape[axis]))
        return Slice(axis=axis, start=start, stop=stop, **base), shape, {}
    if kind is Concatenate:
        times = draw(st.integers(2, 6))
        return Concatenate(inputs=(INPUT,) * times, output="y", axis=axis), shape, {}
    if kind is Multiply:
        other = tuple(n if draw(st.booleans()) else 1 for n in shape)
        return Multiply(inputs=(INPUT, "c"), output="y"), shape, {"c": other}
    if kind is MatMul:
        shape = (*shape, draw(st.integers(1, 40)), draw(st.integers(1, 9)))[-3:]
        matrix = (draw(st.integers(1, 9)), shape[-2])
        return MatMul(inputs=("c", INPUT), output="y"), shape, {"c": matrix}
    return Function(kind=draw(st.sampled_from(["square-root", "logarithm"])), **base), shape, {}


@given(case=single_ops(), seed=st.integers(0, 2**32 - 1), runtime=st.sampled_from(LITERT))
def test_each_operation_equals_the_reference(run_model, case, seed, runtime):
    op, shape, constants = case
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=size).astype(np.float32) for name, size in constants.items()}
    graph = Graph(input_shape=shape, ops=(op,), constants=values)
    examples = rng.uniform(1e-6, 10, (2, *shape)).astype(np.float32)
    expected = float32.run(graph, examples)
    got = run_model(runtime, write(graph), examples)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_micro_runs_the_joined_int8_model(run_model):
    graph, pcm = joined("dscnn", "int8", FRONT_END), clips(FRONT_END)
    got = run_model("micro", write(graph), pcm).astype(int)
    assert np.abs(got - run_model("builtin", write(graph), pcm)).max() <= STEPS["builtin"]


def test_a_second_front_end_is_refused():
    graph = joined("tcnet", "float32", FRONT_END)
    with pytest.raises(RecipeError, match="do not belong together"):
        with_frontend(graph, FRONT_END, NORMALIZATION)
