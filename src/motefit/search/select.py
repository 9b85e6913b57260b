"""Choose, on validation facts, the candidate to ship."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from motefit.spec.budget import Bound, Budget
from motefit.spec.metrics import metric

Key = TypeVar("Key")


def choose(facts: Mapping[Key, Mapping[str, float]], budget: Budget) -> Key:
    """The best candidate: all known bounds met, then the objective, then the other metrics.

    When none meets all bounds, the one whose bounds are missed by the smallest sum of relative
    excesses is chosen, so that a near miss is reported instead of nothing.

    Args:
        facts: validation and size facts of each trained candidate, by metric name. Bounds on
            metrics that no candidate has are left to the certificate.
        budget: of the recipe.

    Raises:
        ValueError: when there are no candidates.
    """
    if not facts:
        raise ValueError("no candidates to choose from")
    return min(facts, key=lambda key: _rank(facts[key], budget))


def _rank(values: Mapping[str, float], budget: Budget) -> tuple[float, ...]:
    known = [b for b in budget.bounds if b.metric in values]
    excess = sum(_excess(b, values[b.metric]) for b in known)
    order = [budget.objective, *(b.metric for b in known)]
    return (excess, *_costs(values, order))


def _excess(bound: Bound, value: float) -> float:
    if bound.holds(value):
        return 0.0
    distance = abs(value - bound.limit) / (abs(bound.limit) or 1.0)
    return max(distance, 1e-9) if distance == distance else float("inf")


def _costs(values: Mapping[str, float], names: Sequence[str]) -> list[float]:
    return [
        -values[name] if metric(name).higher_is_better else values[name]
        for name in names
        if name in values
    ]
