"""Fixed-point arithmetic of TensorFlow Lite's builtin kernels, on numpy arrays.

The logistic function and the hyperbolic tangent of int16 numbers are gemmlowp's.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

INT8 = (-128, 127)
INT16 = (-(2**15), 2**15 - 1)
INT32 = (-(2**31), 2**31 - 1)


def round_half_away(x: np.ndarray) -> np.ndarray:
    """Round a float array to integers, halves away from zero (C's ``round``); same dtype.

    >>> round_half_away(np.array([-1.5, -0.5, 0.5, 2.5]))
    array([-2., -1.,  1.,  3.])
    """
    whole = np.trunc(x)
    return np.asarray(whole + np.trunc((x - whole) * 2.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Multiplier:
    """Real multipliers in fixed point.

    Attributes:
        mantissa: int64 array of Q31 mantissas, 0 where the multiplier is too small to matter.
        exponent: int64 array; positive shifts left before, negative shifts right after.
    """

    mantissa: np.ndarray
    exponent: np.ndarray


def multiplier(real: np.ndarray | float) -> Multiplier:
    """Convert non-negative float64 multipliers, scalar or array, to fixed point."""
    fraction, power = np.frexp(np.asarray(real, np.float64))
    mantissa = round_half_away(fraction * 2.0**31).astype(np.int64)
    exponent = power.astype(np.int64)
    carried = mantissa == 2**31
    mantissa = np.where(carried, 2**30, mantissa)
    exponent = exponent + carried
    small, large = exponent < -31, exponent > 30
    mantissa = np.where(small, 0, np.where(large, INT32[1], mantissa))
    exponent = np.where(small, 0, np.where(large, 30, exponent))
    return Multiplier(mantissa=mantissa, exponent=exponent)


def wrap32(x: np.ndarray) -> np.ndarray:
    """Wrap int64 values to int32 in two's complement, kept as int64."""
    return x.astype(np.int32).astype(np.int64)


def high_multiply(x: np.ndarray, mantissa: np.ndarray) -> np.ndarray:
    """Compute ``x * mantissa / 2**31`` of int32 values held as int64, to nearest, halves up.

    gemmlowp's nudge looks as if it rounded halves away from zero, but its division truncates: the
    two together round halves up. A mantissa is never -2**31, so nothing saturates.
    """
    return np.asarray((x * mantissa + 2**30) >> 31)


def shift_right(x: np.ndarray, bits: np.ndarray | int, *, away: bool | np.ndarray) -> np.ndarray:
    """Divide integers by ``2**bits``, to nearest; halves go away from zero, or up.

    Args:
        x: int64.
        bits: 0 to 62.
        away: halves away from zero (scalar code), otherwise up (vector code); broadcasts.
    """
    half = (np.int64(1) << np.asarray(bits, np.int64)) >> 1
    return np.asarray((x + half - ((x < 0) & (half > 0) & away)) >> bits)


def multiply(x: np.ndarray, by: Multiplier, *, away: bool | np.ndarray = False) -> np.ndarray:
    """Multiply int32 values (held as int64) by a multiplier, rounded twice; int64.

    Args:
        x: int64; ``by`` broadcasts against its last axis.
        by: the multiplier.
        away: how the second rounding treats halves, see :func:`shift_right`.
    """
    left = np.maximum(by.exponent, 0)
    product = high_multiply(wrap32(x << left), by.mantissa)
    return shift_right(product, left - by.exponent, away=away)


def multiply_once(x: np.ndarray, by: Multiplier) -> np.ndarray:
    """Multiply int32 values (held as int64) by a multiplier, rounded once, halves up; int64."""
    return shift_right(wrap32(x) * by.mantissa, 31 - by.exponent, away=False)


ONE = INT16[1]


@cache
def logistic_table() -> np.ndarray:
    """Tabulate 1 / (1 + exp(-x)), int64 (65536,), x with 3 integer bits at raw + 2**15."""
    raw = np.arange(-(2**15), 2**15, dtype=np.int64)
    positive = _reciprocal(_exponential(-np.abs(raw), 3))
    positive = _times_power(positive, 1)
    return np.where(raw == 0, 2**14, np.where(raw > 0, positive, ONE - positive))


@cache
def tanh_table(integer_bits: int) -> np.ndarray:
    """Tabulate tanh(x), int64 (65536,), x with the given integer bits at raw + 2**15."""
    raw = np.arange(-(2**15), 2**15, dtype=np.int64)
    # -(-2**15) wraps around in int16; it is negative either way
    twice = _exponential(np.where(raw < 0, raw, -raw), integer_bits + 1)
    size = _times_power(_reciprocal(twice) - 2**13, 2)
    return np.where(raw == 0, 0, np.where(raw < 0, -size, size))


def _narrow(constant: int) -> int:
    """Round a 32-bit constant to 16 bits."""
    return int(shift_right(np.array(constant), 16, away=True))


def _times(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """Multiply int16 fractions: halves up, saturating."""
    return np.asarray(np.minimum((a * b + 2**14) >> 15, INT16[1]))


def _times_power(a: np.ndarray, exponent: int) -> np.ndarray:
    """Multiply by a power of two: saturating to the left, halves away from zero to the right."""
    if exponent < 0:
        return shift_right(a, -exponent, away=True)
    return np.asarray(np.clip(a << exponent, *INT16))


def _exponential(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """Compute the exponential of non-positive numbers, without integer bits."""
    fractional_bits = 15 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    part = (a & (quarter - 1)) - quarter
    result = _exponential_of_quarter(_times_power(part, integer_bits))
    remainder = part - a
    for exponent, factor in (
        (-2, 1672461947),  # exp(-1/4) and so on, in 32 bits
        (-1, 1302514674),
        (0, 790015084),
        (1, 290630308),
        (2, 39332535),
        (3, 720401),
        (4, 242),
    ):
        if integer_bits > exponent:
            bit = remainder & (1 << (fractional_bits + exponent))
            result = np.where(bit != 0, _times(result, _narrow(factor)), result)
    if integer_bits > 5:
        result = np.where(a < -(1 << (fractional_bits + 5)), 0, result)
    return np.where(a == 0, ONE, result)


def _exponential_of_quarter(a: np.ndarray) -> np.ndarray:
    """Compute exp on [-1/4, 0) by its Taylor polynomial about -1/8, without integer bits."""
    constant, third = _narrow(1895147668), _narrow(715827883)  # exp(-1/8), 1/3
    x = a + (1 << 12)
    square = _times(x, x)
    cube, fourth = _times(square, x), _times(square, square)
    tail = _times_power(_times(_times_power(fourth, -2) + cube, third) + square, -1)
    return np.asarray(np.clip(constant + _times(x + tail, constant), *INT16))


def _reciprocal(a: np.ndarray) -> np.ndarray:
    """Compute 2 / (1 + a) of fractions in [0, 1], with 2 integer bits."""
    total = a + ONE
    half = (total + 1) >> 1
    x = _narrow(1515870810) + _times(half, _narrow(-1010580540))  # 48/17 - 32/17 half
    for _ in range(3):
        error = 2**13 - _times(half, x)
        x = x + _times_power(_times(x, error), 2)
    return x
