"""From the released float form of a Graph to its int8 or int4 form.

Rules: LiteRT's 8-bit quantization specification. Convolutions and dense layers have symmetric
int8 weights, per channel, and int32 biases; an average pool, and operations that select part of
their input, keep their input's parameters; a softmax has scale 1/256 and zero point -128; every
other activation has the parameters of its calibrated range.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from motefit.graph.fixed_point import INT8
from motefit.graph.graph import INPUT, Graph, Quantization
from motefit.graph.ops import (
    LSTM,
    Add,
    AveragePool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    LastStep,
    Op,
    Quantize,
    Softmax,
)
from motefit.graph.ops_signal import Multiply, Slice
from motefit.graph.quantize.lstm_scales import LSTMParameters, lstm_parameters
from motefit.graph.quantize.weight_only import check_shipped, weight_axes
from motefit.graph.scales import (
    CELL,
    HIDDEN,
    activation_quantization,
    bias_safe_scale,
    constant_quantization,
    quantize_array,
    quantize_bias,
    quantize_weight,
    weight_scale,
)
from motefit.spec.errors import RecipeError

Weighted = Conv2D | DepthwiseConv2D | Dense
WEIGHTED = (Conv2D, DepthwiseConv2D, Dense)
SAME_PARAMETERS = (AveragePool2D, LastStep, Slice)
# Kernels for Add hold the sum in output steps as an int16 that wraps around: the output's step must
# not be under 1/64 of an input's; finer than 1/32 says nothing that the inputs hold.
ADD_LEAST_STEP = 1 / 32
SOFTMAX = Quantization(scale=np.array([1 / 256]), zero_point=INT8[0])


def quantize(
    graph: Graph,
    ranges: Mapping[str, tuple[float, float]],
    *,
    io: Literal["int8", "float32"] = "int8",
    per_channel: bool = True,
    weight_bits: int = 8,
) -> Graph:
    """Convert a graph to its int8 form.

    Args:
        graph: released float form.
        ranges: of every activation, from ``graph.quantize.calibration`` or from training.
        io: ``"float32"`` starts with ``Quantize`` and ends with ``Dequantize``.
        per_channel: a weight scale for every output channel instead of one per array.
        weight_bits: 8, or 4 (the int4 form).

    Raises:
        RecipeError: if the graph is not folded, a range is missing, a constant has two readers, or
            an LSTM would have 4-bit weights, for which LiteRT has no integer kernel.
    """
    check_shipped(graph)
    numbers = _FromArrays(graph=graph, ranges=ranges, weight_bits=weight_bits)
    parameters = parameters_of(graph.ops, numbers, per_channel=per_channel)
    constants = dict(graph.constants)
    for op in graph.ops:
        for place, name in enumerate(op.inputs):
            if name in constants and name in parameters:
                if isinstance(op, Add | Multiply):
                    constants[name] = quantize_array(constants[name], parameters[name])
                    continue
                bias = place == len(op.inputs) - 1 and place > 1
                change = quantize_bias if bias else quantize_weight
                constants[name] = change(constants[name], parameters[name])
    result = replace(graph, constants=constants, quantization=parameters)
    return with_float_edges(result) if io == "float32" else result


class Numbers(Protocol):
    """Choice of the scales of a graph."""

    @property
    def weight_bits(self) -> int:
        """8 or 4."""

    def weight_scale(self, op: Weighted, axis: int | None, source: float) -> np.ndarray:
        """Choose scales of a weight, float32 (n,) or (1,); ``source`` is the input's scale."""

    def activation(self, name: str, least_scale: float = 0.0) -> Quantization:
        """Choose parameters of an activation, no finer than a scale."""

    def constant(self, name: str) -> Quantization:
        """Choose parameters of a constant that is added or multiplied."""

    def lstm(self, op: LSTM, source: Quantization) -> LSTMParameters:
        """Choose parameters of an LSTM, given those of its input."""


def parameters_of(
    ops: Sequence[Op], numbers: Numbers, *, per_channel: bool = True
) -> dict[str, Quantization]:
    """Choose the parameters of every tensor of the int8 form, by name.

    Args:
        ops: of the released float form.
        numbers: chooses whatever the rules leave open.
        per_channel: as in :func:`quantize`.

    Raises:
        RecipeError: for an operation without an int8 form, or an LSTM with 4-bit weights.
    """
    work = _Choosing(numbers=numbers, per_channel=per_channel)
    work.parameters[INPUT] = numbers.activation(INPUT)
    made = {INPUT, *(op.output for op in ops)}
    for op in ops:
        if isinstance(op, Add | Multiply):
            for name in set(op.inputs) - made:
                work.parameters[name] = numbers.constant(name)
        work.add(op)
    return work.parameters


