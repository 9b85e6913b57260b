"""Reading of FlatBuffers without trust, as strictly as ``flatbuffers::Verifier``.

Every offset leads to a table, vector or string that is entirely inside the file, each number is
aligned to its size, strings end in a zero byte. :func:`read_tables` decodes any TensorFlow Lite
file to the tree of its tables by :mod:`motefit.tflite.flatbuffer.layout`; nothing here knows what a
field means.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, Union

import numpy as np

from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer import layout, schema
from motefit.tflite.flatbuffer.writer import SIZES

# A valid file shares a vector among tens of tensors; one that makes the reader go over its bytes
# more often than this was built to waste time.
READ_FACTOR = 64
READ_SLACK = 1 << 20


def damaged(detail: str) -> ModelFileError:
    """Create the error for bytes that do not follow the format."""
    return ModelFileError(f"damaged .tflite file: {detail}; copy or export the file again")


MAX_BYTES = 2**31 - 1
NONE = np.zeros(0, np.uint8)
Span: TypeAlias = tuple[int, int]
Field: TypeAlias = Union[
    float, bytes, np.ndarray, "DecodedTable", tuple[Union[bytes, "DecodedTable"], ...]
]


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedTable:
    """A table with its fields by slot.

    Attributes:
        kind: name of the table in the schema.
        at: position in the file.
        fields: numbers other than their default, strings (bytes), tables, and vectors
            (numbers, tables or strings).
        own: first byte and length of the vtable, and of the table itself.
        spans: first byte and length of every vector and string, its own length included, by slot.
    """

    kind: str
    at: int
    fields: Mapping[int, Field]
    own: tuple[Span, Span]
    spans: Mapping[int, Span]

    def number(self, slot: int) -> float:
        """Return a number; the schema's default if it is absent."""
        value = self.fields.get(slot)
        return value if isinstance(value, int | float) else _default(self.kind, slot)

    def text(self, slot: int) -> str:
        """Return a string; empty if absent."""
        value = self.fields.get(slot)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

    def records(self, slot: int) -> "tuple[DecodedTable, ...]":
        """Return a vector of tables; empty if absent."""
        value = self.fields.get(slot)
        if not isinstance(value, tuple):
            return ()
        return tuple(item for item in value if isinstance(item, DecodedTable))

    def child(self, slot: int) -> "DecodedTable | None":
        """Return a table; None if absent."""
        value = self.fields.get(slot)
        return value if isinstance(value, DecodedTable) else None

    def numbers(self, slot: int) -> np.ndarray:
        """Return a vector of numbers; empty if absent."""
        value = self.fields.get(slot)
        return value if isinstance(value, np.ndarray) else NONE


@cache
def tables() -> Mapping[str, tuple[str, ...]]:
    """Return the slots of every table by its name, in the notation of the layout."""
    return _entries(layout.TABLES)


@cache
def unions() -> Mapping[str, tuple[str, ...]]:
    """Return the tables of every union by its name, type 1 first."""
    return _entries(layout.UNIONS)


@cache
def operators() -> tuple[str, ...]:
    """Return the names of the builtin operators by their code."""
    return tuple(layout.OPERATORS.split())


def _entries(text: str) -> dict[str, tuple[str, ...]]:
    lines = text.replace("\n  ", " ").strip().splitlines()
    return {words[0]: tuple(words[1:]) for words in map(str.split, lines)}


@cache
def _default(kind: str, slot: int) -> float:
    return float(tables()[kind][slot].partition("=")[2] or 0)


def _newer(what: str) -> ModelFileError:
    return ModelFileError(
        f"{what}, which this version of motefit does not know: the file is newer than its "
        "schema; update motefit"
    )


def read_tables(data: bytes) -> DecodedTable:
    """Read the FlatBuffer of a complete .tflite file, as strictly as ``flatbuffers::Verifier``.

    Returns:
        The root table, with everything below it.

    Raises:
        ModelFileError: if the file is invalid, or has a field that motefit's schema lacks; the
            message names the first defect.
    """
    if len(data) < 8 or data[4:8] != schema.IDENTIFIER:
        raise damaged(
            f"{len(data)} bytes without the identifier TFL3 are not a TensorFlow Lite model"
        )
    if len(data) > MAX_BYTES:
        raise damaged(f"{len(data)} bytes are more than its offsets can address")
    file = _File(data)
    return file.table(file.target(0), "Model")


