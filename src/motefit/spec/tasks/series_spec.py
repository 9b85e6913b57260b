"""Forecasting: input and target columns, how windows are cut, and units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from motefit.spec.codec import check_fields, nearest
from motefit.spec.column_names import column_name
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import COVERAGE_PREFIX, MAE_PREFIX, SKILL_PREFIX
from motefit.spec.normalization import Normalization
from motefit.spec.tasks import TASK_SPECS, TaskSpec, check_percents
from motefit.spec.time_formats import check_time_format

NAME = "forecasting"
Period = Literal["hour", "half-day", "week", "year"]
PERIOD_SECONDS: Mapping[str, int] = {
    "hour": 86_400,
    "half-day": 43_200,
    "week": 604_800,
    "year": 31_556_952,
}
"""Seconds after which a period of the calendar repeats: the hour of the day after a day, and the
day of the year after a mean Gregorian year."""
LONGEST_STEP_MINUTES = 10 * 366 * 24 * 60.0
MEDIAN = 0.5
"""The quantile that is a forecast's answer where it has several."""


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
        targets: columns that the model predicts; a target need not be an input, nor an input a
            target.
        input_steps: past steps that the model sees.
        output_steps: future steps that the model predicts, all at once.
        form: how a model sees a window: ``"rows"`` as its standardized rows, ``"differences"`` as
            its standardized last row and the differences of the earlier rows to it, each divided
            by its standard deviation.
        predict: what a model answers: ``"value"`` the standardized value, ``"change"`` the change
            from the last row, divided by the standard deviation of the change per step and column;
            the runtime adds the last row. Each target must then be an input.
        calendar: periods that the model sees as sine and cosine of the time of the newest row:
            ``"hour"`` (of the day), ``"half-day"``, ``"week"``, ``"year"``. The time is in UTC if
            the file states zones, otherwise by the file's clock.
        limits: per target, smallest and largest possible value, e.g. ``[0, 100]`` for a humidity
            in %; the runtime clamps answers, and they are measured so.
        quantiles: of the answer, e.g. ``[0.1, 0.5, 0.9]``, which must contain 0.5; trained with the
            pinball loss, and never crossing. Empty: one answer, trained with ``train.loss``.
        step_minutes: time between two rows; any other interval is a gap, and no window spans one.
        tolerance_percent: deviation from the step, in percent of it, up to which two rows still are
            one step apart. Left out: 10 if a third of the intervals deviates, else 0.
        resample: how readings become one row per step, each at the end of its step: ``"mean"`` or
            ``"last"`` of the step's readings; empty: the rows are taken as they are.
        train_percent: size of the training set, in time order.
        validation_percent: size of the validation set; the rest is the test set.
        split: ``"whole"`` divides the series as a whole, ``"per-run"`` divides each gap-free run.
        validation: where the validation set is: ``"last"`` the rows before the test set,
            ``"blocks"`` stretches of ``block_days`` spread evenly over all rows before the test
            set, so that models are compared in every season that the data have.
        block_days: length of such a stretch.
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
        thousands: what separates groups of three digits, as in ``1,234.5``; a space means
            every kind of space. Empty: nothing does.
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
    form: Literal["rows", "differences"] = "rows"
    predict: Literal["value", "change"] = "value"
    calendar: tuple[Period, ...] = ()
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    quantiles: tuple[float, ...] = ()
    step_minutes: float = 10.0
    tolerance_percent: float | None = None
    resample: Literal["", "mean", "last"] = ""
    train_percent: float = 70.0
    validation_percent: float = 20.0
    split: Literal["whole", "per-run"] = "per-run"
    validation: Literal["last", "blocks"] = "last"
    block_days: float = 30.0
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
    thousands: Literal["", ".", ",", "'", " "] = ""
    skip_lines: int = 0
    table: str = ""
    series: str = ""
    value: str = ""
    group: str = ""
    synthetic_days: int = 365

    def __post_init__(self) -> None:
        check_fields(self)
        _compose_names(self)
        _check_window(self)
        _check_reading(self)
        if self.synthetic_days < 1 or self.max_filled_steps < 0:
            raise RecipeError(
                "synthetic_days must be at least 1 and max_filled_steps at least 0, "
                f"got {self.synthetic_days} and {self.max_filled_steps}"
            )
        if self.block_days <= 0:
            raise RecipeError(f"block_days must be positive, got {self.block_days:g}")
        check_percents(self.train_percent, self.validation_percent)

    @property
    def time_columns(self) -> tuple[str, ...]:
        """Names of the columns that give the time."""
        return (self.time,) if isinstance(self.time, str) else self.time

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns read from a file."""
        return columns_of(self.inputs, self.targets)

    @property
    def holds(self) -> bool:
        """Whether missing values are filled with the last known one."""
        return self.missing in {"hold", "interpolate"}


@dataclass(frozen=True, kw_only=True)
class SeriesIO:
    """Inputs and outputs of a forecaster; part of its card.

    The model file reads a window and the calendar as ``form``, ``calendar`` and ``calendar_in``
    say, and returns ``output_steps x targets x quantiles`` numbers, the last varying fastest;
    ``runtime.window_codec`` is the arithmetic.

    Attributes:
        inputs: columns of the window, in order, in their own units.
        targets: columns of the prediction, in order, in their own units.
        input_steps: rows of the window.
        output_steps: rows of the prediction.
        step_minutes: time between two rows.
        normalization: per input column, from the training set.
        form: of the window, as in the recipe.
        predict: as in the recipe.
        calendar: as in the recipe.
        calendar_in: where the model reads it: at the end of the flattened ``"window"``, or in every
            one of its ``"rows"``, for families that read a sequence.
        limits: as in the recipe.
        quantiles: as in the recipe.
        differences: per earlier row and input, oldest first; for the form ``"differences"`` only.
        answers: per step and target; None where the statistics of the inputs apply.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    input_steps: int
    output_steps: int
    step_minutes: float
    normalization: Normalization
    form: Literal["rows", "differences"] = "rows"
    predict: Literal["value", "change"] = "value"
    calendar: tuple[Period, ...] = ()
    calendar_in: Literal["window", "rows"] = "window"
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    quantiles: tuple[float, ...] = ()
    differences: Normalization | None = None
    answers: Normalization | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        _check_window(self)
        earlier = (self.input_steps - 1) * len(self.inputs)
        sizes = {
            "normalization": (self.normalization, len(self.inputs), True),
            "differences": (self.differences, earlier, self.form == "differences"),
            "answers": (self.answers, self.output_steps * len(self.targets), self._own_answers),
        }
        for name, (given, size, needed) in sizes.items():
            if given is None and needed and size:
                raise RecipeError(f"{name}: {size} means are needed, got none")
            if given is not None and len(given.mean) != size:
                raise RecipeError(
                    f"{name}: {size} means are needed, as many as columns, got {given.mean}"
                )

    @property
    def _own_answers(self) -> bool:
        """Whether the answers cannot have the statistics of the inputs."""
        return self.predict == "change" or not set(self.targets) <= set(self.inputs)

    @property
    def target_columns(self) -> tuple[int, ...]:
        """Index of each target among the inputs; only where each target is an input."""
        return tuple(self.inputs.index(name) for name in self.targets)

    @property
    def window_shape(self) -> tuple[int, ...]:
        """Shape of the model's input for one window."""
        extra = 2 * len(self.calendar)
        if extra and self.calendar_in == "window":
            return (self.input_steps * len(self.inputs) + extra,)
        return self.input_steps, len(self.inputs) + extra

    @property
    def answer_shape(self) -> tuple[int, int, int]:
        """Shape (steps, targets, quantiles) of the model's output for one window."""
        return self.output_steps, len(self.targets), max(len(self.quantiles), 1)


