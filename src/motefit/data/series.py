"""Series in files as windows: gaps and missing values split them; sets never share a row."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.data.blocks import divide_in_blocks
from motefit.data.holding import Floats, Mask, Segment, hold, without_outside_values
from motefit.data.layout_hints import lost_hours, rows_of_an_unset_clock, swapped_days
from motefit.data.oddities import Oddities, find_oddities
from motefit.data.row_order import in_order
from motefit.data.sampling import (
    Grid,
    distances_text,
    find_grid,
    require_resolution,
    resampled,
    step_of,
    with_absent_rows,
)
from motefit.data.splits import SUBSETS
from motefit.data.stamps import Times, coarse
from motefit.data.table_reader import Progress, SeriesTable, read_table, told
from motefit.data.windows import Windows, cut_windows
from motefit.spec.codec import nearest
from motefit.spec.errors import DataError
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import SeriesData, columns_of

_CONSTANT = 1e-9
"""A spread below this fraction of the mean is rounding noise of a constant column."""
REFIT_STRIDE = 4
"""Windows from one that validates a refit to the next."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """Usable rows of a series, and how they were obtained.

    Attributes:
        path: of the file, folder or pattern.
        inputs: names of the columns, targets that are not inputs among them.
        file_times: datetime64 (file rows,) of all rows, usable or not, strictly increasing within
            each group; in UTC if a zone is known; [s], or finer where the file is.
        file_zones: int64 (file rows,), seconds that each row's clock is ahead of UTC; None if the
            file states no zone.
        usable: bool (file rows,); the following attributes cover only these rows.
        values: float64 (rows, columns), finite, in the columns' own units.
        filled: bool (rows, columns), where a value was missing and the last known one is held;
            between the two, every row of the file has a known or a held value in every column.
        runs: gap-free stretches of rows, in order; together they contain every row.
        repeated_rows: rows dropped because they repeat an earlier row's time and values.
        file_groups: int32 (file rows,), index of each row's group.
        group_names: of the groups; one empty name where there are none.
        notes: sentences on what was left out, changed or looks odd.
        distances: the most frequent distances between rows, in words.
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
    file_groups: npt.NDArray[np.int32]
    group_names: tuple[str, ...]
    notes: tuple[str, ...]
    distances: str

    @property
    def times(self) -> Times:
        """datetime64 (rows,) of the usable rows."""
        return self.file_times[self.usable]

    @property
    def group_starts(self) -> tuple[int, ...]:
        """First usable row of each group that has one."""
        return tuple(np.flatnonzero(np.diff(self.file_groups[self.usable], prepend=-1)).tolist())

    def of_group(self, name: str) -> "Series":
        """Return the rows of one group.

        Raises:
            DataError: for a group that is not there.
        """
        if not any(self.group_names):
            raise DataError(f"{self.path}: has no groups; leave {name!r} out")
        if name not in self.group_names:
            raise DataError(
                f"{self.path}: there is no group {name!r}{nearest(name, self.group_names)}; "
                f"available: {', '.join(self.group_names)}"
            )
        mine = self.file_groups == self.group_names.index(name)
        kept = mine[self.usable]
        first = int(np.argmax(kept)) if kept.any() else 0
        inside = (first, first + int(kept.sum()))
        return replace(
            self,
            file_times=self.file_times[mine],
            file_zones=None if self.file_zones is None else self.file_zones[mine],
            usable=self.usable[mine],
            values=self.values[kept],
            filled=self.filled[kept],
            runs=tuple((a - first, b - first) for a, b in self.runs if inside[0] <= a < inside[1]),
            file_groups=self.file_groups[mine],
        )

    @property
    def missing_rows(self) -> int:
        """Rows dropped because a value was missing."""
        return int((~self.usable).sum())

    @property
    def gaps(self) -> int:
        """Places where two consecutive rows are not one step apart."""
        return len(self.runs) - len(self.group_starts)


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
        subset_rows: rows per set, in the order train, validation, test.
        runs: gap-free stretches.
        gaps: places where the series was split, by a time step other than ``step_minutes`` or by a
            dropped row.
        missing_rows: rows dropped because a value was missing.
        filled_values: missing values in usable rows, where an earlier value is held.
        repeated_rows: rows dropped because they repeat an earlier one.
        key: SHA-256 (hex) of columns, steps, rows and split; independent of the file's location.
        group_names: stations or devices, each a series of its own; one empty name for a single one.
        notes: sentences on what was left out, changed or looks odd when the data were read.
        oddities: per column, spikes and stuck values.
        whole: whether every window is in each of the three sets, to score a whole file.
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
    subset_rows: tuple[int, int, int]
    runs: int
    gaps: int
    missing_rows: int
    filled_values: int
    repeated_rows: int
    key: str
    group_names: tuple[str, ...] = ("",)
    notes: tuple[str, ...] = ()
    oddities: tuple[Oddities, ...] = ()
    whole: bool = False

    @property
    def subsets(self) -> dict[str, Windows]:
        """The three sets by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def columns(self) -> tuple[str, ...]:
        """The inputs, then targets that are not among them."""
        return columns_of(self.inputs, self.targets)

    def refitting(self) -> "SeriesDataset":
        """Return the data that train on all windows before the test set, and validate on some.

        Windows overlap, so every :data:`REFIT_STRIDE`-th is enough to validate.
        """
        both = self.train.joined(self.validation)
        validation = both.taken(slice(None, None, REFIT_STRIDE))
        return replace(self, train=both, validation=validation, key=f"{self.key} refit")


def load_series(
    path: Path, data: SeriesData, *, whole: bool = False, progress: Progress | None = None
) -> SeriesDataset:
    """Read files and cut them into windows.

    Args:
        path: of a file, a folder of files, or a pattern.
        data: how they are read and split.
        whole: put every window into each of the three sets, to score a model on a whole file.
        progress: called with rows read and rows in all.

    Raises:
        DataError: for an unusable file (see :func:`read_series`), or a set without a single window.
    """
    series = read_series(path, data, progress=progress)
    split = (
        dict.fromkeys(SUBSETS, series.runs)
        if whole
        else split_segments(series.runs, data, group_starts=series.group_starts)
    )
    segments = {subset: _inside(stretches, series.filled) for subset, stretches in split.items()}
    times = series.times
    windows = {
        subset: cut_windows(times, series.values, series.filled, segments[subset], data)
        for subset in SUBSETS
    }
    for subset in SUBSETS:
        if not len(windows[subset]):
            raise _no_windows(series, segments, subset, data, left_out=windows[subset].left_out)
    return SeriesDataset(
        inputs=data.inputs,
        targets=data.targets,
        input_steps=data.input_steps,
        output_steps=data.output_steps,
        step_minutes=data.step_minutes,
        train=windows["train"],
        validation=windows["validation"],
        test=windows["test"],
        normalization=_normalization(series, segments["train"], columns=len(data.inputs)),
        ranges=_ranges(series.values[:, : len(data.inputs)]),
        missing=data.missing,
        rows=len(times),
        subset_rows=_subset_rows(segments),
        runs=len(series.runs),
        gaps=series.gaps,
        missing_rows=series.missing_rows,
        filled_values=int(series.filled.sum()),
        repeated_rows=series.repeated_rows,
        key=_key(series, segments, data),
        group_names=series.group_names,
        notes=series.notes,
        oddities=tuple(find_oddities(times, column, series.runs) for column in series.values.T),
        whole=whole,
    )


def read_series(path: Path, data: SeriesData, *, progress: Progress | None = None) -> Series:
    """Read the input columns of a file and find its gap-free runs.

    A value that is empty, a word for missing, a sentinel or outside its valid range is missing and
    handled as ``data.missing`` says. A row that is absent from the file splits the series, unless
    ``data.absent_rows`` says otherwise.

    Args:
        path: of a file, a folder of files, or a pattern.
        data: how they are read.
        progress: called with rows read and rows in all.

    Raises:
        DataError: no such file, an empty file, an unknown column, a field that is not a number or
            not a time, times that do not increase, a step that the times cannot resolve, or a
            missing value if that is an error; with the line number if there is one.
    """
    table = read_table(path, data, progress=progress)
    notes = [*table.notes, *_outside_notes(table, data)]
    repeated = 0
    if data.resample:
        table = resampled(table, step_of(data.step_minutes), data.resample)
        _require_rows(table, path)
    else:
        require_resolution(table, step_of(data.step_minutes))
        table, repeated = in_order(table, data)
    distances = distances_text(table)
    grid, found = find_grid(table, data)
    notes += [*found, *_clock_notes(table, grid)]
    if data.absent_rows == "missing" and data.holds:
        table, absent = with_absent_rows(table, grid, steps=data.max_filled_steps)
        notes += [f"{absent} absent rows are read as rows without values"] if absent else []
    values, filled = table.values, np.zeros(table.values.shape, np.bool_)
    if data.missing == "error":
        _refuse_missing(table, data)
    elif data.holds:
        runs = grid.runs(table.times, table.groups)
        values, filled = hold(values, runs, steps=data.max_filled_steps)
    usable = _usable(table, values, filled, grid)
    if not usable.any():
        raise _nothing_usable(path, data, table, notes)
    return Series(
        path=path,
        inputs=data.columns,
        file_times=coarse(table.times),
        file_zones=table.zones,
        usable=usable,
        values=values[usable],
        filled=filled[usable],
        runs=grid.runs(table.times[usable], table.groups[usable]),
        repeated_rows=repeated,
        file_groups=table.groups,
        group_names=table.group_names,
        notes=tuple(notes),
        distances=distances,
    )


def _nothing_usable(
    path: Path, data: SeriesData, table: SeriesTable, notes: Sequence[str]
) -> DataError:
    known = np.count_nonzero(np.isfinite(table.values), axis=0).tolist()
    empty = [name for name, some in zip(data.columns, known, strict=True) if not some]
    remedy = ""
    if empty:
        remedy = f"; there is no value at all in {', '.join(empty)}, which inputs or targets name"
    elif not data.resample and len(known) > 1:
        remedy = '; if the quantities have other times, set [data] resample = "last" or "mean"'
    return DataError(
        f"{path}: every row has a missing value in {', '.join(data.columns)}{remedy}{told(notes)}"
    )


def _require_rows(table: SeriesTable, path: Path) -> None:
    if not len(table.times):
        raise DataError(
            f"{path}: the rows end before the first step does; give a longer file, or check "
            "step_minutes"
        )


def _outside_notes(table: SeriesTable, data: SeriesData) -> list[str]:
    return [
        f"{name}: {count} values outside the valid range {data.valid_ranges[name][0]:g} to "
        f"{data.valid_ranges[name][1]:g} are read as missing"
        for name, count in zip(data.columns, table.outside, strict=True)
        if count
    ]


def _clock_notes(table: SeriesTable, grid: Grid) -> list[str]:
    """Say that the clock seems to be a local one, from the hours it skips; or dates swapped."""
    if swapped := swapped_days(table.times, grid.step):
        swap = "gaps lead to the same day of the next month, as where day and month are swapped"
        return [f"{swapped} {swap}; if so, correct [data] time_format"]
    if unset := rows_of_an_unset_clock(table.times):
        year = table.times[0].astype("datetime64[Y]")
        early = f"the first {unset} rows are of {year}, years before all others"
        return [f"{early}, as where a clock was not set; if so, remove them"]
    if table.zones is not None:
        return []
    skipped = lost_hours(table.times, grid.step)
    if not skipped:
        return []
    note = (
        f"{skipped} gap{'s' * (skipped != 1)} of an hour on a Sunday night, as where clocks go "
        'forward to daylight-saving time; if so, set [data] timezone, as "Europe/Berlin"'
    )
    return [note]


def _usable(table: SeriesTable, values: Floats, filled: Mask, grid: Grid) -> Mask:
    """Mark rows (rows,) with a value in every column, none held from before an unusable row."""
    complete = np.flatnonzero(~np.isnan(values).any(axis=1))
    usable = np.zeros(len(values), np.bool_)
    runs = grid.runs(table.times[complete], table.groups[complete])
    for segment in _inside(runs, filled[complete]):
        usable[complete[slice(*segment)]] = True
    return usable


def _inside(segments: tuple[Segment, ...], filled: Mask) -> tuple[Segment, ...]:
    """Remove from each stretch the first rows that hold a value from before it."""
    kept = (without_outside_values(segment, filled) for segment in segments)
    return tuple((start, stop) for start, stop in kept if stop > start)


def split_segments(
    runs: tuple[Segment, ...], data: SeriesData, *, group_starts: tuple[int, ...] = (0,)
) -> dict[str, tuple[Segment, ...]]:
    """Divide rows at the percentages: each group as a whole, or each run by itself.

    Args:
        runs: gap-free stretches, in order.
        data: says how to divide.
        group_starts: first row of each group; no run spans two of them.

    Returns:
        per set the stretches of rows that belong to it; each is within one run.
    """
    subsets: dict[str, list[Segment]] = {subset: [] for subset in SUBSETS}
    if data.split == "per-run":
        cuts_of = {run: _cuts(*run, data) for run in runs}
    else:
        edges_of_groups = tuple(pairwise((*group_starts, runs[-1][1])))
        whole = {start: _cuts(start, stop, data) for start, stop in edges_of_groups}
        starts = np.array(group_starts)
        cuts_of = {
            run: whole[int(starts[np.searchsorted(starts, run[0], "right") - 1])] for run in runs
        }
    for (start, stop), cuts in cuts_of.items():
        edges = (start, *(min(max(cut, start), stop) for cut in cuts), stop)
        for subset, (first, last) in zip(SUBSETS, pairwise(edges), strict=True):
            if last > first:
                subsets[subset].append((first, last))
    if data.validation == "blocks":
        before = _joined([*subsets["train"], *subsets["validation"]])
        rows = max(1, round(data.block_days * 24 * 60 / data.step_minutes))
        share = data.validation_percent / (data.train_percent + data.validation_percent)
        train, validation = divide_in_blocks(before, block=rows, share=share)
        subsets |= {"train": list(train), "validation": list(validation)}
    return {subset: tuple(segments) for subset, segments in subsets.items()}


def _joined(segments: list[Segment]) -> list[Segment]:
    """Join segments that follow each other without a row between them, in order."""
    joined: list[Segment] = []
    for start, stop in sorted(segments):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _cuts(start: int, stop: int, data: SeriesData) -> tuple[int, int]:
    """Compute the first row of the validation set and of the test set, rounded down."""
    percents = (data.train_percent, data.train_percent + data.validation_percent)
    first, second = (start + int((stop - start) * percent / 100) for percent in percents)
    return first, second


def _refuse_missing(table: SeriesTable, data: SeriesData) -> None:
    rows, columns = np.nonzero(np.isnan(table.values))
    if len(rows):
        raise DataError(
            f"{table.place(int(rows[0]))}: the value of {data.columns[columns[0]]!r} is "
            f"missing (empty, NaN or a sentinel; {len(rows)} in the file); correct it, or set "
            '[data] missing = "gap" or "hold"'
        )


def _normalization(series: Series, segments: tuple[Segment, ...], *, columns: int) -> Normalization:
    rows = np.concatenate([series.values[start:stop, :columns] for start, stop in segments])
    known = ~np.concatenate([series.filled[start:stop, :columns] for start, stop in segments])
    mean, std = rows.mean(axis=0, where=known), rows.std(axis=0, where=known)
    std = np.where(std > _CONSTANT * np.abs(mean), std, 1.0)
    return Normalization(mean=tuple(mean.tolist()), std=tuple(std.tolist()))


def _ranges(values: Floats) -> tuple[tuple[float, float], ...]:
    low, high = values.min(axis=0).tolist(), values.max(axis=0).tolist()
    return tuple(zip(low, high, strict=True))


def _subset_rows(segments: dict[str, tuple[Segment, ...]]) -> tuple[int, int, int]:
    train, validation, test = (sum(b - a for a, b in segments[subset]) for subset in SUBSETS)
    return train, validation, test


def _no_windows(
    series: Series,
    segments: dict[str, tuple[Segment, ...]],
    subset: str,
    data: SeriesData,
    *,
    left_out: Mapping[str, int],
) -> DataError:
    if any(left_out.values()):
        reasons = ", ".join(f"{count} as {reason}" for reason, count in left_out.items() if count)
        return DataError(
            f"{series.path}: no window of the {subset} set can be used; left out: {reasons}; give "
            "data with fewer missing values, or fewer output_steps"
        )
    span = data.input_steps + data.output_steps
    longest = max((stop - start for start, stop in segments[subset]), default=0)
    rows, runs = len(series.times), len(series.runs)
    return DataError(
        f"{series.path}: too few rows: one window needs {span} in a row ({data.input_steps} in, "
        f"{data.output_steps} out), the longest stretch of the {subset} set has {longest} "
        f"({rows} rows in {runs} gap-free run{'s' * (runs != 1)}, step {data.step_minutes:g} min; "
        f"distances between rows: {series.distances}); {_remedy(series, data, span)}"
        f"{told(series.notes)}"
    )


def _remedy(series: Series, data: SeriesData, span: int) -> str:
    """Say what gives a set without a window one."""
    step = step_of(data.step_minutes)
    apart = np.diff(series.file_times)[np.diff(series.file_groups) == 0]
    runs = [stop - start for start, stop in series.runs]
    near = np.abs(apart - step) <= step * 0.25
    if len(apart) and np.median(apart) > 0 and not near.any():
        seconds = apart.astype("timedelta64[us]").astype(np.int64) / 1e6
        alike = seconds[np.abs(seconds - np.median(seconds)) <= 0.25 * np.median(seconds)]
        usual = step_of(alike.mean() / 60) / np.timedelta64(60, "s")
        return (
            f"check step_minutes: rows are mostly {usual:.6g} min apart; set it to that, or [data] "
            'resample = "mean" or "last" for a longer step'
        )
    if series.gaps and (apart != step).mean() > 0.2 and near.mean() > 0.5:
        percent = float(np.quantile(np.abs(apart[near] - step) / step, 0.99)) * 100
        return (
            f"set [data] tolerance_percent = {max(1, round(percent * 1.2))} to let such distances "
            'count as one step, or resample = "mean" or "last"'
        )
    if series.missing_rows > len(series.times) / 10 and not data.holds:
        return (
            f"{series.missing_rows} rows lack a value: set [data] missing = "
            '"hold" to show the model the last known ones'
        )
    if len(runs) > 1 and data.split == "per-run" and max(runs) * 0.05 < span <= sum(runs) * 0.05:
        return (
            f"each run is split by itself, and the longest of {max(runs)} rows is too short: set "
            '[data] split = "whole", fewer input_steps or output_steps, or resample'
        )
    train, validation = data.train_percent, data.validation_percent
    days = len(series.times) * data.step_minutes / (24 * 60)
    if data.validation == "blocks" and days < 100 / validation * data.block_days:
        return (
            f"the series is of {days:.3g} days, too few for validation blocks of "
            f"{data.block_days:g}: set [data] block_days to at most {days * validation / 200:.2g}"
        )
    smallest = min(train, validation, 100 - train - validation)
    return (
        f"give at least {int(span * 100 / smallest) + 1} rows in a row, as the smallest set is "
        f"{smallest:g} % of them, or fewer input_steps or output_steps, or another split"
    )


def _key(series: Series, segments: dict[str, tuple[Segment, ...]], data: SeriesData) -> str:
    digest = hashlib.sha256()
    facts = (data.inputs, data.targets, data.input_steps, data.output_steps, data.step_minutes)
    digest.update(repr((facts, segments)).encode())
    times = series.times
    if np.datetime_data(times.dtype)[0] != "s":
        digest.update(str(times.dtype).encode())
    digest.update(times.astype("<i8").tobytes())
    digest.update(series.values.astype("<f8").tobytes())
    if series.filled.any():
        digest.update(series.filled.tobytes())
    return digest.hexdigest()
