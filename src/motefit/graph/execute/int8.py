"""Integer executor: bit-identical to LiteRT's builtin kernels (without XNNPACK).

The batch comes first: an activation is (n, *shape), int8. Sums of products are taken in float64
matrix products, which are exact below 2**53, and then follow the kernels' fixed-point arithmetic.

The kernels round differently in their vector code and in the scalar code for what does not fill a
block: matrix kernels round halves up throughout, depthwise ones in blocks of 8 channels, and those
of uint8 files nowhere. Which code processes an element was found by measuring LiteRT 2.3.0 on
x86-64 with a batch of one; a build without the vector code differs from this by one step in about
one in a thousand.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import singledispatch
from typing import Literal

import numpy as np

from motefit.graph import fixed_point
from motefit.graph.execute import float32
from motefit.graph.execute.integer_mean import integer_mean, mean_form, same_parameters
from motefit.graph.fixed_point import INT8, INT16, Multiplier, logistic_table, tanh_table
from motefit.graph.graph import INPUT, Graph, Quantization
from motefit.graph.ops import (
    LSTM,
    ActivationKind,
    Add,
    AveragePool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    LastStep,
    Op,
    Quantize,
    Shape,
    Softmax,
)
from motefit.graph.ops_foreign import STATE, SVDF, LeakyRelu, Logistic, MaxPool2D
from motefit.graph.ops_signal import Concatenate, Multiply, Slice
from motefit.graph.scales import CELL, HIDDEN, dequantize_array, quantize_array
from motefit.spec.errors import DataError, ModelFileError

__all__ = ["dequantize_array", "quantize_array", "run", "run_all", "step"]

GATE_SCALE = np.float32(2.0**-12)


def run_lstm(
    op: LSTM, graph: Graph, tensors: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Compute hidden state int8 and cell state int16 after every step, each (n, steps, units)."""
    weight, recurrent, bias = (graph.constants[name].astype(np.int64) for name in op.inputs[1:])
    source, out = graph.quantization[op.inputs[0]], graph.quantization[op.output]
    scale = graph.quantization[f"{op.output}{CELL}"].scale[0]
    power = int(np.log2(scale))
    x = tensors[op.inputs[0]].astype(np.int64) - source.zero_point
    to_gate = gate_multiplier(graph.quantization[op.inputs[1]], source)
    back_to_gate = gate_multiplier(graph.quantization[op.inputs[2]], out)
    inner_parameters = graph.quantization[f"{op.output}{HIDDEN}"]
    to_hidden = hidden_multiplier(inner_parameters)
    tanh_gate, tanh_cell, logistic = tanh_table(3), tanh_table(15 + power), logistic_table()

    cell = np.zeros((len(x), weight.shape[1]), np.int64)
    hidden = np.full_like(cell, out.zero_point)
    cells, outputs = [], []
    for step in range(x.shape[1]):
        sums = np.clip(_product(x[:, step], weight, bias, to_gate), *INT16)
        sums = sums + _product(hidden - out.zero_point, recurrent, 0, back_to_gate)
        gates = np.clip(sums, *INT16) + 2**15
        enter, forget, leave = (logistic[gates[:, k]] for k in (0, 1, 3))
        kept = fixed_point.shift_right(forget * cell, 15, away=True)
        added = fixed_point.shift_right(enter * tanh_gate[gates[:, 2]], 30 + power, away=True)
        cell = np.clip(kept + added, *INT16)
        product = leave * tanh_cell[cell + 2**15]
        inner = fixed_point.multiply(product, to_hidden, away=True)
        hidden = np.clip(inner + inner_parameters.zero_point, *INT8)
        cells.append(cell)
        outputs.append(hidden)
    return np.stack(outputs, axis=1).astype(np.int8), np.stack(cells, axis=1).astype(np.int16)


def gate_multiplier(weight: Quantization, source: Quantization) -> Multiplier:
    """Compute multipliers from weight x source scale to a gate's scale; (4, 1), in float32."""
    real = weight.scale * source.scale[0] / GATE_SCALE
    return fixed_point.multiplier(real.reshape(4, 1))


