"""Where and when a forecaster errs: by hour, season and step, and its best and worst days.

These are for a report; the card has the sums (:mod:`motefit.measure.forecast_errors`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motefit.data.stamps import Times

TOPIC = "series"
"""Name of these among a report's details."""
SEASONS = ("December to February", "March to May", "June to August", "September to November")
MOST_POINTS = 144
"""Most points of a day; of a finer series every second one, or fewer."""
WHOLE_DAY = 0.9
"""Share of the rows of the fullest day that a day needs in order to be shown."""
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecasts:
    """Forecasts of a test set beside the truth.

    Attributes:
        columns: names of the targets.
        predictions: (n, output_steps, targets), in the columns' own units.
        targets: of the same shape.
        naive: those of persistence, of the same shape.
        quantiles: (n, output_steps, targets, quantiles), rising; fewer than two are not shown.
        times: (n,), of each window's newest row.
        step_minutes: from one row to the next.
    """

    columns: tuple[str, ...]
    predictions: Array
    targets: Array
    naive: Array
    quantiles: Array
    times: Times
    step_minutes: float

    @property
    def target_times(self) -> Times:
        """Times (n, output_steps) that the forecasts are for."""
        steps = np.arange(1, self.targets.shape[1] + 1) * round(60 * self.step_minutes)
        found: Times = self.times[:, np.newaxis] + steps.astype("timedelta64[s]")
        return found


def series_details(forecasts: Forecasts) -> Mapping[str, object]:
    """Describe errors by time for each column.

    Returns:
        by column: ``bias`` (mean of forecast minus truth), ``bias_by_step``; ``by_hour`` and
        ``by_season`` with the names, ``n``, ``mae``, ``bias`` and ``persistence`` (its mean
        absolute error) of the groups that occur; ``inside_by_step``, the share of true values
        between the outer quantiles; and ``days``: best, median and worst, each with its forecasts
        of the farthest step.
    """
    times = forecasts.target_times
    hours = times.astype("datetime64[h]").astype(np.int64) % 24
    months = times.astype("datetime64[M]").astype(np.int64) % 12
    groups = {
        "by_hour": (hours, [f"{hour:02}:00" for hour in range(24)]),
        "by_season": ((months + 1) % 12 // 3, list(SEASONS)),
    }
    found = {}
    for i, column in enumerate(forecasts.columns):
        errors = forecasts.predictions[..., i] - forecasts.targets[..., i]
        naive = np.abs(forecasts.naive[..., i] - forecasts.targets[..., i])
        table: dict[str, object] = {
            "bias": _short(errors.mean()),
            "bias_by_step": _list(errors.mean(axis=0)),
            **{name: _grouped(errors, naive, *group) for name, group in groups.items()},
            "days": _days(forecasts, i, times),
        }
        if forecasts.quantiles.shape[-1] > 1:
            own, true = forecasts.quantiles[:, :, i], forecasts.targets[..., i]
            inside = (own[..., 0] <= true) & (true <= own[..., -1])
            table["inside_by_step"] = _list(inside.mean(axis=0))
        found[column] = table
    return found


def _grouped(
    errors: Array, naive: Array, group: NDArray[np.int64], names: list[str]
) -> Mapping[str, object]:
    """Average errors within each group that occurs."""
    place = group.ravel()
    n = np.bincount(place, minlength=len(names))
    known = [i for i in range(len(names)) if n[i]]

    def mean(values: Array) -> list[float]:
        return _list(np.bincount(place, values.ravel(), len(names))[known] / n[known])

    return {
        "names": [names[i] for i in known],
        "n": n[known].tolist(),
        "mae": mean(np.abs(errors)),
        "bias": mean(errors),
        "persistence": mean(naive),
    }


def _days(forecasts: Forecasts, column: int, times: Times) -> list[dict[str, Any]]:
    """Return the days with the least, the median and the largest error of the farthest step."""
    last = times[:, -1]
    truth, answer = (a[:, -1, column] for a in (forecasts.targets, forecasts.predictions))
    days, index, counts = np.unique(
        last.astype("datetime64[D]"), return_inverse=True, return_counts=True
    )
    mae = np.bincount(index, np.abs(answer - truth)) / counts
    whole = np.flatnonzero(counts >= WHOLE_DAY * counts.max())
    order = whole[np.argsort(mae[whole], kind="stable")]
    if len(order) < 3:
        return []
    shown = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    found = []
    for name, day in shown.items():
        rows = np.flatnonzero(index == day)
        rows = rows[:: -(-len(rows) // MOST_POINTS)]
        minutes = (last[rows] - days[day]).astype("timedelta64[m]").astype(np.int64)
        entry: dict[str, Any] = {
            "which": name,
            "date": str(days[day]),
            "mae": _short(mae[day]),
            "ahead_minutes": forecasts.step_minutes * forecasts.targets.shape[1],
            "minutes": minutes.tolist(),
            "truth": _list(truth[rows]),
            "forecast": _list(answer[rows]),
        }
        if forecasts.quantiles.shape[-1] > 1:
            own = forecasts.quantiles[rows, -1, column]
            entry |= {"low": _list(own[:, 0]), "high": _list(own[:, -1])}
        found.append(entry)
    return found


def _list(values: Array) -> list[float]:
    return [_short(value) for value in values]


def _short(value: np.floating[Any]) -> float:
    return float(f"{float(value):.5g}")
