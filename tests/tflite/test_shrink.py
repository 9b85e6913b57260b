"""Shrunk files of any origin compute the same and keep everything that runtimes read."""

import struct
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st
from model_edits import packed, unpacked

from motefit.graph.families import FAMILIES
from motefit.spec.errors import ModelFileError
from motefit.tflite.equivalence import check_equivalence
from motefit.tflite.flatbuffer.reader import read_tables
from motefit.tflite.inspect import inspect
from motefit.tflite.shrink import needs_signatures, shrink
from motefit.tflite.validate import validate
from motefit.tflite.write.write import write

GOLDEN = Path(__file__).parent.parent / "golden" / "converters"
FAR = 0x0123456789ABCDEF
NAMES = sorted(path.stem for path in GOLDEN.glob("*.tflite"))


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.tflite").read_bytes()


def proof(before: bytes, after: bytes, n: int = 3):
    return check_equivalence(before, after, n=n, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", NAMES)
def test_official_files_shrink_and_compute_the_same(name):
    before = golden(name)
    after = shrink(before)
    validate(after)
    # only weights are left of the mlp in float32
    assert len(after) < 0.9 * len(before)
    found = proof(before, after)
    assert found.tables
    assert found.resolvers == ("builtin", "xnnpack")
    assert found.values >= 2 * 3 * np.prod(inspect(before).outputs[0].shape)
    assert shrink(after) == after


@pytest.mark.parametrize("name", NAMES)
def test_only_parts_without_effect_are_removed(name):
    before, after = inspect(golden(name)), inspect(shrink(golden(name)))
    ops = [[replace(op, constant_bytes=0) for op in i.ops] for i in (before, after)]
    assert ops[0] == ops[1]  # equal buffers become one, which counts where it is first used
    assert [t.shape for t in after.tensors] == [t.shape for t in before.tensors]
    numbers = [[(t.constant, t.zeros, t.distinct) for t in i.tensors] for i in (before, after)]
    assert numbers[0] == numbers[1]
    assert after.parameters <= before.parameters
    assert after.zero_parameters == before.zero_parameters
    assert not any(tensor.name for tensor in after.tensors)
    assert [t.scale for t in after.tensors] == [t.scale for t in before.tensors]
    kept = {"reduced_precision_support"} & set(before.metadata)
    assert set(after.metadata) == kept
    assert bool(kept) == ("float16" in name)


@pytest.mark.parametrize("name", ["cnn.open-batch", "lstm-while.float32", "dscnn8.int8"])
def test_constants_are_aligned_for_kernels(name):
    after = shrink(golden(name))
    model = official.Model.GetRootAs(after, 0)
    places = []
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if buffer.DataLength() >= 16:
            places.append(buffer._tab.Vector(buffer._tab.Offset(4)))
    assert places
    assert all(place % 16 == 0 for place in places)


@pytest.mark.parametrize("family", FAMILIES.names())
@pytest.mark.parametrize("form", ["float32", "int8", "weights"])
def test_our_own_files_are_already_small(case, family, form):
    data = write(case(family, form).graph)
    assert len(shrink(data)) >= 0.97 * len(data)
    named = write(case(family, form).graph, keep_names=True, metadata={"card": b"x" * 50})
    assert len(shrink(named)) <= 1.03 * len(data)


def test_signatures_are_kept_on_request():
    before = golden("cnn.open-batch")
    with_names = shrink(before, keep_signatures=True)
    assert len(shrink(before)) < len(with_names) < len(before)
    examples = np.random.default_rng(0).normal(0, 1, (2, 49, 10, 1)).astype(np.float32)
    outputs = []
    for data in (before, with_names):
        interpreter = Interpreter(model_content=data, num_threads=1)
        (signature,) = interpreter.get_signature_list()
        runner = interpreter.get_signature_runner(signature)
        (name,) = runner.get_input_details()
        outputs.append(runner(**{name: examples}))
    assert outputs[0].keys() == outputs[1].keys()
    for key, expected in outputs[0].items():
        np.testing.assert_array_equal(outputs[1][key], expected)
    assert not Interpreter(model_content=shrink(before)).get_signature_list()


def test_signatures_are_kept_if_they_are_the_only_way_to_a_subgraph():
    model = unpacked(golden("lstm-while.float32"))
    assert not needs_signatures(read_tables(packed(model)))
    model.signatureDefs[0].subgraphIndex = 1
    for named in (*model.signatureDefs[0].inputs, *model.signatureDefs[0].outputs):
        named.tensorIndex = 0
    data = packed(model)
    assert needs_signatures(read_tables(data))
    assert unpacked(shrink(data)).signatureDefs[0].subgraphIndex == 1


def test_metadata_is_kept_on_request():
    model = unpacked(golden("mlp.int8"))
    model.description = b"a labeled model"
    model.buffers.append(official.BufferT(data=np.frombuffer(b"labels", np.uint8)))
    model.metadata.append(
        official.MetadataT(name=b"TFLITE_METADATA", buffer=len(model.buffers) - 1)
    )
    kept, bare = (unpacked(shrink(packed(model), keep_metadata=keep)) for keep in (True, False))
    assert kept.description == b"a labeled model"
    assert bytes(kept.buffers[kept.metadata[-1].buffer].data) == b"labels"
    assert bare.description is None
    assert not bare.metadata


def test_open_sizes_stay_open_and_others_cannot_be_resized_strictly():
    interpreter = Interpreter(model_content=shrink(golden("cnn.open-batch")))
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, (5, 49, 10, 1), strict=True)
    with pytest.raises(RuntimeError, match="unknown dimensions"):
        interpreter.resize_tensor_input(index, (5, 48, 10, 1), strict=True)
    fixed = Interpreter(model_content=shrink(golden("mlp.float32")))
    with pytest.raises(RuntimeError, match="unknown dimensions"):
        fixed.resize_tensor_input(fixed.get_input_details()[0]["index"], (2, 6, 2), strict=True)


