"""Logistic function and hyperbolic tangent of int16 numbers, as gemmlowp's fixed point has them.

An int16 with b integer bits stands for ``raw * 2**(b - 15)``; results have none: ``raw / 2**15``.
The functions are tables over all 65536 inputs, filled once with gemmlowp's algorithm: an
exponential by a polynomial of degree 4 on [-1/4, 0) and a product over the bits above, then three
Newton steps for the reciprocal. All arithmetic is in int64 arrays that hold int16 values.
"""

from functools import cache

import numpy as np

from motefit.graph.fixedpoint import INT16, shift_right

ONE = INT16[1]
INPUT_BITS = 16


@cache
def logistic_table() -> np.ndarray:
    """int64 (65536,): 1 / (1 + exp(-x)) of x with 3 integer bits, indexed by raw + 2**15."""
    raw = np.arange(-(2**15), 2**15, dtype=np.int64)
    positive = _reciprocal(_exponential(-np.abs(raw), 3))
    positive = _times_power(positive, 1)
    return np.where(raw == 0, 2**14, np.where(raw > 0, positive, ONE - positive))


@cache
def tanh_table(integer_bits: int) -> np.ndarray:
    """int64 (65536,): tanh of x with the given integer bits, indexed by raw + 2**15."""
    raw = np.arange(-(2**15), 2**15, dtype=np.int64)
    # -(-2**15) wraps around in int16; it is negative either way
    twice = _exponential(np.where(raw < 0, raw, -raw), integer_bits + 1)
    size = _times_power(_reciprocal(twice) - 2**13, 2)
    return np.where(raw == 0, 0, np.where(raw < 0, -size, size))


def _narrow(constant: int) -> int:
    """A constant of 32 bits with 16."""
    return int(shift_right(np.array(constant), 16, away=True))


def _times(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """Product of int16 fractions: halves up, saturating."""
    return np.asarray(np.minimum((a * b + 2**14) >> 15, INT16[1]))


def _times_power(a: np.ndarray, exponent: int) -> np.ndarray:
    """Times a power of two: saturating to the left, halves away from zero to the right."""
    if exponent < 0:
        return shift_right(a, -exponent, away=True)
    return np.asarray(np.clip(a << exponent, *INT16))


def _exponential(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """The exponential of non-positive numbers, without integer bits."""
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
    """The exponential on [-1/4, 0) by its Taylor polynomial about -1/8, without integer bits."""
    constant, third = _narrow(1895147668), _narrow(715827883)  # exp(-1/8), 1/3
    x = a + (1 << 12)
    square = _times(x, x)
    cube, fourth = _times(square, x), _times(square, square)
    tail = _times_power(_times(_times_power(fourth, -2) + cube, third) + square, -1)
    return np.asarray(np.clip(constant + _times(x + tail, constant), *INT16))


def _reciprocal(a: np.ndarray) -> np.ndarray:
    """2 / (1 + a) of fractions in [0, 1], with 2 integer bits."""
    total = a + ONE
    half = (total + 1) >> 1
    x = _narrow(1515870810) + _times(half, _narrow(-1010580540))  # 48/17 - 32/17 half
    for _ in range(3):
        error = 2**13 - _times(half, x)
        x = x + _times_power(_times(x, error), 2)
    return x
