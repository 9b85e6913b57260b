"""Scales and zero points: how reals become integers, one small rule each.

The rules are LiteRT's 8-bit specification (https://ai.google.dev/edge/litert/models/
quantization_spec): weights symmetric in [-127, 127], activations asymmetric in [-128, 127] with
zero exactly representable, biases int32 at the product of the two scales. Quantization-aware
training calls the same functions.
"""

import math

import numpy as np

from motefit.graph.fixed_point import INT8, INT32, round_half_away
from motefit.graph.graph import Quantization
from motefit.spec.errors import RecipeError

HIDDEN = ".hidden"

CELL = ".cell"

# A range or weight below this is treated as zero: far below any real signal, far above the
# denormals at which float32 scales lose their meaning.
NEGLIGIBLE = 1e-9
# Biases stay below half of int32, so that the sum of products has the other half.
BIAS_LIMIT = 2**30 - 1


def weight_limit(bits: int) -> int:
    """Return the greatest integer of a weight: 127 for 8 bits, 7 for 4."""
    return int(2 ** (bits - 1) - 1)


def weight_scale(weight: np.ndarray, axis: int | None, *, bits: int = 8) -> np.ndarray:
    """Choose symmetric scales, float32 (n,) along an axis or (1,) for the whole array.

    An all-zero (fully pruned) channel has no scale of its own: it takes the largest one of its
    array, or 1 / limit if all channels are zero.
    """
    magnitude = np.abs(np.asarray(weight, np.float64))
    if axis is None:
        peak = np.array([magnitude.max(initial=0.0)])
    else:
        others = tuple(i for i in range(magnitude.ndim) if i != axis % magnitude.ndim)
        peak = magnitude.max(axis=others, initial=0.0)
    alive = peak > NEGLIGIBLE
    fallback = peak.max() if alive.any() else 1.0
    return (np.where(alive, peak, fallback) / weight_limit(bits)).astype(np.float32)


def bias_safe_scale(scale: np.ndarray, bias: np.ndarray, input_scale: float) -> np.ndarray:
    """Raise weight scales where ``bias / (input_scale * scale)`` would overflow; float32.

    Args:
        scale: (n,) or (1,) weight scales.
        bias: (n,) float biases.
        input_scale: of the activation that the weights multiply.
    """
    need = np.abs(np.asarray(bias, np.float64)).reshape(-1) / (BIAS_LIMIT * float(input_scale))
    if scale.size == 1:
        need = need.max(initial=0.0, keepdims=True)
    return np.maximum(scale.astype(np.float64), need).astype(np.float32)


def activation_quantization(low: float, high: float, *, least_scale: float = 0.0) -> Quantization:
    """Choose asymmetric int8 parameters of a range, widened to contain 0, which stays exact.

    Args:
        low: least observed value.
        high: greatest observed value; a range of no width (a constant 0) is treated as [0, 1].
        least_scale: smallest scale to choose; the range grows upward if needed.

    Raises:
        RecipeError: for a bound that is not finite.
    """
    low, high = float(low), float(high)
    if not math.isfinite(low) or not math.isfinite(high):
        raise RecipeError(f"the range [{low}, {high}] is not finite: check inputs and weights")
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < NEGLIGIBLE:
        low, high = 0.0, 1.0
    scale = np.float32(max((high - low) / (INT8[1] - INT8[0]), least_scale))
    zero_point = INT8[0] + math.floor(-low / float(scale) + 0.5)
    return Quantization(scale=np.array([scale]), zero_point=min(zero_point, INT8[1]))


def constant_quantization(values: np.ndarray) -> Quantization:
    """Choose asymmetric int8 parameters of a constant that is added or multiplied."""
    return activation_quantization(float(values.min()), float(values.max()))


def symmetric_quantization(low: float, high: float) -> Quantization:
    """Choose int8 parameters with zero point 0 of a range; a constant 0 is treated as [-1, 1]."""
    peak = max(abs(low), abs(high))
    scale = (peak if peak >= NEGLIGIBLE else 1.0) / INT8[1]
    return Quantization(scale=np.array([scale]))


def quantize_array(
    x: np.ndarray, quantization: Quantization, *, low: int = INT8[0], high: int = INT8[1]
) -> np.ndarray:
    """Quantize a real array: divide in float32, round halves away from zero, saturate.

    Args:
        x: float array of any shape.
        quantization: scale and zero point.
        low: least integer.
        high: greatest integer: up to 127 for int8, beyond for int16.

    Returns:
        int8 or int16 array of the same shape; NaN becomes the zero point.
    """
    scale = quantization.along(np.ndim(x))
    with np.errstate(over="ignore"):
        steps = np.asarray(x, np.float32) / scale
    if not np.isfinite(steps).all():
        steps = np.nan_to_num(steps)
    steps = round_half_away(steps)
    integers = np.clip(steps + quantization.zero_point, low, high)
    return np.asarray(integers, np.int8 if high <= INT8[1] else np.int16)


def quantize_weight(weight: np.ndarray, quantization: Quantization) -> np.ndarray:
    """Quantize a weight symmetrically to int8: in [-127, 127], with 4 bits in [-7, 7]."""
    limit = weight_limit(quantization.bits)
    return quantize_array(weight, quantization, low=-limit, high=limit)


def quantize_bias(bias: np.ndarray, quantization: Quantization) -> np.ndarray:
    """Quantize biases to int32, in float64: they have more digits than a float32."""
    steps = np.asarray(bias, np.float64) / quantization.along(np.ndim(bias)).astype(np.float64)
    return np.asarray(np.clip(round_half_away(steps), *INT32), np.int32)


def dequantize_array(integers: np.ndarray, quantization: Quantization) -> np.ndarray:
    """Convert an integer array back to float32 reals."""
    steps = integers.astype(np.int64) - quantization.zero_point
    return np.asarray(steps.astype(np.float32) * quantization.along(integers.ndim), np.float32)


def fake_quantize(x: np.ndarray, quantization: Quantization) -> np.ndarray:
    """Quantize a float array to int8 and dequantize it; float32."""
    return dequantize_array(quantize_array(x, quantization), quantization)
