import copy

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from hypothesis import given
from hypothesis import strategies as st
from model_edits import packed, rewritten, unpacked

from motefit.graph.families import FAMILIES
from motefit.graph.mac_rules import CALLS, FREE, RULES, UNCOUNTED
from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer.reader import operators
from motefit.tflite.inspect import Inspection, inspect
from motefit.tflite.write.write import write

FORMS = ("float32", "weights", "int8", "int8-float-edges")


def conventional(data: bytes) -> bytes:
    """Add names, signature and metadata to a model, as converters write them."""
    model = unpacked(data)
    model.description = "made elsewhere"
    for i, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = f"StatefulPartitionedCall/tensor_{i}"
        tensor.shapeSignature = tensor.shape
    model.buffers.append(official.BufferT())
    model.buffers[-1].data = np.frombuffer(b"1.14.0\0\0", np.uint8)
    entry = official.MetadataT()
    entry.name, entry.buffer = "min_runtime_version", len(model.buffers) - 1
    model.metadata = [entry]
    signature, pair = official.SignatureDefT(), official.TensorMapT()
    pair.name, pair.tensorIndex = "x", 0
    signature.inputs, signature.outputs, signature.signatureKey = [pair], [pair], "serving"
    model.signatureDefs = [signature]
    return packed(model)


@pytest.mark.parametrize("family", FAMILIES.names())
@pytest.mark.parametrize("form", FORMS)
def test_every_byte_is_accounted_for(case, family, form):
    graph = case(family, form).graph
    data = write(graph)
    found = inspect(data)
    assert found.size_bytes == sum(found.bytes_by_part.values()) == len(data)
    assert found.bytes_by_part["names"] == found.bytes_by_part["metadata"] == 0
    constants = sum(array.nbytes for array in graph.constants.values())
    lengths = 4 * len([t for t in found.tensors if t.constant])
    assert constants <= found.bytes_by_part["constants"] <= constants + lengths + 4
    of_operations = sum(op.constant_bytes for op in found.ops)
    assert of_operations <= found.bytes_by_part["constants"] <= of_operations + lengths + 4
    assert found.inputs[0].shape == (1, *graph.input_shape)
    assert found.outputs[0].shape == (1, *graph.output_shape)
    assert found.bytes_by_part["padding"] < 0.08 * len(data)


def test_a_foreign_file(case):
    ours = write(case("dscnn", "int8").graph)
    theirs = conventional(ours)
    a, b = inspect(ours), inspect(theirs)
    assert b.description == "made elsewhere"
    assert b.metadata == ("min_runtime_version",)
    assert b.signatures == ("serving",)
    assert (a.ops, a.macs, a.parameters) == (b.ops, b.macs, b.parameters)
    assert b.bytes_by_part["names"] > 40 * len(b.tensors)
    assert b.bytes_by_part["metadata"] > 8
    assert sum(b.bytes_by_part.values()) == len(theirs)
    assert b.tensors[3].name == "StatefulPartitionedCall/tensor_3"


def test_details(case):
    graph = case("mlp", "int8").graph
    found = inspect(write(graph))
    assert [(op.name, op.version, op.shape) for op in found.ops] == [
        ("FULLY_CONNECTED", 4, (1, 4)),
        ("FULLY_CONNECTED", 4, (1, 12)),
    ]
    source = found.inputs[0]
    expected = graph.quantization["input"]
    assert source.dtype == "int8"
    assert source.scale == (pytest.approx(expected.scale[0]),)
    assert source.zero_point == (expected.zero_point,)
    weight = found.tensors[found.ops[0].inputs[1]]
    assert (weight.dtype, weight.shape, len(weight.scale)) == ("int8", (4, 12), 4)
    assert weight.constant
    assert not source.constant


