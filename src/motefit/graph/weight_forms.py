"""Forms of a Graph whose weights are stored small while its activations stay float32.

- int8-weights, int4-weights, float16: a weight goes through a ``Dequantize`` that stands at the
  head of the graph; arithmetic is float32.
- dynamic-range: operations read int8 weights directly; their kernels round each input to int8 by
  the range it has at that moment, multiply integers, and go back to float32.

Biases stay float32 throughout.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from motefit.graph.graph import Graph, Quantisation
from motefit.graph.ops import (
    LSTM,
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    Dropout,
    Op,
)
from motefit.graph.quantise_scales import quantise_weight, weight_scale
from motefit.spec.errors import RecipeError

MIN_SIZE = 64
"""Arrays with fewer numbers stay float32: what says how to widen them would cost more bytes."""
FLOAT16_MAX = float(np.finfo(np.float16).max)


def quantise_weights(
    graph: Graph, *, per_channel: bool = True, min_size: int = MIN_SIZE, bits: int = 8
) -> Graph:
    """The int8-weights form, or with 4 bits the int4-weights form.

    Args:
        graph: shipped float form.
        per_channel: a weight scale for every output channel instead of one per array.
        min_size: arrays with fewer numbers stay float32.
        bits: 8 or 4.

    Raises:
        RecipeError: when the graph is not folded or a constant has two readers.
    """
    check_shipped(graph)
    constants = dict(graph.constants)
    parameters: dict[str, Quantisation] = {}
    for op, name, axis in _weights(graph, min_size):
        keep_axis = axis if per_channel or isinstance(op, LSTM) else None
        scale = weight_scale(constants[name], keep_axis, bits=bits)
        parameters[name] = Quantisation(scale=scale, axis=keep_axis, bits=bits)
        constants[name] = quantise_weight(constants[name], parameters[name])
    ops = _widened(graph, tuple(parameters))
    return replace(graph, ops=ops, constants=constants, quantisation=parameters)


def halve_weights(graph: Graph, *, min_size: int = MIN_SIZE) -> Graph:
    """The float16 form: weights rounded to half precision, saturated at its greatest number.

    Raises:
        RecipeError: as :func:`quantise_weights`.
    """
    check_shipped(graph)
    names = tuple(name for _, name, _ in _weights(graph, min_size))
    halves = {
        name: np.clip(graph.constants[name], -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
        for name in names
    }
    return replace(graph, ops=_widened(graph, names), constants={**graph.constants, **halves})


def dynamic_range(graph: Graph, *, per_channel: bool = True, min_size: int = MIN_SIZE) -> Graph:
    """The dynamic-range form.

    Args:
        graph: shipped float form.
        per_channel: as :func:`quantise_weights`; a depthwise convolution has a scale per channel
            whatever this says, because its kernel reads one for each and goes beyond the end of a
            shorter vector (measured on LiteRT 2.3.0: outputs of 1e25).
        min_size: arrays with fewer numbers stay float32.

    Raises:
        RecipeError: as :func:`quantise_weights`.
    """
    check_shipped(graph)
    constants = dict(graph.constants)
    parameters: dict[str, Quantisation] = {}
    for op, name, axis in _weights(graph, min_size):
        keep_axis = axis if per_channel or isinstance(op, LSTM | DepthwiseConv2D) else None
        parameters[name] = Quantisation(
            scale=weight_scale(constants[name], keep_axis), axis=keep_axis
        )
        constants[name] = quantise_weight(constants[name], parameters[name])
    return replace(graph, constants=constants, quantisation=parameters)


def weight_axes(op: Op) -> Mapping[int, int]:
    """Position among the inputs of each weight of an operation -> axis of its scales."""
    if isinstance(op, DepthwiseConv2D):
        return {1: 3}
    if isinstance(op, Conv2D | Dense):
        return {1: 0}
    return {1: 0, 2: 0} if isinstance(op, LSTM) else {}


def check_shipped(graph: Graph) -> None:
    """Refuse a graph that is not folded, is quantised, or has a constant with two readers.

    Raises:
        RecipeError: naming what is wrong.
    """
    halves = any(array.dtype == np.float16 for array in graph.constants.values())
    if graph.quantisation or halves:
        raise RecipeError("this graph is quantised already")
    for op in graph.ops:
        if isinstance(op, BatchNorm | Activation | Dropout):
            raise RecipeError(f"{op.output}: fold the graph before quantising it")
    for name in graph.constants:
        if len(graph.consumers(name)) > 1:
            raise RecipeError(f"the constant {name!r} has more than one reader; copy it")


def _weights(graph: Graph, min_size: int) -> list[tuple[Op, str, int]]:
    """Weights with at least so many numbers: their operation, name, and axis of their scales.

    The two weights of an LSTM go together, because its kernel wants them of one type.
    """
    found = []
    for op in graph.ops:
        names = {op.inputs[position]: axis for position, axis in weight_axes(op).items()}
        if names and max(graph.constants[name].size for name in names) >= min_size:
            found += [(op, name, axis) for name, axis in names.items()]
    return found


def _widened(graph: Graph, names: tuple[str, ...]) -> tuple[Op, ...]:
    """The operations, reading these constants through a ``Dequantize`` each."""
    wide = {name: f"{name}.float" for name in names}
    heads = [Dequantize(inputs=(name,), output=output) for name, output in wide.items()]
    ops = [replace(op, inputs=tuple(wide.get(n, n) for n in op.inputs)) for op in graph.ops]
    return (*heads, *ops)
