"""Choosing among trained candidates."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.search.ranking import choose, pareto_fronts, survivors
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
    """A run that is repeated times its candidates again, and must ship the same one."""
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


costs = st.dictionaries(
    st.integers(0, 30),
    st.tuples(*[st.one_of(st.integers(0, 4).map(float), st.just(math.inf))] * 2),
    min_size=1,
)


@given(costs=costs)
def test_pareto_fronts_hold_what_nothing_in_them_or_after_beats(costs):
    fronts = pareto_fronts(costs)
    assert fronts.keys() == costs.keys()
    assert set(fronts.values()) == set(range(max(fronts.values()) + 1))
    for key, own in costs.items():
        better = [k for k, c in costs.items() if c != own and all(map(float.__le__, c, own))]
        assert all(fronts[k] < fronts[key] for k in better)
        if fronts[key]:
            assert any(fronts[k] == fronts[key] - 1 for k in better)


@given(facts=candidates, budget=budgets, count=st.integers(1, 7))
def test_survivors_are_as_many_as_asked_and_the_best_is_among_them(facts, budget, count):
    chosen = survivors(facts, [budget], (), count)
    assert len(chosen) == len(set(chosen)) == min(count, len(facts))
    without_times = replace(
        budget, bounds=tuple(b for b in budget.bounds if not b.metric.startswith("latency."))
    )
    fitting = [k for k in facts if meets_all(facts[k], without_times)]
    if fitting and not budget.objective.startswith("latency."):
        assert set(chosen) & set(fitting)


def test_each_budget_has_its_own_survivor():
    facts = {
        "big": {"accuracy": 0.95, "size.zip_bytes": 3000.0},
        "middle": {"accuracy": 0.94, "size.zip_bytes": 2000.0},
        "small": {"accuracy": 0.91, "size.zip_bytes": 900.0},
    }
    small = Budget(bounds=(LIMITS["size.zip_bytes"],), objective="accuracy")
    best = Budget(objective="accuracy")
    assert survivors(facts, [best, small], (), 2) == ("big", "small")


def test_early_in_training_the_small_and_the_accurate_go_on():
    """No accuracy is reached yet: neither dominates the other, and both beat the third."""
    facts = {
        "large": {"accuracy": 0.80, "size.zip_bytes": 3000.0},
        "poor": {"accuracy": 0.60, "size.zip_bytes": 3500.0},
        "small": {"accuracy": 0.70, "size.zip_bytes": 500.0},
    }
    budget = Budget(bounds=(LIMITS["accuracy"],), objective="size.zip_bytes")
    assert set(survivors(facts, [budget], (), 2)) == {"large", "small"}
