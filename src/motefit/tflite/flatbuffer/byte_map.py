"""Checked access to a file that accounts for every byte: which part of a model it belongs to."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motefit.tflite.flatbuffer.reader import READ_FACTOR, READ_SLACK, damaged


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
