"""FlatBuffers made field by field are read as they are, and each kind of damage is refused."""

import struct
from collections.abc import Callable

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from hypothesis import given
from hypothesis import strategies as st
from odd_models import ModelMaker, Operators, Types

from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer import reader
from motefit.tflite.flatbuffer.reader import DecodedTable, read_tables
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    MetadataSlot,
    ModelSlot,
    OperatorSlot,
    QuantizationSlot,
    SubGraphSlot,
    TensorSlot,
)

Fill = Callable[[flatbuffers.Builder], None]


def table(build: flatbuffers.Builder, slots: int, fill: Fill) -> int:
    build.StartObject(slots)
    fill(build)
    return build.EndObject()


def finished(build: flatbuffers.Builder, root: int) -> bytearray:
    build.Finish(root, b"TFL3")
    return bytearray(build.Output())


def model(fill: Fill, slots: int = 11) -> bytearray:
    """A file whose root table has no more than some numbers."""
    build = flatbuffers.Builder()
    return finished(build, table(build, slots, fill))


def described(text: bytes = b"words") -> bytearray:
    """A file whose root table has a version and a description."""
    build = flatbuffers.Builder()
    name = build.CreateString(text)

    def fill(build: flatbuffers.Builder) -> None:
        build.PrependUint32Slot(ModelSlot.VERSION, 3, 0)
        build.PrependUOffsetTRelativeSlot(ModelSlot.DESCRIPTION, name, 0)

    return finished(build, table(build, 11, fill))


def put(data: bytearray, code: str, at: int, value: int) -> bytearray:
    changed = bytearray(data)
    struct.pack_into(f"<{code}", changed, at, value)
    return changed


def get(data: bytearray, code: str, at: int) -> int:
    return struct.unpack_from(f"<{code}", data, at)[0]