def _compose_names(data: SeriesData) -> None:
    """Write the names of columns as they are compared with a file's."""
    for name in ("time", "inputs", "targets", "series", "value", "group"):
        given = getattr(data, name)
        many = given if isinstance(given, tuple) else (given,)
        made = tuple(map(column_name, many))
        object.__setattr__(data, name, made if isinstance(given, tuple) else made[0])
    for name in ("limits", "column_sentinels", "valid_ranges"):
        table = {column_name(k): v for k, v in getattr(data, name).items()}
        object.__setattr__(data, name, table)


def _check_window(window: SeriesData | SeriesIO) -> None:
    """Check what the data and the card of a forecaster have in common."""
    for name in ("inputs", "targets"):
        columns = getattr(window, name)
        if not columns or len(set(columns)) != len(columns):
            raise RecipeError(
                f"{name} needs at least one column and no duplicates, got {list(columns)}"
            )
    extra = [name for name in window.targets if name not in window.inputs]
    if extra and window.predict == "change":
        raise RecipeError(
            'predict = "change" adds the change to the last row that the model sees, so each '
            f"target must be an input; not an input: {', '.join(extra)}; add it to inputs, or set "
            'predict = "value"'
        )
    for name in ("input_steps", "output_steps", "step_minutes"):
        if getattr(window, name) <= 0:
            raise RecipeError(f"{name} must be positive, got {getattr(window, name)}")
    if window.step_minutes > LONGEST_STEP_MINUTES:
        raise RecipeError(
            f"step_minutes must be at most {LONGEST_STEP_MINUTES:.0f} (ten years), got "
            f"{window.step_minutes:g}"
        )
    if len(set(window.calendar)) != len(window.calendar):
        raise RecipeError(f"calendar has a period twice: {', '.join(window.calendar)}")
    _check_answers(window)


