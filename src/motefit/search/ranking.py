"""Ranking of candidates by their facts: which ones continue, and which one is released."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from motefit.spec.budget import Budget
from motefit.spec.metrics import TIMING_PREFIX, metric

Key = TypeVar("Key")
Facts = Mapping[Key, Mapping[str, float]]


def choose(facts: Facts[Key], budget: Budget) -> Key:
    """Choose the best candidate: by known bounds, then the objective, then other bounded metrics.

    If none meets all bounds, the one with the smallest sum of relative violations is chosen, so
    that a near miss is reported instead of nothing. A value that is NaN, or that other candidates
    have and this one lacks, counts as the worst. Times break no ties: they vary from run to run,
    and a repeated run must make the same choice. Of equal candidates, the first is chosen.

    Args:
        facts: validation and size facts of each trained candidate, by metric name. Bounds on
            metrics that no candidate has are left to the certificate.
        budget: of the recipe.

    Raises:
        ValueError: if there are no candidates.
    """
    if not facts:
        raise ValueError("no candidates to choose from")
    return ranked(facts, budget)[0]


def ranked(facts: Facts[Key], budget: Budget) -> list[Key]:
    """Sort candidates, best first, by the rules of :func:`choose`.

    Args:
        facts: of each candidate, by metric name; may be empty.
        budget: of the recipe.
    """
    known = {name for values in facts.values() for name in values}
    bounded = [name for name in budget.metrics if name in known]
    ties = [name for name in bounded if not name.startswith(TIMING_PREFIX)]
    order = [name for name in (budget.objective, *ties) if name in known]

    def rank(key: Key) -> tuple[float, ...]:
        costs = (cost(name, facts[key].get(name, math.nan)) for name in order)
        return (total_violation(facts[key], budget, bounded), *costs)

    return sorted(facts, key=rank)


def total_violation(facts: Mapping[str, float], budget: Budget, metrics: Iterable[str]) -> float:
    """Sum the relative violations of the bounds on the given metrics; 0 if all hold."""
    names = set(metrics)
    return sum(
        b.violation(facts.get(b.metric, math.nan)) for b in budget.bounds if b.metric in names
    )


def cost(name: str, value: float) -> float:
    """Convert a value of a metric so that less is better; infinite for NaN."""
    if math.isnan(value):
        return math.inf
    return -value if metric(name).higher_is_better else value


def survivors(
    facts: Facts[Key], budgets: Sequence[Budget], objectives: Sequence[str], count: int
) -> tuple[Key, ...]:
    """Select the candidates that continue, best first: each budget in turn picks its next best.

    A budget's order is by Pareto front over the sum of violations and all objectives, then by
    that sum, then by the objectives as they come. So early in training, when no accuracy is reached
    yet, the small and the accurate both go on. Times take no part; see :func:`choose`.

    Args:
        facts: of each candidate, as far as they are known.
        budgets: at least one.
        objectives: metrics to optimize; empty: each budget's own.
        count: how many go on.
    """
    known = {name for values in facts.values() for name in values}
    known = {name for name in known if not name.startswith(TIMING_PREFIX)}
    orders = [_order(facts, b, [n for n in objectives or [b.objective] if n in known], known)
              for b in budgets]  # fmt: skip
    chosen: dict[Key, None] = {}
    for place in range(len(facts)):
        for order in orders:
            if len(chosen) < count:
                chosen.setdefault(order[place])
    return tuple(chosen)


def _order(
    facts: Facts[Key], budget: Budget, objectives: Sequence[str], known: Iterable[str]
) -> list[Key]:
    costs = {
        key: (
            total_violation(values, budget, known),
            *(cost(name, values.get(name, math.nan)) for name in objectives),
        )
        for key, values in facts.items()
    }
    fronts = pareto_fronts(costs)
    return sorted(facts, key=lambda key: (fronts[key], costs[key]))


def pareto_fronts(costs: Mapping[Key, Sequence[float]]) -> dict[Key, int]:
    """Return the index of each key's Pareto front; front 0 is not dominated by any other.

    Args:
        costs: less is better, in each place.
    """
    fronts: dict[Key, int] = {}
    left = dict(costs)
    while left:
        front = [
            key
            for key, own in left.items()
            if not any(_dominates(other, own) for other in left.values())
        ]
        fronts |= dict.fromkeys(front, max(fronts.values(), default=-1) + 1)
        left = {key: own for key, own in left.items() if key not in fronts}
    return fronts


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
