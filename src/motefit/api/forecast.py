"""``forecast``: predict the steps that follow a window of a table."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.data.sampling import step_of
from motefit.data.series import Series, read_series
from motefit.data.stamps import Times, parse_time
from motefit.runtime.bundle import load_bundle
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.quiet import silence_litert
from motefit.runtime.zoo import find_model
from motefit.spec.card import Card
from motefit.spec.codec import decode
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.tables import Item, Printable, ResultTable
from motefit.spec.tasks.series_spec import NAME, SeriesData, SeriesIO

FAR_DEVIATIONS = 8.0
"""Inputs further from the mean of the training data are pointed out: kelvins instead of degrees
Celsius are 30, a record of the weather is 5."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Forecast(Printable):
    """Forecast of the steps that follow a window of a series; times are in the file's own clock.

    Attributes:
        input_end: time of the newest row in the window.
        newest: time of the newest row of the file.
        zone: zone of all times, e.g. ``"+02:00"``: that of the row at ``input_end``; empty if the
            file states none.
        times: datetime64[s] (output_steps,).
        targets: names of the predicted columns.
        values: float64 (output_steps, targets), in the columns' own units; the medians of a model
            that gives quantiles.
        levels: quantiles that the model gives; empty for a model that gives one answer.
        quantiles: float64 (output_steps, targets, levels), rising along the last axis.
        filled_inputs: number of missing values in the window, which are held from earlier rows.
        notes: sentences about what was left out or changed when the file was read, and about inputs
            unlike those of the training data.
    """

    input_end: np.datetime64
    newest: np.datetime64
    zone: str
    times: Times
    targets: tuple[str, ...]
    values: npt.NDArray[np.float64]
    filled_inputs: int
    notes: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()
    quantiles: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0, 0)))

    def content(self) -> list[Item]:
        """List where the input ends, and a row for each step; quantiles side by side."""
        titles = [f"{t} {q:.3g}" for t in self.targets for q in self.levels] or list(self.targets)
        values = self.quantiles if self.levels else self.values
        rows = [
            (self.written(time), *(f"{value:.2f}" for value in row.ravel()))
            for time, row in zip(self.times, values, strict=True)
        ]
        align = "l" + "r" * len(titles)
        notes = [f"note: {note}" for note in self.notes]
        table = ResultTable(titles=("time", *titles), align=align, rows=rows)
        return [self._origin(), *notes, table]

    def to_csv(self) -> str:
        """Format the steps as CSV: ISO 8601 times, with their zone if one is known, and targets.

        A model that gives quantiles has a column for each.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        levels = [f"{t} {q:g}" for t in self.targets for q in self.levels]
        writer.writerow(["time", *(levels or self.targets)])
        values = self.quantiles if self.levels else self.values
        for time, row in zip(self.times, values, strict=True):
            writer.writerow([f"{time}{self.zone}", *row.ravel().tolist()])
        return text.getvalue()

    def written(self, time: np.datetime64) -> str:
        """Format a time with its zone."""
        return str(time).replace("T", " ") + self.zone

    def _origin(self) -> str:
        """Describe where the input ends, by which clock, and how many values are filled."""
        text = f"input ends {self.written(self.input_end)}, "
        if self.input_end == self.newest:
            text += "the newest row"
        else:
            text += f"not at the newest row, {self.written(self.newest)}"
        if not self.zone:
            text += "; times as in the file, which states no zone"
        if self.filled_inputs:
            text += f"; {self.filled_inputs} missing input values held from earlier rows"
        return text


def forecast(
    model: str | Path,
    series: str | Path,
    *,
    at: str = "",
    group: str = "",
    stale_ok: bool = False,
) -> Forecast:
    """Predict the steps that follow the newest row of a table.

    The file is read by the rules of the recipe in the card: time columns and format, zone,
    sentinels, missing values and repeated rows. A window ends at a row without a missing value, as
    in training.

    >>> import motefit, pathlib, tempfile
    >>> csv = pathlib.Path(tempfile.mkdtemp(), "climate.csv")
    >>> made = motefit.synthesize(csv, climate_days=3)
    >>> motefit.forecast("climate-6", csv, stale_ok=True).values.shape  # (steps, columns)
    (6, 2)

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        series: the file, a folder of files, or a pattern.
        at: time of the row to forecast from, in ISO 8601 or the recipe's format, by the file's own
            clock unless it has a zone; empty: the newest row.
        group: station to forecast for, in a file of several.
        stale_ok: whether to use the last earlier window if none ends at that row.

    Raises:
        DataError: if the file cannot be used, does not have the time, or no window ends at the row;
            the message names the last row at which one does.
        ModelFileError: if the model cannot be used.
    """
    silence_litert()
    model = find_model(model)
    bundle = load_bundle(model)
    if bundle.card.task != NAME:
        raise ModelFileError(f"{model} is a model for {bundle.card.task}, not for {NAME}")
    forecaster = Forecaster(bundle.model, bundle.card.io)
    io = forecaster.io
    data = _reading(bundle.card)
    found = _of_group(_read(Path(series), data), group)
    asked = _row_at(found, at, data.time_format) if at else len(found.file_times) - 1
    end = _window_end(found, asked, io, stale_ok=stale_ok)
    row = int(found.usable[:end].sum())
    window = slice(row + 1 - io.input_steps, row + 1)
    zone = _zone(found, end)
    input_end = found.file_times[end] + zone
    step = _plain(step_of(io.step_minutes))
    (quantiles,) = forecaster.quantiles_batch(
        found.values[np.newaxis, window], found.file_times[[end]]
    )
    return Forecast(
        input_end=input_end,
        newest=found.file_times[-1] + zone,
        zone="" if found.file_zones is None else _zone_text(int(found.file_zones[end])),
        times=input_end + step * np.arange(1, io.output_steps + 1),
        targets=io.targets,
        values=forecaster.answer(quantiles),
        filled_inputs=int(found.filled[window].sum()),
        notes=(*found.notes, *_far_inputs(found.values[window], io)),
        levels=io.quantiles,
        quantiles=quantiles if io.quantiles else quantiles[..., :0],
    )


def _read(path: Path, data: SeriesData) -> Series:
    """Read a table whose times are as in the training data, or all in ISO 8601, with a note."""
    try:
        return read_series(path, data)
    except DataError:
        found = _in_iso(path, data)
        if found is None:
            raise
    note = f"times are read in ISO 8601, not as {data.time_format!r} of the training data"
    return replace(found, notes=(*found.notes, note))


def _in_iso(path: Path, data: SeriesData) -> Series | None:
    """Read a table with times in ISO 8601; None if that is no other way, or if it fails, too."""
    if not data.time_format or not isinstance(data.time, str):
        return None
    try:
        return read_series(path, replace(data, time_format=""))
    except DataError:
        return None


def _far_inputs(values: npt.NDArray[np.float64], io: SeriesIO) -> Iterator[str]:
    """Point out inputs (steps, columns) unlike all training data, as in another unit.

    Yields:
        a sentence for each such column.
    """
    mean, std = (np.array(part) for part in (io.normalization.mean, io.normalization.std))
    deviations = np.abs(values - mean) / std
    for column in np.flatnonzero(deviations.max(axis=0) > FAR_DEVIATIONS):
        step = int(deviations[:, column].argmax())
        yield (
            f"{io.inputs[column]}: {values[step, column]:g} is {deviations[step, column]:.3g} "
            "standard deviations from the mean of the training data; is it in another unit?"
        )


def _of_group(series: Series, group: str) -> Series:
    """Return the rows of one station; those of the only one if none is named.

    Raises:
        DataError: if the station does not exist, or there are several and none is named.
    """
    if not group and len(series.group_names) > 1:
        raise DataError(
            f"{series.path}: the file has {len(series.group_names)} groups; name one as group "
            f"(--group): {', '.join(series.group_names)}"
        )
    return series.of_group(group) if group else series


def _reading(card: Card) -> SeriesData:
    """Return how the model's own data were read, with the columns and step of its card.

    Only the inputs are read: a file to forecast from need not have the targets.
    """
    io: SeriesIO = card.io
    given = decode(SeriesData, card.recipe.get("data", {}), where="the card's recipe: [data]")
    return replace(
        given, inputs=io.inputs, targets=io.inputs[:1], step_minutes=io.step_minutes, limits={}
    )


def _window_end(series: Series, asked: int, io: SeriesIO, *, stale_ok: bool) -> int:
    """Find the row of the file at which the window ends: ``asked``, or an earlier one if allowed.

    Raises:
        DataError: if no window ends there.
    """
    run_start = np.repeat([a for a, _ in series.runs], [b - a for a, b in series.runs]).astype(int)
    behind = np.arange(len(run_start)) - run_start + 1
    ends = (behind >= io.input_steps) & ~series.filled.any(axis=1)
    rows = np.flatnonzero(series.usable)
    usable = rows[ends]
    usable = usable[usable <= asked]
    if len(usable) and (usable[-1] == asked or stale_ok):
        return int(usable[-1])
    place = np.flatnonzero(rows == asked)
    if len(place) and behind[place[0]] < io.input_steps:
        reason = (
            f"the model looks back over {io.input_steps} rows, {io.step_minutes:g} minutes apart; "
            f"the file has {behind[place[0]]} such rows up to there, after a gap, a missing value "
            "or the start of the file"
        )
    else:
        reason = "a value is missing there (empty, NaN or a sentinel)"
    which = "the newest row" if asked == len(series.file_times) - 1 else "the row"
    if not len(usable):
        remedy = "no earlier row can be used either: give a file with more rows"
        minutes = np.diff(series.file_times) / np.timedelta64(1, "m")
        if len(minutes) and not 0.9 < (apart := np.median(minutes)) / io.step_minutes < 1.1:
            remedy = f"the file's rows are mostly {apart:g} minutes apart: give one with that step"
    else:
        last = _text(series, int(usable[-1]))
        remedy = (
            f"the last usable row is {last}: give newer rows, or forecast from that one with "
            f'at (--at "{last}") or stale_ok (--stale-ok)'
        )
    raise DataError(f"{series.path}: {which} is {_text(series, asked)}: {reason}; {remedy}")


def _row_at(series: Series, at: str, time_format: str) -> int:
    """Find the row of the file with a given time.

    Raises:
        DataError: if the text is not a time, or not exactly one row has the time.
    """
    moment = _parsed(at, time_format)
    clock = np.datetime64(moment.replace(tzinfo=None), "us")
    offset = moment.utcoffset()
    if offset is None:
        ahead = 0 if series.file_zones is None else series.file_zones.astype("timedelta64[s]")
        rows = np.flatnonzero(series.file_times + ahead == clock)
    elif series.file_zones is None:
        raise DataError(
            f"at (--at) {at!r} has a zone, but the times of {series.path} have none; leave it out"
        )
    else:
        rows = np.flatnonzero(series.file_times == clock - _seconds(offset.total_seconds()))
    if len(rows) > 1:
        raise DataError(
            f"{series.path}: {len(rows)} rows have the time {at!r} by their own zones; give its "
            f'zone too: at (--at) "{_text(series, int(rows[0]))}"'
        )
    if not len(rows):
        raise DataError(
            f"{series.path}: no row has the time {at!r}; the rows go from {_text(series, 0)} to "
            f"{_text(series, len(series.file_times) - 1)}"
        )
    return int(rows[0])


def _parsed(at: str, time_format: str) -> datetime:
    for form in ("", time_format):
        try:
            return parse_time(at, form)
        except ValueError:
            continue
    known = f"neither in ISO 8601 nor in {time_format!r}" if time_format else "not in ISO 8601"
    raise DataError(f"at (--at): the time {at!r} is {known}; example: 2024-03-25 13:50:00")


def _text(series: Series, row: int) -> str:
    """Format the time of a row by its own clock, with its zone."""
    text = str(series.file_times[row] + _zone(series, row)).replace("T", " ")
    return text if series.file_zones is None else text + _zone_text(int(series.file_zones[row]))


def _zone(series: Series, row: int) -> np.timedelta64:
    """Return how far a row's clock is ahead of the series' times."""
    return _seconds(0 if series.file_zones is None else int(series.file_zones[row]))


def _seconds(count: float) -> np.timedelta64:
    return np.timedelta64(round(count), "s")


def _plain(step: np.timedelta64) -> np.timedelta64:
    """Return a step in whole seconds if it is one, so that times are written without fractions."""
    seconds = step.astype("timedelta64[s]")
    return seconds if seconds == step else step


def _zone_text(seconds: int) -> str:
    """Format a zone as in ISO 8601.

    >>> _zone_text(7200), _zone_text(-12600), _zone_text(0)
    ('+02:00', '-03:30', '+00:00')
    """
    text = str(timedelta(seconds=abs(seconds))).rjust(8, "0")
    return ("-" if seconds < 0 else "+") + text.removesuffix(":00")
