"""Windows of a series: input rows, target rows, and what is left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from motefit.data.holding import Floats, Mask, Segment
from motefit.data.stamps import Times
from motefit.spec.tasks.series_spec import SeriesData

Number = TypeVar("Number", bound=np.generic)
TARGET_MISSING = "a target is missing"
INPUT_MISSING = "the newest input row is incomplete"


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of one set; no window spans a gap or reaches into another set.

    A missing value that was filled may be among the inputs, but not in the newest input row, and
    never among the targets. Windows overlap, so they are stored as positions in one table of rows.

    Attributes:
        rows: float64 (rows, columns), the whole series in the columns' own units; the inputs come
            first, then targets that are not inputs.
        filled: bool (rows, columns), where ``rows`` holds an earlier value.
        first: int64 (n,), the row that each window starts at.
        input_steps: rows that a model sees.
        output_steps: rows that a model predicts.
        input_columns: number of inputs among the columns.
        target_columns: index of each target among the columns.
        times: datetime64[s] (n,), of each window's last input row.
        left_out: windows of the set that are not used, by reason.
    """

    rows: Floats
    filled: Mask
    first: npt.NDArray[np.int64]
    input_steps: int
    output_steps: int
    input_columns: int
    target_columns: tuple[int, ...]
    times: Times
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.first)

    def joined(self, other: "Windows") -> "Windows":
        """Return the windows of two sets of one series, in time order."""
        first = np.concatenate([self.first, other.first])
        order = np.argsort(first, kind="stable")
        left_out = {why: count + other.left_out[why] for why, count in self.left_out.items()}
        times = np.concatenate([self.times, other.times])[order]
        return replace(self, first=first[order], times=times, left_out=left_out)

    def taken(self, which: slice) -> "Windows":
        """Return some of the windows."""
        return replace(self, first=self.first[which], times=self.times[which])

    @property
    def inputs(self) -> Floats:
        """(n, input_steps, inputs) float64, in the columns' own units; a new copy."""
        return gathered(self.rows[:, : self.input_columns], self.first, self.input_steps)

    @property
    def last_values(self) -> Floats:
        """(n, targets) float64, of each target in the newest input row, seen or not; a copy."""
        newest = self.first + self.input_steps - 1
        return self.rows[:, list(self.target_columns)][newest]

    @property
    def targets(self) -> Floats:
        """(n, output_steps, targets) float64, in the targets' own units; a new copy."""
        columns = self.rows[:, list(self.target_columns)]
        return gathered(columns, self.first + self.input_steps, self.output_steps)

    def blocks(self, size: int) -> Iterator["Windows"]:
        """Yield the windows in blocks of at most ``size``, which bounds the memory of copies."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield replace(self, first=self.first[part], times=self.times[part])

    @property
    def filled_inputs(self) -> tuple[int, ...]:
        """Number of filled values among the n * input_steps inputs, per input."""
        filled = self.filled[:, : self.input_columns]
        counts = [filled[self.first + step].sum(axis=0) for step in range(self.input_steps)]
        return tuple(np.sum(counts, axis=0).tolist())


def gathered(
    rows: npt.NDArray[Number], first: npt.NDArray[np.int64], steps: int
) -> npt.NDArray[Number]:
    """Copy the rows that start at each of ``first``, step by step: no index of all is needed.

    Args:
        rows: (rows, columns).
        first: (n,).
        steps: rows to copy from each.

    Returns:
        (n, steps, columns).
    """
    found = np.empty((len(first), steps, rows.shape[1]), rows.dtype)
    for step in range(steps):
        found[:, step] = rows[first + step]
    return found


def cut_windows(
    times: Times, rows: Floats, filled: Mask, segments: tuple[Segment, ...], data: SeriesData
) -> Windows:
    """Cut windows from the stretches of rows that belong to one set.

    Args:
        times: datetime64[s] (rows,).
        rows: float64 (rows, columns), finite.
        filled: bool (rows, columns), where ``rows`` holds an earlier value.
        segments: stretches of rows, one step apart.
        data: columns and steps.
    """
    steps, span = data.input_steps, data.input_steps + data.output_steps
    columns = tuple(data.columns.index(name) for name in data.targets)
    starts = [np.arange(start, stop - span + 1) for start, stop in segments]
    first = np.concatenate([np.empty(0, np.int64), *starts])
    newest = first + steps - 1
    unknown = np.concatenate([[0], filled[:, list(columns)].any(axis=1).cumsum()])
    no_target = unknown[newest + 1 + data.output_steps] > unknown[newest + 1]
    incomplete = filled[newest].any(axis=1)
    used = ~(no_target | incomplete)
    left_out = {
        TARGET_MISSING: int(no_target.sum()),
        INPUT_MISSING: int((incomplete & ~no_target).sum()),
    }
    return Windows(
        rows=rows,
        filled=filled,
        first=first[used],
        input_steps=steps,
        output_steps=data.output_steps,
        input_columns=len(data.inputs),
        target_columns=columns,
        times=times[newest[used]],
        left_out=left_out,
    )
