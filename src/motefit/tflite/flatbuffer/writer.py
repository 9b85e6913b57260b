"""A FlatBuffer assembler that minimizes bytes.

The usual builders write each table and vector where it is created. Here the whole tree is known
before a byte is placed, which allows, within the rules of the format (offsets to children point
forward, scalars are aligned, a vtable may be anywhere):

- nodes equal in value are written once;
- integer vectors and vtables overlap if the end of one is the start of another, or are entirely
  inside a longer one: ``[1, 12]`` is the tail of ``[2, 1, 12]`` once the length is written before;
- a scalar at its default is written anyway if that saves a vtable;
- small vectors fill the gaps between aligned data.

Format: https://flatbuffers.dev/internals/
"""

import functools
import operator
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from motefit.tflite.flatbuffer.packing import Hosts, OverlapChain, Region, fill, overlap

HEADER = 8
"""Length of the root's offset and the file identifier."""

SIZES = {
    "?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8, "d": 8,
}  # fmt: skip
"""Sizes in bytes of the numbers in a table, by their :mod:`struct` code."""


_LENGTH = struct.Struct("<I")


class Scalar(NamedTuple):
    """A number inside a table; ``code`` is one of :data:`SIZES`."""

    code: str
    value: float
    default: float = 0


class Blob(NamedTuple):
    """A vector of numbers: its bytes after the length, the length, and the alignment of the data.

    Attributes:
        data: little-endian elements.
        length: number of elements.
        align: alignment of the first element in bytes: 4, 8 or 16.
        shared: whether its bytes may overlap with other vectors. Weights may not, so that the
            size of a file does not depend on their values.
    """

    data: bytes
    length: int
    align: int = 4
    shared: bool = True

    def encode(self) -> bytes:
        """Encode the length, the elements, and zeros up to a multiple of 4."""
        data = self.data
        return b"%b%b%b" % (_LENGTH.pack(self.length), data, bytes(-len(data) % 4))


class Vector(NamedTuple):
    """A vector of tables or strings."""

    items: "tuple[Table | Blob, ...]"


@dataclass(frozen=True)
class Table:
    """A table as (slot, value) pairs. Equal content is one table, whatever its kind.

    The kind names a schema: at one slot, all tables of a kind have values of one type.
    """

    kind: str = field(compare=False)
    fields: "tuple[tuple[int, Scalar | Blob | Vector | Table], ...]"


Node = Blob | Vector | Table


Fields = Mapping[int, Scalar | Node | None]
_SLOT = operator.itemgetter(0)


def table(kind: str, fields: Fields) -> Table:
    """Create a table without absent fields and default scalars."""
    kept = []
    for slot, value in fields.items():
        if value is None or (type(value) is Scalar and value.value == value.default):
            continue
        kept.append((slot, value))
    kept.sort(key=_SLOT)
    return Table(kind, tuple(kept))


def int32s(values: Iterable[int]) -> Blob:
    """Create a vector of 32-bit integers."""
    return _int32s(tuple(values))


@functools.lru_cache(maxsize=4096)
def _int32s(items: tuple[int, ...]) -> Blob:
    return Blob(struct.pack(f"<{len(items)}i", *items), len(items))


def string(text: str) -> Blob:
    """Create a string, which ends in a zero byte that its length does not count."""
    data = text.encode()
    return Blob(data + b"\0", len(data), shared=False)


def assemble(root: Table, identifier: bytes) -> bytes:
    """Assemble the file: deterministic, without padding at its end.

    Args:
        root: the root table.
        identifier: four bytes that follow the root's offset.
    """
    nodes, leaves = _parents_first(root)
    layouts = _layouts([node for node in nodes if isinstance(node, _Table)])
    vtables = Region(HEADER)
    for chain in _vtable_chains(frozenset([layout.vtable for layout, _ in layouts.values()])):
        vtables.place(chain)
    at: dict[int, int] = {}
    end = _padded(vtables.end)
    for node in nodes:
        if isinstance(node, _Table):
            layout, _ = layouts[node.number]
            end += -(end + 4) % 8 if layout.wide else 0
            at[node.number] = end
            end += _padded(layout.size)
        else:
            at[node.number] = end
            end += 4 + 4 * len(node.items)
    region = _place_leaves(leaves, end, at)
    out = bytearray(region.end)
    struct.pack_into("<I4s", out, 0, at[nodes[0].number], identifier)
    for address, data in (*vtables.pieces, *region.pieces):
        out[address : address + len(data)] = data
    for node in nodes:
        if isinstance(node, _Table):
            layout, parts = layouts[node.number]
            _write_table(out, (at[node.number], vtables.where[layout.vtable]), layout, parts, at)
        else:
            _write_vector(out, node, at)
    return bytes(out)


