"""A FlatBuffer assembler that minimises bytes.

The usual builders write each table and vector where it is created. Here the whole tree is known
before a byte is placed, which allows, within the rules of the format (offsets to children point
forward, scalars are aligned, a vtable may stand anywhere):

- nodes equal in value are written once;
- integer vectors and vtables overlap where the end of one is the start of another, or lie whole
  inside a longer one: ``[1, 12]`` is the tail of ``[2, 1, 12]`` once the length is written before;
- a scalar at its default is written after all where that saves a vtable;
- small vectors fill the gaps that aligned data leaves.

Format: https://flatbuffers.dev/internals/
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from motefit.tflite.packing import Chain, Region, fill, find, overlap

HEADER = 8
"""Bytes of the root's offset and the file identifier."""

DATA_ALIGN = 16
WIDE_ALIGN = 8
SIZES = {"b": 1, "B": 1, "i": 4, "I": 4, "f": 4}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number inside a table: ``code`` is one of b, B, i, I, f as in :mod:`struct`."""

    code: str
    value: float
    default: float = 0


@dataclass(frozen=True, slots=True)
class Blob:
    """A vector of numbers: its bytes after the length, the length, and the alignment of the data.

    Attributes:
        data: little-endian elements.
        length: number of elements.
        align: of the first element, in bytes: 4, 8 or 16.
        shared: whether its bytes may overlap with other vectors'. Weights may not, so that the
            size of a file does not depend on their values.
    """

    data: bytes
    length: int
    align: int = 4
    shared: bool = True

    def encode(self) -> bytes:
        """The length, the elements, and zeros up to a multiple of 4."""
        return struct.pack("<I", self.length) + self.data + bytes(-len(self.data) % 4)


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of tables or strings."""

    items: "tuple[Table | Blob, ...]"


@dataclass(frozen=True)
class Table:
    """A table: (slot, value) by slot. Equal content is one table, whatever its kind."""

    kind: str = field(compare=False)
    fields: "tuple[tuple[int, Scalar | Blob | Vector | Table], ...]"


Node = Blob | Vector | Table


Fields = Mapping[int, Scalar | Node | None]


def table(kind: str, fields: Fields) -> Table:
    """A table without its absent fields and without scalars at their default."""
    kept = []
    for slot, value in sorted(fields.items()):
        if value is None or (isinstance(value, Scalar) and value.value == value.default):
            continue
        kept.append((slot, value))
    return Table(kind, tuple(kept))


def int32s(values: Iterable[int]) -> Blob:
    """A vector of 32-bit integers."""
    items = tuple(values)
    return Blob(struct.pack(f"<{len(items)}i", *items), len(items))


def string(text: str) -> Blob:
    """A string, which ends in a zero byte that its length does not count."""
    data = text.encode()
    return Blob(data + b"\0", len(data), shared=False)


def assemble(root: Table, identifier: bytes) -> bytes:
    """The file: deterministic, without padding at its end.

    Args:
        root: the root table.
        identifier: four bytes that follow the root's offset.
    """
    nodes = _parents_first(root)
    forms = _forms([node for node in nodes if isinstance(node, Table)])
    vtables = Region(HEADER)
    for chain in overlap([form.vtable for form in forms.values()], grain=2):
        vtables.place(chain)
    leaves = _Leaves(nodes, forms)
    at: dict[Node, int] = {}
    end = vtables.end + -vtables.end % 4
    for node in nodes:
        if not isinstance(node, Blob) and node not in leaves.tables:
            at[node] = end
            end += _padded(forms[node].size if isinstance(node, Table) else 4 + 4 * len(node.items))
    region = leaves.place(end, at)
    out = bytearray(region.end)
    struct.pack_into("<I4s", out, 0, at[root], identifier)
    for address, data in (*vtables.pieces, *region.pieces):
        out[address : address + len(data)] = data
    for node in nodes:
        if isinstance(node, Vector):
            _write_vector(out, node, at)
        elif isinstance(node, Table):
            _write_table(out, at[node], forms[node], vtables.where[forms[node].vtable], at)
    return bytes(out)