def two_inputs(*, custom: bool = False, large: bool = False) -> Any:
    """GATHER of a float input by int64 indices, then a sum with a float input."""
    tensors = [
        official.TensorT(name=b"table", shape=[4, 3], type=0, buffer=0),
        official.TensorT(name=b"index", shape=[2], type=4, buffer=0),
        official.TensorT(name=b"rows", shape=[2, 3], type=0, buffer=0),
        official.TensorT(name=b"bias", shape=[3], type=0, buffer=1),
        official.TensorT(name=b"out", shape=[2, 3], type=0, buffer=2),
        official.TensorT(name=b"big", shape=[1], type=4, buffer=3),
        official.TensorT(name=b"copy of the bias", shape=[3], type=0, buffer=4),
    ]
    gather = official.OperatorT(
        opcodeIndex=0, inputs=[0, 1], outputs=[2], builtinOptionsType=23,
        builtinOptions=official.GatherOptionsT(),
    )  # fmt: skip
    add = official.OperatorT(
        opcodeIndex=1, inputs=[2, 3], outputs=[4], builtinOptionsType=11,
        builtinOptions=official.AddOptionsT(),
    )  # fmt: skip
    codes = [
        official.OperatorCodeT(deprecatedBuiltinCode=36, builtinCode=36, version=1),
        official.OperatorCodeT(deprecatedBuiltinCode=0, builtinCode=0, version=1),
        official.OperatorCodeT(deprecatedBuiltinCode=9, builtinCode=9, version=1),
    ]
    if custom:
        codes[1] = official.OperatorCodeT(
            deprecatedBuiltinCode=32, builtinCode=32, customCode=b"FlexOwn"
        )
        add.builtinOptionsType, add.builtinOptions = 0, None
        add.customOptions = np.frombuffer(b"\x01flexible options\x02", np.uint8)
    bias = np.array([1, 2, 3], np.float32).tobytes()
    buffers = [
        official.BufferT(),
        official.BufferT(data=np.frombuffer(bias, np.uint8)),
        official.BufferT(),
        official.BufferT(data=np.frombuffer(struct.pack("<q", 7), np.uint8)),
        official.BufferT(data=np.frombuffer(bias, np.uint8)),
    ]
    if large:
        buffers[1] = official.BufferT(offset=FAR, size=len(bias))
    graph = official.SubGraphT(
        tensors=tensors, inputs=[0, 1], outputs=[4, 2], operators=[gather, add], name=b"main"
    )
    return official.ModelT(
        version=3, operatorCodes=codes, subgraphs=[graph], buffers=buffers, description=b"two"
    )