@functools.lru_cache(maxsize=1024)
def _vtable_chains(vtables: frozenset[bytes]) -> list[OverlapChain]:
    """Overlap vtables; remembered, since networks of one kind have the same vtables."""
    return overlap(vtables, grain=2)


def _padded(size: int) -> int:
    return size + -size % 4


Part = Scalar | int
"""A number inside a table, or the number of the node that it points to."""


class _Table(NamedTuple):
    """One of the distinct tables."""

    number: int
    kind: str
    slots: tuple[int, ...]
    parts: tuple[Part, ...]


class _Vector(NamedTuple):
    """One of the distinct vectors of nodes; ``items`` are the nodes' numbers."""

    number: int
    items: tuple[int, ...]


class _Leaf(NamedTuple):
    """One of the distinct vectors of numbers."""

    number: int
    blob: Blob


def _parents_first(root: Table) -> tuple[list[_Table | _Vector], list[_Leaf]]:
    """List the distinct nodes; children are compared by their numbers, not again."""
    numbers: dict[object, int] = {}
    met: dict[int, int] = {}
    order: list[_Table | _Vector] = []
    leaves: list[_Leaf] = []

    def visit(node: Node) -> int:
        if id(node) in met:
            return met[id(node)]
        next_number = len(numbers)
        if isinstance(node, Blob):
            number = numbers.setdefault(node, next_number)
            if number == next_number:
                leaves.append(_Leaf(number, node))
            met[id(node)] = number
            return number
        found: _Table | _Vector
        if isinstance(node, Table):
            slots, parts = [], list[Part]()
            for slot, value in reversed(node.fields):
                slots.append(slot)
                parts.append(value if isinstance(value, Scalar) else visit(value))
            found = _Table(len(numbers), node.kind, tuple(slots[::-1]), tuple(parts[::-1]))
            key: object = found[2:]
        else:
            items = [visit(item) for item in reversed(node.items)]
            found = _Vector(len(numbers), tuple(items[::-1]))
            key = found.items
        number = met[id(node)] = numbers.setdefault(key, found.number)
        if number == found.number:
            order.append(found)
        return number

    visit(root)
    return order[::-1], leaves[::-1]


def _write_vector(out: bytearray, vector: _Vector, at: Mapping[int, int]) -> None:
    start = at[vector.number]
    offsets = [at[item] - start - 4 - 4 * i for i, item in enumerate(vector.items)]
    struct.pack_into(f"<{1 + len(offsets)}I", out, start, len(offsets), *offsets)


class _Layout(NamedTuple):
    """Layout of tables with certain fields.

    Numbers of eight bytes come first, four bytes into the table.

    Attributes:
        vtable: bytes of the vtable.
        size: size of the table in bytes.
        wide: whether there are numbers of eight bytes, so that the table starts four bytes after
            a multiple of eight.
        places: positions of the parts in bytes from the table's start, with their indices; with
            no gaps between them.
        packer: packer of the whole table.
    """

    vtable: bytes
    size: int
    wide: bool
    places: tuple[tuple[int, int], ...]
    packer: struct.Struct


def _layout_of(fields: Iterable[tuple[int, Part]]) -> _Layout:
    coded = [(slot, p.code if isinstance(p, Scalar) else "I") for slot, p in fields]
    return _layout(tuple(coded))


@functools.lru_cache(maxsize=4096)
def _layout(fields: tuple[tuple[int, str], ...]) -> _Layout:
    """Compute the layout for slots and their codes, ``I`` for an offset."""
    order = sorted(range(len(fields)), key=lambda i: (-SIZES[fields[i][1]], fields[i][0]))
    at, places = 4, []
    for i in order:
        places.append((at, i))
        at += SIZES[fields[i][1]]
    where = {fields[i][0]: place for place, i in places}
    entries = [where.get(slot, 0) for slot in range(max(where, default=-1) + 1)]
    return _Layout(
        vtable=struct.pack(f"<{2 + len(entries)}H", 4 + 2 * len(entries), at, *entries),
        size=at,
        wide=any(SIZES[code] == 8 for _, code in fields),
        places=tuple(places),
        packer=struct.Struct("<i" + "".join(fields[i][1] for i in order)),
    )


