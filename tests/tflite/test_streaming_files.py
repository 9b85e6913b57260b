"""Files of streaming networks: PAD and SLICE where time is padded or cropped, states as edges."""

import math

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from motefit.exporting.streaming import streaming_file
from motefit.graph.execute import float32, int8
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import INPUT, Graph
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import quantize_weights
from motefit.graph.streaming_form import at_rest, streaming_form
from motefit.spec.errors import ModelFileError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.importer.read import read_graph
from motefit.tflite.inspect import inspect
from motefit.tflite.micro import arena_bytes
from motefit.tflite.model import ModelFile
from motefit.tflite.validate import validate
from motefit.tflite.write.write import write

FRAMES, FEATURES = 49, 8
FORMS = ("float32", "weights", "int8", "int8-float-edges")
PADDINGS = ("valid", "causal")
FLOAT_TOLERANCE = 1e-5
XNNPACK_STEPS = 4
"""Steps of int8: one rounding where builtin kernels have two, over these many layers."""


def network(padding: str, form: str) -> Graph:
    rng = np.random.default_rng(5)
    problem = Problem(input_shape=(FRAMES, FEATURES), outputs=3)
    options = {"width": 16, "blocks": 3, "kernels": (5,), "padding": padding}
    graph = fold(build("tcnet", options, problem=problem, rng=rng))
    examples = rng.normal(size=(32, *graph.input_shape)).astype(np.float32)
    if form == "float32":
        return graph
    if form == "weights":
        return quantize_weights(graph, min_size=1)
    io = "float32" if form == "int8-float-edges" else "int8"
    return quantize(graph, calibrate(graph, examples), io=io)


def sound(graph: Graph, frames: int) -> np.ndarray:
    x = np.random.default_rng(6).normal(size=(1, frames, 1, FEATURES)).astype(np.float32)
    known = graph.quantization.get(INPUT)
    return x if known is None else int8.quantize_array(x, known)


def litert(model: bytes, runtime: str) -> Interpreter:
    kind = OpResolverType.AUTO
    if runtime == "builtin":
        kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(
        model_content=model, num_threads=1, experimental_op_resolver_type=kind
    )
    interpreter.allocate_tensors()
    return interpreter


def run_steps(graph: Graph, x: np.ndarray, runtime: str) -> list[np.ndarray]:
    """Compute the output of the streaming form's file after each step."""
    form = streaming_form(graph)
    model = litert(write(form), runtime)
    inputs = [edge["index"] for edge in model.get_input_details()]
    outputs = [edge["index"] for edge in model.get_output_details()]
    assert len(inputs) == len(outputs) == 1 + len(form.states)
    states, found = list(at_rest(form, 1).values()), []
    for first in range(0, x.shape[1] - 1, 2):
        for index, value in zip(inputs, [x[:, first : first + 2], *states], strict=True):
            model.set_tensor(index, value)
        model.invoke()
        output, *states = (model.get_tensor(index) for index in outputs)
        found.append(output)
    return found


def run_whole(graph: Graph, x: np.ndarray, runtime: str) -> np.ndarray:
    model = litert(write(graph), runtime)
    model.set_tensor(model.get_input_details()[0]["index"], x)
    model.invoke()
    return model.get_tensor(model.get_output_details()[0]["index"])


def assert_close(got: np.ndarray, expected: np.ndarray, *, steps: int = 0) -> None:
    if got.dtype == np.int8:
        assert np.abs(got.astype(int) - expected).max() <= steps
    else:
        scale = max(float(np.abs(expected).max()), 1.0)
        np.testing.assert_allclose(got, expected, rtol=0, atol=FLOAT_TOLERANCE * scale)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("runtime", ["builtin", "xnnpack"])
