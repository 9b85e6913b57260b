"""Integer mean whose output has its own scale, as official converters write it.

LiteRT's AVERAGE_POOL_2D keeps its input's scale; its MEAN does not, and has two kernels: one if
height and width stay as sizes of 1, another for all other cases. Both are reproduced here, bit for
bit, after tensorflow/lite/kernels/reduce.cc and internal/reference/reduce.h.
"""

import numpy as np

from motefit.graph import fixed_point
from motefit.graph.graph import Graph, Quantization
from motefit.graph.ops import AveragePool2D, Dense, Op


def same_parameters(op: Op, graph: Graph) -> bool:
    """Return whether an operation's input and output have the same scale and zero point."""
    a, b = (graph.quantization.get(name) for name in (op.inputs[0], op.output))
    if a is None or b is None:
        return a is b
    return a.zero_point == b.zero_point and np.array_equal(a.scale, b.scale)


def mean_form(op: AveragePool2D, graph: Graph) -> tuple[tuple[int, ...], bool]:
    """Return axes (1 height, 2 width) of the MEAN for a pool, and whether they stay as 1.

    They are removed if both are averaged and only dense layers, or nothing, read the output.
    """
    covers = tuple(op.window) == graph.shapes[op.inputs[0]][:2]
    axes = (1, 2) if covers else tuple(axis for axis in (1, 2) if op.window[axis - 1] > 1)
    flat = covers and all(isinstance(reader, Dense) for reader in graph.consumers(op.output))
    return axes, not flat


def integer_mean(
    total: np.ndarray, count: int, source: Quantization, out: Quantization, *, image: bool
) -> np.ndarray:
    """Rescale sums of raw integers to means, int64 before saturation.

    Args:
        total: int64 sums.
        count: number of integers in each sum.
        source: of the input.
        out: of the output.
        image: whether the kernel that keeps height and width runs.
    """
    by, before, after = mean_terms(count, source, out, image=image)
    return np.asarray(fixed_point.multiply(total + before, by, away=True) + after)


def mean_terms(
    count: int, source: Quantization, out: Quantization, *, image: bool
) -> tuple[fixed_point.Multiplier, int, int]:
    """Compute how a sum becomes a mean: the factor, and what is added before and after it.

    Arguments as in :func:`integer_mean`.
    """
    if image:  # this kernel divides in single precision
        by = fixed_point.multiplier(float(source.scale[0] / (np.float32(count) * out.scale[0])))
        offset = np.float32(source.zero_point) * source.scale[0] / out.scale[0]
        bias = out.zero_point - int(np.trunc(offset + np.copysign(np.float32(0.5), offset)))
        return by, 0, bias
    by = fixed_point.multiplier(float(source.scale[0]) / float(out.scale[0]))
    shift = min(count.bit_length() - 1, 32, 31 + int(by.exponent))
    mantissa = (by.mantissa << shift) // count
    by = fixed_point.Multiplier(mantissa=mantissa, exponent=by.exponent - shift)
    return by, -source.zero_point * count, out.zero_point
