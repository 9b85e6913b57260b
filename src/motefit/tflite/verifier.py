"""Whether a .tflite file is sound: a verifier of its FlatBuffer, and of what its tables say.

The first part is what ``flatbuffers::Verifier`` does with the schema of TensorFlow Lite: every
offset leads to a table, vector or string that lies inside the file as a whole, each number is
aligned to its size, strings end in a zero byte. The second part, :mod:`motefit.tflite.check`, is
what no schema says.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from motefit.tflite import schema
from motefit.tflite.reader import READ_FACTOR, READ_SLACK, damaged
from motefit.tflite.tables import tables, unions

MAX_BYTES = 2**31 - 1
NONE = np.zeros(0, np.uint8)
SIZES = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8, "d": 8}


@dataclass(frozen=True, kw_only=True)
class Record:
    """A verified table: its fields by slot.

    Attributes:
        kind: name in the schema.
        at: place in the file.
        fields: numbers, strings (bytes), tables, and vectors (numbers, tables or strings).
        places: first byte of each vector of numbers.
    """

    kind: str
    at: int
    fields: Mapping[int, object]
    places: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def number(self, slot: int, default: float = 0) -> float:
        """A number; the default where it is absent."""
        value = self.fields.get(slot, default)
        return value if isinstance(value, int | float) else default

    def records(self, slot: int) -> "tuple[Record, ...]":
        """A vector of tables; empty where absent."""
        value = self.fields.get(slot, ())
        return value if isinstance(value, tuple) else ()

    def child(self, slot: int) -> "Record | None":
        """A table; None where absent."""
        value = self.fields.get(slot)
        return value if isinstance(value, Record) else None

    def numbers(self, slot: int) -> np.ndarray:
        """A vector of numbers; empty where absent."""
        value = self.fields.get(slot)
        return value if isinstance(value, np.ndarray) else NONE


def verify(data: bytes) -> Record:
    """Verify the FlatBuffer of a whole .tflite file.

    Returns:
        The root table.

    Raises:
        ModelFileError: naming the first thing that is wrong.
    """
    if len(data) < 8 or data[4:8] != schema.IDENTIFIER:
        raise damaged(f"{len(data)} bytes without the mark TFL3 are not a TensorFlow Lite model")
    if len(data) > MAX_BYTES:
        raise damaged(f"{len(data)} bytes are more than its offsets reach")
    file = _File(data)
    return file.table(file.target(0), "Model")


class _File:
    """Checked access to the bytes; each table is read once for each kind it is taken for."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._done: dict[tuple[int, str], Record] = {}
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
        """Where the offset at a position leads."""
        offset = self._integer("I", at)
        if offset == 0 or at + offset >= len(self._data):
            raise damaged(f"the offset at {at} leads nowhere")
        return at + offset

    def table(self, at: int, kind: str) -> Record:
        """The table at a position, and everything below it."""
        if (at, kind) not in self._done:
            self._done[at, kind] = self._read(at, kind)
        return self._done[at, kind]

    def _read(self, at: int, kind: str) -> Record:
        vtable = at - self._integer("i", at)
        size, inline = self._integer("H", vtable), self._integer("H", vtable + 2)
        ends = vtable + size, at + inline
        if size < 4 or size % 2 or inline < 4 or max(ends) > len(self._data):
            raise damaged(f"the table {kind} at {at} is no table")
        slots = tables()[kind]
        fields: dict[int, object] = {}
        places: dict[int, int] = {}
        for slot, code in enumerate(slots[: size // 2 - 2]):
            offset = self._integer("H", vtable + 4 + 2 * slot)
            code = code.partition("=")[0]  # noqa: PLW2901  (the default is not needed here)
            if not offset or code == "-":
                continue
            if offset < 4 or offset + SIZES.get(code, 4) > inline:
                raise damaged(f"field {slot} of the table {kind} at {at} lies outside it")
            place = at + offset
            if code.startswith("[") and code[1:-1] in SIZES:
                places[slot] = self.target(place) + 4
            fields[slot] = self._field(place, code, number=fields.get(slot - 1))
        self._spend(inline + size)
        return Record(kind=kind, at=at, fields=fields, places=places)

    def _field(self, place: int, code: str, *, number: object) -> object:
        if code in SIZES:
            return self._number(code, place)
        at = self.target(place)
        if code == "s":
            return self._text(at)
        if code.startswith("["):
            return self._vector(at, code[1:-1])
        if code.startswith("|"):
            members = unions()[code[1:]]
            if not isinstance(number, int) or not 0 < number <= len(members):
                raise damaged(f"the table at {at} has type {number} of {code[1:]}")
            return self.table(at, members[number - 1])
        return self.table(at, code)

    def _span(self, at: int, size: int) -> tuple[int, int]:
        """First byte and length of a vector of elements of a size."""
        length = self._integer("I", at)
        if at + 4 + length * size > len(self._data):
            raise damaged(f"a vector of {length} elements at {at} lies outside the file")
        if length and (at + 4) % size:
            raise damaged(f"the elements of the vector at {at} are not aligned to {size} bytes")
        self._spend(length * size + 4)
        return at + 4, length

    def _vector(self, at: int, code: str) -> object:
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