def _padded(size: int) -> int:
    return size + -size % 4


def _write_vector(out: bytearray, node: Vector, at: Mapping[Node, int]) -> None:
    start = at[node]
    struct.pack_into("<I", out, start, len(node.items))
    for i, item in enumerate(node.items):
        here = start + 4 + 4 * i
        struct.pack_into("<I", out, here, at[item] - here)


@dataclass(frozen=True, slots=True)
class _Form:
    """How one table is written: its vtable, its size, and its fields by their place in it."""

    vtable: bytes
    size: int
    places: "tuple[tuple[int, Scalar | Node], ...]"


def _write_table(
    out: bytearray, start: int, form: _Form, vtable: int, at: Mapping[Node, int]
) -> None:
    struct.pack_into("<i", out, start, start - vtable)
    for place, value in form.places:
        here = start + place
        if isinstance(value, Scalar):
            number = value.value if value.code == "f" else int(value.value)
            struct.pack_into(f"<{value.code}", out, here, number)
        else:
            struct.pack_into("<I", out, here, at[value] - here)


def _parents_first(root: Table) -> list[Node]:
    done: set[Node] = set()
    order: list[Node] = []

    def visit(node: Node) -> None:
        if node in done:
            return
        done.add(node)
        if isinstance(node, Table):
            children: Sequence[Scalar | Node] = [value for _, value in node.fields]
        else:
            children = node.items if isinstance(node, Vector) else ()
        for child in reversed(children):
            if not isinstance(child, Scalar):
                visit(child)
        order.append(node)

    visit(root)
    return order[::-1]


def _forms(tables: Sequence[Table]) -> dict[Table, _Form]:
    """Write defaults explicitly where a group of tables then needs no vtable of its own."""
    groups: dict[tuple[str, tuple[int, ...]], list[Table]] = {}
    for node in tables:
        groups.setdefault((node.kind, tuple(slot for slot, _ in node.fields)), []).append(node)
    forms: dict[Table, _Form] = {}
    for (kind, slots), members in groups.items():
        extra = min(
            (
                _missing(slots, others[0])
                for (other_kind, other_slots), others in groups.items()
                if other_kind == kind and set(slots) < set(other_slots)
            ),
            key=lambda fields: 1000 if fields is None else len(fields),
            default=None,
        )
        plain = [_form(node.fields) for node in members]
        padded = [_form((*node.fields, *extra)) for node in members] if extra else plain
        costs = [sum(f.size + -f.size % 4 for f in some) for some in (plain, padded)]
        chosen = padded if costs[1] < costs[0] + len(plain[0].vtable) else plain
        forms.update(zip(members, chosen, strict=True))
    return forms


def _missing(slots: tuple[int, ...], other: Table) -> "tuple[tuple[int, Scalar], ...] | None":
    """Defaults of the fields that another table has beyond these slots; None if not all scalars."""
    extra = []
    for slot, value in other.fields:
        if slot in slots:
            continue
        if not isinstance(value, Scalar):
            return None
        extra.append((slot, Scalar(value.code, value.default, value.default)))
    return tuple(extra)


def _form(fields: "Sequence[tuple[int, Scalar | Node]]") -> _Form:
    sized = [(SIZES[v.code] if isinstance(v, Scalar) else 4, slot, v) for slot, v in fields]
    places = {}
    at = 4
    for size, slot, _ in sorted(sized, key=lambda item: (-item[0], item[1])):
        places[slot] = at
        at += size
    last = max(places, default=-1)
    entries = [places.get(slot, 0) for slot in range(last + 1)]
    vtable = struct.pack(f"<{2 + len(entries)}H", 4 + 2 * len(entries), at, *entries)
    return _Form(vtable, at, tuple((places[slot], value) for slot, value in fields))


