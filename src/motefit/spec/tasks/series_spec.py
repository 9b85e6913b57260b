"""Forecasting: input and target columns, how windows are cut, and units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import MAE_PREFIX, SKILL_PREFIX
from motefit.spec.normalization import Normalization
from motefit.spec.tasks import TaskSpec, register
from motefit.spec.time_formats import check_time_format

NAME = "forecasting"


@dataclass(frozen=True, kw_only=True)
class SeriesData:
    """The ``[data]`` section of a forecasting recipe.

    Attributes:
        time: name of the time column; or several that together give the time, as ``["Date",
            "Time"]`` or ``["year", "month", "day", "hour"]``.
        time_format: ``strptime`` format of the time, columns joined by a space; empty means ISO
            8601; ``"epoch-s"``, ``"epoch-ms"``, ``"epoch-us"``, ``"epoch-ns"`` count from 1970.
        timezone: zone of times that state none, as ``"Europe/Berlin"`` or ``"+01:00"``; forecasts
            are given by its clock. Empty: times without a zone are used as they are.
        inputs: columns that the model sees.
        targets: columns that the model predicts; each must also be an input.
        input_steps: past steps that the model sees.
        output_steps: future steps that the model predicts, all at once.
        step_minutes: time between two rows; any other interval is a gap, and no window spans one.
        tolerance_percent: deviation from the step, in percent of it, up to which two rows still are
            one step apart. Left out: 10 if a third of the intervals deviates, else 0.
        resample: how readings become one row per step, each at the end of its step: ``"mean"`` or
            ``"last"`` of the step's readings; empty: the rows are taken as they are.
        train_percent: size of the training set, in time order.
        validation_percent: size of the validation set; the rest is the test set.
        split: ``"whole"`` divides the series as a whole, ``"per-run"`` divides each gap-free run.
        sentinels: values that mean "missing", e.g. -9999.
        column_sentinels: further such values per column.
        valid_ranges: per column the smallest and largest value that the sensor can give; a value
            outside is missing.
        missing_texts: words that mean "missing", besides those that always do: an empty field,
            ``NaN``, ``NA``, ``N/A``, ``null``, ``none``, ``nil``, ``unknown``, ``unavailable``,
            ``-``, ``--``, ``?``.
        missing: how a missing value is handled: ``"gap"`` splits the series there, ``"hold"`` shows
            the model the column's last known value for up to ``max_filled_steps`` steps,
            ``"error"`` rejects the file. ``"interpolate"`` is treated as ``"hold"``: interpolating
            between two known values would show the model the future.
        max_filled_steps: steps for which ``"hold"`` repeats a value; after that the series is
            split. No target is a repeated value, and no window ends at one.
        absent_rows: ``"gap"`` splits the series where the file lacks a row, ``"missing"`` treats
            such a row like one whose values are all missing.
        repeated_rows: how a row is handled whose time is not later than the previous time:
            ``"error"`` rejects the file, ``"drop"`` removes the row if an earlier row has the same
            time and values.
        separator: of the fields of a CSV file; empty: comma, semicolon, tab or ``|``, whichever
            the header uses.
        decimal: what separates whole digits from decimals.
        skip_lines: lines below the header that are not data, such as units.
        table: name of the table in an SQLite file; empty: its only one.
        series: column that names the quantity, in a file with one row per reading; ``inputs`` and
            ``targets`` are then values of that column.
        value: column of the readings in such a file.
        group: column that names the station or device of a row; each group is a series of its own,
            and is split by itself.
        synthetic_days: length of the series to synthesize if no data file is given.
    """

    time: str | tuple[str, ...] = "Date Time"
    time_format: str = "%d.%m.%Y %H:%M:%S"
    timezone: str = ""
    inputs: tuple[str, ...] = ("T (degC)", "rh (%)")
    targets: tuple[str, ...] = ("T (degC)", "rh (%)")
    input_steps: int = 6
    output_steps: int = 6
    step_minutes: float = 10.0
    tolerance_percent: float | None = None
    resample: Literal["", "mean", "last"] = ""
    train_percent: float = 70.0
    validation_percent: float = 20.0
    split: Literal["whole", "per-run"] = "per-run"
    sentinels: tuple[float, ...] = (-9999.0,)
    column_sentinels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    valid_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    missing_texts: tuple[str, ...] = ()
    missing: Literal["gap", "hold", "interpolate", "error"] = "gap"
    max_filled_steps: int = 3
    absent_rows: Literal["gap", "missing"] = "gap"
    repeated_rows: Literal["error", "drop"] = "error"
    separator: str = ""
    decimal: Literal[".", ","] = "."
    skip_lines: int = 0
    table: str = ""
    series: str = ""
    value: str = ""
    group: str = ""
    synthetic_days: int = 365

    def __post_init__(self) -> None:
        check_fields(self)
        _check_window(self)
        _check_reading(self)
        if self.synthetic_days < 1 or self.max_filled_steps < 0:
            raise RecipeError(
                "synthetic_days must be at least 1 and max_filled_steps at least 0, "
                f"got {self.synthetic_days} and {self.max_filled_steps}"
            )
        if not (
            self.train_percent > 0
            and self.validation_percent > 0
            and self.train_percent + self.validation_percent < 100
        ):
            raise RecipeError(
                "train_percent and validation_percent must be positive and leave a test set, "
                f"got {self.train_percent} and {self.validation_percent}"
            )

    @property
    def time_columns(self) -> tuple[str, ...]:
        """Names of the columns that give the time."""
        return (self.time,) if isinstance(self.time, str) else self.time

    @property
    def holds(self) -> bool:
        """Whether missing values are filled with the last known one."""
        return self.missing in {"hold", "interpolate"}


@dataclass(frozen=True, kw_only=True)
class SeriesIO:
    """Inputs and outputs of a forecaster; part of its card.

    Attributes:
        inputs: columns of the window, in order, in their own units.
        targets: columns of the prediction, in order, in their own units.
        input_steps: rows of the window.
        output_steps: rows of the prediction.
        step_minutes: time between two rows.
        normalization: per input column, from the training set.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    input_steps: int
    output_steps: int
    step_minutes: float
    normalization: Normalization

    def __post_init__(self) -> None:
        check_fields(self)
        _check_window(self)
        if len(self.normalization.mean) != len(self.inputs):
            raise RecipeError(
                f"{len(self.inputs)} inputs need as many means, got {self.normalization.mean}"
            )

    @property
    def target_columns(self) -> tuple[int, ...]:
        """Index of each target among the inputs."""
        return tuple(self.inputs.index(name) for name in self.targets)


