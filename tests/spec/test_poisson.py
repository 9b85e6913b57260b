"""Limits of rates against sums of the distribution itself, and against published values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.errors import DataError
from motefit.spec.poisson import highest_rate, hours_to_show, rate_interval


def at_most(events: int, mean: float) -> float:
    logs = [k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(events + 1)]
    return math.fsum(map(math.exp, logs))


@given(
    events=st.integers(0, 400), hours=st.floats(1e-3, 1e4), confidence=st.sampled_from([0.8, 0.95])
)
def test_limits_have_the_stated_tails(events, hours, confidence):
    low, high = rate_interval(events, hours, confidence=confidence)
    tail = (1 - confidence) / 2
    assert low <= events / hours <= high
    assert at_most(events, high * hours) == pytest.approx(tail, rel=1e-6)
    if events:
        assert 1 - at_most(events - 1, low * hours) == pytest.approx(tail, rel=1e-6)
    one_sided = highest_rate(events, hours, confidence=confidence)
    assert at_most(events, one_sided * hours) == pytest.approx(1 - confidence, rel=1e-6)
    assert hours_to_show(events, one_sided, confidence=confidence) == pytest.approx(hours)


def test_published_values():
    """Garwood (1936), table of exact 95 % limits of a Poisson mean; and the rule of three."""
    for events, low, high in ((1, 0.0253, 5.572), (5, 1.623, 11.668), (50, 37.11, 65.92)):
        assert rate_interval(events, 1.0) == (
            pytest.approx(low, rel=2e-3),
            pytest.approx(high, rel=2e-4),
        )
    assert highest_rate(0, 6.0) == pytest.approx(0.4993, abs=1e-4)
    assert rate_interval(1_000_000, 1.0)[1] == pytest.approx(1_001_961, rel=1e-5)


@pytest.mark.parametrize(("events", "hours"), [(-1, 1.0), (0, 0.0), (0, math.inf), (0, math.nan)])
def test_impossible_counts_are_refused(events, hours):
    with pytest.raises(DataError, match="is not a count in a positive, finite time"):
        highest_rate(events, hours)
