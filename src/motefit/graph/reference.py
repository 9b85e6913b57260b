"""The float reference executor: what every other reader of a Graph is checked against.

Batches lead: an activation is (n, *shape). Arithmetic is float32, as in LiteRT. Weight-only
graphs (a constant through :class:`Dequantize`) run too; int8 graphs run in ``graph.integer``.
"""

from collections.abc import Mapping
from functools import singledispatch

import numpy as np

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
from motefit.spec.errors import ModelFileError

CHUNK = 64


def run(graph: Graph, batch: np.ndarray) -> np.ndarray:
    """Outputs (n, *output_shape), float32, of inputs (n, *input_shape)."""
    batch = np.asarray(batch, np.float32).reshape(-1, *graph.input_shape)
    starts = range(0, len(batch), CHUNK)
    parts = [run_all(graph, batch[s : s + CHUNK])[graph.output] for s in starts]
    if not parts:
        return np.zeros((0, *graph.output_shape), np.float32)
    return np.concatenate(parts)


def run_all(graph: Graph, batch: np.ndarray) -> Mapping[str, np.ndarray]:
    """Every activation by name, each (n, *shape) float32; LSTM cells as ``"<output>.cell"``.

    Raises:
        ModelFileError: for an operation this executor does not know.
    """
    batch = np.asarray(batch, np.float32).reshape(-1, *graph.input_shape)
    tensors: dict[str, np.ndarray] = {INPUT: batch}
    for op in graph.ops:
        arrays = [graph.constants[n] if n in graph.constants else tensors[n] for n in op.inputs]
        if isinstance(op, Dequantize):
            tensors[op.output] = _dequantize(graph, op)
        elif isinstance(op, LSTM):
            tensors[op.output], tensors[f"{op.output}.cell"] = _lstm(arrays)
        else:
            tensors[op.output] = _compute(op, arrays)
    return tensors


@singledispatch
def _compute(op: Op, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    raise ModelFileError(f"the float executor cannot run {type(op).__name__} ({op.output})")


def _dequantize(graph: Graph, op: Op) -> np.ndarray:
    name = op.inputs[0]
    if name not in graph.constants:
        raise ModelFileError(f"{op.output}: int8 activations run in the integer executor")
    quantisation = graph.quantisation[name]
    values = graph.constants[name]
    integers = values.astype(np.int32) - quantisation.zero_point
    return np.asarray(integers * quantisation.along(values.ndim), np.float32)


def activate(x: np.ndarray, kind: ActivationKind) -> np.ndarray:
    """Apply a rectifier."""
    if kind == "none":
        return x
    return np.asarray(np.clip(x, 0.0, 6.0 if kind == "relu6" else None))


def patches(op: Windowed, x: np.ndarray, window: Pair, *, fill: float = 0.0) -> np.ndarray:
    """Windows (n, h', w', kh, kw, c) of (n, h, w, c), as a view on the padded input."""
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
def _average_pool(op: AveragePool2D, arrays: list[np.ndarray]) -> np.ndarray:
    total = patches(op, arrays[0], op.window).sum(axis=(3, 4), dtype=np.float32)
    counts = patches(op, np.ones((1, *arrays[0].shape[1:3], 1), np.float32), op.window)
    return np.asarray(total / counts.sum(axis=(3, 4)), np.float32)


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
    return np.asarray((x - mean) * factor + beta, np.float32)


@_compute.register
def _identity(op: Dropout, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    return arrays[0]


@_compute.register
def _softmax(op: Softmax, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    x = np.exp(arrays[0] - arrays[0].max(axis=-1, keepdims=True))
    return np.asarray(x / x.sum(axis=-1, keepdims=True), np.float32)


def _lstm(arrays: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Hidden and cell states after every step, each (n, steps, units)."""
    x, weight, recurrent, bias = arrays
    units = weight.shape[1]
    hidden = np.zeros((len(x), units), np.float32)
    cell = np.zeros_like(hidden)
    steps, cells = [], []
    for t in range(x.shape[1]):
        gates = (
            x[:, t] @ weight.reshape(4 * units, -1).T
            + hidden @ recurrent.reshape(4 * units, -1).T
            + bias.reshape(-1)
        ).reshape(-1, 4, units)
        enter, forget, out = (sigmoid(gates[:, g]) for g in (0, 1, 3))
        cell = forget * cell + enter * np.tanh(gates[:, 2])
        hidden = out * np.tanh(cell)
        steps.append(hidden)
        cells.append(cell)
    return np.stack(steps, axis=1).astype(np.float32), np.stack(cells, axis=1).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function without overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1.0), np.float32)


@_compute.register
def _last_step(op: LastStep, arrays: list[np.ndarray]) -> np.ndarray:  # noqa: ARG001
    return arrays[0][:, -1]
