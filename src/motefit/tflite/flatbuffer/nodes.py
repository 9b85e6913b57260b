"""Conversion of a file to the tree that :func:`motefit.tflite.flatbuffer.writer.assemble` writes.

It follows the schema alone: nothing here knows what a field means.
"""

import struct
from collections.abc import Mapping

import numpy as np

from motefit.tflite.flatbuffer.reader import DecodedTable, read_tables, tables
from motefit.tflite.flatbuffer.writer import SIZES, Blob, Node, Scalar, Table, Vector

ALIGNED = {("Buffer", 0): 16, ("CustomQuantization", 0): 16}
"""Alignment of vectors that exceeds that of their numbers, by table and slot."""
SHARED_BYTES = 64
"""Length up to which vectors may overlap; the search for places is slow for longer ones."""


def read_model(data: bytes, root: DecodedTable | None = None) -> Table:
    """Read the root table of a file, with everything below it.

    Args:
        data: the whole file.
        root: its root table, if it has been read before.

    Raises:
        ModelFileError: if the bytes are damaged, or have fields that motefit's schema lacks.
    """
    done: dict[int, Table] = {}

    def table(found: DecodedTable) -> Table:
        """Return the node of a table; a shared table is converted once."""
        if id(found) not in done:
            fields = tuple((slot, node(found, slot)) for slot in sorted(found.fields))
            done[id(found)] = Table(found.kind, fields)
        return done[id(found)]

    def node(found: DecodedTable, slot: int) -> Scalar | Node:
        value = found.fields[slot]
        if isinstance(value, DecodedTable):
            return table(value)
        if isinstance(value, bytes):
            return _text(value)
        if isinstance(value, tuple):
            return Vector(tuple(_text(v) if isinstance(v, bytes) else table(v) for v in value))
        code, _, default = tables()[found.kind][slot].partition("=")
        if isinstance(value, np.ndarray):
            align = ALIGNED.get((found.kind, slot), max(4, SIZES[code[1:-1]]))
            short = value.nbytes <= SHARED_BYTES and align == 4
            return Blob(value.tobytes(), len(value), align=align, shared=short)
        return Scalar(code, value, float(default or 0))

    return table(read_tables(data) if root is None else root)


def _text(text: bytes) -> Blob:
    return Blob(text + b"\0", len(text), shared=False)


def number(table: Table, slot: int, default: int = 0) -> int:
    """Return an integer field; its default if absent."""
    value = dict(table.fields).get(slot)
    return int(value.value) if isinstance(value, Scalar) else default


def items(table: Table, slot: int) -> tuple[Table, ...]:
    """Return a vector of tables; empty if absent."""
    value = dict(table.fields).get(slot)
    if not isinstance(value, Vector):
        return ()
    return tuple(item for item in value.items if isinstance(item, Table))


def int32s_of(table: Table, slot: int) -> tuple[int, ...]:
    """Return a vector of 32-bit integers; empty if absent."""
    value = dict(table.fields).get(slot)
    return struct.unpack(f"<{value.length}i", value.data) if isinstance(value, Blob) else ()


def text_of(table: Table, slot: int) -> str:
    """Return a string; empty if absent."""
    value = dict(table.fields).get(slot)
    return value.data[:-1].decode("utf-8", "replace") if isinstance(value, Blob) else ""


def edited(table: Table, changes: Mapping[int, Scalar | Node | None]) -> Table:
    """Copy a table with some fields replaced; None and default numbers leave a field out."""
    fields = {**dict(table.fields), **changes}
    kept = [
        (slot, value)
        for slot, value in sorted(fields.items())
        if value is not None and not (isinstance(value, Scalar) and value.value == value.default)
    ]
    return Table(table.kind, tuple(kept))
