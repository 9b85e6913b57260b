"""Series in CSV files as windows: gaps and missing values split them, parts never share a row."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from motefit.data.splits import PARTS
from motefit.data.table import Table, Times, read_table
from motefit.spec.errors import DataError
from motefit.spec.normalisation import Normalisation
from motefit.spec.tasks.forecasting import SeriesData

Floats = npt.NDArray[np.float64]
Segment = tuple[int, int]
"""First row and the row after the last one."""
_CONSTANT = 1e-9
"""A spread below this share of the mean is rounding noise of a constant column."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """Usable rows of a series, and what was done to get them.

    Attributes:
        path: of the file.
        inputs: names of the columns.
        times: datetime64[s] (rows,), strictly rising.
        values: float64 (rows, columns), finite, in the columns' own units.
        runs: gap-free stretches of rows, in order; together they hold every row.
        missing_rows: rows left out because a value was missing.
        filled_values: missing values that were interpolated.
        repeated_rows: rows left out because they repeat an earlier row's time and values.
    """

    path: Path
    inputs: tuple[str, ...]
    times: Times
    values: Floats
    runs: tuple[Segment, ...]
    missing_rows: int
    filled_values: int
    repeated_rows: int

    @property
    def gaps(self) -> int:
        """Places where two rows that follow each other are not one step apart."""
        return len(self.runs) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of one part; no window spans a gap or reaches into another part.

    Attributes:
        inputs: float32 (n, input_steps, columns), in the columns' own units.
        targets: float32 (n, output_steps, targets), in the targets' own units.
        times: datetime64[s] (n,), of each window's last input row.
    """

    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[np.float32]
    times: Times

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesDataset:
    """A series cut into windows in three parts, in time order.

    Attributes:
        inputs: names of the input columns.
        targets: names of the target columns.
        input_steps: rows a model sees.
        output_steps: rows a model predicts.
        step_minutes: time between two rows.
        train: the training part.
        validation: the validation part.
        test: the test part.
        normalisation: mean and standard deviation per input column over all rows of the training
            part; the standard deviation of a constant column is 1.
        ranges: per input column, smallest and largest value of the whole series.
        rows: usable rows.
        part_rows: rows per part, in the order train, validation, test.
        runs: gap-free stretches.
        gaps: places where the series was split, by a time step other than ``step_minutes`` or by a
            row left out.
        missing_rows: rows left out because a value was missing.
        filled_values: missing values that were interpolated.
        repeated_rows: rows left out because they repeat an earlier one.
        key: SHA-256 (hex) of columns, steps, rows and split; the same wherever the file lies.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    input_steps: int
    output_steps: int
    step_minutes: float
    train: Windows
    validation: Windows
    test: Windows
    normalisation: Normalisation
    ranges: tuple[tuple[float, float], ...]
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
        """The three parts by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def load_series(path: Path, data: SeriesData) -> SeriesDataset:
    """Read a CSV file and cut it into windows.

    Raises:
        DataError: an unusable file (see :func:`read_series`), or a part without a single window.
    """
    series = read_series(path, data)
    segments = split_segments(series.runs, data)
    windows = {part: _windows(series, segments[part], data) for part in PARTS}
    for part in PARTS:
        if not len(windows[part]):
            raise _too_few_rows(series, segments, part, data)
    return SeriesDataset(
        inputs=data.inputs,
        targets=data.targets,
        input_steps=data.input_steps,
        output_steps=data.output_steps,
        step_minutes=data.step_minutes,
        train=windows["train"],
        validation=windows["validation"],
        test=windows["test"],
        normalisation=_normalisation(series, segments["train"]),
        ranges=_ranges(series.values),
        rows=len(series.times),
        part_rows=_part_rows(segments),
        runs=len(series.runs),
        gaps=series.gaps,
        missing_rows=series.missing_rows,
        filled_values=series.filled_values,
        repeated_rows=series.repeated_rows,
        key=_key(series, segments, data),
    )


def read_series(path: Path, data: SeriesData) -> Series:
    """Read the input columns of a CSV file and find its gap-free runs.

    A value that is empty, NaN or one of ``data.sentinels`` is missing, and ``data.missing`` says
    what follows.

    Raises:
        DataError: no such file, a folder, an empty file, an unknown column, a field that is no
            number or no time, times that do not rise, or a missing value where that is an error;
            always with the line number where there is one.
    """
    table = read_table(path, time=data.time, time_format=data.time_format, columns=data.inputs)
    table.values[np.isin(table.values, data.sentinels)] = np.nan
    table, repeated = _in_order(table, data)
    values, filled = table.values, 0
    if data.missing == "error":
        _refuse_missing(table, data)
    elif data.missing == "interpolate":
        values, filled = _interpolate(table, data)
    present = ~np.isnan(values).any(axis=1)
    if not present.any():
        raise DataError(f"{path}: every row has a missing value in {', '.join(data.inputs)}")
    times = table.times[present]
    return Series(
        path=path,
        inputs=data.inputs,
        times=times,
        values=values[present],
        runs=_runs(times, data.step_minutes),
        missing_rows=int((~present).sum()),
        filled_values=filled,
        repeated_rows=repeated,
    )


