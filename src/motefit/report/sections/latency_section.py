"""Latency: front end and inference, for each configuration of the same file."""

from collections.abc import Mapping
from dataclasses import dataclass

from motefit.report.charts import Part, stack
from motefit.report.report_facts import ReportFacts, number, numbers, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.spreads import SpreadChart, spread_chart
from motefit.report.text import Row, metric_name, phrase, plain, rows, with_unit
from motefit.spec.budget import Bound
from motefit.spec.metrics import format_value

_STAGES = {"frontend_ms": "front end", "inference_ms": "inference"}
_SHOWN = {*_STAGES, "total_ms", "resolver"}
_TOTAL = "latency.total_ms"
_SAVING = "latency.saving_percent"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One configuration of the file: its stages and, if measured, their total.

    Attributes:
        details: the run's other figures, in the order of the view's ``keys``.
    """

    name: str
    parts: tuple[Part, ...]
    total: str
    details: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LatencyView:
    """Contents of the section; ``rows`` apply to all runs, ``keys`` differ between them."""

    bars: tuple[Bar, ...]
    keys: tuple[str, ...]
    rows: tuple[Row, ...]
    spread: SpreadChart | None


def build(facts: ReportFacts) -> LatencyView | None:
    """Make the view; None if no latency was measured."""
    runs = _runs("this model", facts.topic("latency")) or _runs("this model", _from_card(facts))
    if not runs:
        return None
    full = max(sum(value for _, value in _stages(run)) for run in runs.values())
    keys = tuple(dict.fromkeys(key for run in runs.values() for key in run if key not in _SHOWN))
    first = next(iter(runs.values()))
    same = {key for key in keys if all(run.get(key) == first.get(key) for run in runs.values())}
    differing = tuple(key for key in keys if key not in same)
    return LatencyView(
        bars=tuple(
            Bar(
                name=name,
                parts=stack([(n, v, _ms(v)) for n, v in _stages(run)], full=full),
                total=_ms(total) if (total := number(run.get("total_ms"))) is not None else "",
                details=tuple(plain(run[key]) if key in run else "" for key in differing),
            )
            for name, run in runs.items()
        ),
        keys=tuple(phrase(key) for key in differing),
        rows=rows({**_saving(facts), **{key: first[key] for key in keys if key in same}}),
        spread=_spread(facts),
    )


def _spread(facts: ReportFacts) -> SpreadChart | None:
    """Draw how the times are distributed, if they were kept."""
    samples = table(facts.details.get("latency"))
    given = (line for line in facts.certificate.lines if line.metric == _TOTAL)
    limits = (Bound.parse(_TOTAL, line.bound).limit for line in given)
    return spread_chart(
        {str(name): numbers(values) for name, values in samples.items()},
        bounds=[(limit, f"bound {limit:g}") for limit in limits],
    )


def _runs(name: str, topic: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """Find every table with a stage in it, by its name."""
    if _stages(topic):
        return {name: topic}
    found: dict[str, Mapping[str, object]] = {}
    for key, value in topic.items():
        found.update(_runs(str(key), table(value)))
    return found


def _from_card(facts: ReportFacts) -> dict[str, object]:
    keys = (*_STAGES, "total_ms")
    return {k: v for k in keys if (v := facts.card.facts.get(f"latency.{k}")) is not None}


def _saving(facts: ReportFacts) -> dict[str, object]:
    known = _SAVING in facts.card.facts
    return {metric_name(_SAVING): with_unit(_SAVING, facts.card.facts[_SAVING])} if known else {}


def _stages(run: Mapping[str, object]) -> list[tuple[str, float]]:
    return [(n, v) for key, n in _STAGES.items() if (v := number(run.get(key))) is not None]


def _ms(value: float) -> str:
    return format_value(_TOTAL, value)


SECTIONS.register("latency", Section(order=50, name="latency", title="Latency", build=build))
