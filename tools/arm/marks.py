"""Marks around stages of a program for the counting plugin (count.c); otherwise they do nothing."""

import contextlib
import os
from collections.abc import Callable, Sequence

REPEATS = 5
DESCRIPTOR = -12345
NOTHING = "nothing"


def mark() -> None:
    """Make the system call that the plugin waits for."""
    with contextlib.suppress(OSError):
        os.close(DESCRIPTOR)


class Stages:
    """Runs stages between marks and remembers their names, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.count(NOTHING, lambda: None)

    def count(self, name: str, work: Callable[[], object]) -> None:
        """Run a stage repeatedly, each time between two marks, after two warm-up runs."""
        work()
        work()
        for _ in range(REPEATS):
            self.names.append(name)
            mark()
            work()
            mark()


def instructions(names: Sequence[str], counts: Sequence[int]) -> dict[str, int]:
    """Compute the instructions of each stage: the median of its repeats, without the marks' own.

    Args:
        names: of the stages in order, one for each repeat.
        counts: the plugin's, two for each repeat.

    Raises:
        ValueError: if there are not two counts per name.
    """
    if len(counts) != 2 * len(names):
        raise ValueError(f"{len(names)} stages need two counts each, got {len(counts)}")
    spent: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        spent.setdefault(name, []).append(counts[2 * place + 1] - counts[2 * place])
    medians = {name: sorted(values)[len(values) // 2] for name, values in spent.items()}
    return {name: value - medians[NOTHING] for name, value in medians.items() if name != NOTHING}