def test_a_streaming_network_also_takes_clips(padding, form, runtime):
    graph = network(padding, form)
    x = sound(graph, FRAMES)
    got = run_whole(graph, x, runtime)
    run = int8.run if form.startswith("int8") else float32.run
    if form == "int8-float-edges":  # in steps of the integers inside
        step = graph.quantization[graph.ops[-1].inputs[0]].scale[0]
        assert np.abs(got - run(graph, x)).max() / step < 0.01 + XNNPACK_STEPS * (
            runtime == "xnnpack"
        )
    else:
        assert_close(got, run(graph, x), steps=XNNPACK_STEPS * (runtime == "xnnpack"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("runtime", ["builtin", "xnnpack"])
def test_steps_of_a_file_equal_the_file_of_the_window(form, runtime):
    """Covers every window of a network that does not pad; integers bit for bit."""
    graph = network("valid", form)
    x = sound(graph, 3 * FRAMES)
    lead = np.roll(x, 1, axis=1)  # frames before the first window do not matter
    found = run_steps(graph, lead, runtime)
    assert len(found) == 73
    for number, got in enumerate(found):
        first = 2 * number + 2 - 1 - FRAMES
        if first >= 0:
            assert_close(got, run_whole(graph, x[:, first : first + FRAMES], runtime))


@pytest.mark.parametrize("form", ["float32", "int8"])
@pytest.mark.parametrize("runtime", ["builtin", "xnnpack"])
def test_after_a_reset_a_causal_file_gives_its_output_for_a_clip(form, runtime):
    graph = network("causal", form)
    x = sound(graph, FRAMES)
    zero = 0 if form == "float32" else graph.quantization[INPUT].zero_point
    lead = np.full((1, 1, 1, FEATURES), zero, x.dtype)
    last = run_steps(graph, np.concatenate((lead, x), axis=1), runtime)[-1]
    assert_close(last, run_whole(graph, x, runtime))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("form", FORMS)
def test_clip_files_round_trip(padding, form):
    data = write(network(padding, form))
    validate(data)
    graph = read_graph(data)
    assert write(graph) == data
    found = {op.padding for op in graph.ops if hasattr(op, "padding")}
    assert padding in found
    streaming_form(graph)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("form", ["float32", "int8"])
def test_the_streaming_file_is_small_and_equally_delegated_to_xnnpack(padding, form, operators):
    """XNNPACK takes over moving states; it takes over an int8 average in neither form."""
    graph = network(padding, form)
    model = write(streaming_form(graph))
    validate(model)
    assert len(model) < len(write(graph)) + 150 * len(streaming_form(graph).states)
    assert operators(model).count("DELEGATE") == operators(write(graph)).count("DELEGATE")
    assert inspect(model).macs < inspect(write(graph)).macs / 10


def test_it_runs_on_a_microcontroller():
    pytest.importorskip("tflite_micro")
    graph = network("valid", "int8")
    plain, streaming = (
        arena_bytes(ModelFile(data=write(graph))),
        arena_bytes(ModelFile(data=write(streaming_form(graph)))),
    )
    assert plain is not None
    assert streaming is not None
    assert streaming < plain + 8000


IO = SpeechIO(
    labels=("a", "b", "c"),
    frontend=FrontEnd(coefficients=FEATURES, mel_bins=20),
    normalization=Normalization(mean=(0.0,), std=(1.0,)),
)


def test_the_card_says_that_it_streams():
    assert IO.input_shape == (FRAMES, FEATURES)
    plain = write(network("valid", "int8"))
    model, io = streaming_file(plain, IO)
    assert io.input == "stream"
    assert (io.labels, io.frontend, io.input_shape) == (IO.labels, IO.frontend, IO.input_shape)
    assert model == write(streaming_form(network("valid", "int8")))
    with pytest.raises(ModelFileError, match="this one takes stream"):
        streaming_file(model, io)
    with pytest.raises(ModelFileError, match="exactly one input, this one has"):
        read_graph(model)
    assert math.prod(inspect(model).inputs[0].shape) == 2 * FEATURES
