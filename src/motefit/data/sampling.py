"""The grid of a series: steps with a tolerance, resampling, absent rows, distances in words."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from motefit.data.holding import Floats, Segment
from motefit.data.stamps import Times
from motefit.data.table_reader import SeriesTable
from motefit.spec.errors import DataError
from motefit.spec.tasks.series_spec import SeriesData

AUTOMATIC_PERCENT = 10.0
"""Tolerance of a recipe that says nothing, where distances often deviate from the step."""
RARELY_EXACT = 2 / 3
"""Share of exact distances below which they do: a window of 12 rows is then a rare exception."""
_MICRO = np.timedelta64(1, "us")
_NAMED = 4
"""Distances that a message lists."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Which distance between two rows is one step.

    Attributes:
        step: timedelta64[us].
        tolerance: timedelta64[us], largest deviation from it.
    """

    step: np.timedelta64
    tolerance: np.timedelta64

    def runs(self, times: Times, groups: npt.NDArray[np.int32]) -> tuple[Segment, ...]:
        """Find the stretches of rows that are one step apart and of one group."""
        if not len(times):
            return ()
        apart = np.abs(np.diff(times) - self.step) > self.tolerance
        apart |= np.diff(groups) != 0
        return tuple(pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(times)]))


_FEW_CLOSER = 0.01
"""Share of distances shorter than the step that are worth a note."""


def step_of(step_minutes: float) -> np.timedelta64:
    """Return a step as timedelta64[us]; one within 0.5 % of whole seconds or ms is meant so.

    >>> step_of(0.0333), step_of(0.0083333)
    (np.timedelta64(2000000,'us'), np.timedelta64(500000,'us'))
    """
    micros = step_minutes * 60e6
    for unit in (1_000_000, 1_000):
        whole = round(micros / unit) * unit
        if whole and (abs(micros - whole) <= 0.005 * micros):
            return np.timedelta64(whole, "us")
    return np.timedelta64(max(1, round(micros)), "us")


def find_grid(table: SeriesTable, data: SeriesData) -> tuple[Grid, list[str]]:
    """Choose the tolerance, and say so where it makes a difference."""
    step = step_of(data.step_minutes)
    apart = _distances(table)
    deviation = np.abs(apart - step)
    exact = deviation == np.timedelta64(0)
    percent = data.tolerance_percent
    if percent is None:
        within = deviation <= step * (AUTOMATIC_PERCENT / 100)
        jitters = len(deviation) and exact.mean() < RARELY_EXACT and within.mean() > 0.5
        percent = AUTOMATIC_PERCENT if jitters else 0.0
    tolerance = np.timedelta64(int(step / _MICRO * percent / 100), "us")
    snapped = ~exact & (deviation <= tolerance)
    notes = []
    if snapped.any():
        notes.append(
            f"{int(snapped.sum())} distances between rows deviate from the step of "
            f"{duration(step)} by up to {duration(deviation[snapped].max())} and count as one "
            f"step (tolerance {percent:g} %); distances: {distances_text(table)}"
        )
    closer = int((apart < step - tolerance).sum())
    if closer > _FEW_CLOSER * len(apart):
        notes.append(
            f"{closer} of {len(apart)} distances between rows are shorter than the step of "
            f"{duration(step)} and split the series there; to use all rows: [data] resample = "
            f'"mean" or "last", or another step_minutes; distances: {distances_text(table)}'
        )
    return Grid(step=step, tolerance=tolerance), notes


def require_resolution(table: SeriesTable, step: np.timedelta64) -> None:
    """Make sure that the times can tell two rows apart that are one step apart.

    Raises:
        DataError: for times that are all whole minutes, seconds or milliseconds, and a step below.
    """
    times = table.times.astype("datetime64[us]").astype(np.int64)
    for unit in (60_000_000, 1_000_000, 1_000):
        if step < np.timedelta64(unit, "us") and not (times % unit).any():
            raise DataError(
                f"{table.path}: step_minutes is {duration(step)}, but the times of the file are "
                f"whole multiples of {duration(np.timedelta64(unit, 'us'))}, so that rows one step "
                "apart cannot be told apart; write times with a finer resolution, or correct "
                f"step_minutes (distances between rows: {distances_text(table)})"
            )


def _distances(table: SeriesTable) -> npt.NDArray[np.timedelta64]:
    """Return the distances between consecutive rows of the same group."""
    found: npt.NDArray[np.timedelta64] = np.diff(table.times)[np.diff(table.groups) == 0]
    return found


def distances_text(table: SeriesTable) -> str:
    """List the most frequent distances between rows with their shares."""
    found = _distances(table)
    if not len(found):
        return "none"
    kinds, counts = np.unique(found, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    named = [
        f"{duration(kinds[i])} {100 * counts[i] / len(found):.3g} %"
        for i in order[:_NAMED].tolist()
    ]
    if len(kinds) > _NAMED:
        named.append(f"others from {duration(kinds[0])} to {duration(kinds[-1])}")
    return ", ".join(named)


def duration(time: np.timedelta64) -> str:
    """Write a duration with its unit.

    >>> duration(np.timedelta64(600, "s")), duration(np.timedelta64(1920, "ms"))
    ('10 min', '1.92 s')
    """
    seconds = float(time / np.timedelta64(1, "s"))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:.7g} s"


def resampled(
    table: SeriesTable, step: np.timedelta64, rule: Literal["mean", "last"]
) -> SeriesTable:
    """Return one row per step, at its end: the mean or the last of the step's readings.

    Steps end at multiples of the step since 1970 in UTC. A step without rows has no row. The last
    step of a group is left out if its next reading would still belong to it.

    Args:
        table: rows by group and time.
        step: timedelta64[us].
        rule: what becomes of several readings.
    """
    micros = table.times.astype("datetime64[us]").astype(np.int64)
    size = int(step / _MICRO)
    end = -(-micros // size) * size
    new = np.ones(len(end), np.bool_)
    new[1:] = (np.diff(end) != 0) | (np.diff(table.groups) != 0)
    starts = np.flatnonzero(new)
    stops = np.append(starts[1:], len(end))
    known = ~np.isnan(table.values)
    if rule == "mean":
        count = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
        total = np.add.reduceat(np.where(known, table.values, 0.0), starts, axis=0)
        values = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    else:
        values = _last(table.values, known, starts, stops)
    found = replace(
        table.rows(stops - 1), times=end[starts].astype("datetime64[us]"), values=values
    )
    return found.rows(~_unfinished(micros, end, starts, table.groups))


def _last(
    values: Floats, known: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
) -> Floats:  # fmt: skip
    rows = np.arange(len(values))[:, np.newaxis]
    latest = np.maximum.accumulate(np.where(known, rows, -1), axis=0)[stops - 1]
    there = latest >= starts[:, np.newaxis]
    return np.where(there, np.take_along_axis(values, np.maximum(latest, 0), axis=0), np.nan)


def _unfinished(
    micros: npt.NDArray[np.int64], end: npt.NDArray[np.int64], starts: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int32],
) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Mark the last step of each group that the next reading would belong to."""
    code = groups[starts]
    last = np.append(np.diff(code) != 0, True)
    stops = np.append(starts[1:], len(end))
    apart = np.diff(micros)
    usual = int(np.median(apart[apart > 0])) if (apart > 0).any() else 0
    marked: npt.NDArray[np.bool_] = last & (micros[stops - 1] + usual <= end[starts])
    return marked