def _check_answers(window: SeriesData | SeriesIO) -> None:
    for column, (low, high) in window.limits.items():
        if column not in window.targets:
            raise RecipeError(
                f"limits: {column!r} is not a target{nearest(column, window.targets)}; "
                f"targets: {', '.join(window.targets)}"
            )
        if not low < high:
            raise RecipeError(f"limits: {column!r}: {low:g} is not below {high:g}")
    quantiles = window.quantiles
    rising = all(a < b for a, b in pairwise((0.0, *quantiles, 1.0)))
    if quantiles and not (rising and MEDIAN in quantiles):
        raise RecipeError(
            f"quantiles must rise between 0 and 1 and contain {MEDIAN}, got {list(quantiles)}"
        )


def columns_of(inputs: tuple[str, ...], targets: tuple[str, ...]) -> tuple[str, ...]:
    """List the inputs, then the targets that are not among them.

    >>> columns_of(("T", "p"), ("rh", "T"))
    ('T', 'p', 'rh')
    """
    return (*inputs, *(name for name in targets if name not in inputs))


def pinball_name(quantiles: tuple[float, ...]) -> str:
    """Name the pinball loss of quantiles, as a training reads it.

    >>> pinball_name((0.1, 0.5, 0.9))
    'pinball 0.1 0.5 0.9'
    """
    return " ".join(["pinball", *(repr(quantile) for quantile in quantiles)])


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
    _check_characters(data)
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
        unknown = [name for name in getattr(data, key) if name not in data.columns]
        if unknown:
            raise RecipeError(f"{key} names {', '.join(unknown)}, which is not an input")


def _check_characters(data: SeriesData) -> None:
    """Check what separates fields, decimals and groups of digits."""
    if len(data.separator) > 1 or data.separator in {'"', "\n", "\r", data.decimal}:
        raise RecipeError(
            f"separator must be one character other than the decimal one, got {data.separator!r}"
        )
    if data.thousands == data.decimal:
        raise RecipeError(f"thousands and decimal are the same character, {data.decimal!r}")


def _metrics(data: SeriesData) -> tuple[str, ...]:
    prefixes = (MAE_PREFIX, SKILL_PREFIX, *((COVERAGE_PREFIX,) if len(data.quantiles) > 1 else ()))
    return tuple(f"{prefix}{name}" for prefix in prefixes for name in data.targets)


TASK_SPECS.register(
    NAME,
    TaskSpec(name=NAME, data=SeriesData, io=SeriesIO, has_frontend=False, metrics=_metrics),
)
