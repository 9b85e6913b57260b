"""Forecasts of what the sensors will measure, and their error once it has been measured."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motefit.data.holding import hold, without_outside_values
from motefit.deploy.reading import Quantity, Reading
from motefit.deploy.step_rows import StepRow, StepRows
from motefit.runtime.bundle import load_bundle
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.quiet import silence_litert
from motefit.runtime.zoo import find_model
from motefit.spec.codec import decode
from motefit.spec.errors import RecipeError
from motefit.spec.tasks.series_spec import NAME, SeriesData, columns_of

UNITS = {"degC": "Cel", "°C": "Cel", "C": "Cel", "%": "%RH", "%RH": "%RH"}
"""Units in the names of columns, and in SenML's spelling."""
FRESH = 0.1
"""Share of a step by which a value taken at its end may be older."""
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_.\-]+")


@dataclass(frozen=True, kw_only=True)
class TargetErrors:
    """Forecasts of one column, and their mean absolute error so far.

    Attributes:
        column: as the model's card names it.
        quantity: that the sensors measure.
        unit: of the quantity.
        values: of the newest forecast, by step; empty before the first.
        mae: by step; None where no forecast has been compared yet.
        compared: number of forecasts compared, by step; with those for readings of before the
            start that the outbox still has.
    """

    column: str
    quantity: str
    unit: str
    values: tuple[float, ...]
    mae: tuple[float | None, ...]
    compared: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ForecastState:
    """Where the forecasts are.

    Attributes:
        model: as the user named it.
        step_minutes: between two rows, and between two steps of a forecast.
        rows: consecutive rows that could be used, at most ``rows_needed``.
        rows_needed: for a forecast.
        made: forecasts since the start.
        origin_ms: time of the newest row of the newest forecast; 0 before the first.
        times_ms: of the newest forecast, by step.
        targets: by column.
    """

    model: str
    step_minutes: float
    rows: int
    rows_needed: int
    made: int
    origin_ms: int
    times_ms: tuple[int, ...]
    targets: tuple[TargetErrors, ...]