class _File:
    """Checked access to the bytes; each table is read once per kind."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._done: dict[tuple[int, str], DecodedTable] = {}
        self._budget = READ_FACTOR * len(data) + READ_SLACK

    def _number(self, code: str, at: int) -> float:
        size = SIZES[code]
        if at < 0 or at + size > len(self._data):
            raise damaged(f"a number of {size} bytes at {at} lies outside the file")
        if at % size:
            raise damaged(f"a number of {size} bytes at {at} is not aligned")
        value: float = struct.unpack_from(f"<{code}", self._data, at)[0]
        return value

    def _integer(self, code: str, at: int) -> int:
        return int(self._number(code, at))

    def target(self, at: int) -> int:
        """Return the position to which an offset leads."""
        offset = self._integer("I", at)
        if offset == 0 or at + offset >= len(self._data):
            raise damaged(f"the offset at {at} leads nowhere")
        return at + offset

    def table(self, at: int, kind: str) -> DecodedTable:
        """Read the table at a position, and everything below it."""
        if (at, kind) not in self._done:
            self._done[at, kind] = self._read(at, kind)
        return self._done[at, kind]

    def _read(self, at: int, kind: str) -> DecodedTable:
        vtable = at - self._integer("i", at)
        size, inline = self._integer("H", vtable), self._integer("H", vtable + 2)
        ends = vtable + size, at + inline
        if size < 4 or size % 2 or inline < 4 or max(ends) > len(self._data):
            raise damaged(f"the table {kind} at {at} is invalid")
        slots = tables()[kind]
        fields: dict[int, Field] = {}
        spans: dict[int, Span] = {}
        for slot in range(size // 2 - 2):
            offset = self._integer("H", vtable + 4 + 2 * slot)
            if not offset:
                continue
            if slot >= len(slots):
                raise _newer(f"a table {kind} has a field {slot}")
            code = slots[slot].partition("=")[0]
            if code == "-":
                continue
            if offset < 4 or offset + SIZES.get(code, 4) > inline:
                raise damaged(f"field {slot} of the table {kind} at {at} lies outside it")
            place = at + offset
            value = self._field(place, code, number=fields.get(slot - 1))
            if code == "s" or code.startswith("["):
                start = self.target(place)
                width = SIZES.get(code[1:-1], 4) if code != "s" else 1
                length = self._integer("I", start) * width + (code == "s")
                spans[slot] = start, 4 + length
            if code not in SIZES or value != _default(kind, slot):
                fields[slot] = value
        self._spend(inline + size)
        own = (vtable, size), (at, inline)
        return DecodedTable(kind=kind, at=at, fields=fields, own=own, spans=spans)

    def _field(self, place: int, code: str, *, number: object) -> Field:
        if code in SIZES:
            return self._number(code, place)
        at = self.target(place)
        if code == "s":
            return self._text(at)
        if code.startswith("["):
            return self._vector(at, code[1:-1])
        if code.startswith("|"):
            members = unions()[code[1:]]
            if not isinstance(number, int):
                raise damaged(f"the table at {at} has no type of {code[1:]}")
            if number > len(members):
                raise _newer(f"a field holds type {number} of {code[1:]}")
            return self.table(at, members[number - 1])
        return self.table(at, code)

    def _span(self, at: int, size: int) -> tuple[int, int]:
        """Return the first byte and length of a vector of elements of a size."""
        length = self._integer("I", at)
        if at + 4 + length * size > len(self._data):
            raise damaged(f"a vector of {length} elements at {at} lies outside the file")
        if length and (at + 4) % size:
            raise damaged(f"the elements of the vector at {at} are not aligned to {size} bytes")
        self._spend(length * size + 4)
        return at + 4, length

    def _vector(self, at: int, code: str) -> Field:
        if code in SIZES:
            start, length = self._span(at, SIZES[code])
            return np.frombuffer(self._data, f"<{code}", length, start)
        start, length = self._span(at, 4)
        places = [self.target(start + 4 * i) for i in range(length)]
        return tuple(self._text(p) if code == "s" else self.table(p, code) for p in places)

    def _text(self, at: int) -> bytes:
        start, length = self._span(at, 1)
        if start + length >= len(self._data) or self._data[start + length]:
            raise damaged(f"the string at {at} does not end in a zero byte")
        return self._data[start : start + length]

    def _spend(self, count: int) -> None:
        self._budget -= count
        if self._budget < 0:
            raise damaged("its tables overlap too often")