def hidden_multiplier(inner: Quantization) -> Multiplier:
    """Compute the multiplier from a product of two int16 fractions to the hidden state's scale."""
    scale = np.float64(inner.scale[0])
    return fixed_point.multiplier(float(np.float32(2.0**-15 / scale * 2.0**-15)))


def _product(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | int, by: Multiplier
) -> np.ndarray:
    """Compute matrix product and bias at a gate's scale: (n, i) and (4, h, i) to (n, 4, h)."""
    rows = weight.reshape(-1, weight.shape[2]).astype(np.float64)
    sums = (
        np.rint(x.astype(np.float64) @ rows.T).astype(np.int64).reshape(len(x), *weight.shape[:2])
    )
    return fixed_point.multiply(fixed_point.wrap32(sums + bias), by, away=True)


ADD_SHIFT = 20

Tensors = dict[str, np.ndarray]
Machine = Literal["x86-64", "aarch64"]


def run(graph: Graph, batch: np.ndarray, *, machine: Machine = "x86-64") -> np.ndarray:
    """Compute outputs (n, *output_shape) of an int8 graph.

    Args:
        graph: in int8 form.
        batch: (n, *input_shape), int8; float32 if the graph starts with ``Quantize``.
        machine: architecture whose kernels to reproduce.

    Returns:
        int8, or float32 if the graph ends with ``Dequantize``.

    Raises:
        DataError: if the dtype of the batch differs from the graph's input.
    """
    batch = np.asarray(batch).reshape(-1, *graph.input_shape)
    _check_dtype(graph, batch)
    most = float32.chunk_of(graph, len(batch))
    starts = range(0, len(batch), most)
    parts = [run_all(graph, batch[s : s + most], machine=machine)[graph.output] for s in starts]
    if not parts:
        dtype = np.int8 if graph.output in graph.quantization else np.float32
        return np.zeros((0, *graph.output_shape), dtype)
    return np.concatenate(parts)


def run_all(
    graph: Graph,
    batch: np.ndarray,
    states: Mapping[str, np.ndarray] = float32.NO_STATES,
    *,
    machine: Machine = "x86-64",
) -> Mapping[str, np.ndarray]:
    """Compute every activation by name, each (n, *shape), int8 (int16 for LSTM cells).

    Args:
        graph: in int8 form.
        batch: as in :func:`run`.
        states: of a graph that has some, by name, each (n, *shape) int8.
        machine: architecture whose kernels to reproduce.

    Raises:
        DataError: if the dtype of the batch differs from the graph's input.
        ModelFileError: for an operation without an integer form.
    """
    batch = np.asarray(batch).reshape(-1, *graph.input_shape)
    _check_dtype(graph, batch)
    tensors: Tensors = {INPUT: batch, **states}
    for op in graph.ops:
        tensors.update(step(op, graph, tensors, machine=machine))
    return tensors


def step(op: Op, graph: Graph, tensors: Tensors, *, machine: Machine = "x86-64") -> Tensors:
    """Execute one operation on the activations so far; names and shapes as :func:`run_all`."""
    if isinstance(op, LSTM):
        hidden, cell = run_lstm(op, graph, tensors)
        return {op.output: hidden, f"{op.output}{CELL}": cell}
    if op in _before_quantize(graph):
        return dict(float32.step(op, graph, tensors))
    if isinstance(op, Conv2D | Dense):
        once = machine == "aarch64" and not _has_kernel_of_its_own(op, graph)
        return {op.output: _finish(graph, op, _products(op, graph, tensors), once=once)}
    return {op.output: _compute(op, graph, tensors)}


def _before_quantize(graph: Graph) -> tuple[Op, ...]:
    """Return the operations of a front end inside the model, which computes in float32."""
    places = (i for i, op in enumerate(graph.ops) if isinstance(op, Quantize))
    return graph.ops[: next(places, 0)]


def _check_dtype(graph: Graph, batch: np.ndarray) -> None:
    expected = np.int8 if INPUT in graph.quantization else np.float32
    if batch.dtype != expected:
        raise DataError(
            f"the graph's input is {np.dtype(expected)}, got {batch.dtype}; "
            "use quantize_array, or astype(np.float32) for a graph that starts with Quantize"
        )