def with_absent_rows(table: SeriesTable, grid: Grid, *, steps: int) -> tuple[SeriesTable, int]:
    """Insert a row of missing values where a row is absent, up to ``steps`` in a row.

    Returns:
        the table, and the number of rows inserted.
    """
    apart = np.diff(table.times)
    count = np.rint(apart / grid.step).astype(np.int64) - 1
    fits = np.abs(apart - grid.step * (count + 1)) <= grid.tolerance
    count = np.where(fits & (count <= steps) & (np.diff(table.groups) == 0), count, 0)
    count = np.maximum(count, 0)
    inserted = int(count.sum())
    if not inserted:
        return table, 0
    source = np.repeat(np.arange(len(table.times)), np.append(count, 0) + 1)
    first = np.ones(len(source), np.bool_)
    first[1:] = np.diff(source) != 0
    ahead = np.arange(len(source)) - np.maximum.accumulate(
        np.where(first, np.arange(len(source)), 0)
    )
    share = ahead / (np.append(count, 0)[source] + 1)
    shift = (np.append(apart, np.timedelta64(0))[source].astype("timedelta64[us]") * share).astype(
        "timedelta64[us]"
    )
    found = table.rows(source)
    found.values[~first] = np.nan
    return replace(found, times=found.times + shift), inserted
