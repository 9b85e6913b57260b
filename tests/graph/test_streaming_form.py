"""The streaming form says, step by step, what the network says of the whole window."""

from dataclasses import replace

import numpy as np
import pytest
from combinations import examples
from hypothesis import given, reject
from hypothesis import strategies as st

from motefit.graph.builder import Builder
from motefit.graph.counter import count
from motefit.graph.execute import float32, int8
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import INPUT, Graph, State
from motefit.graph.ops import AveragePool2D
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.streaming_form import at_rest, lead_frames, streaming_form
from motefit.spec.errors import RecipeError

FEATURES = 6
FLOAT_TOLERANCE = 1e-5
"""Of the greatest output: float sums are taken in another order."""


def network(randomize, *, frames: int, form: str, **options) -> Graph:
    rng = np.random.default_rng(3)
    problem = Problem(input_shape=(frames, FEATURES), outputs=3)
    graph = fold(randomize(build("tcnet", options, problem=problem, rng=rng), rng))
    if form == "float32":
        return graph
    examples = rng.normal(size=(32, *graph.input_shape)).astype(np.float32)
    io = "float32" if form == "int8-float-edges" else "int8"
    return quantize(graph, calibrate(graph, examples), io=io)


def sound(graph: Graph, frames: int) -> np.ndarray:
    """(1, frames, 1, FEATURES) in the input's dtype."""
    x = np.random.default_rng(4).normal(size=(1, frames, 1, FEATURES)).astype(np.float32)
    known = graph.quantization.get(INPUT)
    return x if known is None else int8.quantize_array(x, known)


def executor(graph: Graph):
    return int8.run_all if graph.quantization else float32.run_all


def streamed(graph: Graph, frames: np.ndarray) -> list[np.ndarray]:
    """Output after each step, from a start without a past."""
    form = streaming_form(graph)
    step = form.input_shape[0]
    known = graph.quantization.get(INPUT)
    zero = 0 if known is None else known.zero_point
    lead = np.full((1, lead_frames(graph.input_shape[0], step), 1, FEATURES), zero, frames.dtype)
    rows = np.concatenate((lead, frames), axis=1)
    states, outputs = at_rest(form, 1), []
    for first in range(0, rows.shape[1] - step + 1, step):
        tensors = executor(form)(form, rows[:, first : first + step], states)
        states = {state.name: tensors[state.after] for state in form.states}
        outputs.append(tensors[form.output])
    return outputs


def whole(graph: Graph, frames: np.ndarray) -> np.ndarray:
    return executor(graph)(graph, frames)[graph.output]


def after_step(graph: Graph, number: int) -> tuple[int, int]:
    """The window (first and one-past-last frame) that ends with a step; number from 0."""
    length, step = graph.input_shape[0], streaming_form(graph).input_shape[0]
    stop = (number + 1) * step - lead_frames(length, step)
    return stop - length, stop


def assert_equal(got: np.ndarray, expected: np.ndarray, *, exact: bool) -> None:
    assert got.dtype == expected.dtype
    if exact:
        np.testing.assert_array_equal(got, expected)
    else:
        scale = max(float(np.abs(expected).max()), 1.0)
        np.testing.assert_allclose(got, expected, rtol=0, atol=FLOAT_TOLERANCE * scale)


OPTIONS = st.fixed_dictionaries(
    {
        "width": st.sampled_from([16, 32]),
        "blocks": st.integers(1, 3),
        "first_kernel": st.integers(2, 6),
        "first_stride": st.integers(1, 3),
        "kernels": st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
        "strides": st.lists(st.integers(1, 2), min_size=1, max_size=3).map(tuple),
        "dilations": st.lists(st.integers(1, 2), min_size=1, max_size=3).map(tuple),
        "residual": st.booleans(),
        "softmax": st.booleans(),
        "padding": st.sampled_from(["valid", "causal"]),
    }
)


@examples(12)
@given(
    options=OPTIONS,
    frames=st.integers(20, 41),
    form=st.sampled_from(["float32", "int8", "int8-float-edges"]),
)
def test_any_network_that_does_not_look_ahead(randomize, options, frames, form):
    try:
        graph = network(randomize, frames=frames, form=form, **options)
        streaming_form(graph)
    except RecipeError:  # a window that does not fit, or steps that begin in padding
        reject()
    x = sound(graph, 2 * frames)
    compared = 0
    for number, got in enumerate(streamed(graph, x)):
        first, stop = after_step(graph, number)
        if first == 0 or (first > 0 and options["padding"] == "valid"):
            assert_equal(got, whole(graph, x[:, first:stop]), exact=form != "float32")
            compared += 1
    assert compared > (0 if options["padding"] == "causal" else 1)


@pytest.mark.parametrize("form", ["float32", "int8", "int8-float-edges"])
@pytest.mark.parametrize("frames", [48, 49])
def test_a_causal_network_goes_on_with_the_sound_before_the_window(randomize, form, frames):
    """As the network would run over a long sound, with its average over the last window."""
    graph = network(
        randomize, frames=frames, form=form, width=16, kernels=(9, 13), padding="causal"
    )
    step, length = streaming_form(graph).input_shape[0], graph.input_shape[0]
    lead = lead_frames(length, step)
    x = sound(graph, 3 * length + lead)
    x[:, :lead] = graph.quantization[INPUT].zero_point if form == "int8" else 0
    pool = next(op for op in graph.ops if isinstance(op, AveragePool2D))
    place, rows = graph.ops.index(pool), pool.window[0]
    longer = replace(graph, input_shape=x.shape[1:], ops=graph.ops[:place])
    trunk = executor(graph)(longer, x)[pool.inputs[0]]
    run = int8.step if graph.quantization else float32.step
    got = streamed(graph, x[:, lead:])[rows - 1 :]
    assert len(got) == trunk.shape[1] - rows + 1 > rows
    for number, output in enumerate(got):
        tensors = {pool.inputs[0]: trunk[:, number : number + rows]}
        for op in graph.ops[place:]:
            tensors.update(run(op, graph, tensors))
        assert_equal(output, tensors[graph.output], exact=form != "float32")