@singledispatch
def _compute(op: Op, graph: Graph, tensors: Tensors) -> np.ndarray:  # noqa: ARG001
    raise ModelFileError(f"the integer executor cannot run {type(op).__name__} ({op.output})")


def _centered(graph: Graph, tensors: Tensors, name: str) -> np.ndarray:
    """Subtract the zero point of an activation or constant; float64 whole numbers."""
    values = graph.constants[name] if name in graph.constants else tensors[name]
    if values.ndim == len(graph.shapes[name]):  # a constant has no batch
        values = values[np.newaxis]
    return values.astype(np.float64) - _parameters(graph, name).zero_point


def _parameters(graph: Graph, name: str) -> Quantization:
    if name not in graph.quantization:
        raise ModelFileError(f"{name} is not quantized; the integer executor needs an int8 graph")
    return graph.quantization[name]


def limits(quantization: Quantization, kind: ActivationKind) -> tuple[int, int]:
    """Return the least and greatest int8 that a fused rectifier passes."""
    low, high = fixed_point.INT8
    scale, zero = quantization.scale[0], quantization.zero_point
    if kind != "none":
        low = max(low, zero)
    if kind == "relu6":
        high = min(high, zero + int(fixed_point.round_half_away(np.float32(6.0) / scale)))
    return low, high


def _finish(
    graph: Graph,
    op: Conv2D | DepthwiseConv2D | Dense,
    sums: np.ndarray,
    *,
    away: bool | np.ndarray = False,
    once: bool = False,
) -> np.ndarray:
    """Apply bias, requantization and rectifier: float64 sums (..., channels) to int8.

    ``away`` tells where halves are rounded away from zero instead of up, ``once`` whether there is
    one rounding instead of two, see ``graph.fixed_point``.
    """
    accumulator = np.rint(sums).astype(np.int64)
    if len(op.inputs) == 3:
        accumulator += graph.constants[op.inputs[2]]
    by = output_multiplier(op, graph)
    accumulator = fixed_point.wrap32(accumulator)
    scaled = (
        fixed_point.multiply_once(accumulator, by)
        if once
        else fixed_point.multiply(accumulator, by, away=away)
    )
    return _clamp(scaled, _parameters(graph, op.output), op.activation)


def output_multiplier(op: Conv2D | DepthwiseConv2D | Dense, graph: Graph) -> Multiplier:
    """Compute the multipliers (channels,) or (1,) from sums of products to the output's scale."""
    source, weight = (_parameters(graph, name).scale for name in op.inputs[:2])
    out = _parameters(graph, op.output)
    unsigned = _parameters(graph, op.inputs[0]).unsigned
    if len(weight) == 1 and (isinstance(op, Dense) or unsigned):  # these multiply in float32
        real = (source * weight).astype(np.float64) / np.float64(out.scale[0])
    else:
        real = source.astype(np.float64) * weight.astype(np.float64) / np.float64(out.scale[0])
    return fixed_point.multiplier(real)


def _clamp(values: np.ndarray, out: Quantization, kind: ActivationKind = "none") -> np.ndarray:
    return np.asarray(np.clip(values + out.zero_point, *limits(out, kind)), np.int8)


