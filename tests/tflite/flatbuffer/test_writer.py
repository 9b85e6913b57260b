import struct

import flatbuffers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.tflite.flatbuffer import packing
from motefit.tflite.flatbuffer.writer import Blob, Scalar, Vector, assemble, int32s, string, table

MARK = b"TEST"


def root(data):
    return flatbuffers.table.Table(bytearray(data), struct.unpack_from("<I", data)[0])


def vector(view, slot, kind):
    at = view.Offset(4 + 2 * slot)
    dtype = flatbuffers.number_types
    return view.GetVectorAsNumpy(getattr(dtype, kind), at).tolist()


WORDS = st.lists(st.integers(0, 3), min_size=1, max_size=6).map(
    lambda words: struct.pack(f"<{len(words)}I", *words)
)


@given(st.lists(WORDS, max_size=12))
def test_overlapping_keeps_every_piece_at_its_place(pieces):
    chains = packing.overlap(pieces, grain=4)
    held = {piece: (chain, at) for chain in chains for piece, at in chain.starts.items()}
    assert held.keys() == set(pieces)
    for piece, (chain, at) in held.items():
        assert at % 4 == 0
        assert chain.data[at : at + len(piece)] == piece
    assert sum(len(chain.data) for chain in chains) <= sum(len(piece) for piece in set(pieces))


VECTORS = st.lists(st.lists(st.integers(-2, 2), max_size=5), min_size=1, max_size=6)


@given(VECTORS, st.lists(st.binary(min_size=1, max_size=40), max_size=4))
def test_a_standard_reader_finds_every_vector(vectors, blobs):
    fields = {i: int32s(values) for i, values in enumerate(vectors)}
    for i, data in enumerate(blobs):
        align = 16 if len(data) >= 16 else 4
        fields[10 + i] = Blob(data, len(data), align=align, shared=False)
    data = assemble(table("root", fields), MARK)
    assert data[4:8] == MARK
    view = root(data)
    for i, values in enumerate(vectors):
        assert vector(view, i, "Int32Flags") == values
    for i, blob in enumerate(blobs):
        at = view.Vector(view.Offset(4 + 2 * (10 + i)))
        assert data[at : at + len(blob)] == blob
        assert at % (16 if len(blob) >= 16 else 4) == 0


def test_the_tail_of_a_vector_is_a_vector():
    fields = {0: int32s([2, 1, 12]), 1: int32s([5, 2, 2])}
    alone = assemble(table("root", fields), MARK)
    both = assemble(table("root", {**fields, 2: int32s([12]), 3: int32s([1, 12])}), MARK)
    assert len(both) == len(alone) + 2 * 2 + 2 * 4  # entries of the vtable, offsets


def test_equal_tables_are_one_whatever_their_kind():
    one = table("a", {0: Scalar("i", 5)})
    same = table("b", {0: Scalar("i", 5)})
    data = assemble(table("root", {0: Vector((one, same, one))}), MARK)
    assert data.count(struct.pack("<i", 5)) == 1


def test_scalars_at_their_default_are_left_out_or_save_a_vtable():
    full = [table("t", {0: Scalar("i", n, 1), 1: Scalar("i", n + 50)}) for n in (2, 3)]
    short = table("t", {0: Scalar("i", 1, 1), 1: Scalar("i", 9)})
    assert [slot for slot, _ in short.fields] == [1]
    data = assemble(table("root", {0: Vector((*full, short))}), MARK)
    view = root(data)
    start = view.Vector(view.Offset(4))
    seen = []
    for i in range(3):
        entry = flatbuffers.table.Table(bytearray(data), view.Indirect(start + 4 * i))
        flags = flatbuffers.number_types.Int32Flags
        places = [entry.Offset(4), entry.Offset(6)]
        numbers = [entry.Get(flags, entry.Pos + p) if p else 1 for p in places]
        seen.append((entry.Pos - entry.Get(flags, entry.Pos), numbers))
    assert [numbers for _, numbers in seen] == [[2, 52], [3, 53], [1, 9]]
    assert len({vtable for vtable, _ in seen}) == 1


@pytest.mark.parametrize("text", ["", "abc", "temperature °C"])
def test_strings(text):
    data = assemble(table("root", {0: string(text)}), MARK)
    view = root(data)
    assert view.String(view.Offset(4) + view.Pos).decode() == text


def test_scalars_of_every_code():
    values = {"b": -7, "B": 200, "i": -70_000, "I": 3_000_000_000, "f": 0.5}
    fields = {i: Scalar(code, value) for i, (code, value) in enumerate(values.items())}
    data = assemble(table("root", fields), MARK)
    view = root(data)
    for i, (code, value) in enumerate(values.items()):
        assert struct.unpack_from(f"<{code}", data, view.Pos + view.Offset(4 + 2 * i)) == (value,)


@given(st.integers(1, 40), st.integers(1, 40))
def test_wide_vectors_are_aligned_and_host_narrow_ones(n, m):
    wide = Blob(np.zeros(n, "<i8").tobytes(), n, align=8)
    data = assemble(table("root", {0: int32s([m, 7]), 1: wide, 2: int32s([0])}), MARK)
    view = root(data)
    assert view.Vector(view.Offset(6)) % 8 == 0
    assert view.VectorLen(view.Offset(6)) == n
    assert vector(view, 0, "Int32Flags") == [m, 7]
    assert vector(view, 2, "Int32Flags") == [0]
