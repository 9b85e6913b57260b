"""Choose, on validation facts, the candidate to ship."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from motefit.spec.budget import Bound, Budget
from motefit.spec.metrics import TIMING_PREFIX, metric

Key = TypeVar("Key")


def choose(facts: Mapping[Key, Mapping[str, float]], budget: Budget) -> Key:
    """The best candidate: all known bounds met, then the objective, then the other bounded metrics.

    When none meets all bounds, the one whose bounds are missed by the smallest sum of relative
    excesses is chosen, so that a near miss is reported instead of nothing. A value that is NaN, or
    that other candidates have and this one lacks, is the worst there is. Times break no ties: they
    differ from run to run, and a run must choose alike when it is repeated. Of candidates that are
    equal in all of this, the first is chosen.

    Args:
        facts: validation and size facts of each trained candidate, by metric name. Bounds on
            metrics that no candidate has are left to the certificate.
        budget: of the recipe.

    Raises:
        ValueError: when there are no candidates.
    """
    if not facts:
        raise ValueError("no candidates to choose from")
    known = {name for values in facts.values() for name in values}
    bounds = [b for b in budget.bounds if b.metric in known]
    ties = [b.metric for b in bounds if not b.metric.startswith(TIMING_PREFIX)]
    order = [name for name in (budget.objective, *ties) if name in known]
    return min(facts, key=lambda key: _rank(facts[key], bounds, order))


def _rank(
    values: Mapping[str, float], bounds: Sequence[Bound], order: Sequence[str]
) -> tuple[float, ...]:
    excess = sum(_excess(b, values.get(b.metric, math.nan)) for b in bounds)
    return (excess, *(_cost(name, values.get(name, math.nan)) for name in order))


def _excess(bound: Bound, value: float) -> float:
    if bound.holds(value):
        return 0.0
    if math.isnan(value):
        return math.inf
    # A value right at the limit of a strict bound misses it, too.
    return max(abs(value - bound.limit) / (abs(bound.limit) or 1.0), 1e-9)


def _cost(name: str, value: float) -> float:
    if math.isnan(value):
        return math.inf
    return -value if metric(name).higher_is_better else value
