"""Validation in blocks: stretches of rows of every season, in place of the last rows alone."""

from collections.abc import Iterable

from motefit.data.holding import Segment


def divide_in_blocks(
    stretches: Iterable[Segment], *, block: int, share: float
) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """Divide stretches of rows into blocks, and spread those for validation evenly over all.

    Blocks are counted on from stretch to stretch, so that those of one year are not of the same
    months as those of the next. If there is only one block, it is cut at its end.

    >>> divide_in_blocks([(0, 40)], block=10, share=0.25)
    (((0, 10), (20, 40)), ((10, 20),))

    Args:
        stretches: rows before the test set, each within one gap-free run.
        block: rows of a block; the last one of a stretch may be shorter.
        share: of the blocks that are for validation, 0..1.

    Returns:
        stretches for training and for validation; neighboring blocks of a set are one stretch.
    """
    train: list[Segment] = []
    validation: list[Segment] = []
    stretches = tuple(stretches)
    if len(stretches) == 1 and stretches[0][1] - stretches[0][0] <= block:
        start, stop = stretches[0]
        cut = stop - int((stop - start) * share)
        return ((start, cut),), ((cut, stop),)
    owed = 0.5
    for start, stop in stretches:
        for first in range(start, stop, block):
            owed += share
            chosen = validation if owed >= 1 else train
            owed -= owed >= 1
            last = min(first + block, stop)
            if chosen and chosen[-1][1] == first and first > start:
                chosen[-1] = (chosen[-1][0], last)
            else:
                chosen.append((first, last))
    return tuple(train), tuple(validation)
