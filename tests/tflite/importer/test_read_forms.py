"""Forms of other converters, one at a time, built with the official bindings."""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph.execute import float32
from motefit.graph.ops import LSTM, Conv2D, Dense, DepthwiseConv2D, LastStep
from motefit.spec.errors import ModelFileError
from motefit.tflite.importer.read import read_graph

TYPES = {"float32": 0, "int32": 2, "int8": 9}


class Foreign:
    """A float model, tensor by tensor and operator by operator; shapes have the batch."""

    def __init__(self) -> None:
        self.graph = official.SubGraphT(tensors=[], operators=[])
        self.model = official.ModelT(
            version=3, operatorCodes=[], subgraphs=[self.graph], buffers=[official.BufferT()]
        )

    def tensor(self, shape: Sequence[int], data: np.ndarray | None = None) -> int:
        tensor = official.TensorT(shape=np.array(shape, np.int32), type=0, buffer=0)
        if data is not None:
            tensor.type, tensor.buffer = TYPES[data.dtype.name], len(self.model.buffers)
            content = np.frombuffer(data.tobytes(), np.uint8)
            self.model.buffers.append(official.BufferT(data=content))
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, data: Any, dtype: type = np.float32) -> int:
        array = np.asarray(data, dtype)
        return self.tensor(array.shape, array)

    def op(
        self, name: str, inputs: Sequence[int], shape: Sequence[int], options: Any = None
    ) -> int:
        code = getattr(official.BuiltinOperator, name)
        self.model.operatorCodes.append(
            official.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code)
        )
        kind = 0
        if options is not None:
            kind = getattr(official.BuiltinOptions, type(options).__name__.removesuffix("T"))
        output = self.tensor(shape)
        self.graph.operators.append(
            official.OperatorT(
                opcodeIndex=len(self.model.operatorCodes) - 1,
                inputs=np.array(inputs, np.int32),
                outputs=np.array([output], np.int32),
                builtinOptionsType=kind,
                builtinOptions=options,
            )
        )
        return output

    def conv(self, source: int, shape: Sequence[int], **options: int) -> int:
        rng = np.random.default_rng(1)
        inputs = [source, self.constant(rng.normal(0, 1, (4, 3, 3, 2)))]
        inputs.append(self.constant(rng.normal(0, 1, 4)))
        settings = {"strideH": 1, "strideW": 1, **options}
        return self.op("CONV_2D", inputs, shape, official.Conv2DOptionsT(**settings))

    def bytes(self, source: int, target: int) -> bytes:
        self.graph.inputs, self.graph.outputs = [source], [target]
        builder = flatbuffers.Builder()
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def check(run_model, data: bytes, shape: Sequence[int]) -> list[type]:
    """Assert that the Graph computes the same as LiteRT; return its kinds of operations."""
    examples = np.random.default_rng(2).normal(0, 1, (5, *shape)).astype(np.float32)
    expected = run_model("builtin", data, examples)
    graph = read_graph(data)
    got = float32.run(graph, examples).reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
    return [type(op) for op in graph.ops]


@pytest.mark.parametrize("rectifier", ["RELU", "RELU6"])
def test_a_separate_rectifier(run_model, rectifier):
    file = Foreign()
    x = file.tensor((1, 6, 5, 2))
    y = file.op(rectifier, [file.conv(x, (1, 6, 5, 4))], (1, 6, 5, 4))
    assert check(run_model, file.bytes(x, y), (6, 5, 2)) == [Conv2D]


@pytest.mark.parametrize("first", ["MUL", "DIV"])
@pytest.mark.parametrize("second", ["ADD", "SUB"])
@pytest.mark.parametrize("channels", [1, 4])
def test_left_over_batch_norms(run_model, first, second, channels):
    file, rng = Foreign(), np.random.default_rng(3)
    x = file.tensor((1, 6, 5, 2))
    shape = (1, 6, 5, 4)
    kinds = {"MUL": official.MulOptionsT, "DIV": official.DivOptionsT}
    more = {"ADD": official.AddOptionsT, "SUB": official.SubOptionsT}
    scaled = file.op(
        first,
        [file.conv(x, shape), file.constant(rng.uniform(0.5, 2, channels))],
        shape,
        kinds[first](),
    )
    inputs = [scaled, file.constant(rng.normal(0, 1, channels))]
    y = file.op(second, inputs, shape, more[second](fusedActivationFunction=1))
    assert check(run_model, file.bytes(x, y), (6, 5, 2)) == [Conv2D]


def test_a_factor_before_the_first_layer(run_model):
    file = Foreign()
    x = file.tensor((1, 6, 5, 2))
    scaled = file.op("MUL", [file.constant([0.5, 3.0]), x], (1, 6, 5, 2), official.MulOptionsT())
    y = file.conv(scaled, (1, 6, 5, 4))
    assert check(run_model, file.bytes(x, y), (6, 5, 2)) == [DepthwiseConv2D, Conv2D]


