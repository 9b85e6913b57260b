"""Operators that only other programs write: every integer is LiteRT's, whatever shape and scale."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_models import ModelMaker, Operators, Types

from motefit.graph.execute import int8
from motefit.graph.graph import INPUT
from motefit.graph.scales import dequantize_array
from motefit.measure.parity import measure_parity
from motefit.spec.errors import ModelFileError
from motefit.tflite.importer.read import read_graph
from motefit.tflite.model import ModelFile

SCALES = st.floats(2.0**-9, 2.0)
ZEROS = st.integers(-128, 127)
SIZES = st.integers(1, 6)
KINDS = ("MAX_POOL_2D", "LEAKY_RELU", "LOGISTIC")


def quantized(make, shape, kind, scale, zero):
    index = make.tensor(shape, kind, scale=scale)
    make.model.subgraphs[-1].tensors[index].quantization.zeroPoint = [zero]
    return index


@st.composite
def models(draw, kind, *, whole, unsigned=False):
    """A file with one operator of a kind, between QUANTIZE operators if its edges are uint8."""
    make, height, width = ModelMaker(), draw(SIZES), draw(SIZES)
    shape = out = [1, height, width, draw(st.integers(1, 19))]
    source = to = draw(SCALES), draw(ZEROS)
    options = None
    if kind == "MAX_POOL_2D":
        options = official.Pool2DOptionsT()
        window = draw(st.integers(1, height)), draw(st.integers(1, width))
        step = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        options.filterHeight, options.filterWidth = window
        options.strideH, options.strideW = step
        options.padding = draw(st.integers(0, 1))
        options.fusedActivationFunction = draw(st.sampled_from([0, 1, 3]))
        reach = window if options.padding else (1, 1)
        sizes = [-(-(n - k + 1) // s) for n, k, s in zip((height, width), reach, step, strict=True)]
        out = [1, *sizes, shape[3]]
    elif kind == "LEAKY_RELU":
        options, to = official.LeakyReluOptionsT(), (draw(SCALES), draw(ZEROS))
        options.alpha = draw(st.floats(0, 2))
    else:
        to = 1 / 256, -128
    if not whole:
        ends = [make.tensor(shape), make.tensor(out)]
    else:
        ends = [quantized(make, shape, Types.INT8, *source), quantized(make, out, Types.INT8, *to)]
    edges = list(ends)
    if unsigned:
        edges[0] = quantized(make, shape, Types.UINT8, source[0], source[1] + 128)
        make.operator(Operators.QUANTIZE, edges[:1], ends[:1])
    make.operator(getattr(Operators, kind), ends[:1], ends[1:], options)
    if unsigned:
        edges[1] = quantized(make, out, Types.UINT8, to[0], to[1] + 128)
        make.operator(Operators.QUANTIZE, ends[1:], edges[1:])
    return make.finish(edges[:1], edges[1:]), source[0] if whole else 0.05, np.prod(shape)


def compared(case, seed):
    model, scale, size = case
    batch = np.random.default_rng(seed).normal(0, 60 * scale, (4, size))
    return measure_parity(ModelFile(data=model), batch)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), unsigned=st.booleans(), seed=st.integers(0, 9))
def test_every_integer_is_that_of_litert(kind, data, unsigned, seed):
    found = compared(data.draw(models(kind, whole=True, unsigned=unsigned)), seed)
    (layer,) = found.layers
    assert layer.exact
    assert layer.numbers == 4 * np.prod(layer.shape)
    assert (layer.differing, found.first) == (0, None)
    assert layer.operator == ("QUANTIZE" if unsigned else kind)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), seed=st.integers(0, 9))
def test_floats_agree_to_the_tolerance(kind, data, seed):
    found = compared(data.draw(models(kind, whole=False)), seed)
    (layer,) = found.layers
    assert not layer.exact
    assert layer.differing == 0


def with_scale(make, index, scale, zero):
    parameters = official.QuantizationParametersT()
    parameters.scale, parameters.zeroPoint = [scale], [zero]
    make.model.subgraphs[0].tensors[index].quantization = parameters
    return index


def made(kind, **settings):
    """Makes the options of an operator."""

    def make():
        options = kind()
        vars(options).update(settings)
        return options

    return make


DILATION = {"dilationHFactor": 1, "dilationWFactor": 1}
BYTES = st.integers(0, 255)
LAYERS = {
    "FULLY_CONNECTED": official.FullyConnectedOptionsT,
    "CONV_2D": made(official.Conv2DOptionsT, **DILATION),
    "DEPTHWISE_CONV_2D": made(official.DepthwiseConv2DOptionsT, depthMultiplier=1, **DILATION),
    "AVERAGE_POOL_2D": official.Pool2DOptionsT,
    "MAX_POOL_2D": official.Pool2DOptionsT,
    "SOFTMAX": made(official.SoftmaxOptionsT, beta=1.0),
    "LOGISTIC": lambda: None,
    "ADD": official.AddOptionsT,
}


def weighted(draw, make, kind, window, channels, scale):
    """Indices of a weight with a zero point and of a bias, and the number of outputs."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    outputs = channels if kind == "DEPTHWISE_CONV_2D" else draw(st.integers(1, 19))
    sizes = {
        "FULLY_CONNECTED": (outputs, channels),
        "CONV_2D": (outputs, *window, channels),
        "DEPTHWISE_CONV_2D": (1, *window, channels),
    }
    weight = rng.integers(0, 256, sizes[kind]).astype(np.uint8)
    index, by = make.tensor(weight.shape, Types.UINT8, data=weight), draw(SCALES) / 64
    bias = make.constant(rng.integers(-2000, 2000, outputs, np.int32))
    return [
        with_scale(make, index, by, draw(BYTES)),
        with_scale(make, bias, scale * by, 0),
    ], outputs


