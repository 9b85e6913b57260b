"""GPTQ: rounding that preserves a layer's outputs rather than each single weight.

The inputs of a layer are correlated, especially the past values of a series, so rounding errors can
cancel: each weight is rounded in turn and its error is passed on to the weights that are still free
(Frantar et al., "GPTQ", arXiv:2210.17323), then single steps up or down are taken as long as they
help. Scales slightly smaller than the largest weight requires are tried too, and the bias absorbs
the remaining mean error of a layer's outputs, or the next layer's bias for a layer without one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from motefit.graph.execute import float32, int8
from motefit.graph.execute.float32 import patches
from motefit.graph.graph import INPUT, Graph, Quantization
from motefit.graph.ops import Conv2D, Dense, DepthwiseConv2D, Op, Quantize
from motefit.graph.scales import dequantize_array, quantize_array, quantize_bias, weight_limit

DAMPING = 1e-6
"""Share of the mean input power added to every input's power, so that the inverse exists."""
SCALE_FACTORS = tuple(np.linspace(1.0, 0.7, 13))
SWEEPS = 50
CHUNK = 32

Weighted = Conv2D | DepthwiseConv2D | Dense
Tensors = dict[str, np.ndarray]
Step = Callable[[Op, Graph, Tensors], Mapping[str, np.ndarray]]


def refine_weights(graph: Graph, original: Graph, examples: np.ndarray) -> Graph:
    """Choose the integers of weights again, to preserve the layers' outputs.

    Args:
        graph: quantized form of ``original``: int8, int4, int8-weights, int4-weights or
            dynamic-range.
        original: released float form; every weighted layer has a bias, as after ``fold``.
        examples: normalized inputs (n, *input_shape).

    Returns:
        The graph with new integers, scales and biases; weights of an LSTM stay.
    """
    examples = np.asarray(examples, np.float32).reshape(-1, *graph.input_shape)
    layers = {op.inputs[1]: op for op in original.ops if isinstance(op, Weighted)}
    wanted = _LayerWalk(original, examples, float32.step)
    found = _LayerWalk(graph, _as_input(graph, examples), _step_of(graph))
    for op in graph.ops:
        name = found.stored(op.inputs[1]) if isinstance(op, Weighted) else ""
        if name in graph.quantization and name in layers:
            layer = layers[name]
            wanted.up_to(layer)
            statistics = _statistics(
                layer,
                original.constants[name].shape,
                ideal=wanted.real(layer.inputs[0]),
                inputs=found.real(op.inputs[0]),
            )
            found.graph = _refined(found.graph, original, layer, statistics, source=op.inputs[0])
        found.run(op)
    return found.graph


def _as_input(graph: Graph, examples: np.ndarray) -> np.ndarray:
    if INPUT in graph.quantization:
        return quantize_array(examples, graph.quantization[INPUT])
    return examples


def _step_of(graph: Graph) -> Step:
    """Choose the executor: the integer one if the first activation is or becomes int8."""
    whole = INPUT in graph.quantization or isinstance(graph.ops[0], Quantize)
    return int8.step if whole else float32.step


class _LayerWalk:
    """A graph executed one operation at a time; activations without further readers are dropped."""

    def __init__(self, graph: Graph, batch: np.ndarray, step: Step) -> None:
        self.graph = graph
        self._step = step
        self._tensors: Tensors = {INPUT: batch}
        self._left = list(graph.ops)
        self._wideners = {op.output: op for op in graph.ops if op.inputs[0] in graph.constants}

    def stored(self, name: str) -> str:
        """Return the constant of a weight, whose name may be that of its widened form."""
        return self._wideners[name].inputs[0] if name in self._wideners else name

    def real(self, name: str) -> np.ndarray:
        """Return an activation in real numbers."""
        values = self._tensors[name]
        if name not in self.graph.quantization:
            return values
        return dequantize_array(values, self.graph.quantization[name])

    def up_to(self, layer: Op) -> None:
        """Run all operations before a layer."""
        while self._left[0].output != layer.output:
            self.run(self._left[0])

    def run(self, op: Op) -> None:
        """Run the next operation."""
        self._left.pop(0)
        if op.output in self._wideners:
            return
        wide = {
            name: self._step(self._wideners[name], self.graph, {})[name]
            for name in op.inputs
            if name in self._wideners
        }
        read = {name: self._tensors[name] for name in op.inputs if name in self._tensors}
        parts = [
            self._step(op, self.graph, {**wide, **{n: a[s : s + CHUNK] for n, a in read.items()}})[
                op.output
            ]
            for s in range(0, len(next(iter(read.values()))), CHUNK)
        ]
        self._tensors[op.output] = np.concatenate(parts)
        needed = {name for left in self._left for name in left.inputs}
        self._tensors = {n: array for n, array in self._tensors.items() if n in needed}