def _write_table(
    out: bytearray,
    here: tuple[int, int],
    layout: _Layout,
    parts: Sequence[Part],
    at: Mapping[int, int],
) -> None:
    """Write a table; ``here`` has the starts of the table and its vtable."""
    start, vtable = here
    values: list[float] = []
    for place, i in layout.places:
        part = parts[i]
        if isinstance(part, Scalar):
            code, value, _ = part
            values.append(value if code in "fd" else int(value))
        else:
            values.append(at[part] - start - place)
    layout.packer.pack_into(out, start, start - vtable, *values)


def _layouts(tables: Sequence[_Table]) -> dict[int, tuple[_Layout, tuple[Part, ...]]]:
    """Choose layout and parts of every table, by its number.

    Defaults are written explicitly if a group of tables then needs no vtable of its own.
    """
    groups: dict[tuple[str, tuple[int, ...]], list[_Table]] = {}
    for node in tables:
        groups.setdefault((node.kind, node.slots), []).append(node)
    chosen: dict[int, tuple[_Layout, tuple[Part, ...]]] = {}
    kinds: dict[str, list[tuple[frozenset[int], _Table]]] = {}
    for (kind, slots), members in groups.items():
        kinds.setdefault(kind, []).append((frozenset(slots), members[0]))
    for (kind, slots), members in groups.items():
        own = frozenset(slots)
        extra = min(
            [_missing(slots, other) for others, other in kinds[kind] if own < others],
            key=lambda fields: 1000 if fields is None else len(fields),
            default=None,
        )
        plain = list(zip(slots, members[0].parts, strict=True))
        layout, defaults = _layout_of(plain), tuple[Scalar, ...]()
        if extra:
            wider = _layout_of([*plain, *extra])
            more = len(members) * (_padded(wider.size) - _padded(layout.size))
            if more < len(layout.vtable):
                layout, defaults = wider, tuple([value for _, value in extra])
        for node in members:
            chosen[node.number] = layout, node.parts + defaults
    return chosen


def _missing(slots: tuple[int, ...], other: _Table) -> tuple[tuple[int, Scalar], ...] | None:
    """Return defaults of another table's fields beyond these slots; None unless all are scalars."""
    extra = []
    for slot, value in zip(other.slots, other.parts, strict=True):
        if slot in slots:
            continue
        if not isinstance(value, Scalar):
            return None
        extra.append((slot, Scalar(value.code, value.default, value.default)))
    return tuple(extra)


def _place_leaves(leaves: Sequence[_Leaf], start: int, at: dict[int, int]) -> Region:
    """Place vectors: aligned ones in order, the others in the gaps before them and at the end."""
    region = Region(start)
    codes = {leaf.number: leaf.blob.encode() for leaf in leaves}
    wide = sorted([leaf for leaf in leaves if leaf.blob.align > 4], key=lambda n: -n.blob.align)
    small = [leaf for leaf in leaves if leaf.blob.align == 4]
    hosts = Hosts()
    for leaf in reversed(wide):
        if leaf.blob.shared:
            hosts.append(codes[leaf.number])
    pieces = {codes[leaf.number] for leaf in small if leaf.blob.shared}
    found = {piece: hosts.find(piece, 4) for piece in pieces}
    hosted = {piece: place for piece, place in found.items() if place}
    fillers = overlap(pieces - hosted.keys(), grain=4)
    fillers += [OverlapChain.of(codes[leaf.number]) for leaf in small if not leaf.blob.shared]
    sizes = [len(chain.data) for chain in fillers]
    for leaf in wide:
        align = leaf.blob.align
        chosen = fill(sizes, -(region.end + 4) % align, align)
        for i in chosen:
            region.place(fillers[i])
        for i in reversed(chosen):
            del fillers[i], sizes[i]
        region.end += -(region.end + 4) % align
        region.put(codes[leaf.number])
    for chain in fillers:
        region.place(chain)
    for number, code in codes.items():
        host, offset = hosted.get(code, (code, 0))
        at[number] = region.where[host] + offset
    return region