def single(code, shapes, made, options=None, **tables) -> bytes:
    """Build a file with one operator on float32 inputs of some shapes."""
    model, graph, op = official.ModelT(), official.SubGraphT(), official.OperatorT()
    model.version, model.buffers = 3, [official.BufferT()]
    graph.tensors = []
    for shape in [*shapes, made]:
        tensor = official.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), official.TensorType.FLOAT32, 0
        graph.tensors.append(tensor)
    operator_code = official.OperatorCodeT()
    operator_code.builtinCode = code
    operator_code.deprecatedBuiltinCode = min(code, 127)
    op.inputs, op.outputs = list(range(len(shapes))), [len(shapes)]
    op.opcodeIndex = 0
    if options is not None:
        kind = type(options).__name__.removesuffix("T")
        op.builtinOptionsType = getattr(official.BuiltinOptions, kind)
        op.builtinOptions = options
    for name, value in tables.items():
        setattr(op, name, value)
    graph.operators, graph.inputs, graph.outputs = [op], op.inputs, op.outputs
    model.operatorCodes, model.subgraphs = [operator_code], [graph]
    return packed(model)


def adjoint():
    options = official.BatchMatMulOptionsT()
    options.adjX = True
    return options


CODE = official.BuiltinOperator
COUNTED = {
    "batch-matmul": (CODE.BATCH_MATMUL, [(4, 2, 7), (4, 7, 3)], (4, 2, 3), None, 4 * 2 * 7 * 3),
    "adjoint": (CODE.BATCH_MATMUL, [(7, 2), (7, 3)], (2, 3), adjoint(), 2 * 7 * 3),
    "svdf": (
        CODE.SVDF,
        [(2, 5), (8, 5), (8, 10), (8,), (2, 80)],
        (2, 8),
        None,
        2 * (8 * 5 + 8 * 10),
    ),
    "transposed": (
        CODE.TRANSPOSE_CONV,
        [(4,), (3, 2, 2, 5), (1, 4, 4, 5)],
        (1, 8, 8, 3),
        None,
        4 * 4 * 5 * 2 * 2 * 3,  # every number of the input, with every weight of its channel
    ),
    "rnn": (CODE.RNN, [(2, 5), (8, 5), (8, 8), (8,), (2, 8)], (2, 8), None, 2 * (8 * 5 + 8 * 8)),
    "volume": (
        CODE.CONV_3D,
        [(1, 4, 4, 4, 2), (2, 2, 2, 2, 3)],
        (1, 3, 3, 3, 3),
        None,
        27 * 3 * 8 * 2,
    ),
    "mean": (CODE.MEAN, [(1, 4, 4, 3), (2,)], (1, 3), None, 48),
    "tanh": (CODE.TANH, [(1, 4)], (1, 4), None, 0),
}


@pytest.mark.parametrize("name", COUNTED)
def test_multiply_accumulates_of_operators_that_motefit_does_not_write(name):
    code, shapes, made, options, expected = COUNTED[name]
    found = inspect(single(code, shapes, made, options))
    assert (found.macs, found.ops[0].macs, found.not_counted) == (expected, expected, ())


@pytest.mark.parametrize("code", [CODE.WHILE, CODE.STABLEHLO_DOT_GENERAL, CODE.SVDF])
def test_an_operator_with_unknown_multiply_accumulates_is_named(code):
    """One is an SVDF whose weights are no matrices."""
    found = inspect(single(code, [(4,)] * 5, (1, 4)))
    names = {value: name for name, value in vars(CODE).items()}
    assert (found.macs, found.ops[0].macs, found.not_counted) == (0, None, (names[code],))


def test_an_operator_without_its_required_inputs_is_refused():
    with pytest.raises(ModelFileError, match="SVDF needs 5 inputs, has 1"):
        inspect(single(CODE.SVDF, [(1, 4)], (1, 4)))


