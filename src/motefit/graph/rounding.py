"""Round weights so that a layer's outputs stay, not so that each weight stays.

The inputs of a layer are correlated, above all the past values of a series, so that rounding
errors can cancel: each weight is rounded in turn and its error is passed on to the weights that
are still free (Frantar et al., "GPTQ", arXiv:2210.17323), then single steps up or down are taken
as long as they help. Every scale is also tried a little smaller than the largest weight asks for.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from motefit.graph.graph import Graph, Quantisation
from motefit.graph.ops import Conv2D, Dense
from motefit.graph.reference import patches, run_all

DAMPING = 1e-6
"""Share of the mean input power added to every input's power, so that the inverse exists."""
SCALE_FACTORS = tuple(np.linspace(1.0, 0.7, 13))
SWEEPS = 50


def refine_weights(graph: Graph, original: Graph, examples: np.ndarray) -> Graph:
    """Choose int8 weights of dense and convolution layers anew, to keep the layers' outputs.

    Args:
        graph: int8-weights form of ``original``.
        original: shipped float form; every such layer has a bias, as ``fold`` gives it.
        examples: normalised inputs (n, *input_shape).

    Returns:
        The graph with other integers, scales and (float) biases.
    """
    wanted = run_all(original, examples)
    for op in original.ops:
        if not isinstance(op, Dense | Conv2D) or op.inputs[1] not in graph.quantisation:
            continue
        weight = original.constants[op.inputs[1]]
        ideal = _rows(op, wanted[op.inputs[0]], weight)
        inputs = _rows(op, run_all(graph, examples)[op.inputs[0]], weight)
        graph = _refined(graph, original, op, ideal_inputs=ideal, inputs=inputs)
    return graph


def _rows(op: Dense | Conv2D, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    if isinstance(op, Dense):
        return x.reshape(len(x), -1).astype(np.float64)
    window = patches(op, x, (weight.shape[1], weight.shape[2]))
    return window.reshape(-1, int(np.prod(weight.shape[1:]))).astype(np.float64)


def _refined(
    graph: Graph,
    original: Graph,
    op: Dense | Conv2D,
    *,
    ideal_inputs: np.ndarray,
    inputs: np.ndarray,
) -> Graph:
    weight_name, bias_name = op.inputs[1:]
    weight = original.constants[weight_name].astype(np.float64)
    flat = weight.reshape(len(weight), -1)
    gram = inputs.T @ inputs / len(inputs)
    centre = inputs.mean(axis=0)
    spread = gram - np.outer(centre, centre)  # the bias takes care of the mean
    integers, scale = best_rounding(flat, graph.quantisation[weight_name], spread)
    steps = scale.reshape(-1, 1) if len(scale) > 1 else scale
    ideal_mean = ideal_inputs.mean(axis=0) @ flat.T
    bias = original.constants[bias_name] + ideal_mean - centre @ (integers * steps).T
    constants: Mapping[str, np.ndarray] = {
        **graph.constants,
        weight_name: integers.astype(np.int8).reshape(weight.shape),
        bias_name: bias.astype(np.float32),
    }
    chosen = replace(graph.quantisation[weight_name], scale=scale)
    quantisation = {**graph.quantisation, weight_name: chosen}
    return replace(graph, constants=constants, quantisation=quantisation)


def best_rounding(
    weight: np.ndarray, quantisation: Quantisation, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Integers (o, i) in -127..127 and scales (1,) or (o,) of the smallest output error.

    Args:
        weight: (o, i).
        quantisation: whose scales are the largest to try.
        spread: (i, i) covariance of the inputs.
    """
    damped = spread + np.eye(len(spread)) * (DAMPING * np.trace(spread) / len(spread) + 1e-12)
    scales = np.outer(SCALE_FACTORS, quantisation.scale).astype(np.float32)
    tries = []
    for scale in scales:
        rows = np.broadcast_to(scale.astype(np.float64), (len(weight),))
        integers = round_to_data(weight, rows, damped)
        wrong = weight - integers * rows[:, None]
        tries.append((integers, np.einsum("oi,ij,oj->o", wrong, spread, wrong)))
    errors = np.array([error for _, error in tries])
    if len(quantisation.scale) == 1:
        errors = errors.sum(axis=1, keepdims=True)
    best = errors.argmin(axis=0)
    chosen = np.broadcast_to(best, (len(weight),))
    integers = np.array([tries[t][0][row] for row, t in enumerate(chosen)])
    return integers, scales[best, np.arange(len(best))]


def round_to_data(weight: np.ndarray, scale: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Integers (o, i) in -127..127 whose product with ``scale`` keeps the layer's outputs.

    Args:
        weight: (o, i) float64.
        scale: (o,) float64.
        spread: (i, i) covariance of the inputs, invertible.
    """
    order = np.argsort(-np.diag(spread))
    inverse = np.linalg.inv(spread[np.ix_(order, order)])
    factor = np.linalg.cholesky(inverse).T
    rest = weight[:, order].copy()
    integers = np.empty_like(rest)
    for i in range(rest.shape[1]):
        integers[:, i] = np.clip(np.rint(rest[:, i] / scale), -127, 127)
        error = (rest[:, i] - integers[:, i] * scale) / factor[i, i]
        rest[:, i + 1 :] -= np.outer(error, factor[i, i + 1 :])
    result = np.empty_like(integers)
    result[:, order] = integers
    return _single_steps(result, weight, scale, spread)


def _single_steps(
    integers: np.ndarray, weight: np.ndarray, scale: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    power = np.diag(spread)
    for _ in range(SWEEPS):
        before = integers.copy()
        for i in range(weight.shape[1]):
            wrong = weight - integers * scale[:, None]
            shift = wrong @ spread[:, i] / (power[i] * scale)
            integers[:, i] = np.clip(np.rint(integers[:, i] + shift), -127, 127)
        if np.array_equal(before, integers):
            break
    return integers
