"""Memory of activations: the largest sum of tensors that are alive at once."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


def peak_bytes(
    steps: Sequence[tuple[Collection[Key], Collection[Key]]],
    sizes: Mapping[Key, int],
    *,
    first: Collection[Key],
    last: Collection[Key],
) -> int:
    """Compute the largest sum of sizes alive at once, a lower bound of any arena.

    A tensor lives from the step that makes it to the last one that reads it.

    >>> peak_bytes([("a", "b"), ("b", "c")], {"a": 3, "b": 4, "c": 1}, first="a", last="c")
    7

    Args:
        steps: the tensors that each operation reads, and those that it makes.
        sizes: bytes of the tensors that count.
        first: tensors alive from the start.
        last: tensors alive to the end.
    """
    starts = dict.fromkeys(first, 0)
    ends = dict.fromkeys(first, 0)
    for place, (read, made) in enumerate(steps):
        for key in made:
            starts.setdefault(key, place)
        ends |= dict.fromkeys((*read, *made), place)
    ends |= dict.fromkeys(last, len(steps))
    alive = np.zeros(len(steps) + 1, np.int64)
    for key, size in sizes.items():
        if key in ends:
            alive[starts.get(key, 0) : ends[key] + 1] += size
    return int(alive.max())