def test_the_body_of_a_composite_counts_where_it_is_called():
    body = unpacked(single(CODE.FULLY_CONNECTED, [(1, 6), (4, 6)], (1, 4)))
    options = official.StableHLOCompositeOptionsT()
    options.name, options.decompositionSubgraphIndex = "dense", 1

    def call(model):
        model.subgraphs += body.subgraphs
        model.operatorCodes += body.operatorCodes
        model.subgraphs[1].operators[0].opcodeIndex = 1
        model.subgraphs[0].operators *= 2

    for target, expected in ((1, 2 * 24), (0, 0), (9, 0)):  # itself, and one that is not there
        options.decompositionSubgraphIndex = target
        data = single(
            CODE.STABLEHLO_COMPOSITE,
            [(1, 6), (4, 6)],
            (1, 4),
            builtinOptions2Type=official.BuiltinOptions2.StableHLOCompositeOptions,
            builtinOptions2=options,
        )
        found = inspect(rewritten(data, call))
        assert (found.macs, found.subgraphs) == (expected, 2)
        assert found.not_counted == (() if expected else ("STABLEHLO_COMPOSITE",))


def test_every_operator_of_the_schema_is_counted_free_or_named():
    known = [*RULES, *FREE, *CALLS, *UNCOUNTED]
    assert len(set(known)) == len(known)
    assert set(known) == set(operators())


def test_a_shared_buffer_counts_once(case):
    data = write(case("mlp", "float32").graph)

    def share(model):
        tensors, op = model.subgraphs[0].tensors, model.subgraphs[0].operators[0]
        tensors.append(copy.copy(tensors[op.inputs[1]]))

    before, after = inspect(data), inspect(rewritten(data, share))
    assert after.parameters == before.parameters
    assert [op.constant_bytes for op in after.ops] == [op.constant_bytes for op in before.ops]


def test_bytes_after_the_model_are_named(case):
    data = write(case("mlp", "float32").graph)
    found, before = inspect(data + b"PK" * 50), inspect(data)
    assert found.bytes_by_part["appended"] == 100
    assert {**found.bytes_by_part, "appended": 0} == before.bytes_by_part


def test_sparsity(case):
    graph = case("linear", "float32").graph
    weight = graph.constants["dense0.weight"].copy()
    weight[:, :6] = 0
    found = inspect(write(graph.with_constants({"dense0.weight": weight})))
    assert found.zero_parameters == weight.size // 2
    assert found.sparsity == pytest.approx(72 / 156)


def test_operators_that_motefit_does_not_write_have_their_names(case):
    data = write(case("mlp", "float32").graph)
    model = unpacked(data)
    model.operatorCodes[0].deprecatedBuiltinCode = 126
    model.operatorCodes[0].builtinCode = 126
    assert {op.name for op in inspect(packed(model)).ops} == {"BATCH_MATMUL"}


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0" * 100, b"\xff" * 64, b"PK\x03\x04" * 9])
def test_no_model(data):
    with pytest.raises(ModelFileError, match=r"damaged \.tflite"):
        inspect(data)


@pytest.mark.parametrize("form", ["float32", "int8"])
def test_every_truncation_is_refused_or_harmless(case, form):
    data = write(case("linear", form).graph)
    refused = 0
    for length in range(len(data)):
        try:
            assert inspect(data[:length]).size_bytes == length
        except ModelFileError:
            refused += 1
    assert refused == len(data)


def outcome(data: bytes) -> Inspection | None:
    try:
        found = inspect(data)
    except ModelFileError:
        return None
    assert sum(found.bytes_by_part.values()) == len(data)
    return found


@given(
    st.sampled_from(["linear", "lstm", "dscnn"]),
    st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_changed_bytes_never_crash(case, family, changes):
    data = bytearray(write(case(family, "int8").graph))
    for where, value in changes:
        data[int(where * len(data))] = value
    outcome(bytes(data))


@given(st.binary(max_size=200))
def test_random_bytes_never_crash(tail):
    outcome(b"\x10\0\0\0TFL3" + tail)


@pytest.mark.proof
def test_each_byte_of_the_skeleton_set_to_each_extreme(case):
    data = write(case("linear", "int8").graph)
    for at in range(len(data)):
        for value in (0, 1, 127, 128, 255):
            outcome(data[:at] + bytes([value]) + data[at + 1 :])
