"""Seeds: mean and spread of the chosen candidate, retrained with other seeds."""

from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, number, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import metric_name
from motefit.spec.metrics import format_value


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One metric on one set."""

    metric: str
    subset: str
    mean: str
    deviation: str
    least: str
    greatest: str


@dataclass(frozen=True, kw_only=True)
class SeedsView:
    """Contents of the section."""

    seeds: int
    spreads: tuple[Spread, ...]


def build(facts: ReportFacts) -> SeedsView | None:
    """Make the view; None for a single seed."""
    topic = facts.topic("seeds")
    seeds = number(topic.get("n"))
    if seeds is None or seeds < 2:
        return None
    return SeedsView(
        seeds=int(seeds),
        spreads=tuple(
            _spread(name, subset, {k: number(v) for k, v in table(moments).items()})
            for subset in ("test", "validation")
            for name, moments in table(topic.get(subset)).items()
        ),
    )


def _spread(name: str, subset: str, moments: dict[str, float | None]) -> Spread:
    def written(key: str) -> str:
        value = moments.get(key)
        return "" if value is None else format_value(name, value)

    return Spread(
        metric=metric_name(name),
        subset=subset,
        mean=written("mean"),
        deviation=written("sd"),
        least=written("min"),
        greatest=written("max"),
    )


SECTIONS.register("seeds", Section(order=75, name="seeds", title="Seeds", build=build))
