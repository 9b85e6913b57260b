"""Scales of the full-integer LSTM (TensorFlow Lite's 8x8_16 form).

Rules, after the official quantizer's operator properties: int8 input, output and weights, one
scale per gate and matrix; int32 biases at input scale x input weight scale; an int16 cell state
whose scale is a power of two. The hidden state is the output; its zero point is 0, unlike the
official quantizer's: kernels disagree on a zero point's sign (older ones subtract it) and states
reset to the integer 0 are then zero. A hidden state is within [-1, 1], so little is lost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motefit.graph.fixed_point import INT16
from motefit.graph.graph import Quantization
from motefit.graph.scales import NEGLIGIBLE, bias_safe_scale, symmetric_quantization, weight_scale

# The kernels reject a cell scale above 2**-9.
CELL_EXPONENT = (-15, -9)


@dataclass(frozen=True, kw_only=True, eq=False)
class LSTMParameters:
    """Quantization of an LSTM's input and recurrent weights, bias, output and cell state."""

    weights: tuple[Quantization, Quantization]
    bias: Quantization
    hidden: Quantization
    cell: Quantization


def lstm_parameters(
    arrays: Sequence[np.ndarray],
    source: Quantization,
    *,
    cell: tuple[float, float],
    hidden: tuple[float, float],
) -> LSTMParameters:
    """Choose the scales of one LSTM.

    Args:
        arrays: weight (4, h, i), recurrent weight (4, h, h), bias (4, h), float32.
        source: quantization of the input.
        cell: calibrated range of the cell state.
        hidden: calibrated range of the output.
    """
    weight, recurrent, bias = arrays
    step = float(source.scale[0])
    by_gate = bias_safe_scale(weight_scale(weight, 0), np.abs(bias).max(axis=1), step)
    weights = (
        Quantization(scale=by_gate, axis=0),
        Quantization(scale=weight_scale(recurrent, 0), axis=0),
    )
    return LSTMParameters(
        weights=weights,
        bias=Quantization(scale=np.float32(step) * by_gate, axis=0),
        hidden=symmetric_quantization(*hidden),
        cell=Quantization(scale=np.array([2.0 ** cell_exponent(cell)])),
    )


def cell_exponent(cell: tuple[float, float]) -> int:
    """Return the power of two of the finest int16 scale that covers a cell range.

    >>> cell_exponent((-0.5, 3.0))
    -13
    """
    peak = max(abs(cell[0]), abs(cell[1]), NEGLIGIBLE)
    exponent = math.ceil(math.log2(peak / INT16[1]))
    return min(max(exponent, CELL_EXPONENT[0]), CELL_EXPONENT[1])
