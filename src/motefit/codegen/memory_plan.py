"""Placement of activations in one static block of memory, by exact search.

Two buffers that are needed at the same time must not overlap. The least block is at least the
largest sum of buffers alive at once; a plan of that size
is optimal, and so is the best plan of a search that was not cut short.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

ALIGNMENT_BYTES = 8
"""Of every buffer: floats and words of the kernels need no more."""
ROUNDS = 20
"""Times that an order of placement is tried."""
LIMIT = 200_000
"""Placements that a search tries before it returns the best plan found so far."""


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """Memory that is needed for some steps.

    Attributes:
        name: of the buffer.
        size: bytes.
        first: first step that needs it.
        last: last step that needs it.
        shrinks: steps from which on it needs fewer bytes, and how many, in order.
    """

    name: str
    size: int
    first: int
    last: int
    shrinks: tuple[tuple[int, int], ...] = ()

    @property
    def room(self) -> int:
        """Bytes of its first step, including what aligns the next buffer."""
        return self.room_at(self.first)

    def room_at(self, step: int) -> int:
        """Compute the bytes that a step needs, including what aligns the next buffer."""
        sizes = [self.size, *(size for start, size in self.shrinks if start <= step)]
        return -(-sizes[-1] // ALIGNMENT_BYTES) * ALIGNMENT_BYTES

    def room_beside(self, other: "Buffer") -> int:
        """Compute the bytes it needs in the steps that need another one too."""
        return self.room_at(max(self.first, other.first))

    def meets(self, other: "Buffer") -> bool:
        """Return whether both are needed in some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Offsets of buffers in one block.

    Attributes:
        offsets: bytes from the start of the block, by name.
        size: of the block, in bytes.
        bound: bytes alive at once, below which no plan exists.
        optimal: whether no smaller plan exists, as proven by the bound or by the whole search.
    """

    offsets: Mapping[str, int]
    size: int
    bound: int
    optimal: bool


def plan_memory(buffers: Sequence[Buffer], *, limit: int = LIMIT) -> MemoryPlan:
    """Find the smallest block for some buffers.

    Any plan can be pushed down until each buffer lies at 0 or on another one, and is then the
    result of placing the buffers by rising offset, each on top of those it meets. The search tries
    these orders, and leaves an order once its block is not smaller than the best one known.

    >>> chain = [Buffer(name=n, size=8, first=i, last=i + 1) for i, n in enumerate("abc")]
    >>> plan = plan_memory(chain)
    >>> plan.size, plan.optimal, dict(plan.offsets)
    (16, True, {'a': 0, 'b': 8, 'c': 0})

    Args:
        buffers: with distinct names.
        limit: placements to try; if they do not suffice, the plan is not called optimal.
    """
    bound = _bound(buffers)
    best = _greedy(buffers, bound)
    size = _size(buffers, best)
    finished = True
    if size > bound:
        for offsets in _search(buffers, size, limit):
            if offsets is None:
                finished = False
                break
            best, size = offsets, _size(buffers, offsets)
            if size == bound:
                break
    named = {buffer.name: best[i] for i, buffer in enumerate(buffers)}
    return MemoryPlan(offsets=named, size=size, bound=bound, optimal=finished or size == bound)


def _bound(buffers: Sequence[Buffer]) -> int:
    if not buffers:
        return 0
    return max(_alive(buffers))


def _alive(buffers: Sequence[Buffer]) -> list[int]:
    """Add up the bytes that each step needs."""
    last = max((buffer.last for buffer in buffers), default=0)
    return [
        sum(b.room_at(step) for b in buffers if b.first <= step <= b.last)
        for step in range(last + 1)
    ]


def _size(buffers: Sequence[Buffer], offsets: Mapping[int, int]) -> int:
    return max((offsets[i] + buffer.room for i, buffer in enumerate(buffers)), default=0)


def _lowest(buffer: Buffer, placed: Sequence[tuple[int, Buffer]]) -> int:
    """Return the lowest offset at which a buffer fits between those placed before."""
    met = [(start, other) for start, other in placed if buffer.meets(other)]
    ends = sorted({0, *(start + other.room_beside(buffer) for start, other in met)})
    return next(
        offset
        for offset in ends
        if all(
            start + other.room_beside(buffer) <= offset
            or offset + buffer.room_beside(other) <= start
            for start, other in met
        )
    )


def _greedy(buffers: Sequence[Buffer], bound: int) -> Mapping[int, int]:
    """Place buffers by size, by time, by lifetime, and the fullest step first; return the best.

    Each order is tried again a few times, the buffer that ends highest first.
    """
    best: Mapping[int, int] = {}
    least = None
    alive = _alive(buffers)

    def by_pressure(buffer: Buffer) -> tuple[int, int]:
        return -max(alive[buffer.first : buffer.last + 1]), -buffer.room

    for key in (_by_size, _by_start, _by_lifetime, by_pressure):
        order = sorted(range(len(buffers)), key=lambda i: key(buffers[i]))
        for _ in range(ROUNDS):
            offsets = _in_order(buffers, order)
            size = _size(buffers, offsets)
            if least is None or size < least:
                best, least = offsets, size
            if least == bound:
                return best
            highest = max(order, key=lambda i: offsets[i] + buffers[i].room)
            order = [highest, *(i for i in order if i != highest)]
    return best


def _in_order(buffers: Sequence[Buffer], order: Sequence[int]) -> Mapping[int, int]:
    """Place each buffer at the lowest offset that is free."""
    placed: list[tuple[int, Buffer]] = []
    for i in order:
        placed.append((_lowest(buffers[i], placed), buffers[i]))
    return {i: offset for i, (offset, _) in zip(order, placed, strict=True)}


def _by_size(buffer: Buffer) -> tuple[int, int]:
    return -buffer.room, buffer.first


def _by_start(buffer: Buffer) -> tuple[int, int]:
    return buffer.first, -buffer.room


def _by_lifetime(buffer: Buffer) -> tuple[int, int]:
    return buffer.first - buffer.last, -buffer.room


def _search(buffers: Sequence[Buffer], best: int, limit: int) -> Iterator[Mapping[int, int] | None]:
    """Yield ever smaller plans; None where the limit ends the search."""
    count = len(buffers)
    tried = 0
    stack: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), ())]
    while stack:
        order, tops = stack.pop()
        if len(order) == count:
            offsets = dict(zip(order, tops, strict=True))
            size = _size(buffers, offsets)
            if size < best:
                best = size
                yield offsets
            continue
        tried += 1
        if tried > limit:
            yield None
            return
        for i in range(count):
            if i in order:
                continue
            below = ((top, buffers[k]) for k, top in zip(order, tops, strict=True))
            offset = max(
                (top + other.room_beside(buffers[i]) for top, other in below
                 if other.meets(buffers[i])),
                default=0,
            )  # fmt: skip
            rises = not tops or (offset, i) > (tops[-1], order[-1])
            if rises and offset + buffers[i].room < best:
                stack.append(((*order, i), (*tops, offset)))
