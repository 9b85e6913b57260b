"""Training: the curves of the chosen candidate, and what the validation part said."""

import math
from dataclasses import dataclass

from motefit.report.charts import LineChart, Series, line_chart
from motefit.report.facts import ReportFacts, number
from motefit.report.rows import Row, rows
from motefit.report.sections import Section, register
from motefit.report.text import grouped


@dataclass(frozen=True, kw_only=True)
class TrainingView:
    """What the template shows."""

    epochs: int
    seconds: str
    charts: tuple[LineChart, ...]
    rows: tuple[Row, ...]


def build(facts: ReportFacts) -> TrainingView | None:
    """What the template shows; None where there is no history and no validation result."""
    validation = rows(facts.topic("validation"))
    if not (facts.history or validation):
        return None
    times = [n for entry in facts.history if (n := number(entry.get("seconds"))) is not None]
    charts = (
        line_chart(
            [
                Series(name="training", points=_curve(facts, "train_loss")),
                Series(name="validation", points=_curve(facts, "validation_loss")),
            ],
            title="Loss",
            x_name="epoch",
            from_zero=False,
        ),
        line_chart(
            [Series(name="validation", points=_score(facts))],
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
    """The curve of the score, unless it is the loss over again with the sign turned."""
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


register(Section(order=70, name="training", title="Training", build=build))
