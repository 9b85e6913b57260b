"""From the shipped float form of a Graph to its int8 form, or its int4 form.

Rules: LiteRT's 8-bit quantisation specification. Convolutions and dense layers have symmetric
int8 weights, per channel, and int32 biases; an average pool and the choice of the last step keep
their input's parameters; a softmax has scale 1/256 and zero point -128; every other activation
has the parameters of its calibrated range.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from motefit.graph.fixedpoint import INT8
from motefit.graph.graph import INPUT, Graph, Quantisation
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
from motefit.graph.quantise_lstm import CELL, HIDDEN, lstm_parameters
from motefit.graph.quantise_scales import (
    activation_quantisation,
    bias_safe_scale,
    quantise_bias,
    quantise_weight,
    weight_scale,
)
from motefit.graph.weight_forms import check_shipped, weight_axes
from motefit.spec.errors import RecipeError

WEIGHTED = (Conv2D, DepthwiseConv2D, Dense)
SAME_PARAMETERS = (AveragePool2D, LastStep)
# Kernels for Add hold the sum in output steps as an int16 that wraps around: the output's step must
# not be under 1/64 of an input's; finer than 1/32 says nothing that the inputs hold.
ADD_LEAST_STEP = 1 / 32
SOFTMAX = Quantisation(scale=np.array([1 / 256]), zero_point=INT8[0])


def quantise(
    graph: Graph,
    ranges: Mapping[str, tuple[float, float]],
    *,
    io: Literal["int8", "float32"] = "int8",
    per_channel: bool = True,
    weight_bits: int = 8,
) -> Graph:
    """The int8 form of a graph.

    Args:
        graph: shipped float form.
        ranges: of every activation, from ``graph.calibration`` or from training.
        io: ``"float32"`` begins with ``Quantize`` and ends with ``Dequantize``.
        per_channel: a weight scale for every output channel instead of one per array.
        weight_bits: 8, or 4 (the int4 form).

    Raises:
        RecipeError: when the graph is not folded, a range is missing, a constant has two readers,
            or an LSTM should have weights of 4 bits, for which LiteRT has no integer kernel.
    """
    check_shipped(graph)
    work = _Quantising(graph=graph, ranges=ranges, per_channel=per_channel, weight_bits=weight_bits)
    work.parameters[INPUT] = activation_quantisation(*work.range(INPUT))
    for op in graph.ops:
        work.add(op)
    constants = {**graph.constants, **work.constants}
    result = replace(graph, constants=constants, quantisation=work.parameters)
    return _with_float_edges(result) if io == "float32" else result


def _with_float_edges(graph: Graph) -> Graph:
    inner = f"{INPUT}.int8"
    parameters = dict(graph.quantisation)
    parameters[inner] = parameters.pop(INPUT)
    ops = [
        replace(op, inputs=tuple(inner if name == INPUT else name for name in op.inputs))
        for op in graph.ops
    ]
    head = Quantize(inputs=(INPUT,), output=inner)
    tail = Dequantize(inputs=(graph.output,), output=f"{graph.output}.float")
    return replace(graph, ops=(head, *ops, tail), quantisation=parameters)


@dataclass(kw_only=True)
class _Quantising:
    graph: Graph
    ranges: Mapping[str, tuple[float, float]]
    per_channel: bool
    weight_bits: int
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    parameters: dict[str, Quantisation] = field(default_factory=dict)

    def range(self, name: str) -> tuple[float, float]:
        if name not in self.ranges:
            raise RecipeError(f"no calibrated range for {name!r}; calibrate this same graph")
        return self.ranges[name]

    def add(self, op: Op) -> None:
        if isinstance(op, WEIGHTED):
            self._weighted(op)
        elif isinstance(op, SAME_PARAMETERS):
            self.parameters[op.output] = self.parameters[op.inputs[0]]
        elif isinstance(op, Softmax):
            self.parameters[op.output] = SOFTMAX
        elif isinstance(op, Add):
            scales = [float(self.parameters[name].scale[0]) for name in op.inputs]
            self.parameters[op.output] = self._at_least(op.output, max(scales) * ADD_LEAST_STEP)
        elif isinstance(op, LSTM):
            self._lstm(op)
        else:
            raise RecipeError(f"{op.output}: {type(op).__name__} has no int8 form")

    def _weighted(self, op: Conv2D | DepthwiseConv2D | Dense) -> None:
        source = float(self.parameters[op.inputs[0]].scale[0])
        axis = weight_axes(op)[1] if self.per_channel else None
        weight = self.graph.constants[op.inputs[1]]
        scale = weight_scale(weight, axis, bits=self.weight_bits)
        if len(op.inputs) == 3:
            scale = bias_safe_scale(scale, self.graph.constants[op.inputs[2]], source)
        self._constant(op.inputs[1], Quantisation(scale=scale, axis=axis, bits=self.weight_bits))
        if len(op.inputs) == 3:
            product = (np.float32(source) * scale).astype(np.float32)
            parameters = Quantisation(scale=product, axis=None if axis is None else 0)
            self.parameters[op.inputs[2]] = parameters
            self.constants[op.inputs[2]] = quantise_bias(
                self.graph.constants[op.inputs[2]], parameters
            )
        self.parameters[op.output] = self._at_least(op.output, source * float(scale.max()))

    def _constant(self, name: str, parameters: Quantisation) -> None:
        self.parameters[name] = parameters
        self.constants[name] = quantise_weight(self.graph.constants[name], parameters)

    def _at_least(self, name: str, least_scale: float) -> Quantisation:
        """From the range, but no finer than the kernel's arithmetic.

        The kernels shift an accumulator left for a multiplier above 1, which overflows; nothing is
        lost, because the accumulator's own step is the coarser one.
        """
        return activation_quantisation(*self.range(name), least_scale=least_scale)

    def _lstm(self, op: LSTM) -> None:
        if self.weight_bits != 8:
            raise RecipeError(
                f"{op.output}: LiteRT has no integer LSTM with weights of {self.weight_bits} bits; "
                'use precision "int8" or "int4-weights"'
            )
        arrays = [self.graph.constants[name] for name in op.inputs[1:]]
        cell = self.range(f"{op.output}{CELL}")
        source = self.parameters[op.inputs[0]]
        chosen = lstm_parameters(arrays, source, cell=cell, hidden=self.range(op.output))
        for name, parameters in zip(op.inputs[1:3], chosen.weights, strict=True):
            self._constant(name, parameters)
        self.parameters[op.inputs[3]] = chosen.bias
        self.constants[op.inputs[3]] = quantise_bias(arrays[2], chosen.bias)
        self.parameters[op.output] = chosen.hidden
        self.parameters[f"{op.output}{HIDDEN}"] = chosen.hidden
        self.parameters[f"{op.output}{CELL}"] = chosen.cell
