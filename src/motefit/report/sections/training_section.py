"""Training: the curves of the chosen candidate, and its validation results."""

import math
from dataclasses import dataclass

from motefit.report.charts import ChartSeries, LineChart, line_chart
from motefit.report.report_facts import ReportFacts, number
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import Row, grouped, rows


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
        line_chart(
            [ChartSeries(name="validation", points=_score(facts))],
            title="Validation score",
            x_name="epoch",
            from_zero=False,
        ),
    )
    return TrainingView(
        epochs=len(facts.history),
        seconds=(grouped(sum(times)) if sum(times) >= 10 else f"{sum(times):.1f}") if times else "",
        charts=tuple(chart for chart in charts if chart is not None),
        rows=validation,
    )


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
