"""Candidates: the Pareto front, and a table of all that were tried, the chosen one first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motefit.report.pareto import CandidatePoint, ParetoChart, pareto_chart
from motefit.report.report_facts import ReportFacts, number, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import metric_name, metric_unit, plain, split_column, with_unit
from motefit.spec.budget import Bound, Budget
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import COSTS, column_title, column_value, metric

_ORDER = ("chosen", "trained", "stopped", "not trained", "diverged", "lost", "rejected")
_MARKS = {"chosen": "●", "trained": "○", "stopped": "◌", "rejected": "\N{EN DASH}"}
SIZES = ("zip_bytes", "tflite_bytes")
"""Sizes for the chart, the preferred one first."""
PRINTED = 20
"""Number of rows on paper."""


@dataclass(frozen=True, kw_only=True)
class CandidateRow:
    """One row of the table; ``index`` is its number, and that of its point in the chart."""

    index: int
    status: str
    mark: str
    values: tuple[str, ...]
    costs: tuple[str, ...]
    scores: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class CandidatesView:
    """Contents of the section; columns that no candidate fills are left out."""

    keys: tuple[str, ...]
    costs: tuple[str, ...]
    metrics: tuple[str, ...]
    common: tuple[tuple[str, str], ...]
    candidates: tuple[CandidateRow, ...]
    counts: tuple[tuple[str, int], ...]
    chart: ParetoChart | None
    has_reason: bool
    printed: int


def build(facts: ReportFacts) -> CandidatesView | None:
    """Make the view; None if there is no candidate."""
    if not facts.candidates:
        return None
    objective = _objective(facts)
    found = sorted(facts.candidates, key=lambda c: _place(c, objective))
    tables = [{str(k): plain(v) for k, v in table(c.get("values")).items()} for c in found]
    keys = tuple(dict.fromkeys(key for values in tables for key in values))
    same = {key for key in keys if len(tables) > 1 and len({v.get(key) for v in tables}) == 1}
    varied = tuple(key for key in keys if key not in same)
    metrics = tuple(dict.fromkeys(str(name) for c in found for name in table(c.get("validation"))))
    costs = tuple(key for key in COSTS if any(number(c.get(key)) is not None for c in found))
    epochs = ("epochs",) if any(c.get("epochs") for c in found) else ()
    states = [_status(candidate) for candidate in found]
    return CandidatesView(
        keys=varied,
        costs=(*epochs, *(column_title(COSTS[key]) for key in costs)),
        metrics=tuple(_heading(name) for name in metrics),
        common=tuple((key, tables[0][key]) for key in keys if key in same),
        candidates=tuple(
            _row(i, c, [v.get(key, "") for key in varied], (*epochs, *costs), metrics)
            for i, (c, v) in enumerate(zip(found, tables, strict=True))
        ),
        counts=tuple(
            (s, states.count(s)) for s in dict.fromkeys((*_ORDER, *states)) if s in states
        ),
        chart=None if objective is None else _chart(facts, found, tables, objective),
        has_reason=any(c.get("reason") for c in found),
        printed=PRINTED,
    )


def _heading(name: str) -> str:
    """Return the column's title in the terminal, with the unit as one writes it: ``T, °C``."""
    unit = metric_unit(name)
    title = column_title(name)
    return f"{split_column(title)[0]}, {unit}" if unit else title


def _status(candidate: Mapping[str, object]) -> str:
    return str(candidate.get("status") or "trained")


def _place(candidate: Mapping[str, object], objective: str | None) -> tuple[int, float]:
    """Sort by state, then by the objective, best first; unknown values last."""
    status = _status(candidate)
    value = _quality(candidate, objective) if objective else None
    sign = -1 if objective and metric(objective).higher_is_better else 1
    rank = _ORDER.index(status) if status in _ORDER else len(_ORDER)
    return rank, float("inf") if value is None else sign * value


def _objective(facts: ReportFacts) -> str | None:
    """Return the quality to show: the objective if it is one, else the first that is known."""
    budget = table(facts.card.recipe.get("budget"))
    known = list(
        dict.fromkeys(str(name) for c in facts.candidates for name in table(c.get("validation")))
    )
    wanted = [str(budget.get("objective")), *(str(name) for name in budget), *known]
    return next((name for name in wanted if name in known and _is_metric(name)), None)


def _is_metric(name: str) -> bool:
    try:
        return metric(name).quality
    except RecipeError:
        return False


def _quality(candidate: Mapping[str, object], objective: str) -> float | None:
    return number(table(candidate.get("validation")).get(objective))


def _chart(
    facts: ReportFacts,
    candidates: Sequence[Mapping[str, object]],
    tables: Sequence[Mapping[str, str]],
    objective: str,
) -> ParetoChart | None:
    final = [c for c in candidates if _quality(c, objective) is not None]
    size = next((s for s in SIZES if final and all(number(c.get(s)) for c in final)), None)
    if size is None:
        return None
    largest = max(number(c.get(size)) or 0 for c in final)
    scale, unit = (1 / 1024, "KB") if largest >= 10_240 else (1.0, "B")
    share = metric(objective).unit == "fraction"
    factor = 100.0 if share else 1.0
    points = []
    for i, (c, values) in enumerate(zip(candidates, tables, strict=True)):
        value, known = number(c.get(size)), _quality(c, objective)
        if value is None:
            continue
        said = "" if known is None else f": {with_unit(objective, known)}"
        settings = ", ".join(f"{key} {text}" for key, text in values.items())
        points.append(
            CandidatePoint(
                row=i,
                size=value * scale,
                quality=None if known is None else factor * known,
                status=_status(c),
                group=str({k: v for k, v in values.items() if k != "seed"}),
                title=f"{_status(c)}{said}, {column_value(COSTS[size], value)} B; {settings}",
            )
        )
    own = "%" if share else metric_unit(objective)
    return pareto_chart(
        points,
        names=(
            f"{metric_name(COSTS[size])}, {unit}",
            f"{metric_name(objective)}{f', {own}' if own else ''}",
        ),
        rising=metric(objective).higher_is_better,
        size_bounds=_bounds(facts, COSTS[size], scale, unit),
        quality_bounds=_bounds(facts, objective, factor, own),
    )


def _bounds(facts: ReportFacts, name: str, factor: float, unit: str) -> list[tuple[float, str]]:
    """Return the bounds of the budget on a metric, with their labels."""
    given = table(facts.card.recipe.get("budget"))
    try:
        found: Sequence[Bound] = Budget.from_table(given, where="budget").bounds
    except RecipeError:
        return []
    return [
        (b.limit * factor, f"bound {b.relation} {b.limit * factor:g} {unit}".rstrip())
        for b in found
        if b.metric == name
    ]


def _row(
    index: int,
    candidate: Mapping[str, object],
    values: Sequence[str],
    costs: Sequence[str],
    metrics: Sequence[str],
) -> CandidateRow:
    status, validation = _status(candidate), table(candidate.get("validation"))
    known = {key: number(candidate.get(key)) for key in costs}
    scores = ((name, number(validation.get(name))) for name in metrics)
    return CandidateRow(
        index=index,
        status=status,
        mark=_MARKS.get(status, "\N{MULTIPLICATION SIGN}"),
        values=tuple(values),
        costs=tuple(
            "" if v is None else column_value(COSTS.get(key, "macs"), v) for key, v in known.items()
        ),
        scores=tuple("" if v is None else column_value(name, v) for name, v in scores),
        reason=str(candidate.get("reason") or ""),
    )


SECTIONS.register(
    "candidates", Section(order=80, name="candidates", title="Candidates", build=build)
)
