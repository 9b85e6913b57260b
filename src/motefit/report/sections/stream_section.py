"""Stream: false accepts and misses in long recordings, and what other thresholds would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motefit.report.charts import ChartExtras, ChartSeries, LineChart, line_chart
from motefit.report.report_facts import ReportFacts, number, numbers, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import metric_name
from motefit.spec.metrics import STREAM_METRICS, format_value
from motefit.spec.stream_evidence import RECORDINGS, SCRIPTED

ROWS = 12
"""Number of thresholds in a table; the card has all."""


@dataclass(frozen=True, kw_only=True)
class ThresholdRow:
    """What one threshold does."""

    threshold: str
    misses: str
    false_accepts: str


@dataclass(frozen=True, kw_only=True)
class ThresholdCurve:
    """The rows of one set of recordings."""

    title: str
    rows: tuple[ThresholdRow, ...]


@dataclass(frozen=True, kw_only=True)
class StreamView:
    """Contents of the section."""

    values: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]
    rule: str
    threshold: str
    curves: tuple[ThresholdCurve, ...]
    chart: LineChart | None


def build(facts: ReportFacts) -> StreamView | None:
    """Make the view; None if nothing was measured in a stream."""
    found = facts.certificate.stream
    if found is None:
        return None
    topic, chosen = facts.topic("stream"), facts.topic("decision")
    decision = getattr(facts.card.io, "decision", None)
    tables = {
        "Validation": chosen,
        "Test, recordings": table(topic.get(RECORDINGS)),
        "Test, scripted stream": table(topic.get(SCRIPTED)),
    }
    curves = (_curve(title, found) for title, found in tables.items())
    threshold = None if decision is None else number(decision.threshold)
    return StreamView(
        values=tuple(
            (metric_name(name), format_value(name, value))
            for name in STREAM_METRICS
            if (value := number(facts.card.facts.get(name))) is not None
        ),
        limits=found.sentences,
        rule=str(chosen.get("rule", "")),
        threshold="" if decision is None else f"{decision.threshold:.4f}",
        curves=tuple(curve for curve in curves if curve.rows),
        chart=_chart(tables, threshold),
    )


def _chart(tables: Mapping[str, Mapping[str, object]], threshold: float | None) -> LineChart | None:
    """Draw misses against false accepts, with what the card's threshold does in each set."""
    series: list[ChartSeries] = []
    marks: list[tuple[float, float, str]] = []
    for title, found in tables.items():
        words, hours, valid = _points(found)
        if not words or not hours or not valid:
            continue
        rates = [(t, false / hours, 100 * missed / words) for t, missed, false in valid]
        points = sorted((x, -y) for _, x, y in rates)
        series.append(ChartSeries(name=title, points=tuple((x, -y) for x, y in points)))
        if threshold is not None and any(t <= threshold for t, _, _ in rates):
            _, x, y = max(rate for rate in rates if rate[0] <= threshold)
            marks.append((x, y, f"{threshold:.3g}" if not marks else ""))
    return line_chart(
        series,
        title="Missed words, %, against false accepts per hour",
        x_name="false accepts per hour",
        from_zero=True,
        extras=ChartExtras(marks=tuple(marks)),
    )


def _points(
    found: Mapping[str, object],
) -> tuple[float | None, float | None, list[tuple[float, ...]]]:
    """Return words, hours, and the curve: threshold, missed words and false accepts."""
    words, hours = number(found.get("words")), number(found.get("hours"))
    if hours is None:
        seconds = number(found.get("seconds"))
        hours = None if seconds is None else seconds / 3600
    points = found.get("curve")
    valid = [
        point
        for given in (points if isinstance(points, Sequence) else ())
        if len(point := numbers(given)) == 3
    ]
    return words, hours, valid


def _curve(title: str, found: Mapping[str, object]) -> ThresholdCurve:
    words, hours, valid = _points(found)
    rows = valid[:: max(-(-len(valid) // ROWS), 1)]
    return ThresholdCurve(
        title=title,
        rows=tuple(
            ThresholdRow(
                threshold=f"{threshold:.4f}",
                misses=f"{100 * missed / words:.2f} %" if words else "-",
                false_accepts=f"{false / hours:.2f}" if hours else "-",
            )
            for threshold, missed, false in rows
        ),
    )


SECTIONS.register(
    "stream", Section(order=35, name="stream", title="False accepts and misses", build=build)
)
