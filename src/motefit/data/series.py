"""Series in CSV files as windows: gaps and missing values split them; sets never share a row."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.data.csv_table import CsvTable, Times, read_table
from motefit.data.holding import Floats, Mask, Segment, hold, without_outside_values
from motefit.data.splits import PARTS
from motefit.data.windows import Windows, cut_windows
from motefit.spec.errors import DataError
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import SeriesData

_CONSTANT = 1e-9
"""A spread below this fraction of the mean is rounding noise of a constant column."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """Usable rows of a series, and how they were obtained.

    Attributes:
        path: of the file.
        inputs: names of the columns.
        file_times: datetime64[s] (file rows,) of all rows, usable or not, strictly increasing; in
            UTC if the file states zones.
        file_zones: int64 (file rows,), seconds that each row's clock is ahead of UTC; None if the
            file states no zone.
        usable: bool (file rows,); the following attributes cover only these rows.
        values: float64 (rows, columns), finite, in the columns' own units.
        filled: bool (rows, columns), where a value was missing and the last known one is held;
            between the two, every row of the file has a known or a held value in every column.
        runs: gap-free stretches of rows, in order; together they contain every row.
        repeated_rows: rows dropped because they repeat an earlier row's time and values.
    """

    path: Path
    inputs: tuple[str, ...]
    file_times: Times
    file_zones: npt.NDArray[np.int64] | None
    usable: Mask
    values: Floats
    filled: Mask
    runs: tuple[Segment, ...]
    repeated_rows: int

    @property
    def times(self) -> Times:
        """datetime64[s] (rows,) of the usable rows."""
        return self.file_times[self.usable]

    @property
    def missing_rows(self) -> int:
        """Rows dropped because a value was missing."""
        return int((~self.usable).sum())

    @property
    def gaps(self) -> int:
        """Places where two consecutive rows are not one step apart."""
        return len(self.runs) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesDataset:
    """A series cut into windows, divided into training, validation and test sets in time order.

    Attributes:
        inputs: names of the input columns.
        targets: names of the target columns.
        input_steps: rows that a model sees.
        output_steps: rows that a model predicts.
        step_minutes: time between two rows.
        train: the training set.
        validation: the validation set.
        test: the test set.
        normalization: mean and standard deviation per input column over all known values of the
            training set; the standard deviation of a constant column is 1.
        ranges: per input column, smallest and largest value of the whole series.
        missing: how a missing value is handled, as the recipe spells it.
        rows: usable rows.
        part_rows: rows per set, in the order train, validation, test.
        runs: gap-free stretches.
        gaps: places where the series was split, by a time step other than ``step_minutes`` or by a
            dropped row.
        missing_rows: rows dropped because a value was missing.
        filled_values: missing values in usable rows, where an earlier value is held.
        repeated_rows: rows dropped because they repeat an earlier one.
        key: SHA-256 (hex) of columns, steps, rows and split; independent of the file's location.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    input_steps: int
    output_steps: int
    step_minutes: float
    train: Windows
    validation: Windows
    test: Windows
    normalization: Normalization
    ranges: tuple[tuple[float, float], ...]
    missing: str
    rows: int
    part_rows: tuple[int, int, int]
    runs: int
    gaps: int
    missing_rows: int
    filled_values: int
    repeated_rows: int
    key: str

    @property
    def parts(self) -> dict[str, Windows]:
        """The three sets by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def load_series(path: Path, data: SeriesData) -> SeriesDataset:
    """Read a CSV file and cut it into windows.

    Raises:
        DataError: for an unusable file (see :func:`read_series`), or a set without a single window.
    """
    series = read_series(path, data)
    segments = {
        part: _inside(stretches, series.filled)
        for part, stretches in split_segments(series.runs, data).items()
    }
    windows = {
        part: cut_windows(series.times, series.values, series.filled, segments[part], data)
        for part in PARTS
    }
    for part in PARTS:
        if not len(windows[part]):
            raise _no_windows(series, segments, part, data, left_out=windows[part].left_out)
    return SeriesDataset(
        inputs=data.inputs,
        targets=data.targets,
        input_steps=data.input_steps,
        output_steps=data.output_steps,
        step_minutes=data.step_minutes,
        train=windows["train"],
        validation=windows["validation"],
        test=windows["test"],
        normalization=_normalization(series, segments["train"]),
        ranges=_ranges(series.values),
        missing=data.missing,
        rows=len(series.times),
        part_rows=_part_rows(segments),
        runs=len(series.runs),
        gaps=series.gaps,
        missing_rows=series.missing_rows,
        filled_values=int(series.filled.sum()),
        repeated_rows=series.repeated_rows,
        key=_key(series, segments, data),
    )


def read_series(path: Path, data: SeriesData) -> Series:
    """Read the input columns of a CSV file and find its gap-free runs.

    A value that is empty, NaN or one of ``data.sentinels`` is missing and handled as
    ``data.missing`` says. A row that is absent from the file splits the series, whatever
    ``data.missing`` is.

    Raises:
        DataError: no such file, a folder, an empty file, an unknown column, a field that is not a
            number or not a time, times that do not increase, or a missing value if that is an
            error; with the line number if there is one.
    """
    table = read_table(path, time=data.time, time_format=data.time_format, columns=data.inputs)
    table.values[np.isin(table.values, data.sentinels)] = np.nan
    table, repeated = _in_order(table, data)
    values, filled = table.values, np.zeros(table.values.shape, np.bool_)
    if data.missing == "error":
        _refuse_missing(table, data)
    elif data.holds:
        runs = _runs(table.times, data.step_minutes)
        values, filled = hold(values, runs, steps=data.max_filled_steps)
    usable = _usable(table.times, values, filled, data)
    if not usable.any():
        raise DataError(f"{path}: every row has a missing value in {', '.join(data.inputs)}")
    return Series(
        path=path,
        inputs=data.inputs,
        file_times=table.times,
        file_zones=table.zones,
        usable=usable,
        values=values[usable],
        filled=filled[usable],
        runs=_runs(table.times[usable], data.step_minutes),
        repeated_rows=repeated,
    )


def _usable(times: Times, values: Floats, filled: Mask, data: SeriesData) -> Mask:
    """Mark rows (rows,) with a value in every column, none held from before an unusable row."""
    complete = np.flatnonzero(~np.isnan(values).any(axis=1))
    usable = np.zeros(len(times), np.bool_)
    for segment in _inside(_runs(times[complete], data.step_minutes), filled[complete]):
        usable[complete[slice(*segment)]] = True
    return usable


def _inside(segments: tuple[Segment, ...], filled: Mask) -> tuple[Segment, ...]:
    """Remove from each stretch the first rows that hold a value from before it."""
    kept = (without_outside_values(segment, filled) for segment in segments)
    return tuple((start, stop) for start, stop in kept if stop > start)


def split_segments(runs: tuple[Segment, ...], data: SeriesData) -> dict[str, tuple[Segment, ...]]:
    """Divide rows at the percentages: the series as a whole, or each run by itself.

    Returns:
        per set the stretches of rows that belong to it; each is within one run.
    """
    parts: dict[str, list[Segment]] = {part: [] for part in PARTS}
    if data.split == "per-run":
        cuts_of = {run: _cuts(*run, data) for run in runs}
    else:
        cuts_of = dict.fromkeys(runs, _cuts(runs[0][0], runs[-1][1], data))
    for (start, stop), cuts in cuts_of.items():
        edges = (start, *(min(max(cut, start), stop) for cut in cuts), stop)
        for part, (first, last) in zip(PARTS, pairwise(edges), strict=True):
            if last > first:
                parts[part].append((first, last))
    return {part: tuple(segments) for part, segments in parts.items()}


def _cuts(start: int, stop: int, data: SeriesData) -> tuple[int, int]:
    """Compute the first row of the validation set and of the test set, rounded down."""
    percents = (data.train_percent, data.train_percent + data.validation_percent)
    first, second = (start + int((stop - start) * percent / 100) for percent in percents)
    return first, second


def _in_order(table: CsvTable, data: SeriesData) -> tuple[CsvTable, int]:
    """Return the rows with increasing times, and the number of repeated rows dropped."""
    latest = np.maximum.accumulate(table.times)
    late = np.concatenate([[False], table.times[1:] <= latest[:-1]])
    if not late.any():
        return table, 0
    kept = table.rows(~late)
    place = np.searchsorted(kept.times, table.times[late])
    same = np.isclose(kept.values[place], table.values[late], rtol=0, atol=0, equal_nan=True)
    repeats = (kept.times[place] == table.times[late]) & same.all(axis=1)
    if data.repeated_rows == "drop" and repeats.all():
        return kept, int(late.sum())
    at = 0 if data.repeated_rows == "error" else int(np.argmin(repeats))
    raise _not_rising(table, int(np.flatnonzero(late)[at]), repeats=bool(repeats[at]))


def _not_rising(table: CsvTable, row: int, *, repeats: bool) -> DataError:
    stamp = table.times[row]
    earlier = np.flatnonzero(table.times[:row] == stamp)
    if len(earlier):
        found = f"the time {stamp} occurs twice (also in line {table.lines[earlier[0]]})"
    else:
        found = f"the time {stamp} is out of order (line {table.lines[row - 1]}: "
        found += f"{table.times[row - 1]})"
    remedy = "remove one of the lines" if len(earlier) else "sort the lines by time"
    if repeats:
        remedy += ', or set [data] repeated_rows = "drop", as the values are the same'
    return DataError(f"{table.path}, line {table.lines[row]}: {found}; {remedy}")


def _refuse_missing(table: CsvTable, data: SeriesData) -> None:
    rows, columns = np.nonzero(np.isnan(table.values))
    if len(rows):
        raise DataError(
            f"{table.path}, line {table.lines[rows[0]]}: the value of {data.inputs[columns[0]]!r} "
            f"is missing (empty, NaN or a sentinel; {len(rows)} in the file); correct it, or set "
            '[data] missing = "gap" or "hold"'
        )


def _runs(times: Times, step_minutes: float) -> tuple[Segment, ...]:
    step = np.timedelta64(round(step_minutes * 60), "s")
    if not len(times):
        return ()
    edges = [0, *(np.flatnonzero(np.diff(times) != step) + 1).tolist(), len(times)]
    return tuple(pairwise(edges))


def _normalization(series: Series, segments: tuple[Segment, ...]) -> Normalization:
    rows = np.concatenate([series.values[start:stop] for start, stop in segments])
    known = ~np.concatenate([series.filled[start:stop] for start, stop in segments])
    mean, std = rows.mean(axis=0, where=known), rows.std(axis=0, where=known)
    std = np.where(std > _CONSTANT * np.abs(mean), std, 1.0)
    return Normalization(mean=tuple(mean.tolist()), std=tuple(std.tolist()))


def _ranges(values: Floats) -> tuple[tuple[float, float], ...]:
    low, high = values.min(axis=0).tolist(), values.max(axis=0).tolist()
    return tuple(zip(low, high, strict=True))


def _part_rows(segments: dict[str, tuple[Segment, ...]]) -> tuple[int, int, int]:
    train, validation, test = (sum(b - a for a, b in segments[part]) for part in PARTS)
    return train, validation, test


def _no_windows(
    series: Series,
    segments: dict[str, tuple[Segment, ...]],
    part: str,
    data: SeriesData,
    *,
    left_out: Mapping[str, int],
) -> DataError:
    if any(left_out.values()):
        reasons = ", ".join(f"{count} as {reason}" for reason, count in left_out.items() if count)
        return DataError(
            f"{series.path}: no window of the {part} set can be used; left out: {reasons}; give "
            "data with fewer missing values, or fewer output_steps"
        )
    span = data.input_steps + data.output_steps
    longest = max((stop - start for start, stop in segments[part]), default=0)
    return DataError(
        f"{series.path}: too few rows: one window needs {span} in a row ({data.input_steps} in, "
        f"{data.output_steps} out), the longest stretch of the {part} set has {longest} "
        f"({len(series.times)} rows in {len(series.runs)} gap-free runs, step "
        f"{data.step_minutes:g} min); give more rows, fewer steps, or check step_minutes and split"
    )


def _key(series: Series, segments: dict[str, tuple[Segment, ...]], data: SeriesData) -> str:
    digest = hashlib.sha256()
    facts = (data.inputs, data.targets, data.input_steps, data.output_steps, data.step_minutes)
    digest.update(repr((facts, segments)).encode())
    digest.update(series.times.astype("<i8").tobytes())
    digest.update(series.values.astype("<f8").tobytes())
    if series.filled.any():
        digest.update(series.filled.tobytes())
    return digest.hexdigest()
