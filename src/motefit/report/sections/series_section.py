"""Days and seasons: forecast against truth on three days, errors by hour and season, bias."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from motefit.report.charts import ChartExtras, ChartSeries, LineChart, line_chart
from motefit.report.report_facts import ReportFacts, number, numbers, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import percent, split_column
from motefit.spec.metrics import grouped

_DAY_TICKS = (0.0, 6.0, 12.0, 18.0, 24.0)


@dataclass(frozen=True, kw_only=True)
class DayChart:
    """One day of one column: which it is, and the chart."""

    name: str
    error: str
    chart: LineChart


@dataclass(frozen=True, kw_only=True)
class TimeTable:
    """Errors of one column by season: rows of name, forecasts, error, persistence, bias."""

    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class ColumnDetails:
    """What is shown of one column; ``steps`` are rows of minutes ahead, bias and coverage."""

    name: str
    unit: str
    days: tuple[DayChart, ...]
    ahead: str
    by_hour: LineChart | None
    seasons: TimeTable
    bias: str
    steps: tuple[tuple[str, str, str], ...]
    covers: bool


@dataclass(frozen=True, kw_only=True)
class SeriesView:
    """Contents of the section."""

    columns: tuple[ColumnDetails, ...]


def build(facts: ReportFacts) -> SeriesView | None:
    """Make the view; None if no details are stored."""
    stored = table(facts.details.get("series"))
    minutes = number(getattr(facts.card.io, "step_minutes", None)) or 1.0
    found = (_column(str(name), table(given), minutes) for name, given in stored.items())
    columns = tuple(column for column in found if column is not None)
    return SeriesView(columns=columns) if columns else None


def _column(name: str, given: Mapping[str, object], minutes: float) -> ColumnDetails | None:
    title, unit = split_column(name)
    bias = number(given.get("bias"))
    if bias is None:
        return None
    listed = given.get("days")
    days = [table(day) for day in listed] if isinstance(listed, list | tuple) else []
    ahead = next((n for day in days if (n := number(day.get("ahead_minutes"))) is not None), None)
    biases, inside = numbers(given.get("bias_by_step")), numbers(given.get("inside_by_step"))
    covered = inside if len(inside) == len(biases) else (None,) * len(biases)
    return ColumnDetails(
        name=title,
        unit=unit,
        days=tuple(c for day in days if (c := _day(day, title, unit)) is not None),
        ahead="" if ahead is None else f"{ahead:g} minutes ahead",
        by_hour=_by_hour(table(given.get("by_hour")), title),
        seasons=_seasons(table(given.get("by_season"))),
        bias=f"{bias:+.3f} {unit}".strip(),
        steps=tuple(
            (f"{minutes * (i + 1):g}", f"{value:+.3f}", "" if share is None else percent(share))
            for i, (value, share) in enumerate(zip(biases, covered, strict=True))
        ),
        covers=any(share is not None for share in covered),
    )


def _day(day: Mapping[str, object], title: str, unit: str) -> DayChart | None:
    hours = [m / 60 for m in numbers(day.get("minutes"))]
    lines = {name: numbers(day.get(name)) for name in ("forecast", "truth", "low", "high")}
    error = number(day.get("mae"))
    rising = all(a < b for a, b in pairwise(hours))
    equal = len(hours) == len(lines["forecast"]) == len(lines["truth"])
    if error is None or not (rising and equal):
        return None
    band: Sequence[tuple[float, float, float]] = ()
    if len(lines["low"]) == len(lines["high"]) == len(hours):
        band = tuple(zip(hours, lines["low"], lines["high"], strict=True))
    chart = line_chart(
        [
            ChartSeries(name=name, points=tuple(zip(hours, lines[name], strict=True)))
            for name in ("forecast", "truth")
        ],
        title=f"{title} on {day.get('date')}{f', {unit}' if unit else ''}",
        x_name="hour of the day",
        from_zero=False,
        extras=ChartExtras(band=tuple(band), x_ticks=_DAY_TICKS),
    )
    if chart is None:
        return None
    return DayChart(
        name=f"{str(day.get('which', '')).capitalize()} day, {day.get('date')}",
        error=f"{error:.3g} {unit}".strip(),
        chart=chart,
    )


def _by_hour(given: Mapping[str, object], title: str) -> LineChart | None:
    names, own = given.get("names"), numbers(given.get("mae"))
    naive = numbers(given.get("persistence"))
    if not isinstance(names, list | tuple) or not len(names) == len(own) == len(naive):
        return None
    hours = [float(str(name).partition(":")[0]) for name in names]
    return line_chart(
        [
            ChartSeries(name="this model", points=tuple(zip(hours, own, strict=True))),
            ChartSeries(name="persistence", points=tuple(zip(hours, naive, strict=True))),
        ],
        title=f"Mean absolute error of {title} by hour",
        x_name="hour of the day",
        from_zero=True,
        extras=ChartExtras(x_ticks=_DAY_TICKS),
    )


def _seasons(given: Mapping[str, object]) -> TimeTable:
    names = given.get("names")
    columns = [numbers(given.get(key)) for key in ("n", "mae", "persistence", "bias")]
    if not isinstance(names, list | tuple) or any(len(c) != len(names) for c in columns):
        return TimeTable(rows=())
    return TimeTable(
        rows=tuple(
            (str(name), grouped(n), f"{mae:.3f}", f"{naive:.3f}", f"{bias:+.3f}")
            for name, n, mae, naive, bias in zip(names, *columns, strict=True)
        )
    )


SECTIONS.register("series", Section(order=31, name="series", title="Days and seasons", build=build))
