"""Training: the curves of the chosen candidate, and its validation results."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from motefit.report.charts import ChartExtras, ChartSeries, LineChart, line_chart
from motefit.report.report_facts import ReportFacts, number, numbers, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import Row, rows
from motefit.spec.metrics import grouped

MOST_POINTS = 40
"""Most points of the curve of a candidate that does not ship."""


@dataclass(frozen=True, kw_only=True)
class TrainingView:
    """Contents of the section."""

    epochs: int
    seconds: str
    charts: tuple[LineChart, ...]
    rows: tuple[Row, ...]


def build(facts: ReportFacts) -> TrainingView | None:
    """Make the view; None without history and validation results."""
    validation = rows(facts.topic("validation"))
    if not (facts.history or validation):
        return None
    times = [n for entry in facts.history if (n := number(entry.get("seconds"))) is not None]
    charts = (
        line_chart(
            [
                ChartSeries(name="training", points=_curve(facts, "train_loss")),
                ChartSeries(name="validation", points=_curve(facts, "validation_loss")),
            ],
            title="Loss",
            x_name="epoch",
            from_zero=False,
        ),
        _score_chart(facts),
    )
    return TrainingView(
        epochs=len(facts.history),
        seconds=(grouped(sum(times)) if sum(times) >= 10 else f"{sum(times):.1f}") if times else "",
        charts=tuple(chart for chart in charts if chart is not None),
        rows=validation,
    )


def _score_chart(facts: ReportFacts) -> LineChart | None:
    """Draw the scores of all candidates, the shipped one emphasized, and the rungs."""
    curves = [numbers(candidate.get("curve")) for candidate in facts.candidates]
    pairs = zip(curves, facts.candidates, strict=True)
    own = next((curve for curve, row in pairs if row.get("status") == "chosen"), ())
    points = _points(own) or _score(facts)
    others = tuple(_thinned(_points(curve)) for curve in curves if curve and curve is not own)
    epochs = number(table(facts.card.recipe.get("train")).get("epochs")) or 0
    rungs = numbers(table(facts.card.recipe.get("search")).get("rungs"))
    return line_chart(
        [ChartSeries(name="shipped" if others else "validation", points=points)],
        title="Validation score of all candidates" if others else "Validation score",
        x_name="epoch",
        from_zero=False,
        extras=ChartExtras(
            background=others,
            verticals=tuple((max(1, round(share * epochs)), "rung") for share in rungs if others),
        ),
    )


def _points(curve: Sequence[float]) -> tuple[tuple[float, float], ...]:
    return tuple((i + 1, score) for i, score in enumerate(curve))


def _thinned(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Leave out points of a long curve, but not its last one."""
    step = -(-len(points) // MOST_POINTS)
    return tuple(points[: -1 : step or 1]) + tuple(points[-1:])


def _score(facts: ReportFacts) -> tuple[tuple[float, float], ...]:
    """Return the curve of the score, unless it is just the negated loss."""
    score, loss = _curve(facts, "score"), _curve(facts, "validation_loss")
    repeats = len(score) == len(loss) and all(
        math.isclose(-s, v, rel_tol=1e-3) for (_, s), (_, v) in zip(score, loss, strict=True)
    )
    return () if repeats else score


def _curve(facts: ReportFacts, key: str) -> tuple[tuple[float, float], ...]:
    return tuple(
        (i + 1, y)
        for i, entry in enumerate(facts.history)
        if (y := number(entry.get(key))) is not None
    )


SECTIONS.register("training", Section(order=70, name="training", title="Training", build=build))