def _products(op: Conv2D | Dense, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Compute the sums of products of a matrix kernel, (n, ..., channels) float64."""
    weight = graph.constants[op.inputs[1]].astype(np.float64)
    weight -= _parameters(graph, op.inputs[1]).zero_point
    x = _centered(graph, tensors, op.inputs[0])
    if isinstance(op, Dense):
        return np.asarray(x.reshape(len(x), -1) @ weight.T)
    window = float32.patches(op, x, (weight.shape[1], weight.shape[2]))
    flat = np.ascontiguousarray(window).reshape(*window.shape[:3], -1)
    return np.asarray(flat @ weight.reshape(len(weight), -1).T)


def _has_kernel_of_its_own(op: Conv2D | Dense, graph: Graph) -> bool:
    """Return whether aarch64 uses its kernel for a matrix and a single column."""
    rows, *depth = graph.shapes[op.inputs[1]]
    columns = 1 if isinstance(op, Dense) else math.prod(graph.shapes[op.output][:2])
    return columns == 1 and rows >= 4 and math.prod(depth) >= 8


@_compute.register
def _depthwise(op: DepthwiseConv2D, graph: Graph, tensors: Tensors) -> np.ndarray:
    weight = graph.constants[op.inputs[1]].astype(np.float64)
    weight -= _parameters(graph, op.inputs[1]).zero_point
    x = _centered(graph, tensors, op.inputs[0])
    window = float32.patches(op, x, (weight.shape[1], weight.shape[2]))
    sums = np.zeros((*window.shape[:3], window.shape[5]))
    for row in range(weight.shape[1]):
        for column in range(weight.shape[2]):
            sums += window[:, :, :, row, column] * weight[0, row, column]
    channels = sums.shape[-1]
    whole = 0 if _parameters(graph, op.inputs[0]).unsigned else channels // 8 * 8
    return _finish(graph, op, sums, away=np.arange(channels) >= whole)


@_compute.register
def _average_pool(op: AveragePool2D, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Average the raw integers, halves away from zero; rescale if the scales differ."""
    x = tensors[op.inputs[0]].astype(np.int64)
    source = _parameters(graph, op.inputs[0])
    total = float32.patches(op, x, op.window).sum(axis=(3, 4))
    if not same_parameters(op, graph):
        axes, keep = mean_form(op, graph)
        out = _parameters(graph, op.output)
        image = keep and len(axes) == 2
        values = integer_mean(total, math.prod(op.window), source, out, image=image)
        return np.asarray(np.clip(values, *fixed_point.INT8), np.int8)
    ones = np.ones((1, *x.shape[1:3], 1), np.int64)
    counts = float32.patches(op, ones, op.window).sum(axis=(3, 4))
    if source.unsigned:
        return np.asarray((total + 128 * counts + counts // 2) // counts - 128, np.int8)
    size = (np.abs(total) + counts // 2) // counts
    return np.asarray(np.sign(total) * size, np.int8)


@_compute.register
def _max_pool(op: MaxPool2D, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Take the greatest integer; input and output have the same scale."""
    if not same_parameters(op, graph):
        raise ModelFileError(f"{op.output}: its input and its output differ in scale")
    window = float32.patches(op, tensors[op.inputs[0]], op.window, fill=fixed_point.INT8[0])
    bounds = limits(_parameters(graph, op.output), op.activation)
    return np.asarray(np.clip(window.max(axis=(3, 4)), *bounds), np.int8)


@_compute.register
def _leaky_relu(op: LeakyRelu, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Rescale to the output's scale, negative numbers by another factor; both are float32."""
    out = _parameters(graph, op.output)
    x = _centered(graph, tensors, op.inputs[0]).astype(np.int64)
    scale = _parameters(graph, op.inputs[0]).scale[0]
    by, less = (
        fixed_point.multiplier(float(factor / out.scale[0]))
        for factor in (scale, scale * np.float32(op.alpha))
    )
    scaled = (fixed_point.multiply(x, factor, away=True) for factor in (by, less))
    return _clamp(np.where(x >= 0, *scaled), out)


@_compute.register
def _svdf(op: SVDF, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Keep each filter's products as int16; sum over time and rank as int32; scales are float32."""
    weight, time = (graph.constants[name] for name in op.inputs[1:3])
    source, by_input, by_time, kept, out = (
        _parameters(graph, name).scale[0]
        for name in (*op.inputs[:3], f"{op.output}{STATE}", op.output)
    )
    x = _centered(graph, tensors, op.inputs[0])
    products = fixed_point.wrap32(x.reshape(len(x), -1) @ weight.T.astype(np.float64))
    to_state = fixed_point.multiplier(float(source * by_input / kept))
    state = np.clip(fixed_point.multiply(products, to_state, away=True), *INT16)
    sums = (float32.memory_of(state, time.shape[1]) * time.astype(np.int64)).sum(axis=2)
    total = sums.reshape(len(sums), -1, op.rank).sum(axis=2)
    if len(op.inputs) == 4:
        total = total + graph.constants[op.inputs[3]]
    to_out = fixed_point.multiplier(float(kept * by_time / out))
    scaled = fixed_point.multiply(fixed_point.wrap32(total), to_out, away=True)
    return _clamp(scaled, _parameters(graph, op.output))


@_compute.register
def _logistic(op: Logistic, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Look up the rounded float32 function of each of the 256 integers."""
    source, out = _parameters(graph, op.inputs[0]), _parameters(graph, op.output)
    integers = np.arange(-128, 128, dtype=np.float32)
    real = source.scale[0] * (integers - np.float32(source.zero_point))
    with np.errstate(over="ignore"):
        power = np.exp(-real.astype(np.float64)).astype(np.float32)  # as glibc's expf rounds
    inverse = np.float32(1.0) / out.scale[0]
    steps = fixed_point.round_half_away(np.float32(1.0) / (np.float32(1.0) + power) * inverse)
    table = _clamp(steps.astype(np.int64), out)
    return np.asarray(table[tensors[op.inputs[0]].astype(np.int64) + 128])


@_compute.register
def _add(op: Add, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Rescale both operands to twice the larger scale in Q20, add, rescale to the output's."""
    scales = [np.float64(_parameters(graph, name).scale[0]) for name in op.inputs]
    out = _parameters(graph, op.output)
    top = 2.0 * max(scales)
    shapes = graph.shapes
    vector, scalar_side = _add_blocks(*(shapes[name] for name in op.inputs), unsigned=out.unsigned)
    total = np.zeros(1, np.int64)
    for name, scale in zip(op.inputs, scales, strict=True):
        raised = _centered(graph, tensors, name).astype(np.int64) << ADD_SHIFT
        by = fixed_point.multiplier(scale / top)
        in_scalar_code = fixed_point.multiply(raised, by, away=True)
        if scalar_side or out.unsigned:  # the shift after the multiplication does not round
            in_vector_code = fixed_point.high_multiply(raised, by.mantissa) >> -by.exponent
        else:  # the shift precedes the multiplication
            in_vector_code = fixed_point.high_multiply(raised >> -by.exponent, by.mantissa)
        total = total + np.where(vector, in_vector_code, in_scalar_code)
    back = fixed_point.multiplier(top / (2.0**ADD_SHIFT * np.float64(out.scale[0])))
    values = fixed_point.multiply(total, back, away=True)
    # vector code wraps around in int16 where the output's scale is far below the inputs'
    offset = out.zero_point + 128 * out.unsigned
    wrapped = (values + offset).astype(np.int16).astype(np.int64) - offset
    return _clamp(np.where(vector, wrapped, values), out, op.activation)


@_compute.register
def _multiply(op: Multiply, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Multiply the centered integers, rescale to the output's scale."""
    left, right = (_centered(graph, tensors, name) for name in op.inputs)
    scales = [np.float64(_parameters(graph, name).scale[0]) for name in op.inputs]
    out = _parameters(graph, op.output)
    by = fixed_point.multiplier(scales[0] * scales[1] / np.float64(out.scale[0]))
    product = np.rint(left * right).astype(np.int64)
    return _clamp(fixed_point.multiply(product, by, away=True), out)


def _add_blocks(a: Shape, b: Shape, *, unsigned: bool) -> tuple[np.ndarray, bool]:
    """Find where an addition runs vector code, and whether one operand is a scalar."""
    shape = tuple(max(m, n) for m, n in zip(a, b, strict=True))
    length, block, scalar_side = addition_run(a, b)
    return _full_blocks(shape, length, 8 if unsigned else block), scalar_side


def addition_run(a: Shape, b: Shape) -> tuple[int, int, bool]:
    """Find how an addition proceeds: numbers in a run and in a block, whether one side is a scalar.

    The kernel walks runs of trailing dimensions in which both shapes agree, 16 numbers at a time;
    if that run is one number, it adds a scalar to the preceding run, 8 at a time.
    """
    shape = tuple(max(m, n) for m, n in zip(a, b, strict=True))
    length, axis = 1, len(shape)
    while axis > 0 and a[axis - 1] == b[axis - 1]:
        axis -= 1
        length *= shape[axis]
    scalar_side = length == 1 and axis > 0
    if scalar_side:
        narrow = b if b[axis - 1] == 1 else a
        while axis > 0 and narrow[axis - 1] == 1:
            axis -= 1
            length *= shape[axis]
    return length, 8 if scalar_side else 16, scalar_side


def _full_blocks(shape: Shape, run: int, block: int) -> np.ndarray:
    """Make a bool array: True in the full blocks of each run of its flattened elements."""
    position = np.arange(math.prod(shape)) % run
    return (position < run // block * block).reshape(shape)


@_compute.register
def _softmax(op: Softmax, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Look up float32 exponentials, sum them in order, scale to 1/256."""
    out = _parameters(graph, op.output)
    x = tensors[op.inputs[0]].astype(np.int64)
    scale = _parameters(graph, op.inputs[0]).scale[0]
    table = np.exp(-scale * np.arange(256, dtype=np.float32))
    powers = table[x.max(axis=-1, keepdims=True) - x]
    total = np.cumsum(powers, axis=-1, dtype=np.float32)[..., -1:]
    inverse = np.float32(1.0) / (total * out.scale[0])
    steps = np.rint(powers * inverse).astype(np.int64)
    return _clamp(steps, out)


@_compute.register
def _quantize(op: Quantize, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Quantize: vector code multiplies by 1/scale and rounds to even, scalar code divides.

    Scalar code rounds halves away from zero. Both convert to int32 before adding the zero point,
    where steps beyond int32 become its least value.
    """
    x = tensors[op.inputs[0]]
    out = _parameters(graph, op.output)
    scale = out.scale[0]
    with np.errstate(over="ignore", invalid="ignore"):
        in_vector_code = np.rint(x * (np.float32(1.0) / scale)).astype(np.float64)
        in_scalar_code = fixed_point.round_half_away(x.astype(np.float64) / np.float64(scale))
    shape = x.shape[1:]
    steps = np.where(_full_blocks(shape, math.prod(shape), 8), in_vector_code, in_scalar_code)
    steps = np.where(np.abs(steps) < 2.0**31, steps, -(2.0**31)).astype(np.int64)
    values = fixed_point.wrap32(steps + out.zero_point)
    return np.asarray(np.clip(values, *fixed_point.INT8), np.int8)


@_compute.register
def _dequantize(op: Dequantize, graph: Graph, tensors: Tensors) -> np.ndarray:
    """Compute ``scale * q + (-zero_point * scale)`` as vector code does, in float32 steps."""
    name = op.inputs[0]
    if name in graph.constants:
        raise ModelFileError(f"{op.output}: a weight-only graph runs in the float executor")
    quantization = _parameters(graph, name)
    scale = quantization.scale[0]
    integers = tensors[name]
    offset = np.float32(-quantization.zero_point) * scale
    in_vector_code = integers.astype(np.float32) * scale + offset
    in_scalar_code = dequantize_array(integers, quantization)
    shape = integers.shape[1:]
    vector = _full_blocks(shape, math.prod(shape), 8)
    return np.asarray(np.where(vector, in_vector_code, in_scalar_code), np.float32)


@_compute.register
def _slice(op: Slice, graph: Graph, tensors: Tensors) -> np.ndarray:  # noqa: ARG001
    return tensors[op.inputs[0]][(slice(None),) * (op.axis + 1) + (slice(op.start, op.stop),)]


@_compute.register
def _concatenate(op: Concatenate, graph: Graph, tensors: Tensors) -> np.ndarray:
    if not all(same_parameters(replace(op, inputs=(name,)), graph) for name in op.inputs):
        raise ModelFileError(f"{op.output}: its inputs and its output differ in scale")
    return np.concatenate([tensors[name] for name in op.inputs], axis=op.axis + 1)


@_compute.register
def _last_step(op: LastStep, graph: Graph, tensors: Tensors) -> np.ndarray:  # noqa: ARG001
    return tensors[op.inputs[0]][:, -1]
