"""Float reference executor, against which every other reader of a Graph is checked.

The batch comes first: an activation is (n, *shape). Arithmetic is float32, as in LiteRT. The forms
of ``graph.quantize.weight_only`` run too; int8 graphs run in ``graph.execute.int8``.

In the dynamic-range form, an operation that reads int8 weights sees its inputs as its builtin
kernel does: rounded to the 256 steps of each example's own range by a convolution with a scale per
channel, to 255 steps around 0 by all others. So outputs agree with the builtin kernels up to the
order of sums, to 1e-5 of the greatest; XNNPACK has its own rounding rules and agrees to 1e-2.
"""

from collections.abc import Callable, Mapping
from functools import singledispatch
from types import MappingProxyType

import numpy as np

from motefit.graph.fixed_point import round_half_away
from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import (
    LSTM,
    Activation,
    ActivationKind,
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
    Pair,
    Softmax,
    Windowed,
)
from motefit.graph.ops_foreign import SVDF, LeakyRelu, Logistic, MaxPool2D
from motefit.graph.ops_signal import Concatenate, Function, MatMul, Multiply, Reshape, Slice
from motefit.spec.errors import ModelFileError

CHUNK = 64
NO_STATES: Mapping[str, np.ndarray] = MappingProxyType({})


def run(graph: Graph, batch: np.ndarray) -> np.ndarray:
    """Compute outputs (n, *output_shape), float32, of inputs (n, *input_shape)."""
    batch = np.asarray(batch, np.float32).reshape(-1, *graph.input_shape)
    most = chunk_of(graph, len(batch))
    starts = range(0, len(batch), most)
    parts = [run_all(graph, batch[s : s + most])[graph.output] for s in starts]
    if not parts:
        return np.zeros((0, *graph.output_shape), np.float32)
    return np.concatenate(parts)


def chunk_of(graph: Graph, examples: int) -> int:
    """Return how many examples run at once: all where they are the steps of one stream."""
    return max(examples, 1) if any(isinstance(op, SVDF) for op in graph.ops) else CHUNK


def run_all(
    graph: Graph, batch: np.ndarray, states: Mapping[str, np.ndarray] = NO_STATES
) -> Mapping[str, np.ndarray]:
    """Compute every activation by name, (n, *shape) float32; LSTM cells as ``"<output>.cell"``.

    Args:
        graph: to run.
        batch: (n, *input_shape).
        states: of a graph that has some, by name, each (n, *shape) float32.

    Raises:
        ModelFileError: for an operation that this executor does not support.
    """
    batch = np.asarray(batch, np.float32).reshape(-1, *graph.input_shape)
    tensors: dict[str, np.ndarray] = {INPUT: batch, **states}
    for op in graph.ops:
        tensors.update(step(op, graph, tensors))
    return tensors