def with_float_edges(graph: Graph) -> Graph:
    """Wrap the graph in a ``Quantize`` and a ``Dequantize``."""
    inner = f"{INPUT}.int8"
    parameters = dict(graph.quantization)
    parameters[inner] = parameters.pop(INPUT)
    ops = [
        replace(op, inputs=tuple(inner if name == INPUT else name for name in op.inputs))
        for op in graph.ops
    ]
    head = Quantize(inputs=(INPUT,), output=inner)
    tail = Dequantize(inputs=(graph.output,), output=f"{graph.output}.float")
    return replace(graph, ops=(head, *ops, tail), quantization=parameters)


@dataclass(frozen=True, kw_only=True)
class _FromArrays:
    """Scales that follow from the weights and calibrated ranges."""

    graph: Graph
    ranges: Mapping[str, tuple[float, float]]
    weight_bits: int

    def range(self, name: str) -> tuple[float, float]:
        if name not in self.ranges:
            raise RecipeError(f"no calibrated range for {name!r}; calibrate this very graph")
        return self.ranges[name]

    def weight_scale(self, op: Weighted, axis: int | None, source: float) -> np.ndarray:
        arrays = [self.graph.constants[name] for name in op.inputs[1:]]
        scale = weight_scale(arrays[0], axis, bits=self.weight_bits)
        return bias_safe_scale(scale, arrays[1], source) if len(arrays) == 2 else scale

    def activation(self, name: str, least_scale: float = 0.0) -> Quantization:
        return activation_quantization(*self.range(name), least_scale=least_scale)

    def constant(self, name: str) -> Quantization:
        return constant_quantization(self.graph.constants[name])

    def lstm(self, op: LSTM, source: Quantization) -> LSTMParameters:
        arrays = [self.graph.constants[name] for name in op.inputs[1:]]
        cell, hidden = self.range(f"{op.output}{CELL}"), self.range(op.output)
        return lstm_parameters(arrays, source, cell=cell, hidden=hidden)


@dataclass(kw_only=True)
class _Choosing:
    numbers: Numbers
    per_channel: bool
    parameters: dict[str, Quantization] = field(default_factory=dict)

    def add(self, op: Op) -> None:
        if isinstance(op, WEIGHTED):
            self._weighted(op)
        elif isinstance(op, SAME_PARAMETERS):
            self.parameters[op.output] = self.parameters[op.inputs[0]]
        elif isinstance(op, Softmax):
            self.parameters[op.output] = SOFTMAX
        elif isinstance(op, Add):
            scales = [float(self.parameters[name].scale[0]) for name in op.inputs]
            self._activation(op.output, max(scales) * ADD_LEAST_STEP)
        elif isinstance(op, Multiply):
            left, right = (float(self.parameters[name].scale[0]) for name in op.inputs)
            self._activation(op.output, left * right)
        elif isinstance(op, LSTM):
            self._lstm(op)
        else:
            raise RecipeError(f"{op.output}: {type(op).__name__} has no int8 form")

    def _weighted(self, op: Weighted) -> None:
        source = float(self.parameters[op.inputs[0]].scale[0])
        axis = weight_axes(op)[1] if self.per_channel else None
        scale = self.numbers.weight_scale(op, axis, source)
        bits = self.numbers.weight_bits
        self.parameters[op.inputs[1]] = Quantization(scale=scale, axis=axis, bits=bits)
        if len(op.inputs) == 3:
            product = np.float32(source) * scale
            bias_axis = None if axis is None else 0
            self.parameters[op.inputs[2]] = Quantization(scale=product, axis=bias_axis)
        self._activation(op.output, source * float(scale.max()))

    def _activation(self, name: str, least_scale: float) -> None:
        """Choose parameters no finer than the kernel's arithmetic.

        The kernels shift an accumulator left for a multiplier above 1, which overflows; nothing is
        lost, because the accumulator's step is coarser.
        """
        self.parameters[name] = self.numbers.activation(name, least_scale)

    def _lstm(self, op: LSTM) -> None:
        bits = self.numbers.weight_bits
        if bits != 8:
            raise RecipeError(
                f"{op.output}: LiteRT has no integer LSTM with {bits}-bit weights; "
                'use precision "int8" or "int4-weights"'
            )
        chosen = self.numbers.lstm(op, self.parameters[op.inputs[0]])
        self.parameters.update(zip(op.inputs[1:3], chosen.weights, strict=True))
        self.parameters[op.inputs[3]] = chosen.bias
        self.parameters[op.output] = chosen.hidden
        self.parameters[f"{op.output}{HIDDEN}"] = chosen.hidden
        self.parameters[f"{op.output}{CELL}"] = chosen.cell
