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

HEADER = 8
"""Bytes of the root's offset and the file identifier."""

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
    """A table: (slot, value) in the order of slots. Equal content is one table, whatever its kind."""

    kind: str = field(compare=False)
    fields: "tuple[tuple[int, Scalar | Blob | Vector | Table], ...]"


Node = Blob | Vector | Table


def table(kind: str, fields: "Mapping[int, Scalar | Node | None]") -> Table:
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
    vtables = _Region(HEADER)
    for chain in _overlap([form.vtable for form in forms.values()], grain=2):
        vtables.place(chain)
    at: dict[Node, int] = {}
    end = vtables.end + -vtables.end % 4
    for node in nodes:
        if not isinstance(node, Blob):
            at[node] = end
            size = forms[node].size if isinstance(node, Table) else 4 + 4 * len(node.items)
            end += size + -size % 4
    leaves = _place_leaves([node for node in nodes if isinstance(node, Blob)], end, at)
    out = bytearray(max(end, leaves.end))
    struct.pack_into("<I4s", out, 0, at[root], identifier)
    for region in (vtables, leaves):
        for address, data in region.pieces:
            out[address : address + len(data)] = data
    for node in nodes:
        if isinstance(node, Vector):
            _write_vector(out, node, at)
        elif isinstance(node, Table):
            _write_table(out, at[node], forms[node], vtables.where[forms[node].vtable], at)
    return bytes(out)


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


@dataclass(frozen=True, slots=True)
class _Chain:
    """Bytes that hold several pieces, and where each begins."""

    data: bytes
    starts: Mapping[bytes, int]


class _Region:
    """A stretch of the file that is filled from front to back."""

    def __init__(self, start: int) -> None:
        self.end = start
        self.pieces: list[tuple[int, bytes]] = []
        self.where: dict[bytes, int] = {}

    def place(self, chain: _Chain) -> None:
        self.pieces.append((self.end, chain.data))
        self.where.update({piece: self.end + start for piece, start in chain.starts.items()})
        self.end += len(chain.data)


def _find(data: bytes, piece: bytes, grain: int) -> int:
    start = data.find(piece)
    while start % grain and start >= 0:
        start = data.find(piece, start + 1)
    return start


def _overlap(pieces: Iterable[bytes], *, grain: int) -> list[_Chain]:
    """Chains that hold every piece, as short as a greedy search makes them."""
    hosts: list[bytes] = []
    inside: dict[bytes, tuple[bytes, int]] = {}
    for piece in sorted(set(pieces), key=lambda p: (-len(p), p)):
        found = ((host, _find(host, piece, grain)) for host in hosts)
        hit = next(((host, start) for host, start in found if start >= 0), None)
        if hit:
            inside[piece] = hit
        else:
            hosts.append(piece)
    follows = _links(hosts, grain)
    chains = []
    for first in hosts:
        if first in {right for right, _ in follows.values()}:
            continue
        data, starts, piece = first, {first: 0}, first
        while piece in follows:
            piece, shared = follows[piece]
            starts[piece] = len(data) - shared
            data += piece[shared:]
        held = {p: starts[host] + start for p, (host, start) in inside.items() if host in starts}
        chains.append(_Chain(data, {**starts, **held}))
    return chains


def _links(pieces: Sequence[bytes], grain: int) -> dict[bytes, tuple[bytes, int]]:
    """For a piece, the one that follows it and the bytes they share; longest shares first."""
    prefixes: dict[bytes, list[bytes]] = {}
    for piece in pieces:
        for length in range(grain, len(piece), grain):
            prefixes.setdefault(piece[:length], []).append(piece)
    pairs = [
        (length, left, right)
        for left in pieces
        for length in range(grain, len(left), grain)
        for right in prefixes.get(left[-length:], ())
        if right != left
    ]
    follows: dict[bytes, tuple[bytes, int]] = {}
    start_of = {piece: piece for piece in pieces}
    taken: set[bytes] = set()
    for length, left, right in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])):
        if left in follows or right in taken or start_of[left] == right:
            continue
        follows[left] = (right, length)
        taken.add(right)
        start, end = start_of[left], right
        while end in follows:
            end = follows[end][0]
        start_of[end] = start
    return follows


def _place_leaves(blobs: Sequence[Blob], start: int, at: dict[Node, int]) -> _Region:
    """Place vectors: aligned ones in order, the others in the gaps between them and at the end."""
    region = _Region(start)
    codes = {blob: blob.encode() for blob in blobs}
    aligned = [blob for blob in blobs if blob.align > 4]
    wide = [codes[blob] for blob in aligned if blob.shared]
    small = [blob for blob in blobs if blob.align == 4]
    hosted = {
        codes[blob]: (host, _find(host, codes[blob], 4))
        for blob in small
        if blob.shared
        for host in wide
        if _find(host, codes[blob], 4) >= 0
    }
    free = [blob for blob in small if blob.shared and codes[blob] not in hosted]
    fillers = _overlap([codes[blob] for blob in free], grain=4)
    fillers += [_Chain(codes[b], {codes[b]: 0}) for b in small if not b.shared]
    fillers.sort(key=lambda chain: -len(chain.data))
    for blob in sorted(aligned, key=lambda b: -b.align):
        gap = -(region.end + 4) % blob.align
        while gap:
            fit = next((chain for chain in fillers if len(chain.data) <= gap), None)
            if fit is None:
                break
            fillers.remove(fit)
            region.place(fit)
            gap -= len(fit.data)
        region.end += gap
        region.place(_Chain(codes[blob], {codes[blob]: 0}))
    for chain in fillers:
        region.place(chain)
    for blob in blobs:
        host, offset = hosted.get(codes[blob], (codes[blob], 0))
        at[blob] = region.where[host] + offset
    return region
