"""Latency: front end and inference, for each way of running the same file."""

from collections.abc import Mapping
from dataclasses import dataclass

from motefit.report.charts import Part, stack
from motefit.report.facts import ReportFacts, number, table
from motefit.report.rows import Row, rows
from motefit.report.sections import Section, register
from motefit.report.text import metric_name, with_unit
from motefit.spec.metrics import format_value

_STAGES = {"frontend_ms": "front end", "inference_ms": "inference"}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One way of running the file: its stages and, where measured, their total."""

    name: str
    parts: tuple[Part, ...]
    total: str


@dataclass(frozen=True, kw_only=True)
class LatencyView:
    """What the template shows."""

    bars: tuple[Bar, ...]
    rows: tuple[Row, ...]


def build(facts: ReportFacts) -> LatencyView | None:
    """What the template shows; None where no latency was measured."""
    topic = facts.topic("latency")
    measured = {**_from_card(facts), **topic}
    runs: dict[str, Mapping[str, object]] = {}
    for name, result in table(topic.get("by_resolver")).items():
        runs[str(name)] = {**_stage(measured, "frontend_ms"), **_times(result)}
    own = str(topic.get("resolver") or "measured")
    runs = {own: measured, **{name: run for name, run in runs.items() if name != own}}
    runs = {name: run for name, run in runs.items() if _stages(run)}
    if not runs:
        return None
    full = max(sum(value for _, value in _stages(run)) for run in runs.values())
    shown = {*_STAGES, "total_ms", "resolver", "by_resolver"}
    return LatencyView(
        bars=tuple(
            Bar(
                name=name,
                parts=stack([(n, v, _ms(v)) for n, v in _stages(run)], full=full),
                total=_ms(total) if (total := number(run.get("total_ms"))) is not None else "",
            )
            for name, run in runs.items()
        ),
        rows=rows(
            {
                **_saving(facts),
                **{key: value for key, value in topic.items() if key not in shown},
            }
        ),
    )


def _from_card(facts: ReportFacts) -> dict[str, object]:
    keys = (*_STAGES, "total_ms")
    return {k: v for k in keys if (v := facts.card.facts.get(f"latency.{k}")) is not None}


def _saving(facts: ReportFacts) -> dict[str, object]:
    name = "latency.saving_percent"
    known = name in facts.card.facts
    return {metric_name(name): with_unit(name, facts.card.facts[name])} if known else {}


def _times(result: object) -> Mapping[str, object]:
    """A run's stages; a bare number is the time of its inference."""
    value = number(result)
    return table(result) if value is None else {"inference_ms": value}


def _stage(run: Mapping[str, object], key: str) -> dict[str, object]:
    return {key: run[key]} if key in run else {}


def _stages(run: Mapping[str, object]) -> list[tuple[str, float]]:
    return [(n, v) for key, n in _STAGES.items() if (v := number(run.get(key))) is not None]


def _ms(value: float) -> str:
    return format_value("latency.total_ms", value)


register(Section(order=50, name="latency", title="Latency", build=build))