def _check_window(window: SeriesData | SeriesIO) -> None:
    """Check what the data and the card of a forecaster have in common."""
    for name in ("inputs", "targets"):
        columns = getattr(window, name)
        if not columns or len(set(columns)) != len(columns):
            raise RecipeError(
                f"{name} needs at least one column and no duplicates, got {list(columns)}"
            )
    extra = [name for name in window.targets if name not in window.inputs]
    if extra:
        raise RecipeError(
            f"each target must also be an input (its last value is the naive forecast); "
            f"not an input: {', '.join(extra)}"
        )
    for name in ("input_steps", "output_steps", "step_minutes"):
        if getattr(window, name) <= 0:
            raise RecipeError(f"{name} must be positive, got {getattr(window, name)}")


def _check_reading(data: SeriesData) -> None:
    """Check the keys that say how a file is read."""
    check_time_format(data.time_format)
    if not data.time_columns or not all(data.time_columns):
        raise RecipeError('time needs the name of a column, or several as ["Date", "Time"]')
    if bool(data.series) != bool(data.value):
        raise RecipeError(
            "series and value belong together: the column that names the quantity, and the column "
            f"of the readings; got series = {data.series!r} and value = {data.value!r}"
        )
    if len(data.separator) > 1 or data.separator in {'"', "\n", "\r", data.decimal}:
        raise RecipeError(
            f"separator must be one character other than the decimal one, got {data.separator!r}"
        )
    if data.tolerance_percent is not None and not 0 <= data.tolerance_percent < 50:
        raise RecipeError(
            f"tolerance_percent must be at least 0 and below 50, got {data.tolerance_percent:g}"
        )
    if data.skip_lines < 0:
        raise RecipeError(f"skip_lines must be at least 0, got {data.skip_lines}")
    for name, (low, high) in data.valid_ranges.items():
        if low >= high:
            raise RecipeError(f"valid_ranges: {name}: {low:g} must be less than {high:g}")
    for key in ("column_sentinels", "valid_ranges"):
        unknown = [name for name in getattr(data, key) if name not in data.inputs]
        if unknown:
            raise RecipeError(f"{key} names {', '.join(unknown)}, which is no input")


def _metrics(data: SeriesData) -> tuple[str, ...]:
    return tuple(
        f"{prefix}{name}" for prefix in (MAE_PREFIX, SKILL_PREFIX) for name in data.targets
    )


register(TaskSpec(name=NAME, data=SeriesData, io=SeriesIO, has_frontend=False, metrics=_metrics))