class LiveForecasts:
    """A forecaster that is given the readings of a node.

    Rows, missing values and the clock follow the recipe in the model's card, as in training.

    Args:
        model: bundle, or name of a shipped model.
        quantities: that the sensors measure.
        columns: quantity by column of the model, where names and units do not tell.
        node: first part of the keys.
        every_s: seconds between two readings.

    Attributes:
        state: immutable; another one after each row.

    Raises:
        ModelFileError: if the model cannot be used.
        RecipeError: if the sensors do not give a column of the model, or are read too rarely.
    """

    def __init__(
        self,
        model: str,
        quantities: Sequence[Quantity],
        *,
        columns: Mapping[str, str],
        node: str,
        every_s: float,
    ) -> None:
        silence_litert()
        bundle = load_bundle(Path(find_model(model)), task=NAME)
        self._forecaster = Forecaster(bundle.model, bundle.card.io)
        self._io = io = self._forecaster.io
        self._data = decode(
            SeriesData, bundle.card.recipe.get("data", {}), where="the card's recipe: [data]"
        )
        self._step_ms = max(round(io.step_minutes * 60_000), 1)
        if 1000 * every_s > self._step_ms:
            raise RecipeError(
                f"{model} needs a row every {io.step_minutes:g} min, but sensors are read every "
                f"{every_s:g} s; set every_s (--every) to at most {self._step_ms / 1000:g}"
            )
        names = columns_of(io.inputs, io.targets)
        self.sources = matching(names, quantities, columns, needed=io.inputs, model=model)
        self._rows = StepRows(
            {f"{node}:{found.name}": names.index(name) for name, found in self.sources.items()},
            step_ms=self._step_ms,
            rule=self._data.resample,
            fresh_ms=1000 * max(FRESH * self._step_ms / 1000, every_s),
        )
        self._targets = [names.index(name) for name in io.targets]
        self._width, self._node, self._model = len(names), node, model
        self._errors = np.zeros((io.output_steps, len(io.targets)))
        self._compared = np.zeros((io.output_steps, len(io.targets)), np.int64)
        self._made = 0
        self._latest: tuple[int, NDArray[np.float64]] = 0, np.empty((0, len(io.targets)))
        self._forget()
        self.state = self._state(0)

    def recall(self, readings: Iterable[Reading]) -> None:
        """Take readings of before the start: they fill the window and are forecast, too.

        The errors are then those of this model on all that is known, but nothing is stored again.
        """
        for reading in readings:
            if (row := self._rows.add(reading)) is not None:
                self._take(row)
        self._made = 0
        self.state = self._state(self.state.rows)

    def observe(self, readings: Iterable[Reading]) -> list[Reading]:
        """Take readings; return forecasts to store, with the times that they are for.

        Their key is ``"<node>:<quantity>:forecast_<step>"``.
        """
        made = []
        for reading in readings:
            if (row := self._rows.add(reading)) is not None and self._take(row):
                made += self._readings()
        return made

    def _take(self, row: StepRow) -> bool:
        """Compare forecasts with a row, and make the one that follows it if there are enough."""
        if self._newest_ms is not None and row.end_ms <= self._newest_ms:
            self._forget()  # the clock was set back
        self._compare(row)
        self._append(row)
        rows, window = self._window()
        made = window is not None and self._predict(window, row.end_ms)
        self.state = self._state(rows)
        return made

    def _predict(self, window: NDArray[np.float64], origin_ms: int) -> bool:
        values = self._forecaster.predict(window, time=self._clock(origin_ms))
        if not np.isfinite(values).all():
            return False
        self._latest = origin_ms, values
        self._made += 1
        for step in range(self._io.output_steps):
            due = origin_ms + (step + 1) * self._step_ms
            self._pending.setdefault(due, []).append((step, values[step]))
        return True

    def _forget(self) -> None:
        self._newest_ms: int | None = None
        self._window_rows: list[NDArray[np.float64]] = []
        self._pending: dict[int, list[tuple[int, NDArray[np.float64]]]] = {}

    def _compare(self, row: StepRow) -> None:
        truth = row.values[self._targets]
        known = ~np.isnan(truth)
        for step, values in self._pending.pop(row.end_ms, ()):
            self._errors[step, known] += np.abs(values - truth)[known]
            self._compared[step, known] += 1
        self._pending = {due: made for due, made in self._pending.items() if due > row.end_ms}

    def _append(self, row: StepRow) -> None:
        absent = 0
        if self._newest_ms is not None:
            absent = (row.end_ms - self._newest_ms) // self._step_ms - 1
        longest = self._io.input_steps + self._data.max_filled_steps
        if absent and not (self._data.absent_rows == "missing" and absent < longest):
            self._window_rows.clear()
            absent = 0
        self._window_rows += [np.full(self._width, np.nan) for _ in range(absent)]
        self._window_rows.append(row.values)
        self._newest_ms = row.end_ms
        del self._window_rows[:-longest]

    def _window(self) -> tuple[int, NDArray[np.float64] | None]:
        """Return how many of the newest rows can be used, and the window if there are enough."""
        width, wanted = len(self._io.inputs), self._io.input_steps
        given = np.array(self._window_rows)[:, :width]
        steps = self._data.max_filled_steps if self._data.holds else 0
        values, filled = hold(given, ((0, len(given)),), steps=steps)
        broken = np.flatnonzero(np.isnan(values).any(axis=1))
        start = int(broken[-1]) + 1 if len(broken) else 0
        start, stop = without_outside_values((start, len(given)), filled)
        usable = stop - start
        if usable < wanted or filled[-1].any():
            return min(usable, wanted), None
        return wanted, values[-wanted:]

    def _clock(self, time_ms: int) -> datetime:
        """Return the time as the training data give it: UTC if they state zones, else local."""
        form = self._data.time_format
        utc = bool(self._data.timezone) or form.startswith("epoch") or "%z" in form
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
        return moment if utc else moment.astimezone().replace(tzinfo=None)

    def _readings(self) -> list[Reading]:
        origin_ms, values = self._latest
        return [
            Reading(
                key=f"{self._node}:{self._quantity(name).name}:forecast_{step + 1}",
                time_ms=origin_ms + (step + 1) * self._step_ms,
                value=float(values[step, place]),
                unit=self._quantity(name).unit,
            )
            for step in range(len(values))
            for place, name in enumerate(self._io.targets)
        ]

    def _quantity(self, column: str) -> Quantity:
        return self.sources.get(column) or Quantity(name=key_part(column), unit="")

    def _state(self, rows: int) -> ForecastState:
        origin_ms, values = self._latest
        compared = self._compared
        mae = self._errors / np.maximum(compared, 1)
        steps = range(self._io.output_steps)
        return ForecastState(
            model=self._model,
            step_minutes=self._io.step_minutes,
            rows=rows,
            rows_needed=self._io.input_steps,
            made=self._made,
            origin_ms=origin_ms,
            times_ms=tuple(origin_ms + (n + 1) * self._step_ms for n in range(len(values))),
            targets=tuple(
                TargetErrors(
                    column=name,
                    quantity=self._quantity(name).name,
                    unit=self._quantity(name).unit,
                    values=tuple(map(float, values[:, place])),
                    mae=tuple(float(mae[n, place]) if compared[n, place] else None for n in steps),
                    compared=tuple(map(int, compared[:, place])),
                )
                for place, name in enumerate(self._io.targets)
            ),
        )


