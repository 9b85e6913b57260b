"""Other sound: how often words are rejected, and how often what is no word is answered."""

from collections.abc import Iterator
from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, number, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import percent
from motefit.spec.metrics import grouped


@dataclass(frozen=True, kw_only=True)
class RejectRow:
    """One counted share; ``inner`` marks an entry of the recipe below its class."""

    name: str
    counted: str
    share: str
    interval: str
    inner: bool


@dataclass(frozen=True, kw_only=True)
class RejectsView:
    """Contents of the section."""

    rejected: RejectRow | None
    rows: tuple[RejectRow, ...]


def build(facts: ReportFacts) -> RejectsView | None:
    """Make the view; None for a model without reject classes."""
    topic = facts.topic("rejects")
    if not topic:
        return None
    return RejectsView(
        rejected=_row("words rejected", topic.get("words")), rows=tuple(_rows(topic))
    )


def _rows(topic: object) -> Iterator[RejectRow]:
    sources = table(table(topic).get("sources"))
    for label, counts in table(table(topic).get("answered")).items():
        if row := _row(str(label).strip("_"), counts):
            yield row
        for name, own in table(sources.get(label)).items():
            if inner := _row(str(name), own, inner=True):
                yield inner


def _row(name: str, counts: object, *, inner: bool = False) -> RejectRow | None:
    n, count, low, high = (number(table(counts).get(k)) for k in ("n", "count", "low", "high"))
    if not n or count is None or low is None or high is None:
        return None
    return RejectRow(
        name=name,
        counted=f"{grouped(int(count))} of {grouped(int(n))}",
        share=percent(count / n),
        interval=f"{percent(low)} to {percent(high)}",
        inner=inner,
    )


SECTIONS.register("rejects", Section(order=21, name="rejects", title="Other sound", build=build))
