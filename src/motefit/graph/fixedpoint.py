"""Fixed-point arithmetic of TensorFlow Lite's builtin kernels, on numpy arrays.

A real multiplier is ``mantissa * 2**(exponent - 31)`` with an int32 mantissa in [2**30, 2**31).
Applying one rounds twice: a doubling high multiplication, then a right shift (Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
arXiv:1712.05877, section 2.2). Measured on LiteRT 2.3.0: where kernels run vector code the shift
rounds halves up, where they run scalar code it rounds halves away from zero. XNNPACK rounds once,
and so do most of the builtin matrix products on aarch64.
"""

from dataclasses import dataclass

import numpy as np

INT8 = (-128, 127)
INT16 = (-(2**15), 2**15 - 1)
INT32 = (-(2**31), 2**31 - 1)


def round_half_away(x: np.ndarray) -> np.ndarray:
    """Nearest integers of a float array, halves away from zero (C's ``round``); same dtype.

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
    """Fixed-point form of non-negative float64 multipliers, scalar or array."""
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
    """int64 values reduced to int32 as two's complement does, kept as int64."""
    return x.astype(np.int32).astype(np.int64)


def high_multiply(x: np.ndarray, mantissa: np.ndarray) -> np.ndarray:
    """``x * mantissa / 2**31`` of int32 values held as int64, to nearest, halves up.

    gemmlowp's nudge looks as if it rounded halves away from zero, but its division truncates: the
    two together round halves up. A mantissa is never -2**31, so nothing saturates.
    """
    return np.asarray((x * mantissa + 2**30) >> 31)


def shift_right(x: np.ndarray, bits: np.ndarray | int, *, away: bool | np.ndarray) -> np.ndarray:
    """``x / 2**bits`` of integers, to nearest; halves go away from zero, or up.

    Args:
        x: int64.
        bits: 0 to 62.
        away: halves away from zero (scalar code), otherwise up (vector code); broadcasts.
    """
    half = (np.int64(1) << np.asarray(bits, np.int64)) >> 1
    return np.asarray((x + half - ((x < 0) & (half > 0) & away)) >> bits)


def multiply(x: np.ndarray, by: Multiplier, *, away: bool | np.ndarray = False) -> np.ndarray:
    """Int32 values (held as int64) times a multiplier, rounded twice; int64.

    Args:
        x: int64; ``by`` broadcasts against its last axis.
        by: the multiplier.
        away: how the second rounding treats halves, see :func:`shift_right`.
    """
    left = np.maximum(by.exponent, 0)
    product = high_multiply(wrap32(x << left), by.mantissa)
    return shift_right(product, left - by.exponent, away=away)


def multiply_once(x: np.ndarray, by: Multiplier) -> np.ndarray:
    """Int32 values (held as int64) times a multiplier, rounded once, halves up; int64."""
    return shift_right(wrap32(x) * by.mantissa, 31 - by.exponent, away=False)