def refused(data: bytes, said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        read_tables(bytes(data))


def test_a_table_has_its_fields_and_knows_where_they_are():
    data = described()
    found = read_tables(bytes(data))
    at = get(data, "I", 0)
    vtable = at - get(data, "i", at)
    size, inline = get(data, "H", vtable), get(data, "H", vtable + 2)
    assert (found.kind, found.at) == ("Model", at)
    assert found.own == ((vtable, size), (at, inline))
    assert dict(found.fields) == {ModelSlot.VERSION: 3, ModelSlot.DESCRIPTION: b"words"}
    start, length = found.spans[ModelSlot.DESCRIPTION]
    assert data[start : start + length] == b"\x05\0\0\0words\0"
    assert list(found.spans) == [ModelSlot.DESCRIPTION]


def test_absent_fields_have_the_schema_s_default():
    build = flatbuffers.Builder()

    def code(build: flatbuffers.Builder) -> None:
        build.PrependInt8Slot(0, 9, 0)

    entry = table(build, 4, code)
    build.StartVector(4, 1, 4)
    build.PrependUOffsetTRelative(entry)
    codes = build.EndVector()
    found = read_tables(
        bytes(
            finished(
                build,
                table(
                    build,
                    11,
                    lambda b: b.PrependUOffsetTRelativeSlot(ModelSlot.OPERATOR_CODES, codes, 0),
                ),
            )
        )
    )
    (code_table,) = found.records(ModelSlot.OPERATOR_CODES)
    assert [code_table.number(slot) for slot in (0, 2, 3)] == [9, 1, 0]
    assert found.number(ModelSlot.VERSION) == 0
    assert found.text(ModelSlot.DESCRIPTION) == ""
    assert found.records(ModelSlot.SUBGRAPHS) == ()
    assert found.child(ModelSlot.SUBGRAPHS) is None
    assert found.numbers(ModelSlot.METADATA_BUFFER).size == 0
    # a field of another kind counts as absent
    assert (found.text(1), found.child(1), found.numbers(1).size) == ("", None, 0)
    assert code_table.records(0) == ()


def test_a_number_equal_to_its_default_is_no_field():
    def fill(build: flatbuffers.Builder) -> None:
        build.ForceDefaults(True)  # noqa: FBT003 - its name for it
        build.PrependUint32Slot(ModelSlot.VERSION, 0, 0)

    assert dict(read_tables(bytes(model(fill))).fields) == {}


def test_a_text_that_is_not_utf_8_is_replaced():
    data = described(b"w\xffrds")
    assert read_tables(bytes(data)).text(ModelSlot.DESCRIPTION) == "w\ufffdrds"


@given(
    shapes=st.lists(st.lists(st.integers(-1, 2**31 - 1), max_size=5), min_size=1, max_size=4),
    scales=st.lists(st.floats(width=32, allow_nan=False), max_size=4),
    zeros=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    name=st.text(max_size=9),
    data=st.binary(max_size=40),
    alpha=st.floats(width=32, allow_nan=False),
)
def test_a_model_is_read_as_litert_s_bindings_wrote_it(shapes, scales, zeros, name, data, alpha):
    make = ModelMaker()
    for shape in shapes:
        make.tensor(shape, Types.INT8, data=np.frombuffer(data, np.uint8), scale=0.5)
        tensor = make.model.subgraphs[0].tensors[-1]
        tensor.name = name.encode()
        tensor.quantization.scale, tensor.quantization.zeroPoint = scales, zeros
    options = official.LeakyReluOptionsT()
    options.alpha = alpha
    make.operator(Operators.LEAKY_RELU, [0], [len(shapes) - 1], options)
    make.model.metadata = [official.MetadataT()]
    make.model.metadata[0].name, make.model.metadata[0].buffer = name.encode(), 1
    found = read_tables(make.finish([0], [0]))
    (graph,) = found.records(ModelSlot.SUBGRAPHS)
    tensors = graph.records(SubGraphSlot.TENSORS)
    assert [t.numbers(TensorSlot.SHAPE).tolist() for t in tensors] == shapes
    for tensor in tensors:
        assert tensor.number(TensorSlot.TYPE) == Types.INT8
        assert tensor.text(TensorSlot.NAME) == name
        parameters = tensor.child(TensorSlot.QUANTIZATION)
        assert parameters.numbers(QuantizationSlot.SCALE).tolist() == scales
        assert parameters.numbers(QuantizationSlot.ZERO_POINT).tolist() == zeros
        buffer = found.records(ModelSlot.BUFFERS)[int(tensor.number(TensorSlot.BUFFER))]
        assert buffer.numbers(BufferSlot.DATA).tobytes() == data
    (op,) = graph.records(SubGraphSlot.OPERATORS)
    settings = op.child(OperatorSlot.BUILTIN_OPTIONS)
    assert (settings.kind, settings.number(0)) == ("LeakyReluOptions", alpha)
    (about,) = found.records(ModelSlot.METADATA)
    assert (about.text(MetadataSlot.NAME), about.number(MetadataSlot.BUFFER)) == (name, 1)


def test_a_file_is_at_least_its_root_and_identifier():
    whole = described()
    refused(whole[:7], "7 bytes without the identifier TFL3")
    refused(whole[:4] + b"TFL2" + whole[8:], "without the identifier TFL3")
    refused(whole[:8], "leads nowhere")


def test_a_file_has_as_many_bytes_as_offsets_can_address(monkeypatch):
    data = bytes(described())
    monkeypatch.setattr(reader, "MAX_BYTES", len(data))
    assert read_tables(data).number(ModelSlot.VERSION) == 3
    monkeypatch.setattr(reader, "MAX_BYTES", len(data) - 1)
    refused(data, "more than its offsets can address")


def test_offsets_lead_into_the_file_and_forward():
    data = described()
    refused(put(data, "I", 0, 0), "the offset at 0 leads nowhere")
    refused(put(data, "I", 0, len(data)), "the offset at 0 leads nowhere")
    refused(put(data, "I", 0, len(data) - 4), "lies outside the file|is invalid")
    refused(put(data, "I", 0, get(data, "I", 0) + 2), "a number of 4 bytes at .* is not aligned")


def test_a_table_s_numbers_are_inside_it_and_its_vtable_even():
    data = described()
    at = get(data, "I", 0)
    vtable = at - get(data, "i", at)
    inline, entry = get(data, "H", vtable + 2), vtable + 4
    assert read_tables(bytes(put(data, "H", vtable, 4))).fields == {}  # no slots at all
    assert read_tables(bytes(put(data, "H", vtable + 2, len(data) - at))).at == at
    for broken in (
        put(data, "H", vtable, 2),
        put(data, "H", vtable, 5),
        put(data, "H", vtable, len(data) - vtable + 2 & ~1),
        put(data, "H", vtable + 2, 3),
        put(data, "H", vtable + 2, len(data) - at + 1),
    ):
        refused(broken, f"the table Model at {at} is invalid")
    lies = f"field 0 of the table Model at {at} lies outside it"
    refused(put(data, "H", entry, 3), lies)
    refused(put(data, "H", entry, inline - 3), lies)
    refused(put(data, "i", at, at + 4), "lies outside the file")  # before the first byte
    assert inline - 4 >= 4
    last = put(data, "H", entry, inline - 4)
    assert ModelSlot.VERSION in read_tables(bytes(last)).fields


def test_slots_beyond_the_schema_are_of_a_newer_file():
    newer = model(lambda build: build.PrependInt32Slot(10, 7, 0), slots=12)
    refused(newer, "a table Model has a field 10, .*: the file is newer than its schema")
    unused = model(lambda build: build.PrependUint32Slot(0, 7, 0), slots=12)
    assert read_tables(bytes(unused)).number(0) == 7


def test_a_string_ends_in_a_zero_byte_inside_the_file():
    data = described()
    start, length = read_tables(bytes(data)).spans[ModelSlot.DESCRIPTION]
    refused(put(data, "B", start + length - 1, 1), f"the string at {start} does not end in a zero")
    refused(put(data, "I", start, len(data) - start - 4), "does not end in a zero byte")
    refused(put(data, "I", start, len(data) - start - 3), "lies outside the file")
    cut = data[: start + 4 + 5]
    assert len(cut) == start + length - 1
    refused(cut, "does not end in a zero byte")


def vector(code: str, count: int) -> tuple[bytearray, int, int]:
    """A file with a vector of 4- or 8-byte numbers; where it is, and where its offset is."""
    make = ModelMaker()
    make.tensor([3] * count if code == "i" else [1], Types.INT8, scale=0.5)
    if code == "q":
        make.model.subgraphs[0].tensors[0].quantization.zeroPoint = [5] * count
    data = bytearray(make.finish([0], [0]))
    tensor = read_tables(bytes(data)).records(ModelSlot.SUBGRAPHS)[0].records(0)[0]
    owner = tensor.child(TensorSlot.QUANTIZATION) if code == "q" else tensor
    slot = QuantizationSlot.ZERO_POINT if code == "q" else TensorSlot.SHAPE
    assert owner.spans[slot][1] == 4 + count * struct.calcsize(f"<{code}")
    (vtable, _), (at, _) = owner.own
    return data, owner.spans[slot][0], at + get(data, "H", vtable + 4 + 2 * slot)


@pytest.mark.parametrize("code", ["i", "q"])
def test_a_vector_lies_inside_the_file_and_its_elements_are_aligned(code):
    data, start, _ = vector(code, 3)
    most = (len(data) - start - 4) // struct.calcsize(f"<{code}")
    read_tables(bytes(put(data, "I", start, most)))
    refused(put(data, "I", start, most + 1), f"a vector of {most + 1} elements at {start} lies")


def test_elements_of_eight_bytes_may_not_start_at_four():
    data, start, place = vector("q", 2)
    aside = put(data, "I", place, start + 4 - place)
    refused(put(aside, "I", start + 4, 1), rf"vector at {start + 4} are not aligned to 8 bytes")
    read_tables(bytes(put(aside, "I", start + 4, 0)))  # an empty vector may be anywhere


def with_options(kind: int | None) -> bytearray:
    make = ModelMaker()
    tensor = make.tensor([1])
    make.operator(Operators.LEAKY_RELU, [tensor], [tensor], official.LeakyReluOptionsT())
    data = bytearray(make.finish([0], [0]))
    (op,) = read_tables(bytes(data)).records(ModelSlot.SUBGRAPHS)[0].records(SubGraphSlot.OPERATORS)
    (vtable, _), (at, _) = op.own
    entry = vtable + 4 + 2 * OperatorSlot.BUILTIN_OPTIONS_TYPE
    if kind is None:
        return put(data, "H", entry, 0)
    return put(data, "B", at + get(data, "H", entry), kind)


def test_a_union_has_a_type_that_the_schema_knows():
    last = len(reader.unions()["BuiltinOptions"])
    assert last > 100
    refused(with_options(None), "has no type of BuiltinOptions")
    refused(with_options(last + 1), f"a field holds type {last + 1} of BuiltinOptions, .*newer")
    graph = read_tables(bytes(with_options(last))).records(ModelSlot.SUBGRAPHS)[0]
    options = graph.records(SubGraphSlot.OPERATORS)[0].child(OperatorSlot.BUILTIN_OPTIONS)
    assert options.kind == reader.unions()["BuiltinOptions"][-1]
    assert reader.operators()[0] == "ADD"


def test_a_table_that_many_refer_to_is_read_once(monkeypatch):
    """A valid file shares; one that makes the reader go over its bytes again and again does not."""
    build = flatbuffers.Builder()
    shared = table(build, 3, lambda _: None)
    build.StartVector(4, 50, 4)
    for _ in range(50):
        build.PrependUOffsetTRelative(shared)
    buffers = build.EndVector()
    data = bytes(
        finished(
            build,
            table(
                build, 11, lambda b: b.PrependUOffsetTRelativeSlot(ModelSlot.BUFFERS, buffers, 0)
            ),
        )
    )
    records = read_tables(data).records(ModelSlot.BUFFERS)
    assert len(records) == 50
    assert len({id(record) for record in records}) == 1
    assert isinstance(records[0], DecodedTable)
    spent = 4 + 50 * 4 + sum(n for _, n in (*records[0].own, *read_tables(data).own))
    monkeypatch.setattr(reader, "READ_FACTOR", 0)
    monkeypatch.setattr(reader, "READ_SLACK", spent)
    read_tables(data)
    monkeypatch.setattr(reader, "READ_SLACK", spent - 1)
    refused(data, "its tables overlap too often")
    monkeypatch.setattr(reader, "READ_FACTOR", 1)
    monkeypatch.setattr(reader, "READ_SLACK", 0)
    assert spent <= len(data)
    read_tables(data)
