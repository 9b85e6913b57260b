"""Values that a sensor hardly measured: spikes, values that stand alone or do not change."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motefit.data.holding import Segment
from motefit.data.stamps import Times

_SPIKE = 8.0
"""A spike is so many times as large as 95 % of the changes from row to row."""
_USUAL = 0.95
_STUCK_ROWS = 50
_STUCK = 5.0
"""A stuck value lasts so many times as long as 99 % of the stretches of equal values."""
_FEWEST_OTHERS, _SEEN = 10, 1000
"""Different values among the first of the others, which those of a switch have not."""


@dataclass(frozen=True, kw_only=True)
class Oddities:
    """What looks odd in one column.

    Attributes:
        spikes: rows whose value differs from both neighbors in the same direction, by more than
            eight times the change that 95 % of the changes stay below.
        first_spike: time of the first one, ISO 8601; empty if there is none.
        longest_equal: rows of the longest stretch of equal values within a run.
        equal_from: time of its first row, ISO 8601.
        equal_value: its value.
        stuck: whether that stretch is of 50 rows or more, and five times as long as 99 % of them.
        apart: smallest and largest values that occur in several rows and are further from all
            others than those are from each other, as an error code is; with their rows.
    """

    spikes: int
    first_spike: str
    longest_equal: int
    equal_from: str
    equal_value: float
    stuck: bool
    apart: tuple[tuple[float, int], ...] = ()

    def notes(self, name: str) -> list[str]:
        """Say in sentences what is odd."""
        found = []
        if self.spikes:
            found.append(
                f"{name}: {self.spikes} spikes of a single row, the first at {self.first_spike}; "
                "if the sensor cannot measure them, set [data] valid_ranges"
            )
        if self.stuck:
            found.append(
                f"{name}: the value {self.equal_value:g} stays the same for {self.longest_equal} "
                f"rows from {self.equal_from}; is the sensor stuck there?"
            )
        found += [
            f"{name}: the value {value:g} in {rows} rows is far from all others, as an error code "
            "is; if the sensor cannot measure it, set [data] column_sentinels or valid_ranges"
            for value, rows in self.apart
        ]
        return found


def find_oddities(
    times: Times, values: npt.NDArray[np.float64], runs: tuple[Segment, ...]
) -> Oddities:
    """Look for spikes and stuck values in one column.

    Args:
        times: datetime64 (rows,).
        values: (rows,), finite.
        runs: gap-free stretches; nothing is compared across two of them.
    """
    change = np.diff(values)
    borders = np.array([start for start, _ in runs[1:]], np.int64) - 1
    change[borders] = 0.0
    size = np.abs(change)
    some = size[size > 0]
    spikes = np.zeros(0, np.int64)
    if len(some):
        least = _SPIKE * float(np.quantile(some, _USUAL))
        large = (size[:-1] > least) & (size[1:] > least)
        spikes = np.flatnonzero(large & (change[:-1] * change[1:] < 0)) + 1
    ends = change != 0
    ends[borders] = True
    starts = np.concatenate([[0], np.flatnonzero(ends) + 1])
    lengths = np.diff(np.append(starts, len(values)))
    at = int(lengths.argmax())
    longest = int(lengths[at])
    usual = float(np.quantile(lengths, 0.99)) if len(lengths) > 1 else 0.0
    return Oddities(
        spikes=len(spikes),
        first_spike=str(times[spikes[0]]) if len(spikes) else "",
        longest_equal=longest,
        equal_from=str(times[starts[at]]),
        equal_value=float(values[starts[at]]),
        stuck=longest >= _STUCK_ROWS and longest >= _STUCK * usual,
        apart=tuple(_apart(values)),
    )


def _apart(values: npt.NDArray[np.float64]) -> Iterator[tuple[float, int]]:
    """Find the ends of the range that stand alone, one after the other.

    Args:
        values: (rows,), finite.

    Yields:
        the value, and the number of its rows, at least 2.
    """
    while len(values):
        low, high = float(values.min()), float(values.max())
        inner = values[(values > low) & (values < high)]
        if len(np.unique(inner[:_SEEN])) < _FEWEST_OTHERS:
            return
        below, above = float(inner.min()) - low, high - float(inner.max())
        alone, gap = (low, below) if below > above else (high, above)
        others = values[values != alone]
        rows = len(values) - len(others)
        if rows < 2 or gap <= float(np.ptp(others)):
            return
        yield alone, rows
        values = others
