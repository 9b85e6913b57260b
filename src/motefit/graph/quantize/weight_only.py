"""Weight-only forms of a Graph: compact weights, float32 activations.

- int8-weights, int4-weights, float16: a weight goes through a ``Dequantize`` at the start of the
  graph; arithmetic is float32.
- dynamic-range: operations read int8 weights directly; their kernels round each input to int8 by
  the range it has at that moment, multiply integers, and go back to float32.

Biases stay float32 throughout.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from motefit.graph.graph import Graph, Quantization
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
from motefit.graph.scales import quantize_bias, quantize_weight, weight_scale
from motefit.spec.errors import RecipeError

MIN_SIZE = 64
"""Arrays with fewer numbers stay float32: the ``Dequantize`` would cost more bytes than it
saves."""
FLOAT16_MAX = float(np.finfo(np.float16).max)


def quantize_weights(
    graph: Graph, *, per_channel: bool = True, min_size: int = MIN_SIZE, bits: int = 8
) -> Graph:
    """Convert to the int8-weights form, or with 4 bits to the int4-weights form.

    Args:
        graph: released float form.
        per_channel: a weight scale for every output channel instead of one per array.
        min_size: arrays with fewer numbers stay float32.
        bits: 8 or 4.

    Raises:
        RecipeError: if the graph is not folded or a constant has two readers.
    """
    check_shipped(graph)
    constants = dict(graph.constants)
    parameters: dict[str, Quantization] = {}
    for op, name, axis in _weights(graph, min_size):
        keep_axis = axis if per_channel or isinstance(op, LSTM) else None
        scale = weight_scale(constants[name], keep_axis, bits=bits)
        parameters[name] = Quantization(scale=scale, axis=keep_axis, bits=bits)
        constants[name] = quantize_weight(constants[name], parameters[name])
    ops = _widened(graph, tuple(parameters))
    return replace(graph, ops=ops, constants=constants, quantization=parameters)


def halve_weights(graph: Graph, *, min_size: int = MIN_SIZE) -> Graph:
    """Convert to the float16 form: weights rounded to half precision, saturated at its maximum.

    Raises:
        RecipeError: as :func:`quantize_weights`.
    """
    check_shipped(graph)
    names = tuple(name for _, name, _ in _weights(graph, min_size))
    halves = {
        name: np.clip(graph.constants[name], -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
        for name in names
    }
    return replace(graph, ops=_widened(graph, names), constants={**graph.constants, **halves})


def dynamic_range(graph: Graph, *, per_channel: bool = True, min_size: int = MIN_SIZE) -> Graph:
    """Convert to the dynamic-range form.

    Args:
        graph: released float form.
        per_channel: as :func:`quantize_weights`; a depthwise convolution always has a scale per
            channel, because its kernel reads one for each and reads past the end of a shorter
            vector (measured on LiteRT 2.3.0: outputs of 1e25).
        min_size: arrays with fewer numbers stay float32.

    Raises:
        RecipeError: as :func:`quantize_weights`.
    """
    check_shipped(graph)
    constants = dict(graph.constants)
    parameters: dict[str, Quantization] = {}
    for op, name, axis in _weights(graph, min_size):
        keep_axis = axis if per_channel or isinstance(op, LSTM | DepthwiseConv2D) else None
        parameters[name] = Quantization(
            scale=weight_scale(constants[name], keep_axis), axis=keep_axis
        )
        constants[name] = quantize_weight(constants[name], parameters[name])
    return replace(graph, constants=constants, quantization=parameters)


def weight_axes(op: Op) -> Mapping[int, int]:
    """Map the input position of each weight of an operation to the axis of its scales."""
    if isinstance(op, DepthwiseConv2D):
        return {1: 3}
    if isinstance(op, Conv2D | Dense):
        return {1: 0}
    return {1: 0, 2: 0} if isinstance(op, LSTM) else {}


def check_shipped(graph: Graph) -> None:
    """Reject a graph that is not folded, is quantized, or has a constant with two readers.

    Raises:
        RecipeError: naming what is wrong.
    """
    halves = any(array.dtype == np.float16 for array in graph.constants.values())
    if graph.quantization or halves:
        raise RecipeError("this graph is already quantized")
    for op in graph.ops:
        if isinstance(op, BatchNorm | Activation | Dropout):
            raise RecipeError(f"{op.output}: fold the graph before quantizing it")
    for name in graph.constants:
        if len(graph.consumers(name)) > 1:
            raise RecipeError(f"the constant {name!r} has more than one reader; copy it")


def _weights(graph: Graph, min_size: int) -> list[tuple[Op, str, int]]:
    """List the weights of a minimum size: their operation, name, and axis of their scales.

    The two weights of an LSTM go together, because its kernel requires them to have one type.
    """
    found = []
    for op in graph.ops:
        names = {op.inputs[position]: axis for position, axis in weight_axes(op).items()}
        if names and max(graph.constants[name].size for name in names) >= min_size:
            found += [(op, name, axis) for name, axis in names.items()]
    return found


def _widened(graph: Graph, names: tuple[str, ...]) -> tuple[Op, ...]:
    """Return the operations, reading each of these constants through a ``Dequantize``."""
    wide = {name: f"{name}.float" for name in names}
    heads = [Dequantize(inputs=(name,), output=output) for name, output in wide.items()]
    ops = [replace(op, inputs=tuple(wide.get(n, n) for n in op.inputs)) for op in graph.ops]
    return (*heads, *ops)


def with_weight_scales(form: Graph, original: Graph, scales: Mapping[str, np.ndarray]) -> Graph:
    """Choose the scales of some weights: their integers and biases follow.

    Args:
        form: a quantized form of ``original``.
        original: released float form.
        scales: float32 (1,) or one per channel, by name of the weight; a weight that the form keeps
            in float stays unchanged.
    """
    constants, parameters = dict(form.constants), dict(form.quantization)
    for name, scale in scales.items():
        if name in parameters:
            axis = None if len(scale) == 1 else parameters[name].axis
            parameters[name] = replace(parameters[name], scale=scale, axis=axis)
            constants[name] = quantize_weight(original.constants[name], parameters[name])
    for op in original.ops:
        if not isinstance(op, Conv2D | DepthwiseConv2D | Dense) or op.inputs[1] not in scales:
            continue
        bias = op.inputs[2]
        constants[bias] = original.constants[bias]
        if bias in parameters:
            parameters[bias] = _bias(form, op.output, parameters[op.inputs[1]])
            constants[bias] = quantize_bias(original.constants[bias], parameters[bias])
    return replace(form, constants=constants, quantization=parameters)


def _bias(form: Graph, layer: str, weight: Quantization) -> Quantization:
    source = next(op.inputs[0] for op in form.ops if op.output == layer)
    product = form.quantization[source].scale[0] * weight.scale
    return Quantization(scale=product, axis=None if weight.axis is None else 0)
