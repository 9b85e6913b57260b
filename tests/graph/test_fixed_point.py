"""Fixed-point arithmetic against exact rational arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph import fixed_point
from motefit.graph.fixed_point import logistic_table, tanh_table

INT32 = st.integers(-(2**31), 2**31 - 1)


def nearest(value: Fraction, *, away: bool) -> int:
    """Nearest integer; halves away from zero or up."""
    if away and value < 0:
        return -math.floor(-value + Fraction(1, 2))
    return math.floor(value + Fraction(1, 2))


@given(st.floats(-1e9, 1e9))
def test_round_half_away(x):
    assert fixed_point.round_half_away(np.array(x)) == nearest(Fraction(x), away=True)


@given(st.integers(-(10**6), 10**6))
def test_halves_go_away_from_zero(n):
    rounded = fixed_point.round_half_away(np.array([n + 0.5]))[0]
    assert rounded == (n + 1 if n >= 0 else n)


@given(INT32, st.integers(0, 31), st.booleans())
def test_shift_right(x, bits, away):
    shifted = fixed_point.shift_right(np.array(x), bits, away=away)
    assert shifted == nearest(Fraction(x, 2**bits), away=away)


@given(st.floats(2.0**-31, 2.0**29))
def test_a_multiplier_is_as_near_as_31_bits_can_be(real):
    by = fixed_point.multiplier(real)
    assert 2**30 <= by.mantissa < 2**31
    value = Fraction(int(by.mantissa)) * Fraction(2) ** (int(by.exponent) - 31)
    assert abs(value / Fraction(real) - 1) <= Fraction(1, 2**31)


@pytest.mark.parametrize("real", [0.0, 2.0**-33, 1e-30])
def test_a_multiplier_that_is_too_small_is_zero(real):
    assert fixed_point.multiply(np.array([2**31 - 1]), fixed_point.multiplier(real)) == 0


def test_a_multiplier_that_is_too_large_is_the_largest():
    by = fixed_point.multiplier(np.array([1e30, 2.0**31]))
    assert by.mantissa.tolist() == [2**31 - 1] * 2
    assert by.exponent.tolist() == [30, 30]


@given(INT32, st.floats(1e-9, 0.999), st.booleans())
def test_multiply_is_within_one_rounding_of_exact(x, real, away):
    by = fixed_point.multiplier(real)
    value = int(fixed_point.multiply(np.array(x), by, away=away))
    assert abs(Fraction(value) - x * Fraction(real)) <= Fraction(1, 2) + Fraction(1, 2) + 1


@given(INT32)
def test_a_half_rounds_as_the_code_that_runs_it(x):
    by = fixed_point.multiplier(0.125)
    for away in (True, False):
        # the first rounding leaves quarters of what the second one sees as eighths
        first = nearest(Fraction(x) * Fraction(1, 2), away=False)
        assert by.exponent == -2
        expected = nearest(Fraction(first, 4), away=away)
        assert fixed_point.multiply(np.array(x), by, away=away) == expected


@given(st.integers(-(2**62), 2**62))
def test_wrap32(x):
    assert fixed_point.wrap32(np.array(x)) == (x + 2**31) % 2**32 - 2**31


RAW = np.arange(-(2**15), 2**15)


def test_logistic_table():
    table = logistic_table()
    exact = 1 / (1 + np.exp(-RAW / 2.0**12))
    assert np.abs(table / 2.0**15 - exact).max() < 2.0**-12
    assert table[2**15] == 2**14
    np.testing.assert_array_equal(
        table[1:] + table[1:][::-1], np.where(RAW[1:] == 0, 2**15, 2**15 - 1)
    )


@pytest.mark.parametrize("integer_bits", range(7))
def test_tanh_table(integer_bits):
    table = tanh_table(integer_bits)
    exact = np.tanh(RAW * 2.0 ** (integer_bits - 15))
    assert np.abs(table / 2.0**15 - exact).max() < 2.0**-11
    np.testing.assert_array_equal(table[1:], -table[1:][::-1])