def step(op: Op, graph: Graph, tensors: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Execute one operation on the activations so far; names and shapes as :func:`run_all`."""
    arrays = [graph.constants[n] if n in graph.constants else tensors[n] for n in op.inputs]
    see = _as_it_is
    if isinstance(op, Dequantize):
        return {op.output: _widen(graph, op.inputs[0])}
    if any(name in graph.quantization for name in op.inputs[1:]):
        windowed = isinstance(op, Conv2D | DepthwiseConv2D)
        by_channel = windowed and graph.quantization[op.inputs[1]].axis is not None
        see = _in_256_steps if by_channel else _in_255_steps
        arrays[1:] = [_stored(graph, name) for name in op.inputs[1:]]
    if isinstance(op, LSTM):
        hidden, cell = _lstm(arrays, see)
        return {op.output: hidden, f"{op.output}.cell": cell}
    return {op.output: _compute(op, [see(arrays[0]), *arrays[1:]])}


def _as_it_is(x: np.ndarray) -> np.ndarray:
    return x


def _in_255_steps(x: np.ndarray) -> np.ndarray:
    """Round each example to -127..127 steps of its greatest magnitude."""
    axes = tuple(range(1, x.ndim))
    peak = np.abs(x).max(axis=axes, keepdims=True, initial=0.0)
    scale = np.where(peak > 0, peak / np.float32(127), np.float32(1))
    return np.asarray(round_half_away(x / scale) * scale, np.float32)


def _in_256_steps(x: np.ndarray) -> np.ndarray:
    """Round each example to the 256 steps of its range, which contains 0."""
    axes = tuple(range(1, x.ndim))
    low = x.min(axis=axes, keepdims=True, initial=0.0).astype(np.float64)
    high = x.max(axis=axes, keepdims=True, initial=0.0).astype(np.float64)
    scale = np.where(high > low, (high - low) / 255, 1.0)
    zero_point = np.clip(round_half_away(-128 - low / scale), -128, 127)
    steps = round_half_away(x / scale.astype(np.float32)) + zero_point
    return np.asarray((np.clip(steps, -128, 127) - zero_point) * scale, np.float32)


@singledispatch
def _compute(op: Op, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    raise ModelFileError(f"the float executor cannot run {type(op).__name__} ({op.output})")


def _widen(graph: Graph, name: str) -> np.ndarray:
    if name not in graph.constants:
        raise ModelFileError(f"{name}: int8 activations run in the integer executor")
    return _stored(graph, name)


def _stored(graph: Graph, name: str) -> np.ndarray:
    """Return a constant in float32, whatever its stored type."""
    values = graph.constants[name]
    if name not in graph.quantization:
        return values.astype(np.float32)
    quantization = graph.quantization[name]
    integers = values.astype(np.int32) - quantization.zero_point
    return np.asarray(integers * quantization.along(values.ndim), np.float32)


def activate(x: np.ndarray, kind: ActivationKind) -> np.ndarray:
    """Apply a rectifier."""
    if kind == "none":
        return x
    return np.asarray(np.clip(x, 0.0, 6.0 if kind == "relu6" else None))


def patches(op: Windowed, x: np.ndarray, window: Pair, *, fill: float = 0.0) -> np.ndarray:
    """Return windows (n, h', w', kh, kw, c) of (n, h, w, c), as a view on the padded input."""
    pads = op.pads(x.shape[1:], window)
    if any(p for pair in pads for p in pair):
        x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(window, op.dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))
    view = view[:, :: op.stride[0], :: op.stride[1], :, :: op.dilation[0], :: op.dilation[1]]
    return np.moveaxis(view, 3, 5)


@_compute.register
def _conv(op: Conv2D, arrays: list[np.ndarray]) -> np.ndarray:
    x, weight = arrays[:2]
    window = patches(op, x, (weight.shape[1], weight.shape[2]))
    flat = np.ascontiguousarray(window).reshape(*window.shape[:3], -1)
    out = flat @ weight.reshape(len(weight), -1).T
    if len(arrays) == 3:
        out += arrays[2]
    return activate(out, op.activation)


@_compute.register
def _depthwise(op: DepthwiseConv2D, arrays: list[np.ndarray]) -> np.ndarray:
    x, weight = arrays[:2]
    window = patches(op, x, (weight.shape[1], weight.shape[2]))
    out = np.zeros((*window.shape[:3], window.shape[5]), np.float32)
    for row in range(weight.shape[1]):
        for column in range(weight.shape[2]):
            out += window[:, :, :, row, column] * weight[0, row, column]
    if len(arrays) == 3:
        out += arrays[2]
    return activate(out, op.activation)


@_compute.register
def _dense(op: Dense, arrays: list[np.ndarray]) -> np.ndarray:
    out = arrays[0].reshape(len(arrays[0]), -1) @ arrays[1].T
    if len(arrays) == 3:
        out = out + arrays[2]
    return activate(out, op.activation)


@_compute.register
def _svdf(op: SVDF, arrays: list[np.ndarray]) -> np.ndarray:
    kept = arrays[0].reshape(len(arrays[0]), -1) @ arrays[1].T
    sums = (memory_of(kept, arrays[2].shape[1]) * arrays[2]).sum(axis=2)
    out = sums.reshape(len(sums), -1, op.rank).sum(axis=2)
    if len(arrays) == 4:
        out = out + arrays[3]
    return activate(out, op.activation)


def memory_of(kept: np.ndarray, length: int) -> np.ndarray:
    """Collect the last numbers of each filter at every step: (n, filters) to (n, filters, m)."""
    past = np.zeros((length - 1, kept.shape[1]), kept.dtype)
    return np.lib.stride_tricks.sliding_window_view(np.concatenate((past, kept)), length, axis=0)


@_compute.register
def _average_pool(op: AveragePool2D, arrays: list[np.ndarray]) -> np.ndarray:
    total = patches(op, arrays[0], op.window).sum(axis=(3, 4), dtype=np.float32)
    counts = patches(op, np.ones((1, *arrays[0].shape[1:3], 1), np.float32), op.window)
    return np.asarray(total / counts.sum(axis=(3, 4)), np.float32)


@_compute.register
def _max_pool(op: MaxPool2D, arrays: list[np.ndarray]) -> np.ndarray:
    window = patches(op, arrays[0], op.window, fill=-np.inf)
    return activate(window.max(axis=(3, 4)), op.activation)


@_compute.register
def _leaky_relu(op: LeakyRelu, arrays: list[np.ndarray]) -> np.ndarray:
    return np.asarray(np.where(arrays[0] > 0, arrays[0], arrays[0] * np.float32(op.alpha)))


@_compute.register
def _logistic(op: Logistic, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    with np.errstate(over="ignore"):  # unlike the hyperbolic tangent, exact for small results too
        return np.asarray(1.0 / (1.0 + np.exp(-arrays[0].astype(np.float64))), np.float32)


@_compute.register
def _add(op: Add, arrays: list[np.ndarray]) -> np.ndarray:
    return activate(arrays[0] + arrays[1], op.activation)


@_compute.register
def _activation(op: Activation, arrays: list[np.ndarray]) -> np.ndarray:
    return activate(arrays[0], op.kind)


@_compute.register
def _batch_norm(op: BatchNorm, arrays: list[np.ndarray]) -> np.ndarray:
    x, gamma, beta, mean, variance = arrays
    factor = gamma / np.sqrt(variance + np.float32(op.epsilon))
    if op.bands > 1:
        shape = (*x.shape[:2], op.bands, -1, x.shape[-1])
        mean, factor, beta = (a.reshape(op.bands, 1, -1) for a in (mean, factor, beta))
        banded = (x.reshape(shape) - mean) * factor + beta
        return np.asarray(banded.reshape(x.shape), np.float32)
    return np.asarray((x - mean) * factor + beta, np.float32)


@_compute.register
def _identity(op: Dropout, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    return arrays[0]


@_compute.register
def _softmax(op: Softmax, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    x = np.exp(arrays[0] - arrays[0].max(axis=-1, keepdims=True))
    return np.asarray(x / x.sum(axis=-1, keepdims=True), np.float32)


def _lstm(
    arrays: list[np.ndarray], see: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Compute hidden and cell states after every step, each (n, steps, units).

    ``see`` converts an input or a hidden state to what the matrix products read.
    """
    x, weight, recurrent, bias = arrays
    units = weight.shape[1]
    hidden = np.zeros((len(x), units), np.float32)
    cell = np.zeros_like(hidden)
    steps, cells = [], []
    for t in range(x.shape[1]):
        gates = (
            see(x[:, t]) @ weight.reshape(4 * units, -1).T
            + see(hidden) @ recurrent.reshape(4 * units, -1).T
            + bias.reshape(-1)
        ).reshape(-1, 4, units)
        enter, forget, out = (sigmoid(gates[:, g]) for g in (0, 1, 3))
        cell = forget * cell + enter * np.tanh(gates[:, 2])
        hidden = out * np.tanh(cell)
        steps.append(hidden)
        cells.append(cell)
    return np.stack(steps, axis=1).astype(np.float32), np.stack(cells, axis=1).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Compute the logistic function without overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1.0), np.float32)


@_compute.register
def _last_step(op: LastStep, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    return arrays[0][:, -1]


@_compute.register
def _reshape(op: Reshape, arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0].reshape(-1, *op.shape)


@_compute.register
def _slice(op: Slice, arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0][(slice(None),) * (op.axis + 1) + (slice(op.start, op.stop),)]


@_compute.register
def _concatenate(op: Concatenate, arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays, axis=op.axis + 1)


@_compute.register
def _multiply(op: Multiply, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    return np.asarray(arrays[0] * arrays[1])


@_compute.register
def _matmul(op: MatMul, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    return np.asarray(arrays[0] @ arrays[1])


@_compute.register
def _function(op: Function, arrays: list[np.ndarray]) -> np.ndarray:
    return np.asarray(np.sqrt(arrays[0]) if op.kind == "square-root" else np.log(arrays[0]))
