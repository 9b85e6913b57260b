"""The validator accepts what the writer emits, and finds defects in other bytes."""

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_edits import rewritten

from motefit.graph.families import FAMILIES
from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer.reader import read_tables
from motefit.tflite.flatbuffer.schema import BufferSlot, ModelSlot
from motefit.tflite.validate import check_structure, unaligned, validate
from motefit.tflite.write.write import write

CONVERTERS = Path(__file__).parents[1] / "golden" / "converters"
FORMS = (
    "float32",
    "float16",
    "weights",
    "weights4",
    "dynamic",
    "int8",
    "int8-tensor",
    "int8-float-edges",
)


@pytest.mark.parametrize("family", FAMILIES.names())
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bias_quantization", ["own", "borrowed", "none"])
def test_files_of_the_writer_are_valid(case, family, form, bias_quantization):
    graph = case(family, form).graph
    validate(write(graph, bias_quantization=bias_quantization))
    validate(write(graph, keep_names=True, metadata={"about": b"x" * 17}))


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0" * 100, b"\x08\0\0\0TFL3", b"PK\x03\x04" * 9])
def test_no_model(data):
    with pytest.raises(ModelFileError, match=r"damaged \.tflite"):
        validate(data)


def test_every_truncation_is_refused(case):
    data = write(case("linear", "int8").graph)
    for length in range(len(data)):
        with pytest.raises(ModelFileError):
            validate(data[:length])


@given(
    family=st.sampled_from(["linear", "lstm", "dscnn"]),
    form=st.sampled_from(FORMS),
    changes=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_changed_bytes_are_valid_or_refused(case, family, form, changes):
    data = bytearray(write(case(family, form).graph))
    for where, value in changes:
        data[int(where * len(data))] = value
    with suppress(ModelFileError):
        validate(bytes(data))


def test_misaligned_data_are_refused(case):
    """A byte after the root offset shifts all data from their aligned positions."""
    data = write(case("mlp", "float32").graph)
    root = struct.unpack_from("<I", data)[0]
    moved = struct.pack("<I", root + 2) + data[4:8] + b"\0\0" + data[8:]
    with pytest.raises(ModelFileError, match="not aligned"):
        read_tables(moved)


def test_constants_off_their_places_are_noted_not_refused(case):
    """As converters leave them that write a FlatBuffer front to back."""
    data = write(case("dscnn", "float32").graph)
    assert unaligned(read_tables(data)) == 0
    converted = rewritten(data)
    validate(converted)
    tables = read_tables(converted)
    lengths = [len(t.numbers(BufferSlot.DATA)) for t in tables.records(ModelSlot.BUFFERS)]
    assert 0 < unaligned(tables) <= len([n for n in lengths if n])


def with_number(data, old, new):
    assert data.count(old) == 1
    return data.replace(old, new)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_is_found(case, value):
    graph = case("mlp", "float32").graph
    weight = graph.constants["dense0.weight"]
    data = with_number(
        write(graph),
        weight.tobytes(),
        np.where(weight == weight.max(), value, weight).astype("<f4").tobytes(),
    )
    with pytest.raises(ModelFileError, match="NaN or infinity"):
        validate(data)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_is_not_positive_is_found(case, value):
    graph = case("mlp", "int8").graph
    scale = graph.quantization["dense0.weight"].scale.astype("<f4").tobytes()
    data = with_number(write(graph), scale, np.float32(value).tobytes() + scale[4:])
    with pytest.raises(ModelFileError, match="positive"):
        validate(data)


def test_signatures_and_names_that_litert_gives_to_python_are_checked():
    def no_tensor(signature, graph):
        signature.inputs[0].tensorIndex = len(graph.tensors)

    def no_graph(signature, graph):
        signature.subgraphIndex = 7

    def no_key(signature, graph):
        signature.signatureKey = b"\xff"

    def no_name(signature, graph):
        graph.tensors[graph.inputs[0]].name = b"\x1b\xff"

    for change, said in (
        (no_tensor, "a signature refers to number"),
        (no_graph, "a signature refers to number 7 of 1"),
        (no_key, "the key of a signature is not UTF-8"),
        (no_name, "the name of an input or output is not UTF-8"),
    ):
        data = rewritten(
            (CONVERTERS / "mlp.int8.tflite").read_bytes(),
            lambda model, change=change: change(model.signatureDefs[0], model.subgraphs[0]),
        )
        with pytest.raises(ModelFileError, match=said):
            check_structure(read_tables(data))