def test_several_inputs_and_outputs_and_indices():
    before = packed(two_inputs())
    after = shrink(before)
    found = proof(before, after, n=4)
    assert found.values == 2 * 4 * (6 + 6)
    small = unpacked(after)
    assert len(small.operatorCodes) == 2
    assert len(small.buffers) == 3  # empty, the bias once, the wide number
    assert small.subgraphs[0].tensors[6].buffer == small.subgraphs[0].tensors[3].buffer


def test_custom_operators_keep_their_options_and_cannot_be_run():
    before = packed(two_inputs(custom=True))
    after = shrink(before)
    assert len(after) < len(before)
    op = unpacked(after).subgraphs[0].operators[1]
    assert bytes(op.customOptions) == b"\x01flexible options\x02"
    found = proof(before, after)
    assert found.tables
    assert not found.inputs
    assert "FlexOwn" in found.reason


def test_data_after_the_flatbuffer_move_inside():
    bias = np.array([1, 2, 3], np.float32).tobytes()
    file = packed(two_inputs(large=True))
    before = file.replace(struct.pack("<Q", FAR), struct.pack("<Q", len(file))) + bias
    after = shrink(before)
    assert unpacked(after).buffers[1].data.tobytes() == bias
    assert proof(packed(two_inputs()), after).values
    for broken in (before[:-1], file):
        with pytest.raises(ModelFileError, match="outside"):
            shrink(broken)


def test_sparsity_quantization_details_and_wide_numbers_stay():
    model = two_inputs()
    tensor = model.subgraphs[0].tensors[3]
    tensor.sparsity = official.SparsityParametersT(
        traversalOrder=[0],
        dimMetadata=[
            official.DimensionMetadataT(
                format=1,
                arraySegmentsType=2,
                arraySegments=official.Uint16VectorT(values=np.array([0, 3], np.uint16)),
                arrayIndicesType=3,
                arrayIndices=official.Uint8VectorT(values=np.array([0, 1, 2], np.uint8)),
            )
        ],
    )
    tensor.quantization = official.QuantizationParametersT(
        min=[0.0],
        detailsType=1,
        details=official.CustomQuantizationT(custom=np.arange(20, dtype=np.uint8)),
    )
    number = official.BuiltinOperator.RANDOM_UNIFORM
    model.operatorCodes[2] = official.OperatorCodeT(
        deprecatedBuiltinCode=min(number, 127), builtinCode=number, version=1
    )
    model.subgraphs[0].operators.append(
        official.OperatorT(
            opcodeIndex=2,
            inputs=[1],
            outputs=[2],
            builtinOptionsType=official.BuiltinOptions.RandomOptions,
            builtinOptions=official.RandomOptionsT(seed=2**40 + 1, seed2=-5),
        )
    )
    before = packed(model)
    after = shrink(before)
    validate(after)
    small = unpacked(after).subgraphs[0]
    (dimension,) = small.tensors[3].sparsity.dimMetadata
    assert dimension.arraySegments.values.tolist() == [0, 3]
    assert dimension.arrayIndices.values.tolist() == [0, 1, 2]
    assert small.tensors[3].quantization.min is None
    assert small.tensors[3].quantization.details.custom.tolist() == list(range(20))
    random = small.operators[2].builtinOptions
    assert (random.seed, random.seed2) == (2**40 + 1, -5)