def test_a_factor_is_not_folded_where_others_read_the_tensor(run_model):
    file = Foreign()
    x = file.tensor((1, 6, 5, 2))
    shape = (1, 6, 5, 4)
    middle = file.conv(x, shape)
    scaled = file.op("MUL", [middle, file.constant([2.0])], shape, official.MulOptionsT())
    y = file.op("ADD", [middle, scaled], shape, official.AddOptionsT())
    kinds = check(run_model, file.bytes(x, y), (6, 5, 2))
    assert kinds[:2] == [Conv2D, DepthwiseConv2D]


@given(data=st.data())
def test_a_pad_before_a_convolution(run_model, data):
    size = data.draw(st.tuples(st.integers(4, 9), st.integers(4, 9)))
    stride = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pads = [(0, 0), *data.draw(st.tuples(*[st.tuples(*[st.integers(0, 2)] * 2)] * 2)), (0, 0)]
    file = Foreign()
    x = file.tensor((1, *size, 2))
    grown = [n + sum(pad) for n, pad in zip(size, pads[1:3], strict=True)]
    table = file.constant(pads, np.int32)
    padded = file.op("PAD", [x, table], (1, *grown, 2), official.PadOptionsT())
    out = [(n - 3) // s + 1 for n, s in zip(grown, stride, strict=True)]
    y = file.conv(padded, (1, *out, 4), padding=1, strideH=stride[0], strideW=stride[1])
    model = file.bytes(x, y)
    try:
        read_graph(model)
    except ModelFileError as error:
        refused = str(error)
    else:
        assert check(run_model, model, (*size, 2)) == [Conv2D]
        return
    # what PyTorch writes for its usual padding can always be read
    assert pads[1:3] != [(1, 1), (1, 1)] or max(stride) > 2
    assert "PAD" in refused


def test_a_depthwise_first_layer_of_several_outputs_per_channel(run_model):
    file, rng = Foreign(), np.random.default_rng(4)
    x = file.tensor((1, 7, 6, 1))
    inputs = [x, file.constant(rng.normal(0, 1, (1, 3, 3, 5))), file.constant(rng.normal(0, 1, 5))]
    options = official.DepthwiseConv2DOptionsT(strideH=2, strideW=1, depthMultiplier=5)
    y = file.op("DEPTHWISE_CONV_2D", inputs, (1, 4, 6, 5), options)
    assert check(run_model, file.bytes(x, y), (7, 6, 1)) == [Conv2D]


@pytest.mark.parametrize(
    ("axes", "kept"), [((1, 2), (1, 4)), ((2,), (1, 6, 4)), ((-3,), (1, 5, 4))]
)
def test_means(run_model, axes, kept):
    file = Foreign()
    x = file.tensor((1, 6, 5, 2))
    inputs = [file.conv(x, (1, 6, 5, 4)), file.constant(axes, np.int32)]
    y = file.op("MEAN", inputs, kept, official.ReducerOptionsT())
    check(run_model, file.bytes(x, y), (6, 5, 2))


def dense(file: Foreign, source: int, units: int, width: int, **options: int) -> int:
    weight = file.constant(np.random.default_rng(5).normal(0, 1, (units, width)))
    kind = official.FullyConnectedOptionsT(**options)
    return file.op("FULLY_CONNECTED", [source, weight, -1], (1, units), kind)


def test_shapes_computed_at_run_time(run_model):
    """Keras' Flatten with an open batch: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    file = Foreign()
    x = file.tensor((1, 3, 4))
    shape = file.tensor((3,))
    file.graph.tensors[shape].type = TYPES["int32"]
    ends = [file.constant([n], np.int32) for n in (0, 1, 1)]
    size = file.op("SHAPE", [x], (3,), official.ShapeOptionsT(outType=2))
    file.graph.tensors[size].type = TYPES["int32"]
    first = file.op(
        "STRIDED_SLICE", [size, *ends], (), official.StridedSliceOptionsT(shrinkAxisMask=1)
    )
    file.graph.tensors[first].type = TYPES["int32"]
    inputs = [first, file.constant(12, np.int32)]
    packed = file.op("PACK", inputs, (2,), official.PackOptionsT(valuesCount=2))
    file.graph.tensors[packed].type = TYPES["int32"]
    flat = file.op("RESHAPE", [x, packed], (1, 12))
    y = dense(file, flat, 3, 12)
    assert check(run_model, file.bytes(x, y), (3, 4)) == [Dense]


REFUSALS = {
    "TANH": lambda f, x: f.op("TANH", [x], (1, 12)),
    "RELU": lambda f, x: f.op("RELU", [x], (1, 12)),
    "fused activation 4": lambda f, x: dense(f, x, 3, 12, fusedActivationFunction=4),
    "does not fit": lambda f, x: dense(f, x, 3, 11),
    "moves numbers": lambda f, x: f.op(
        "TRANSPOSE",
        [f.op("RESHAPE", [x], (1, 3, 4)), f.constant([0, 2, 1], np.int32)],
        (1, 4, 3),
    ),
    "beta": lambda f, x: f.op("SOFTMAX", [x], (1, 12), official.SoftmaxOptionsT(beta=2.0)),
    "turns a shape": lambda f, x: f.op("RESHAPE", [x], (1, 13)),
    "must be float32": lambda f, x: f.op("ADD", [x, f.constant([1], np.int32)], (1, 12)),
    "computes nothing": lambda f, x: f.op("RESHAPE", [x], (1, 3, 4)),
    "subtracts two": lambda f, x: f.op("SUB", [x, x], (1, 12), official.SubOptionsT()),
}


@pytest.mark.parametrize("why", sorted(REFUSALS))
def test_an_unsupported_form_is_explained(why):
    file = Foreign()
    x = file.tensor((1, 12))
    y = REFUSALS[why](file, x)
    with pytest.raises(ModelFileError, match=why):
        read_graph(file.bytes(x, y))


@pytest.mark.parametrize("step", [5, -1, 2])
def test_only_the_last_step_is_gathered(run_model, step):
    file = Foreign()
    x = file.tensor((1, 6, 2))
    last = file.op(
        "GATHER", [x, file.constant(step, np.int32)], (1, 2), official.GatherOptionsT(axis=1)
    )
    model = file.bytes(x, dense(file, last, 3, 2))
    if step == 2:
        with pytest.raises(ModelFileError, match="last step"):
            read_graph(model)
    else:
        examples = np.random.default_rng(2).normal(0, 1, (5, 6, 2)).astype(np.float32)
        weight = np.random.default_rng(5).normal(0, 1, (3, 2)).astype(np.float32)
        got = float32.run(read_graph(model), examples)
        np.testing.assert_allclose(got, examples[:, -1] @ weight.T, atol=1e-6)


def lstm_step(file: Foreign, total: int, cell: int | None, *, order: str) -> tuple[int, int]:
    """Add one step of an LSTM of two units from its sums (1, 8); return hidden and cell state."""
    gates = [file.tensor((1, 2)) for _ in range(4)]
    made = file.op("SPLIT", [file.constant(1, np.int32), total], (1, 2), official.SplitOptionsT(4))
    file.graph.operators[-1].outputs = np.array(gates, np.int32)
    assert made > gates[-1]
    named = dict(zip(order, gates, strict=True))

    def one(name: str, source: int) -> int:
        return file.op(name, [source], (1, 2))

    def two(name: str, a: int, b: int) -> int:
        options = official.MulOptionsT() if name == "MUL" else official.AddOptionsT()
        return file.op(name, [a, b], (1, 2), options)

    state = two("MUL", one("TANH", named["c"]), one("LOGISTIC", named["i"]))
    if cell is not None:
        state = two("ADD", state, two("MUL", one("LOGISTIC", named["f"]), cell))
    return two("MUL", one("TANH", state), one("LOGISTIC", named["o"])), state


@pytest.mark.parametrize("order", ["ifco", "icfo"])
@pytest.mark.parametrize("inner", [False, True])
def test_an_unrolled_lstm(run_model, order, inner):
    file, rng = Foreign(), np.random.default_rng(6)
    x = file.tensor((1, 3, 4))
    steps = [file.tensor((1, 4)) for _ in range(3)]
    file.op("UNPACK", [x], (1, 4), official.UnpackOptionsT(num=3, axis=1))
    file.graph.operators[-1].outputs = np.array(steps, np.int32)
    weight, recurrent = (file.constant(rng.normal(0, 1, (8, n))) for n in (4, 2))
    bias = file.constant(rng.normal(0, 1, 8))
    hidden = cell = None
    for step in steps:
        kind = official.FullyConnectedOptionsT()
        total = file.op("FULLY_CONNECTED", [step, weight, bias], (1, 8), kind)
        if hidden is not None:
            back = file.op("FULLY_CONNECTED", [hidden, recurrent, -1], (1, 8), kind)
            total = file.op("ADD", [back, total], (1, 8), official.AddOptionsT())
        hidden, cell = lstm_step(file, total, cell, order=order)
    y = cell if inner else hidden
    model = file.bytes(x, dense(file, y, 3, 2))
    if order != "ifco" or inner:  # other gates, or the cell state as output: not our LSTM
        with pytest.raises(ModelFileError, match="UNPACK"):
            read_graph(model)
    else:
        assert check(run_model, model, (3, 4)) == [LSTM, LastStep, Dense]
