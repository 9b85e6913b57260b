"""Choosing among trained candidates."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.search.select import choose
from motefit.spec.budget import Bound, Budget

METRICS = ("accuracy", "size.zip_bytes", "macs", "latency.total_ms")
LIMITS = {
    "accuracy": Bound(metric="accuracy", relation=">=", limit=0.9),
    "size.zip_bytes": Bound(metric="size.zip_bytes", relation="<", limit=1000.0),
    "macs": Bound(metric="macs", relation="<=", limit=0.0),
    "latency.total_ms": Bound(metric="latency.total_ms", relation="<", limit=8.0),
}

values = st.one_of(st.floats(0.0, 2000.0), st.just(math.nan), st.sampled_from([0.9, 1000.0, 8.0]))
candidates = st.dictionaries(
    st.integers(0, 50),
    st.dictionaries(st.sampled_from(METRICS), values, min_size=1),
    min_size=1,
    max_size=6,
)
budgets = st.builds(
    Budget,
    bounds=st.lists(st.sampled_from(METRICS), unique=True).map(
        lambda names: tuple(LIMITS[name] for name in names)
    ),
    objective=st.sampled_from(METRICS),
)


def meets_all(facts, budget) -> bool:
    return all(b.holds(facts.get(b.metric, math.nan)) for b in budget.bounds)


@given(facts=candidates, budget=budgets)
def test_a_miss_is_never_chosen_where_another_meets_all(facts, budget):
    chosen = choose(facts, budget)
    if any(meets_all(f, budget) for f in facts.values()):
        assert meets_all(facts[chosen], budget)


@given(facts=candidates, budget=budgets)
def test_not_a_number_never_wins_the_objective(facts, budget):
    chosen = choose(facts, budget)
    fitting = [f for f in facts.values() if meets_all(f, budget)]
    if any(not math.isnan(f.get(budget.objective, math.nan)) for f in fitting):
        assert not math.isnan(facts[chosen].get(budget.objective, math.nan))


@given(facts=candidates, budget=budgets)
def test_the_best_objective_wins_among_those_that_meet_all(facts, budget):
    chosen = choose(facts, budget)
    sign = -1 if budget.objective == "accuracy" else 1
    fitting = [f for f in facts.values() if meets_all(f, budget)]
    costs = [sign * v for f in fitting if not math.isnan(v := f.get(budget.objective, math.nan))]
    if costs:
        assert sign * facts[chosen][budget.objective] == min(costs)


@given(
    facts=candidates,
    times=st.lists(st.floats(0.01, 7.0), min_size=12, max_size=12),
)
def test_times_within_the_bound_decide_nothing(facts, times):
    """A run that is repeated times its candidates anew, and must ship the same one."""
    budget = Budget(bounds=tuple(LIMITS.values()), objective="accuracy")
    first, second = (
        {
            key: {**f, "latency.total_ms": t}
            for (key, f), t in zip(facts.items(), half, strict=False)
        }
        for half in (times[:6], times[6:])
    )
    assert choose(first, budget) == choose(second, budget)


def test_the_nearest_miss_is_chosen_where_none_meets_all():
    budget = Budget(bounds=(LIMITS["accuracy"], LIMITS["size.zip_bytes"]))
    facts = {
        "far": {"accuracy": 0.5, "size.zip_bytes": 500.0},
        "near": {"accuracy": 0.89, "size.zip_bytes": 990.0},
        "large": {"accuracy": 0.95, "size.zip_bytes": 3000.0},
    }
    assert choose(facts, budget) == "near"


def test_a_value_at_a_strict_limit_is_a_miss():
    budget = Budget(bounds=(LIMITS["size.zip_bytes"],), objective="accuracy")
    facts = {
        "at": {"size.zip_bytes": 1000.0, "accuracy": 0.99},
        "below": {"size.zip_bytes": 999.0, "accuracy": 0.5},
    }
    assert choose(facts, budget) == "below"


def test_bounds_nobody_has_are_left_to_the_certificate():
    budget = Budget(bounds=(LIMITS["macs"],), objective="accuracy")
    assert choose({"a": {"accuracy": 0.1}, "b": {"accuracy": 0.2}}, budget) == "b"


def test_a_candidate_that_lacks_a_bounded_value_loses():
    budget = Budget(bounds=(LIMITS["size.zip_bytes"],), objective="accuracy")
    facts = {"lacks": {"accuracy": 1.0}, "has": {"accuracy": 0.1, "size.zip_bytes": 900.0}}
    assert choose(facts, budget) == "has"


def test_nothing_to_choose_from():
    with pytest.raises(ValueError, match="no candidates"):
        choose({}, Budget())
