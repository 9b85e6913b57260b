"""The budget: each bound, what was measured, and whether that shows it."""

from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts
from motefit.report.sections import SECTIONS, Section
from motefit.report.verdict import VerdictLine, verdict_lines


@dataclass(frozen=True, kw_only=True)
class BudgetView:
    """Contents of the section."""

    lines: tuple[VerdictLine, ...]
    has_used: bool


def build(facts: ReportFacts) -> BudgetView:
    """Make the view."""
    lines = verdict_lines(facts.certificate)
    return BudgetView(
        lines=lines,
        has_used=any(line.used is not None for line in lines),
    )


SECTIONS.register("budget", Section(order=10, name="budget", title="Budget", build=build))
