"""From the shipped float form of a Graph to its int8 and int8-weights forms.

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
    Activation,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    Dropout,
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
from motefit.graph.reference import run_all
from motefit.spec.errors import RecipeError

CHUNK = 32
# Measured on dscnn, tcnet and bcresnet trained on 8 words, n = 1599: int8 without tuning loses 0.0,
# 0.2 and 3.8 points of accuracy with full ranges, gains 0.1, 0.1 and loses 0.9 without 1e-4.
OUTLIERS = 1e-4
Ranges = dict[str, tuple[float, float]]
WEIGHTED = (Conv2D, DepthwiseConv2D, Dense)
SAME_PARAMETERS = (AveragePool2D, LastStep)
# Kernels for Add hold the sum in output steps as an int16 that wraps around: the output's step must
# not be under 1/64 of an input's; finer than 1/32 says nothing that the inputs hold.
ADD_LEAST_STEP = 1 / 32
SOFTMAX = Quantisation(scale=np.array([1 / 256]), zero_point=INT8[0])


def calibrate(graph: Graph, examples: np.ndarray, *, outliers: float = OUTLIERS) -> Ranges:
    """Range of every activation (and LSTM cell) over some examples.

    Args:
        graph: shipped float form.
        examples: (n, *input_shape), float32, as the network will meet them.
        outliers: share of a tensor's values left out at each end, to saturate; 0 takes the least
            and the greatest value, and so does a tensor of fewer than 1 / outliers values.

    Raises:
        RecipeError: for no examples, or a share outside [0, 0.5).
    """
    examples = np.asarray(examples, np.float32).reshape(-1, *graph.input_shape)
    if len(examples) == 0:
        raise RecipeError("calibration needs at least one example, got none")
    if not 0 <= outliers < 0.5:
        raise RecipeError(f"outliers must be a share in [0, 0.5), got {outliers}")
    tails: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for start in range(0, len(examples), CHUNK):
        for name, values in run_all(graph, examples[start : start + CHUNK]).items():
            keep = int(outliers * values[0].size * len(examples)) + 1
            low, high = tails.get(name, (values[:0].ravel(), values[:0].ravel()))
            flat = values.ravel()
            tails[name] = _least([low, flat], keep), -_least([-high, -flat], keep)
    # the last of the least values and the first of the greatest; NaN passes, quantise refuses it
    return {name: (float(low.max()), float(high.min())) for name, (low, high) in tails.items()}


def _least(parts: list[np.ndarray], count: int) -> np.ndarray:
    """The least numbers of some arrays, any NaN among them, in no order."""
    values = np.concatenate(parts)
    if np.isnan(values).any():
        return np.array([np.nan], np.float32)
    if len(values) > count:
        values = np.partition(values, count - 1)[:count]
    return np.asarray(values)


def quantise(
    graph: Graph,
    ranges: Mapping[str, tuple[float, float]],
    *,
    io: Literal["int8", "float32"] = "int8",
    per_channel: bool = True,
) -> Graph:
    """The int8 form of a graph.

    Args:
        graph: shipped float form.
        ranges: of every activation, from :func:`calibrate` or from training.
        io: ``"float32"`` begins with ``Quantize`` and ends with ``Dequantize``.
        per_channel: a weight scale for every output channel instead of one per array.

    Raises:
        RecipeError: when the graph is not folded, a range is missing, or a constant has two
            readers.
    """
    _check_shipped(graph)
    work = _Quantising(graph=graph, ranges=ranges, per_channel=per_channel)
    work.parameters[INPUT] = activation_quantisation(*work.range(INPUT))
    for op in graph.ops:
        work.add(op)
    constants = {**graph.constants, **work.constants}
    result = replace(graph, constants=constants, quantisation=work.parameters)
    return _with_float_edges(result) if io == "float32" else result


def quantise_weights(graph: Graph, *, per_channel: bool = True, min_size: int = 64) -> Graph:
    """The int8-weights form: activations and biases stay float32.

    Each int8 weight goes through a ``Dequantize`` that stands at the head of the graph.

    Args:
        graph: shipped float form.
        per_channel: a weight scale for every output channel instead of one per array.
        min_size: arrays with fewer numbers stay float32: the operation would cost more bytes
            than it saves.

    Raises:
        RecipeError: when the graph is not folded or a constant has two readers.
    """
    _check_shipped(graph)
    heads: list[Op] = []
    ops: list[Op] = []
    constants = dict(graph.constants)
    parameters: dict[str, Quantisation] = {}
    for op in graph.ops:
        inputs = list(op.inputs)
        for position, axis in _weight_axes(op).items():
            name = inputs[position]
            if constants[name].size < min_size:
                continue
            keep_axis = axis if per_channel or isinstance(op, LSTM) else None
            scale = weight_scale(constants[name], keep_axis)
            parameters[name] = Quantisation(scale=scale, axis=keep_axis)
            constants[name] = quantise_weight(constants[name], parameters[name])
            inputs[position] = f"{name}.float"
            heads.append(Dequantize(inputs=(name,), output=inputs[position]))
        ops.append(replace(op, inputs=tuple(inputs)))
    return replace(graph, ops=(*heads, *ops), constants=constants, quantisation=parameters)


def _weight_axes(op: Op) -> Mapping[int, int]:
    """Position among the inputs of each weight of an operation -> axis of its scales."""
    if isinstance(op, DepthwiseConv2D):
        return {1: 3}
    if isinstance(op, Conv2D | Dense):
        return {1: 0}
    return {1: 0, 2: 0} if isinstance(op, LSTM) else {}


def _check_shipped(graph: Graph) -> None:
    if graph.quantisation:
        raise RecipeError("this graph is quantised already")
    for op in graph.ops:
        if isinstance(op, BatchNorm | Activation | Dropout):
            raise RecipeError(f"{op.output}: fold the graph before quantising it")
    for name in graph.constants:
        if len(graph.consumers(name)) > 1:
            raise RecipeError(f"the constant {name!r} has more than one reader; copy it")


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
        axis = next(iter(_weight_axes(op).values())) if self.per_channel else None
        weight = self.graph.constants[op.inputs[1]]
        scale = weight_scale(weight, axis)
        if len(op.inputs) == 3:
            scale = bias_safe_scale(scale, self.graph.constants[op.inputs[2]], source)
        self._constant(op.inputs[1], Quantisation(scale=scale, axis=axis))
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