def key_part(column: str) -> str:
    """Return a column's name as a key can hold it.

    >>> key_part("T (degC)")
    'T_degC_'
    """
    return _NOT_IN_KEYS.sub("_", column.strip())[:64] or "_"


def matching(
    columns: Sequence[str],
    quantities: Sequence[Quantity],
    given: Mapping[str, str],
    *,
    needed: Sequence[str],
    model: str,
) -> dict[str, Quantity]:
    """Find the quantity that each column of a model is measured by.

    That is the one the user names; else the one of the same name; else the only one of the same
    unit, where the column's name ends with its unit in brackets.

    >>> room = [Quantity(name="temperature", unit="Cel"), Quantity(name="humidity", unit="%RH")]
    >>> found = matching(["T (degC)", "rh (%)"], room, {}, needed=[], model="climate-6")
    >>> {column: quantity.name for column, quantity in found.items()}
    {'T (degC)': 'temperature', 'rh (%)': 'humidity'}

    Raises:
        RecipeError: if a needed column has none, two have the same one, or ``given`` names what is
            not there.
    """
    measured = {quantity.name: quantity for quantity in quantities}
    lists = (
        f"{model} reads {', '.join(columns)}; the sensors measure "
        f"{', '.join(f'{q.name} ({q.unit})' if q.unit else q.name for q in quantities)}"
    )
    for column, name in given.items():
        if column not in columns or name not in measured:
            raise RecipeError(f"forecast_columns: {column!r} = {name!r} does not fit: {lists}")
    found = {
        column: quantity
        for column in columns
        if (quantity := measured.get(given.get(column, "")) or _by_name(column, quantities))
    }
    missing = [column for column in needed if column not in found]
    if missing:
        raise RecipeError(
            f"{lists}; name the quantity of {missing[0]!r} in the settings file: "
            f'[forecast_columns] "{missing[0]}" = "..."'
        )
    names = [quantity.name for quantity in found.values()]
    if len(set(names)) < len(names):
        raise RecipeError(f"two columns would read one quantity: {lists}; see [forecast_columns]")
    return found


def _by_name(column: str, quantities: Sequence[Quantity]) -> Quantity | None:
    for quantity in quantities:
        if quantity.name in {column, key_part(column)}:
            return quantity
    unit = re.search(r"[(\[]([^()\[\]]*)[)\]]\s*\Z", column)
    wanted = UNITS.get(unit[1].strip()) if unit else None
    same = [quantity for quantity in quantities if wanted and quantity.unit == wanted]
    return same[0] if len(same) == 1 else None
