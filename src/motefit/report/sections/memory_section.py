"""Work and memory: operations, and the contents of the tensor arena while the model runs."""

from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import Row, metric_name, rows, with_unit

_METRICS = ("macs", "ram.arena_bytes")


@dataclass(frozen=True, kw_only=True)
class MemoryView:
    """Contents of the section."""

    rows: tuple[Row, ...]


def build(facts: ReportFacts) -> MemoryView | None:
    """Make the view; None if neither was measured."""
    values = facts.card.facts
    found = tuple(
        Row(name=metric_name(name), value=with_unit(name, values[name]))
        for name in _METRICS
        if name in values
    )
    arena = {k: v for k, v in facts.topic("arena").items() if k != "arena_bytes" or not found}
    found += rows(arena)
    return MemoryView(rows=found) if found else None


SECTIONS.register("memory", Section(order=60, name="memory", title="Work and memory", build=build))