def test_additions_round_otherwise_in_what_fills_no_block_of_16(randomize):
    graph = network(randomize, frames=41, form="int8", width=12, padding="valid", kernels=(5,))
    x = sound(graph, 81)
    off = [
        np.abs(got.astype(int) - whole(graph, x[:, slice(*after_step(graph, number))])).max()
        for number, got in enumerate(streamed(graph, x))
        if after_step(graph, number)[0] >= 0
    ]
    assert len(off) == 21
    assert max(off) <= 2


def test_a_step_costs_a_fraction(randomize):
    graph = network(randomize, frames=49, form="int8", width=32, padding="valid", kernels=(3, 5))
    form = streaming_form(graph)
    assert form.input_shape == (2, 1, FEATURES)
    assert count(form).macs < count(graph).macs / 10
    assert count(form).parameters == count(graph).parameters
    kept = sum(int(np.prod(state.shape)) for state in form.states)
    assert kept < count(form).activation_bytes < 3 * kept + 1000
    assert all(array is graph.constants[name] for name, array in form.constants.items())


def test_the_trained_form_streams_too(randomize):
    rng = np.random.default_rng(3)
    problem = Problem(input_shape=(31, FEATURES), outputs=3)
    options = {"width": 8, "blocks": 2, "kernels": (3,), "dropout": 0.2, "padding": "valid"}
    graph = randomize(build("tcnet", options, problem=problem, rng=rng), rng)
    x = sound(graph, 41)
    assert_equal(streamed(graph, x)[-1], whole(graph, x[:, 10:]), exact=False)


def test_states_begin_as_padding(randomize):
    graph = network(randomize, frames=30, form="int8", padding="causal")
    form = streaming_form(graph)
    for state in form.states:
        zero = form.quantization[state.name].zero_point
        rest = at_rest(form, 2)[state.name]
        assert rest.dtype == np.int8
        assert rest.shape == (2, *state.shape)
        assert (rest == zero).all()
    assert not any(at_rest(streaming_form(fold(graph_of_floats())), 1)["conv0.state"].ravel())


def graph_of_floats() -> Graph:
    problem = Problem(input_shape=(30, FEATURES), outputs=2)
    options = {"width": 4, "blocks": 1, "padding": "causal"}
    return build("tcnet", options, problem=problem, rng=np.random.default_rng(0))


def test_a_network_that_pads_behind_is_refused(randomize):
    graph = network(randomize, frames=30, form="int8")
    with pytest.raises(RecipeError, match=r'looks ahead in time.*padding = "valid" or "causal"'):
        streaming_form(graph)


@pytest.mark.parametrize(
    ("frames", "options", "said"),
    [
        (29, {"first_stride": 2, "strides": (2,), "padding": "causal"}, "start in the padding"),
        (30, {"first_stride": 2, "first_kernel": 5, "padding": "valid"}, "end with their input"),
        (30, {"first_stride": 3, "first_kernel": 2, "padding": "causal"}, "no shorter than"),
    ],
)
def test_windows_that_do_not_meet_the_steps_are_refused(randomize, frames, options, said):
    options = {"width": 4, "blocks": 1, "kernels": (3,), **options}
    with pytest.raises(RecipeError, match=said):
        streaming_form(network(randomize, frames=frames, form="float32", **options))


def test_what_has_no_streaming_form(rng):
    net = Builder((10, 1, 4), rng=rng)
    net.conv(3, (3, 1), padding="causal")
    net.dense(2)
    with pytest.raises(RecipeError, match="dense0: Dense has no streaming form here"):
        streaming_form(net.build())
    net = Builder((10, 1, 4), rng=rng)
    net.conv(3, (3, 1), padding="causal")
    net.average_pool((2, 1))
    with pytest.raises(RecipeError, match="only an average over the whole window"):
        streaming_form(net.build())
    net = Builder((10, 1, 4), rng=rng)
    net.conv(3, (3, 1), padding="causal")
    with pytest.raises(RecipeError, match="the output has a time axis"):
        streaming_form(net.build())
    net = Builder((10, 4), rng=rng)
    net.lstm(3)
    net.last_step()
    with pytest.raises(RecipeError, match="LSTM has no streaming form here"):
        streaming_form(net.build())
    net = Builder((10, 3, 4), rng=rng)
    net.conv(3, (3, 3), padding="causal")
    net.global_average_pool()
    with pytest.raises(RecipeError, match="pad in time only"):
        streaming_form(net.build())


def test_states_are_checked():
    graph = graph_of_floats()
    with pytest.raises(RecipeError, match="which no operation produces"):
        replace(graph, states=(State(name="s", shape=(1,), after="nothing"),))
    wrong = replace(graph, states=(State(name="s", shape=(1,), after=graph.output),))
    with pytest.raises(RecipeError, match=r"s: \(1,\) becomes \(2,\)"):
        _ = wrong.shapes
