"""Forecast errors: mean absolute error per step ahead, against the naive baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motefit.report.charts import ChartSeries, LineChart, line_chart
from motefit.report.report_facts import ReportFacts, number, numbers, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import percent, split_column

MODEL = "this model"
_GROUPS = {"mae": "Mean absolute error", "rmse": "Root mean square error"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One predicted column: its name and unit, and its chart with the numbers."""

    name: str
    unit: str
    chart: LineChart | None
    steps: tuple[str, ...]
    by_step: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Method:
    """One row of the table: per group and column the text, and whether it is the smallest."""

    name: str
    cells: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, kw_only=True)
class ErrorsView:
    """Contents of the section."""

    columns: tuple[Column, ...]
    methods: tuple[Method, ...]
    groups: tuple[str, ...]
    x_name: str
    coverage: tuple[str, ...]


def build(facts: ReportFacts) -> ErrorsView | None:
    """Make the view; None if no error was measured."""
    topic = facts.topic("errors")
    names = tuple(map(str, table(topic.get("mae")) or table(topic.get("mae_by_step"))))
    if not names:
        return None
    results = {MODEL: topic, **{str(k): table(v) for k, v in facts.topic("baselines").items()}}
    minutes = number(getattr(facts.card.io, "step_minutes", None))
    groups = [key for key in _GROUPS if table(topic.get(key))]
    return ErrorsView(
        columns=tuple(_column(name, results, minutes) for name in names),
        methods=_methods(names, results, groups),
        groups=tuple(_GROUPS[key] for key in groups),
        x_name="minutes ahead" if minutes else "steps ahead",
        coverage=_coverage(facts.topic("quantiles")),
    )


def _coverage(topic: Mapping[str, object]) -> tuple[str, ...]:
    """Write a sentence for each column whose forecasts have quantiles."""
    promised = number(topic.get("promised"))
    inside = {str(name): number(value) for name, value in table(topic.get("inside")).items()}
    return tuple(
        f"{split_column(name)[0]}: {percent(share)} of the true values are between the lowest and "
        f"the highest quantile, {percent(promised)} promised."
        for name, share in inside.items()
        if share is not None and promised
    )


def _column(
    name: str, results: Mapping[str, Mapping[str, object]], minutes: float | None
) -> Column:
    by_step = {
        method: values
        for method, result in results.items()
        if (values := numbers(table(result.get("mae_by_step")).get(name)))
    }
    title, unit = split_column(name)
    scale = minutes or 1.0
    x_name = "minutes ahead" if minutes else "steps ahead"
    longest = max(map(len, by_step.values()), default=0)
    return Column(
        name=title,
        unit=unit,
        chart=line_chart(
            [
                ChartSeries(
                    name=m, points=tuple((scale * (i + 1), v) for i, v in enumerate(values))
                )
                for m, values in by_step.items()
            ],
            title=f"Mean absolute error of {title}{f' in {unit}' if unit else ''}",
            x_name=x_name,
            from_zero=True,
        ),
        steps=tuple(f"{scale * (i + 1):g}" for i in range(longest)),
        by_step=tuple(
            (m, tuple(_text(v) for v in values) + ("",) * (longest - len(values)))
            for m, values in by_step.items()
        ),
    )


def _methods(
    names: Sequence[str], results: Mapping[str, Mapping[str, object]], groups: Sequence[str]
) -> tuple[Method, ...]:
    errors = {
        method: [number(table(result.get(key)).get(name)) for key in groups for name in names]
        for method, result in results.items()
    }
    places = range(len(groups) * len(names))
    known = [[v for e in errors.values() if (v := e[i]) is not None] for i in places]
    best = [min(values) if len(values) > 1 else None for values in known]
    return tuple(
        Method(
            name=method,
            cells=tuple((_text(v), v is not None and v == best[i]) for i, v in enumerate(values)),
        )
        for method, values in errors.items()
        if any(value is not None for value in values)
    )


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


SECTIONS.register("errors", Section(order=30, name="errors", title="Errors", build=build))