def split_segments(runs: tuple[Segment, ...], data: SeriesData) -> dict[str, tuple[Segment, ...]]:
    """Cut runs at the percentages: the whole series once, or each run by itself.

    Returns:
        per part the stretches of rows that belong to it; each lies within one run.
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
    """First row of the validation part and of the test part: whole rows, rounded down."""
    percents = (data.train_percent, data.train_percent + data.validation_percent)
    first, second = (start + int((stop - start) * percent / 100) for percent in percents)
    return first, second


def _in_order(table: Table, data: SeriesData) -> tuple[Table, int]:
    """The rows whose times rise, and how many repeated ones were left out (where allowed)."""
    latest = np.maximum.accumulate(table.times)
    late = np.concatenate([[False], table.times[1:] <= latest[:-1]])
    if not late.any():
        return table, 0
    kept = Table(
        path=table.path,
        times=table.times[~late],
        values=table.values[~late],
        lines=table.lines[~late],
    )
    place = np.searchsorted(kept.times, table.times[late])
    same = np.isclose(kept.values[place], table.values[late], rtol=0, atol=0, equal_nan=True)
    repeats = (kept.times[place] == table.times[late]) & same.all(axis=1)
    if data.repeated_rows == "drop" and repeats.all():
        return kept, int(late.sum())
    at = 0 if data.repeated_rows == "error" else int(np.argmin(repeats))
    raise _not_rising(table, int(np.flatnonzero(late)[at]), repeats=bool(repeats[at]))


def _not_rising(table: Table, row: int, *, repeats: bool) -> DataError:
    stamp = table.times[row]
    earlier = np.flatnonzero(table.times[:row] == stamp)
    if len(earlier):
        found = f"the time {stamp} is there twice (also in line {table.lines[earlier[0]]})"
    else:
        found = f"the time {stamp} is out of order (line {table.lines[row - 1]}: "
        found += f"{table.times[row - 1]})"
    remedy = "remove one of the lines" if len(earlier) else "sort the lines by time"
    if repeats:
        remedy += ', or set [data] repeated_rows = "drop", as the values are the same'
    return DataError(f"{table.path}, line {table.lines[row]}: {found}; {remedy}")


def _refuse_missing(table: Table, data: SeriesData) -> None:
    rows, columns = np.nonzero(np.isnan(table.values))
    if len(rows):
        raise DataError(
            f"{table.path}, line {table.lines[rows[0]]}: the value of {data.inputs[columns[0]]!r} "
            f"is missing (empty, NaN or a sentinel; {len(rows)} in the file); correct it, or set "
            '[data] missing = "gap" or "interpolate"'
        )


def _interpolate(table: Table, data: SeriesData) -> tuple[Floats, int]:
    """Fill up to ``max_filled_steps`` missing values in a row, linearly, between two neighbours."""
    values, filled = table.values.copy(), 0
    for start, stop in _runs(table.times, data.step_minutes):
        for column in range(values.shape[1]):
            known = np.flatnonzero(~np.isnan(values[start:stop, column])) + start
            holes = np.diff(known) - 1
            for at in np.flatnonzero((holes > 0) & (holes <= data.max_filled_steps)):
                left, right = known[at], known[at + 1]
                line = np.linspace(values[left, column], values[right, column], right - left + 1)
                values[left : right + 1, column] = line
                filled += int(holes[at])
    return values, filled


def _runs(times: Times, step_minutes: float) -> tuple[Segment, ...]:
    step = np.timedelta64(round(step_minutes * 60), "s")
    edges = [0, *(np.flatnonzero(np.diff(times) != step) + 1).tolist(), len(times)]
    return tuple(pairwise(edges))


def _windows(series: Series, segments: tuple[Segment, ...], data: SeriesData) -> Windows:
    steps, span = data.input_steps, data.input_steps + data.output_steps
    columns = [data.inputs.index(name) for name in data.targets]
    values = series.values.astype(np.float32)
    inputs = [np.empty((0, steps, len(data.inputs)), np.float32)]
    targets = [np.empty((0, data.output_steps, len(columns)), np.float32)]
    times = [series.times[:0]]
    for start, stop in segments:
        if stop - start >= span:
            windows = sliding_window_view(values[start:stop], span, axis=0).swapaxes(1, 2)
            inputs.append(windows[:, :steps])
            targets.append(windows[:, steps:, columns])
            times.append(series.times[start + steps - 1 : stop - data.output_steps])
    return Windows(
        inputs=np.concatenate(inputs),
        targets=np.concatenate(targets),
        times=np.concatenate(times),
    )


def _normalisation(series: Series, segments: tuple[Segment, ...]) -> Normalisation:
    rows = np.concatenate([series.values[start:stop] for start, stop in segments])
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    std = np.where(std > _CONSTANT * np.abs(mean), std, 1.0)
    return Normalisation(mean=tuple(mean.tolist()), std=tuple(std.tolist()))


def _ranges(values: Floats) -> tuple[tuple[float, float], ...]:
    low, high = values.min(axis=0).tolist(), values.max(axis=0).tolist()
    return tuple(zip(low, high, strict=True))


def _part_rows(segments: dict[str, tuple[Segment, ...]]) -> tuple[int, int, int]:
    train, validation, test = (sum(b - a for a, b in segments[part]) for part in PARTS)
    return train, validation, test


def _too_few_rows(
    series: Series, segments: dict[str, tuple[Segment, ...]], part: str, data: SeriesData
) -> DataError:
    span = data.input_steps + data.output_steps
    longest = max((stop - start for start, stop in segments[part]), default=0)
    return DataError(
        f"{series.path}: too few rows: one window needs {span} in a row ({data.input_steps} in, "
        f"{data.output_steps} out), the longest stretch of the {part} part has {longest} "
        f"({len(series.times)} rows in {len(series.runs)} gap-free runs, step "
        f"{data.step_minutes:g} min); give more rows, fewer steps, or check step_minutes and split"
    )


def _key(series: Series, segments: dict[str, tuple[Segment, ...]], data: SeriesData) -> str:
    digest = hashlib.sha256()
    facts = (data.inputs, data.targets, data.input_steps, data.output_steps, data.step_minutes)
    digest.update(repr((facts, segments)).encode())
    digest.update(series.times.astype("<i8").tobytes())
    digest.update(series.values.astype("<f8").tobytes())
    return digest.hexdigest()
