"""Packing of pieces of bytes: overlapping equal ends, and filling gaps exactly."""

import bisect
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

FILL_STEPS = 16
"""Number of places for aligned data considered for one choice of pieces."""


class OverlapChain(NamedTuple):
    """Bytes that contain several pieces, and the start of each."""

    data: bytes
    starts: Mapping[bytes, int]

    @classmethod
    def of(cls, piece: bytes) -> "OverlapChain":
        """Create a chain of one piece."""
        return cls(piece, {piece: 0})


class Region:
    """A stretch of the file that is filled from front to back."""

    def __init__(self, start: int) -> None:
        self.end = start
        self.pieces: list[tuple[int, bytes]] = []
        self.where: dict[bytes, int] = {}

    def put(self, piece: bytes) -> None:
        """Append one piece."""
        self.pieces.append((self.end, piece))
        self.where[piece] = self.end
        self.end += len(piece)

    def place(self, chain: OverlapChain) -> None:
        """Append a chain."""
        self.pieces.append((self.end, chain.data))
        for piece, start in chain.starts.items():
            self.where[piece] = self.end + start
        self.end += len(chain.data)


class Hosts:
    """Pieces joined one after the other, so that a single search covers all of them."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._joined = bytearray()
        self._starts: list[int] = []

    def append(self, piece: bytes) -> None:
        """Add a piece after the others."""
        self.pieces.append(piece)
        self._starts.append(len(self._joined))
        self._joined += piece

    def find(self, piece: bytes, grain: int) -> tuple[bytes, int] | None:
        """Find the first host that contains a piece at a multiple of ``grain``, and where."""
        place = self._joined.find(piece)
        while place >= 0:
            i = bisect.bisect_right(self._starts, place) - 1
            start = place - self._starts[i]
            if start % grain == 0 and start + len(piece) <= len(self.pieces[i]):
                return self.pieces[i], start
            place = self._joined.find(piece, place + 1)
        return None


def overlap(pieces: Iterable[bytes], *, grain: int) -> list[OverlapChain]:
    """Build chains that contain every piece, shortened by a greedy search."""
    hosts = Hosts()
    inside: dict[bytes, tuple[bytes, int]] = {}
    for piece in sorted(set(pieces), key=lambda p: (-len(p), p)):
        hit = hosts.find(piece, grain)
        if hit:
            inside[piece] = hit
        else:
            hosts.append(piece)
    follows = _links(hosts.pieces, grain)
    followers = {right for right, _ in follows.values()}
    chains = []
    for first in (host for host in hosts.pieces if host not in followers):
        data, starts, piece = first, {first: 0}, first
        while piece in follows:
            piece, shared = follows[piece]
            starts[piece] = len(data) - shared
            data += piece[shared:]
        held = {p: starts[host] + start for p, (host, start) in inside.items() if host in starts}
        chains.append(OverlapChain(data, {**starts, **held}))
    return chains


def _links(pieces: Sequence[bytes], grain: int) -> dict[bytes, tuple[bytes, int]]:
    """Choose for each piece its follower and the number of shared bytes, longest first."""
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


def fill(sizes: Sequence[int], gap: int, align: int) -> tuple[int, ...]:
    """Choose pieces that come before aligned data, so that little padding is left.

    Args:
        sizes: sizes of the available pieces.
        gap: bytes up to the next possible place of the data.
        align: bytes between possible places.

    Returns:
        Indices into ``sizes``: their total reaches such a place exactly, or else fills as much of
        the gap as possible.
    """
    if gap == 0:
        return ()
    room = gap + FILL_STEPS * align
    reached: dict[int, tuple[int, ...]] = {0: ()}
    for i, size in enumerate(sizes):
        for before in sorted(reached, reverse=True):
            if before + size <= room and before + size not in reached:
                reached[before + size] = (*reached[before], i)
                if (before + size) % align == gap:
                    return reached[before + size]
    return reached[max(total for total in reached if total <= gap)]