@st.composite
def unsigned_layers(draw, kind):
    """A file of one layer in uint8, as converters wrote them before int8: weights have zeros."""
    make, channels, options = ModelMaker(), draw(st.integers(1, 19)), LAYERS[kind]()
    scale, zero, image = draw(SCALES), draw(BYTES), kind.endswith("2D")
    window, to = (3, draw(st.integers(1, 3))), [1]
    shape = [1, *(draw(st.integers(3, 8)) for _ in range(2 * image)), channels]
    source = with_scale(make, make.tensor(shape, Types.UINT8), scale, zero)
    inputs, after = [source], (draw(SCALES) * 4, draw(BYTES))
    if image:
        step = options.strideH = options.strideW = draw(st.integers(1, 2))
        options.padding = draw(st.integers(0, 1))
        reach = window if options.padding else (1, 1)
        to += [-(-(n - k + 1) // step) for n, k in zip(shape[1:3], reach, strict=True)]
    if "POOL" in kind:
        (options.filterHeight, options.filterWidth), after = window, (scale, zero)
    elif image or kind == "FULLY_CONNECTED":
        more, channels = weighted(draw, make, kind, window, channels, scale)
        inputs += more
    elif kind == "ADD":
        inputs *= 2
    else:
        after = 1 / 256, 0
    if kind not in {"AVERAGE_POOL_2D", "SOFTMAX", "LOGISTIC"}:
        options.fusedActivationFunction = draw(st.sampled_from([0, 1, 3]))
    out = with_scale(make, make.tensor([*to, channels], Types.UINT8), *after)
    make.operator(getattr(Operators, kind), inputs, [out], options)
    return make.finish([source], [out]), scale, np.prod(shape)


@pytest.mark.parametrize("kind", LAYERS)
@settings(max_examples=10)
@given(data=st.data(), seed=st.integers(0, 9))
def test_a_layer_in_uint8_has_the_integers_of_litert(kind, data, seed):
    found = compared(data.draw(unsigned_layers(kind)), seed)
    (layer,) = found.layers
    assert (layer.operator, layer.exact, layer.differing) == (kind, True, 0)
    assert layer.numbers == 4 * np.prod(layer.shape)


@st.composite
def unsigned_sums(draw):
    """A file that adds its input in uint8 and a part of it: of another scale, a mean, or both."""
    make, scale, zero = ModelMaker(), draw(SCALES), draw(BYTES)
    shape = [1, *(draw(st.integers(1, 9)) for _ in range(2)), draw(st.integers(1, 19))]
    source = part = with_scale(make, make.tensor(shape, Types.UINT8), scale, zero)
    edge = scale, zero
    if draw(st.booleans()):
        edge = 1 / 256, 0
        out = with_scale(make, make.tensor(shape, Types.UINT8), *edge)
        make.operator(Operators.LOGISTIC, [part], [out])
        part = out
    if draw(st.booleans()):
        window = shape[1], draw(st.sampled_from([1, shape[2]]))
        to = [1, 1, shape[2] // window[1], shape[3]]
        out = with_scale(make, make.tensor(to, Types.UINT8), *edge)
        options = LAYERS["AVERAGE_POOL_2D"]()
        options.filterHeight, options.filterWidth, options.padding = *window, 1
        options.strideH = options.strideW = 1
        make.operator(Operators.AVERAGE_POOL_2D, [part], [out], options)
        part = out
    out = with_scale(make, make.tensor(shape, Types.UINT8), draw(SCALES) * 4, draw(BYTES))
    options = official.AddOptionsT()
    options.fusedActivationFunction = draw(st.sampled_from([0, 1, 3]))
    make.operator(Operators.ADD, draw(st.permutations([source, part])), [out], options)
    return make.finish([source], [out]), scale, np.prod(shape)


@given(case=unsigned_sums(), seed=st.integers(0, 9))
def test_a_sum_in_uint8_has_the_integers_of_litert(case, seed):
    layers = {layer.operator: layer.differing for layer in compared(case, seed).layers}
    assert layers["ADD"] == 0, layers


def test_a_network_in_uint8_is_read_for_its_parity_only():
    make = ModelMaker()
    source = with_scale(make, make.tensor([1, 3], Types.UINT8), 0.5, 128)
    out = with_scale(make, make.tensor([1, 3], Types.UINT8), 0.5, 128)
    make.operator(Operators.LEAKY_RELU, [source], [out], official.LeakyReluOptionsT())
    data = make.finish([source], [out])
    with pytest.raises(ModelFileError, match="input is uint8"):
        read_graph(data)
    with pytest.raises(ModelFileError, match="does not read in uint8: LEAKY_RELU"):
        measure_parity(ModelFile(data=data), np.zeros((1, 3)))


@st.composite
def memories(draw, *, whole):
    """A file with one SVDF; its weights, scales and zero points are random."""
    make, units, rank = ModelMaker(), draw(SIZES), draw(st.integers(1, 3))
    size, length, filters = draw(st.integers(1, 9)), draw(SIZES), units * rank
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    scale = draw(SCALES)
    options = official.SVDFOptionsT()
    options.rank = rank
    options.fusedActivationFunction = 1 if whole else draw(st.sampled_from([0, 1, 3]))
    if whole:
        source = quantized(make, [1, size], Types.INT8, scale, draw(ZEROS))
        weight = make.constant(rng.integers(-127, 128, (filters, size), np.int8))
        most = draw(st.sampled_from([100, 32767]))
        time = make.constant(rng.integers(-most, most + 1, (filters, length), np.int16))
        bias = make.constant(rng.integers(-(10**6), 10**6, units, np.int32))
        scales = {weight: draw(SCALES), time: draw(SCALES) / 4096}
        out = quantized(make, [1, units], Types.INT8, draw(SCALES) * 8, draw(ZEROS))
        kind = Types.INT16
        state = make.tensor([1, filters * length], kind, scale=draw(SCALES) / 16, variable=True)
        for index, each in scales.items():
            parameters = official.QuantizationParametersT()
            parameters.scale, parameters.zeroPoint = [each], [0]
            make.model.subgraphs[0].tensors[index].quantization = parameters
    else:
        source, out = make.tensor([1, size]), make.tensor([1, units])
        weight, time, bias = (
            make.constant(rng.normal(size=shape).astype(np.float32))
            for shape in ((filters, size), (filters, length), (units,))
        )
        state = make.tensor([1, filters * length], variable=True)
    inputs = [source, weight, time, draw(st.sampled_from([bias, -1])), state]
    make.operator(Operators.SVDF, inputs, [out], options)
    return make.finish([source], [out]), scale if whole else 0.05, size


@given(data=st.data(), seed=st.integers(0, 9))
def test_a_memory_is_that_of_litert_at_every_step(data, seed):
    model, scale, size = data.draw(memories(whole=True))
    batch = np.random.default_rng(seed).normal(0, 60 * scale, (12, size))
    found = measure_parity(ModelFile(data=model), batch)
    (layer,) = found.layers
    assert (layer.operator, layer.exact, layer.differing) == ("SVDF", True, 0)
    assert layer.numbers == 12 * np.prod(layer.shape)


@given(data=st.data(), seed=st.integers(0, 9))
def test_a_memory_of_floats_agrees_to_the_tolerance(data, seed):
    model, scale, size = data.draw(memories(whole=False))
    batch = np.random.default_rng(seed).normal(0, 60 * scale, (12, size))
    (layer,) = measure_parity(ModelFile(data=model), batch).layers
    assert not layer.exact
    assert layer.differing == 0


def svdf(change) -> bytes:
    """An int8 SVDF of two filters for one unit after a change of its operator and tensors."""
    make = ModelMaker()
    source = quantized(make, [1, 3], Types.INT8, 0.5, 0)
    weight, time = make.constant(np.ones((2, 3), np.int8)), make.constant(np.ones((2, 4), np.int16))
    out = quantized(make, [1, 1], Types.INT8, 0.5, 0)
    state = make.tensor([1, 8], Types.INT16, scale=0.25, variable=True)
    tensors = make.model.subgraphs[0].tensors
    for index in (weight, time):
        tensors[index].quantization = official.QuantizationParametersT()
        tensors[index].quantization.scale, tensors[index].quantization.zeroPoint = [0.5], [0]
    options = official.SVDFOptionsT()
    options.rank, options.fusedActivationFunction = 2, 1
    make.operator(Operators.SVDF, [source, weight, time, -1, state], [out], options)
    change(tensors, options)
    return make.finish([source], [out])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _, options: setattr(options, "rank", 3), "of rank 3 do not fit"),
        (lambda _, options: setattr(options, "rank", 0), "of rank 0 do not fit"),
        (lambda _, options: setattr(options, "fusedActivationFunction", 0), "with a RELU only"),
        (lambda tensors, _: setattr(tensors[4], "type", Types.INT8), "its memory is int8"),
        (lambda tensors, _: setattr(tensors[4], "isVariable", False), "its memory is int16"),
        (
            lambda tensors, _: setattr(tensors[4], "quantization", None),
            "its memory needs one scale",
        ),
        (lambda tensors, _: setattr(tensors[1].quantization, "zeroPoint", [1]), "0 as its zero"),
        (lambda tensors, _: setattr(tensors[2], "quantization", None), "weight 2 needs one scale"),
    ],
)
def test_a_memory_of_another_form_is_refused(change, said):
    assert read_graph(svdf(lambda *_: None)).output_shape == (1,)
    with pytest.raises(ModelFileError, match=said):
        read_graph(svdf(change))


def test_a_memory_is_one_sequence_in_both_executors():
    """It is not split into chunks of examples, as others are."""
    graph = read_graph(svdf(lambda *_: None))
    steps = np.random.default_rng(0).integers(-20, 20, (150, 3), np.int8)
    whole = int8.run_all(graph, steps)[graph.output]
    np.testing.assert_array_equal(int8.run(graph, steps), whole)
    assert len(np.unique(whole)) > 20
    real = dequantize_array(steps, graph.quantization[INPUT])
    window = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([np.zeros((3, 3)), real]), 4, axis=0
    )
    wanted = 2 * window.sum(axis=(1, 2))[:, None] * 0.25  # ones times both weights' scales
    found = dequantize_array(whole, graph.quantization[graph.output])
    assert np.abs(found - wanted).max() <= 0.5


def test_a_graph_that_is_written_again_has_no_uint8():
    make = ModelMaker()
    source = quantized(make, [1, 3], Types.UINT8, 0.5, 128)
    out = quantized(make, [1, 3], Types.INT8, 0.5, 0)
    make.operator(Operators.QUANTIZE, [source], [out])
    with pytest.raises(ModelFileError, match="input is uint8"):
        read_graph(make.finish([source], [out]))
