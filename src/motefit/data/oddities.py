"""Values that a sensor hardly measured: spikes of a single row, and values that do not change."""

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
    """

    spikes: int
    first_spike: str
    longest_equal: int
    equal_from: str
    equal_value: float
    stuck: bool

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
    )