def test_metadata_that_refers_to_no_buffer_is_damage():
    model = two_inputs()
    model.metadata = [official.MetadataT(name=b"labels", buffer=99)]
    with pytest.raises(ModelFileError, match="metadata refers to number 99 of 5"):
        shrink(packed(model))


def test_a_constant_without_elements_is_not_the_same_as_no_data():
    model = two_inputs()
    model.buffers[3] = official.BufferT(data=np.zeros(0, np.uint8))
    model.subgraphs[0].tensors[5].shape = [0]
    small = unpacked(shrink(packed(model)))
    tensors = small.subgraphs[0].tensors
    assert small.buffers[tensors[5].buffer].data is not None
    assert small.buffers[tensors[4].buffer].data is None
    assert tensors[4].buffer == 0


CHANGES = {
    "a weight": lambda m: m.buffers[m.subgraphs[0].tensors[3].buffer].data.__setitem__(1, 9),
    "a version": lambda m: setattr(m.operatorCodes[0], "version", 2),
    "an option": lambda m: setattr(
        m.subgraphs[0].operators[1].builtinOptions, "fusedActivationFunction", 1
    ),
    "an input": lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [1, 0]),
    "an output": lambda m: setattr(m.subgraphs[0], "outputs", [2, 4]),
    "a shape": lambda m: setattr(m.subgraphs[0].tensors[4], "shape", [3, 2]),
    "an open size": lambda m: setattr(m.subgraphs[0].tensors[4], "shapeSignature", [-1, 3]),
    "an operator": lambda m: m.subgraphs[0].operators.pop(),
    "a scale": lambda m: setattr(
        m.subgraphs[0].tensors[4], "quantization", official.QuantizationParametersT(scale=[2.0])
    ),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_the_comparison_finds(change):
    before = packed(two_inputs())
    model = unpacked(shrink(before))
    for buffer in model.buffers:
        buffer.data = None if buffer.data is None else buffer.data.copy()
    CHANGES[change](model)
    with pytest.raises(ModelFileError, match="differ"):
        proof(before, packed(model))


def test_a_random_model_cannot_be_compared():
    model = two_inputs()
    graph = model.subgraphs[0]
    model.operatorCodes[1] = official.OperatorCodeT(
        deprecatedBuiltinCode=127, builtinCode=official.BuiltinOperator.RANDOM_UNIFORM
    )
    graph.tensors[3].type, graph.tensors[3].shape = 2, [2]
    shape = np.array([2, 3], np.int32).tobytes()
    model.buffers[1].data = np.frombuffer(shape, np.uint8)
    options = official.RandomOptionsT()
    graph.operators[1].inputs = [3]
    graph.operators[1].builtinOptionsType = official.BuiltinOptions.RandomOptions
    graph.operators[1].builtinOptions = options
    before = packed(model)
    with pytest.raises(ModelFileError, match="for the same inputs in each run"):
        proof(before, shrink(before))


def test_a_newer_schema_is_refused():
    builder = flatbuffers.Builder()
    builder.StartObject(12)
    builder.PrependUint32Slot(0, 3, 0)
    builder.PrependUint32Slot(11, 1, 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    with pytest.raises(ModelFileError, match="newer"):
        shrink(bytes(builder.Output()))


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(64), b"\x10\0\0\0TFL3" + bytes(8)])
def test_no_model(data):
    with pytest.raises(ModelFileError, match="damaged"):
        shrink(data)


@given(st.sampled_from(["dscnn8.int8", "lstm-while.float32", "mlp.open-batch"]), st.data())
def test_damaged_bytes_give_a_file_or_an_error(name, data):
    damaged = bytearray(golden(name))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([0, 0, 0, 1, 50]))
    damaged = damaged[: len(damaged) - cut]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            assert len(shrink(bytes(damaged))) <= len(damaged)
        except ModelFileError:
            return
