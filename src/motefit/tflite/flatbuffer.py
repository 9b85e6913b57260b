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

SIZES = {
    "?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8, "d": 8,
}  # fmt: skip
"""Bytes of the numbers in a table, by their :mod:`struct` code."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number inside a table; ``code`` is one of :data:`SIZES`."""

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
    at: dict[Node, int] = {}
    end = _padded(vtables.end)
    for node in nodes:
        if not isinstance(node, Blob):
            if isinstance(node, Table) and forms[node].wide:
                end += -(end + 4) % 8
            at[node] = end
            end += _padded(forms[node].size if isinstance(node, Table) else 4 + 4 * len(node.items))
    leaves = _place_leaves([node for node in nodes if isinstance(node, Blob)], end, at)
    out = bytearray(leaves.end)
    struct.pack_into("<I4s", out, 0, at[root], identifier)
    for address, data in (*vtables.pieces, *leaves.pieces):
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
    """How one table is written: its vtable, its size, and its fields by their place in it.

    Numbers of eight bytes come first, four bytes into the table; ``wide`` says that there are any,
    so that the table begins four bytes beside a multiple of eight.
    """

    vtable: bytes
    size: int
    places: "tuple[tuple[int, Scalar | Node], ...]"
    wide: bool


def _write_table(
    out: bytearray, start: int, form: _Form, vtable: int, at: Mapping[Node, int]
) -> None:
    struct.pack_into("<i", out, start, start - vtable)
    for place, value in form.places:
        here = start + place
        if isinstance(value, Scalar):
            number = value.value if value.code in "fd" else int(value.value)
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
    wide = any(size == 8 for size, _, _ in sized)
    return _Form(vtable, at, tuple((places[slot], value) for slot, value in fields), wide)


def _place_leaves(blobs: Sequence[Blob], start: int, at: dict[Node, int]) -> Region:
    """Place vectors: aligned ones in order, the others in the gaps before them and at the end."""
    region = Region(start)
    codes = {blob: blob.encode() for blob in blobs}
    aligned = sorted((blob for blob in blobs if blob.align > 4), key=lambda blob: -blob.align)
    small = [blob for blob in blobs if blob.align == 4]
    hosted: dict[bytes, tuple[bytes, int]] = {}
    for host in (codes[blob] for blob in aligned if blob.shared):
        for piece in (codes[blob] for blob in small if blob.shared):
            place = find(host, piece, 4)
            if place >= 0:
                hosted[piece] = host, place
    fillers = overlap([codes[b] for b in small if b.shared and codes[b] not in hosted], grain=4)
    fillers += [Chain.of(codes[blob]) for blob in small if not blob.shared]
    for blob in aligned:
        gap = -(region.end + 4) % blob.align
        chosen = fill([len(chain.data) for chain in fillers], gap, blob.align)
        for i in chosen:
            region.place(fillers[i])
        fillers = [chain for i, chain in enumerate(fillers) if i not in chosen]
        region.end += -(region.end + 4) % blob.align
        region.place(Chain.of(codes[blob]))
    for chain in fillers:
        region.place(chain)
    for blob, code in codes.items():
        host, offset = hosted.get(code, (code, 0))
        at[blob] = region.where[host] + offset
    return region