@dataclass(frozen=True, kw_only=True)
class _Statistics:
    """Statistics of a layer's inputs, for each group of outputs that share them.

    Attributes:
        ideal: (g, i) mean inputs of the float network.
        mean: (g, i) mean inputs of the quantized network.
        spread: (g, i, i) covariance of the inputs of the quantized network.
    """

    ideal: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


def _statistics(
    layer: Weighted, shape: tuple[int, ...], *, ideal: np.ndarray, inputs: np.ndarray
) -> _Statistics:
    mean = _mean_row(layer, inputs, shape)
    gram: np.ndarray | float = 0.0
    count = 0
    for start in range(0, len(inputs), CHUNK):
        rows = _rows(layer, inputs[start : start + CHUNK], shape)
        rows -= mean[:, None, :]  # the bias takes care of the mean
        gram = gram + rows.transpose(0, 2, 1) @ rows
        count += rows.shape[1]
    spread = np.asarray(gram / count)
    return _Statistics(ideal=_mean_row(layer, ideal, shape), mean=mean, spread=spread)


def _mean_row(layer: Weighted, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Compute the mean (g, i) of the rows over the examples before unfolding them: faster."""
    average = x.mean(axis=0, keepdims=True, dtype=np.float64)
    return np.asarray(_rows(layer, average, shape).mean(axis=1))


def _rows(layer: Weighted, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the inputs that a layer's weights multiply: float64 (g, n, i), g channels or 1."""
    if isinstance(layer, Dense):
        return x.reshape(1, len(x), -1).astype(np.float64)
    window = patches(layer, x, (shape[1], shape[2]))
    if isinstance(layer, Conv2D):
        return window.reshape(1, -1, int(np.prod(shape[1:]))).astype(np.float64)
    by_channel = np.moveaxis(window, 5, 0)
    return by_channel.reshape(shape[3], -1, shape[1] * shape[2]).astype(np.float64)


def _refined(
    graph: Graph, original: Graph, layer: Weighted, statistics: _Statistics, *, source: str
) -> Graph:
    """Replace integers, scales and bias of one layer, which reads ``source``."""
    name, bias_name = layer.inputs[1:]
    weight = original.constants[name].astype(np.float64)
    depthwise = isinstance(layer, DepthwiseConv2D)
    flat = weight.reshape(-1, weight.shape[-1]).T if depthwise else weight.reshape(len(weight), -1)
    integers, scale = _rounded(flat, graph.quantization[name], statistics)
    steps = integers * scale.astype(np.float64).reshape(-1, 1)
    shift = (flat * statistics.ideal).sum(axis=1) - (steps * statistics.mean).sum(axis=1)
    stored = (integers.T if depthwise else integers).reshape(weight.shape).astype(np.int8)
    bias = original.constants[bias_name]
    if bias.any():  # a layer without one, in effect, keeps none: zeros take no bytes of their own
        bias = (bias + shift).astype(np.float32)
    parameters = {**graph.quantization, name: replace(graph.quantization[name], scale=scale)}
    if bias_name in graph.quantization:
        product = graph.quantization[source].scale * scale
        parameters[bias_name] = replace(graph.quantization[bias_name], scale=product)
        bias = quantize_bias(bias, parameters[bias_name])
    constants = {**graph.constants, name: stored, bias_name: bias}
    return replace(graph, constants=constants, quantization=parameters)


def _rounded(
    weight: np.ndarray, quantization: Quantization, statistics: _Statistics
) -> tuple[np.ndarray, np.ndarray]:
    """Choose integers (o, i) and scales; one group of inputs for all outputs, or one for each."""
    spread = statistics.spread
    if len(spread) == 1:
        return best_rounding(weight, quantization, spread[0])
    rows = np.broadcast_to(quantization.scale, (len(weight),))
    if len(quantization.scale) == 1:  # one scale for groups of different inputs: it stays
        limit = weight_limit(quantization.bits)
        parts = [
            round_to_data(weight[g : g + 1], rows[g : g + 1].astype(np.float64), _damped(s), limit)
            for g, s in enumerate(spread)
        ]
        return np.concatenate(parts), quantization.scale
    found = [
        best_rounding(weight[g : g + 1], replace(quantization, scale=rows[g : g + 1]), s)
        for g, s in enumerate(spread)
    ]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _damped(spread: np.ndarray) -> np.ndarray:
    size = len(spread)
    return np.asarray(spread + np.eye(size) * (DAMPING * np.trace(spread) / size + 1e-12))


def best_rounding(
    weight: np.ndarray, quantization: Quantization, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose integers (o, i) and scales (1,) or (o,) with the smallest output error.

    Args:
        weight: (o, i).
        quantization: gives the largest scales to try; its bits limit the integers.
        spread: (i, i) covariance of the inputs.
    """
    scales = np.outer(SCALE_FACTORS, quantization.scale).astype(np.float32)
    tries, outputs = len(scales), len(weight)
    rows = np.broadcast_to(scales.astype(np.float64), (tries, outputs)).reshape(-1)
    limit = weight_limit(quantization.bits)
    integers = round_to_data(np.tile(weight, (tries, 1)), rows, _damped(spread), limit)
    wrong = np.tile(weight, (tries, 1)) - integers * rows[:, None]
    errors = ((wrong @ spread) * wrong).sum(axis=1).reshape(tries, outputs)
    if len(quantization.scale) == 1:
        errors = errors.sum(axis=1, keepdims=True)
    best = errors.argmin(axis=0)
    chosen = np.broadcast_to(best, (outputs,))
    kept = integers.reshape(tries, outputs, -1)[chosen, np.arange(outputs)]
    return kept, scales[best, np.arange(len(best))]


def round_to_data(
    weight: np.ndarray, scale: np.ndarray, spread: np.ndarray, limit: int = 127
) -> np.ndarray:
    """Choose integers (o, i) in -limit..limit whose product with ``scale`` preserves the outputs.

    A weight that is exactly 0 stays 0: it was pruned.

    Args:
        weight: (o, i) float64.
        scale: (o,) float64.
        spread: (i, i) covariance of the inputs, invertible.
        limit: greatest integer.
    """
    order = np.argsort(-np.diag(spread))
    inverse = np.linalg.inv(spread[np.ix_(order, order)])
    factor = np.linalg.cholesky(inverse).T
    rest = weight[:, order].copy()
    pruned = rest == 0
    integers = np.empty_like(rest)
    for i in range(rest.shape[1]):
        chosen = np.clip(np.rint(rest[:, i] / scale), -limit, limit)
        integers[:, i] = np.where(pruned[:, i], 0.0, chosen)
        error = (rest[:, i] - integers[:, i] * scale) / factor[i, i]
        rest[:, i + 1 :] -= np.outer(error, factor[i, i + 1 :])
    result = np.empty_like(integers)
    result[:, order] = integers
    return _single_steps(result, weight, scale, spread, limit)


def _single_steps(
    integers: np.ndarray, weight: np.ndarray, scale: np.ndarray, spread: np.ndarray, limit: int
) -> np.ndarray:
    power = np.diag(spread)
    moving = np.arange(len(weight))  # rows that the last sweep changed; the others are done
    for _ in range(SWEEPS):
        before = integers[moving]
        now = before.copy()
        wanted, by = weight[moving], scale[moving]
        for i in range(weight.shape[1]):
            wrong = wanted - now * by[:, None]
            shift = wrong @ spread[:, i] / (power[i] * by)
            chosen = np.clip(np.rint(now[:, i] + shift), -limit, limit)
            now[:, i] = np.where(wanted[:, i] == 0, 0.0, chosen)
        integers[moving] = now
        moving = moving[(before != now).any(axis=1)]
        if not len(moving):
            break
    return integers