class _Leaves:
    """Vectors of numbers, and the tables above them that may stand among them.

    Data aligned to 16 leaves gaps. Tables that refer to nothing but their own numbers (buffers,
    quantisations, options) and small vectors fill them exactly where a combination of sizes does.
    """

    def __init__(self, nodes: Sequence[Node], forms: "Mapping[Table, _Form]") -> None:
        blobs = [node for node in nodes if isinstance(node, Blob)]
        self._codes = {blob: blob.encode() for blob in blobs}
        self._aligned = [blob for blob in blobs if blob.align == DATA_ALIGN]
        self._wide = [blob for blob in blobs if blob.align == WIDE_ALIGN]
        self._small = [blob for blob in blobs if blob.align == 4]
        self.tables = {
            node: _padded(forms[node].size)
            for node in nodes[1:]
            if isinstance(node, Table) and all(_movable(value) for _, value in node.fields)
        }
        self._region = Region(0)

    def place(self, start: int, at: dict[Node, int]) -> Region:
        """Give an address from ``start`` on to every leaf and every movable table."""
        self._region = Region(start)
        own = {child for table in self.tables for _, child in table.fields}
        hosted = self._hosted()
        free = [b for b in self._small if b.shared and self._codes[b] not in hosted]
        chains = overlap([self._codes[blob] for blob in free], grain=4)
        late = [b for b in self._small if not b.shared]
        chains += [Chain.of(self._codes[b]) for b in late if b not in own]
        waiting: list[Table | Chain] = [*self.tables, *chains]
        for blob in self._aligned:
            self._reach(blob, waiting, at)
            self._region.place(Chain.of(self._codes[blob]))
        while waiting:
            self._put(waiting[0], waiting, at)
        for blob in [b for b in late if b in own] + self._wide:
            self._region.end += -(self._region.end + 4) % blob.align
            self._region.place(Chain.of(self._codes[blob]))
        for blob, code in self._codes.items():
            host, offset = hosted.get(code, (code, 0))
            at[blob] = self._region.where[host] + offset
        return self._region

    def _hosted(self) -> dict[bytes, tuple[bytes, int]]:
        """Small vectors that occur inside wide ones."""
        hosts = [self._codes[blob] for blob in self._wide if blob.shared]
        pieces = [self._codes[blob] for blob in self._small if blob.shared]
        places = ((piece, host, find(host, piece, 4)) for piece in pieces for host in hosts)
        return {piece: (host, place) for piece, host, place in places if place >= 0}

    def _size(self, item: "Table | Chain") -> int:
        return len(item.data) if isinstance(item, Chain) else self.tables[item]

    def _put(
        self, item: "Table | Chain", waiting: "list[Table | Chain]", at: dict[Node, int]
    ) -> None:
        waiting.remove(item)
        if isinstance(item, Chain):
            self._region.place(item)
        else:
            at[item] = self._region.end
            self._region.end += self.tables[item]

    def _reach(self, blob: Blob, waiting: "list[Table | Chain]", at: dict[Node, int]) -> None:
        """Fill up to where a blob's data is aligned, its own table first."""
        for item in [item for item in waiting if isinstance(item, Table)]:
            if any(child == blob for _, child in item.fields):
                self._put(item, waiting, at)
        gap = -(self._region.end + 4) % blob.align
        sizes = [self._size(item) for item in waiting]
        exact = (fill(sizes, gap + extra) for extra in (0, blob.align, 2 * blob.align))
        chosen = next((indices for indices in exact if indices is not None), ())
        for item in [waiting[i] for i in chosen]:
            self._put(item, waiting, at)
        self._region.end += -(self._region.end + 4) % blob.align


def _movable(value: "Scalar | Node") -> bool:
    """Whether a field lets its table stand among the leaves: nothing before them refers to it."""
    if isinstance(value, Blob):
        return value.align > 4 or not value.shared
    return isinstance(value, Scalar)
