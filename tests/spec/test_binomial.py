"""The exact interval against published values, its definition, and the search built on it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.binomial import clips_to_show, interval, shows
from motefit.spec.errors import DataError


def upper_tail(correct, n, share):
    """P(X >= correct) straight from the definition."""
    return math.fsum(
        math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(correct, n + 1)
    )


counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (199, 200, 0.9724581, 0.9998734),  # the published "99.5 %" on 200 clips
        (95, 100, 0.8871651, 0.9835681),
        (0, 5, 0.0, 0.5218238),
        (5, 5, 0.4781762, 1.0),
        (1, 1, 0.025, 1.0),
    ],
)
def test_known_intervals(correct, n, low, high):
    assert interval(correct, n) == pytest.approx((low, high), abs=1e-7)


@given(counts)
def test_the_limits_leave_a_fortieth_on_each_side(pair):
    correct, n = pair
    low, high = interval(correct, n)
    assert 0 <= low <= correct / n <= high <= 1
    if correct:
        assert upper_tail(correct, n, low) == pytest.approx(0.025, rel=1e-6)
    if correct < n:
        assert 1 - upper_tail(correct + 1, n, high) == pytest.approx(0.025, rel=1e-6)


@given(counts)
def test_the_interval_is_symmetric_in_right_and_wrong(pair):
    correct, n = pair
    low, high = interval(correct, n)
    assert interval(n - correct, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(counts, st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_more_confidence_is_a_wider_interval(pair, confidence):
    narrow, wide = interval(*pair, confidence=confidence), interval(*pair, confidence=0.9999)
    assert wide[0] <= narrow[0]
    assert narrow[1] <= wide[1]


def test_a_hundred_thousand_clips_are_no_burden():
    low, high = interval(95_000, 100_000)
    normal = 1.959964 * math.sqrt(0.95 * 0.05 / 100_000)
    assert (low, high) == pytest.approx((0.95 - normal, 0.95 + normal), abs=3e-5)


@given(counts, st.floats(0.01, 0.99))
def test_shown_means_the_lower_limit_is_over_the_bound(pair, bound):
    low = interval(*pair)[0]
    if abs(low - bound) > 1e-9:
        assert shows(*pair, bound) == (low > bound)


@given(counts, st.floats(0.3, 0.99))
def test_the_clips_to_show_are_enough_and_not_too_many(pair, bound):
    correct, n = pair
    clips = clips_to_show(correct, n, bound)
    if correct / n <= bound:
        assert clips is None
        return
    if clips is None:
        assert correct / n - bound < 2e-3
        return
    errors = -(-clips * (n - correct) // n)
    assert shows(clips - errors, clips, bound)
    if shows(correct, n, bound):
        assert clips <= n
    fewer = int(clips * 0.5)
    if fewer:
        assert not shows(fewer - -(-fewer * (n - correct) // n), fewer, bound)


def test_known_numbers_of_clips():
    # no errors: 0.98**183 < 0.025 <= 0.98**182
    assert clips_to_show(200, 200, 0.98) == 183
    assert clips_to_show(199, 200, 0.98) == 359
    assert clips_to_show(196, 200, 0.98) is None
    assert clips_to_show(1, 1, 1.0) is None
    assert clips_to_show(16, 33, 0.3046875) <= 33  # as many as 38 by bisection alone
    assert clips_to_show(2, 2, 0.02) == 1  # P(one of one) is 0.02 at the bound


def test_any_success_shows_more_than_nothing():
    assert shows(1, 10, 0.0)
    assert not shows(0, 10, 0.0)


@pytest.mark.parametrize("pair", [(0, 0), (-1, 5), (6, 5)])
def test_other_counts_are_errors(pair):
    for call in (lambda: interval(*pair), lambda: shows(*pair, 0.5)):
        with pytest.raises(DataError, match="not a count"):
            call()
