"""FlatBuffers read without trust: every access is checked, every byte read is accounted for.

:func:`read_model` gives any TensorFlow Lite file as the tree of its tables, by the schema alone:
nothing here knows what a field means. A table is read slot by slot after
:mod:`motefit.tflite.flatbuffer.layout`, and comes back as what
:func:`motefit.tflite.flatbuffer.writer.assemble` writes.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer import layout, schema
from motefit.tflite.flatbuffer.writer import SIZES, Blob, Node, Scalar, Table, Vector

# A sound file shares a vector among tens of tensors; one that makes the reader go over its bytes
# more often than this was built to waste time.
READ_FACTOR = 64
READ_SLACK = 1 << 20


def damaged(detail: str) -> ModelFileError:
    """The error for bytes that do not follow the format."""
    return ModelFileError(f"damaged .tflite file: {detail}; copy or export the file again")


class Reader:
    """Checked access to a file, and a label for each byte that was read.

    Args:
        data: the whole file.
        labels: what bytes can be; the first is for those nothing refers to.
    """

    def __init__(self, data: bytes, labels: Sequence[str]) -> None:
        self.data = data
        self._labels = tuple(labels)
        self._owner = np.zeros(len(data), np.uint8)
        self._budget = READ_FACTOR * len(data) + READ_SLACK

    def claim(self, start: int, size: int, label: str) -> int:
        """Check that a range lies inside the file and label what has no label yet.

        Returns:
            The start.

        Raises:
            ModelFileError: for a range outside the file.
        """
        if start < 0 or size < 0 or start + size > len(self.data):
            raise damaged(f"{size} bytes at {start} lie outside its {len(self.data)} bytes")
        self._budget -= size + 16
        if self._budget < 0:
            raise damaged("its tables overlap too often")
        part = self._owner[start : start + size]
        part[part == 0] = self._labels.index(label)
        return start

    def totals(self) -> dict[str, int]:
        """Bytes by label; the sum is the size of the file."""
        counts = np.bincount(self._owner, minlength=len(self._labels))
        return {label: int(n) for label, n in zip(self._labels, counts, strict=True)}

    def number(self, code: str, at: int, label: str) -> int:
        """The integer of a :mod:`struct` code at a position."""
        self.claim(at, struct.calcsize(f"<{code}"), label)
        return int(struct.unpack_from(f"<{code}", self.data, at)[0])

    def follow(self, at: int, label: str) -> int:
        """Where the offset at a position points."""
        return at + self.number("I", at, label)

    def span(self, at: int, width: int, label: str) -> tuple[int, int]:
        """First byte and length of a vector whose elements have a width."""
        length = self.number("I", at, label)
        return self.claim(at + 4, length * width, label), length

    def array(self, at: int, dtype: str, label: str) -> np.ndarray:
        """A vector of numbers."""
        start, length = self.span(at, np.dtype(dtype).itemsize, label)
        return np.frombuffer(self.data, dtype, length, start)

    def table(self, at: int, label: str) -> "TableView":
        """The table at a position, with its vtable checked."""
        vtable = at - self.number("i", at, label)
        size = self.number("H", vtable, label)
        inline = self.number("H", vtable + 2, label)
        if size < 4 or size % 2 or inline < 4 or vtable % 2 or at % 4:
            raise damaged(f"no table at {at}")
        self.claim(vtable, size, label)
        self.claim(at, inline, label)
        entries = struct.unpack_from(f"<{size // 2 - 2}H", self.data, vtable + 4)
        return TableView(reader=self, at=at, inline=inline, entries=entries, label=label)


@dataclass(frozen=True, kw_only=True)
class TableView:
    """A table; fields are asked for by slot."""

    reader: Reader
    at: int
    inline: int
    entries: tuple[int, ...]
    label: str

    def place(self, slot: int, size: int) -> int | None:
        """Position of a field, None where it is absent."""
        offset = self.entries[slot] if slot < len(self.entries) else 0
        if not offset:
            return None
        if offset + size > self.inline:
            raise damaged(f"a field of the table at {self.at} lies outside it")
        return self.at + offset

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """An integer field."""
        at = self.place(slot, struct.calcsize(f"<{code}"))
        return default if at is None else self.reader.number(code, at, self.label)

    def scalar(self, slot: int, code: str) -> float | None:
        """A number of any kind, None where it is absent."""
        at = self.place(slot, struct.calcsize(f"<{code}"))
        if at is None:
            return None
        if code not in "fd":
            return self.reader.number(code, at, self.label)
        self.reader.claim(at, struct.calcsize(f"<{code}"), self.label)
        return float(struct.unpack_from(f"<{code}", self.reader.data, at)[0])

    def child(self, slot: int, label: str | None = None) -> "TableView | None":
        """A table field."""
        at = self.place(slot, 4)
        if at is None:
            return None
        return self.reader.table(self.reader.follow(at, self.label), label or self.label)

    def children(self, slot: int, label: str) -> "list[TableView]":
        """A vector of tables; empty where absent."""
        at = self.place(slot, 4)
        if at is None:
            return []
        start, length = self.reader.span(self.reader.follow(at, self.label), 4, label)
        places = range(start, start + 4 * length, 4)
        return [self.reader.table(self.reader.follow(at, label), label) for at in places]

    def array(self, slot: int, dtype: str, label: str) -> np.ndarray:
        """A vector of numbers; empty where absent."""
        at = self.place(slot, 4)
        if at is None:
            return np.zeros(0, dtype)
        return self.reader.array(self.reader.follow(at, self.label), dtype, label)

    def text(self, slot: int, label: str) -> str:
        """A string; empty where absent."""
        at = self.place(slot, 4)
        if at is None:
            return ""
        start, length = self.reader.span(self.reader.follow(at, self.label), 1, label)
        self.reader.claim(start + length, 1, label)
        return self.reader.data[start : start + length].decode("utf-8", "replace")


LABELS = ("unread", "read")
ALIGNED = {("Buffer", 0): 16, ("CustomQuantization", 0): 16}
"""Vectors that the schema aligns further than their numbers, by table and slot."""
SHARED_BYTES = 64
"""Vectors up to this length may overlap others; the search for places is slow for long ones."""


def read_model(data: bytes) -> Table:
    """The root table of a file, with everything below it.

    Args:
        data: the whole file.

    Raises:
        ModelFileError: for damaged bytes, or fields that this motefit's schema does not have.
    """
    if len(data) < 8 or data[4:8] != schema.IDENTIFIER:
        raise damaged(f"{len(data)} bytes without the mark TFL3 are not a TensorFlow Lite model")
    reader = Reader(data, LABELS)
    root = reader.table(reader.follow(0, "read"), "read")
    return _TreeReader().table(root, "Model")


@cache
def tables() -> Mapping[str, tuple[str, ...]]:
    """Slots of every table by its name; see the layout for how they are written."""
    return _entries(layout.TABLES)


@cache
def unions() -> Mapping[str, tuple[str, ...]]:
    """Tables of every union by its name; type 1 stands first."""
    return _entries(layout.UNIONS)


def _entries(text: str) -> dict[str, tuple[str, ...]]:
    lines = text.replace("\n  ", " ").strip().splitlines()
    return {words[0]: tuple(words[1:]) for words in map(str.split, lines)}


@dataclass
class _TreeReader:
    """One reading; tables that several others refer to are read once."""

    done: dict[tuple[int, str], Table] = field(default_factory=dict)

    def table(self, view: TableView, name: str) -> Table:
        key = view.at, name
        if key not in self.done:
            self.done[key] = self._read(view, name)
        return self.done[key]

    def _read(self, view: TableView, name: str) -> Table:
        slots = tables()[name]
        if any(view.entries[len(slots) :]):
            raise ModelFileError(
                f"a table {name} has a field {len(view.entries) - 1}, which this motefit does not "
                "know: the file is newer than its schema; update motefit"
            )
        fields: list[tuple[int, Scalar | Node]] = []
        for slot, kind in enumerate(slots):
            value = self._field(view, name, slot, kind)
            if value is not None:
                fields.append((slot, value))
        return Table(name, tuple(fields))

    def _field(self, view: TableView, name: str, slot: int, kind: str) -> Scalar | Node | None:
        code, _, default = kind.partition("=")
        if code in SIZES:
            number = view.scalar(slot, code)
            least = float(default or 0)
            same = number is None or number == least
            return None if number is None or same else Scalar(code, number, least)
        if kind == "-" or view.place(slot, 4) is None:
            return None
        if kind.startswith("|"):
            return self._union(view, slot, kind[1:])
        if kind.startswith("["):
            return self._vector(view, name, slot, kind[1:-1])
        if kind == "s":
            return _text(view, slot)
        child = view.child(slot)
        return None if child is None else self.table(child, kind)

    def _union(self, view: TableView, slot: int, name: str) -> Table | None:
        number, child = view.number(slot - 1, "B"), view.child(slot)
        if child is None or number == 0:
            return None
        members = unions()[name]
        if number > len(members):
            raise ModelFileError(
                f"a field holds type {number} of {name}, which this motefit does not know: "
                "the file is newer than its schema; update motefit"
            )
        return self.table(child, members[number - 1])

    def _vector(self, view: TableView, name: str, slot: int, kind: str) -> Node:
        if kind in SIZES:
            values = view.array(slot, _dtype(kind), "read")
            align = ALIGNED.get((name, slot), max(4, SIZES[kind]))
            short = values.nbytes <= SHARED_BYTES and align == 4
            return Blob(values.tobytes(), len(values), align=align, shared=short)
        if kind == "s":
            return Vector(tuple(_texts(view, slot)))
        return Vector(tuple(self.table(child, kind) for child in view.children(slot, "read")))


def _dtype(code: str) -> str:
    return np.dtype(f"<{code}").str


def _string(reader: Reader, at: int) -> Blob:
    start, length = reader.span(at, 1, "read")
    return Blob(reader.data[start : start + length] + b"\0", length, shared=False)


def _text(view: TableView, slot: int) -> Blob | None:
    at = view.place(slot, 4)
    return None if at is None else _string(view.reader, view.reader.follow(at, "read"))


def _texts(view: TableView, slot: int) -> list[Blob]:
    at = view.place(slot, 4)
    if at is None:
        return []
    start, length = view.reader.span(view.reader.follow(at, "read"), 4, "read")
    places: Sequence[int] = range(start, start + 4 * length, 4)
    return [_string(view.reader, view.reader.follow(place, "read")) for place in places]


def number(table: Table, slot: int, default: int = 0) -> int:
    """An integer field; its default where absent."""
    value = dict(table.fields).get(slot)
    return int(value.value) if isinstance(value, Scalar) else default


def items(table: Table, slot: int) -> tuple[Table, ...]:
    """A vector of tables; empty where absent."""
    value = dict(table.fields).get(slot)
    if not isinstance(value, Vector):
        return ()
    return tuple(item for item in value.items if isinstance(item, Table))


def int32s_of(table: Table, slot: int) -> tuple[int, ...]:
    """A vector of 32-bit integers; empty where absent."""
    value = dict(table.fields).get(slot)
    return struct.unpack(f"<{value.length}i", value.data) if isinstance(value, Blob) else ()


def text_of(table: Table, slot: int) -> str:
    """A string; empty where absent."""
    value = dict(table.fields).get(slot)
    return value.data[:-1].decode("utf-8", "replace") if isinstance(value, Blob) else ""


def edited(table: Table, changes: Mapping[int, Scalar | Node | None]) -> Table:
    """A copy with some fields replaced; None and numbers at their default leave a field out."""
    fields = {**dict(table.fields), **changes}
    kept = [
        (slot, value)
        for slot, value in sorted(fields.items())
        if value is not None and not (isinstance(value, Scalar) and value.value == value.default)
    ]
    return Table(table.kind, tuple(kept))
