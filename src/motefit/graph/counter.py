"""Counts that need no training: parameters, multiply-accumulates, activation memory."""

import math
from dataclasses import dataclass

from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import LSTM, AveragePool2D, Conv2D, Dense, DepthwiseConv2D, Op
from motefit.graph.ops_signal import MatMul


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Cost of a graph.

    Attributes:
        parameters: numbers in its constants.
        macs: multiply-accumulates for one example.
        activation_bytes: largest sum of tensors alive at once, a lower bound of the arena.
    """

    parameters: int
    macs: int
    activation_bytes: int


def count(graph: Graph) -> Counts:
    """Count a graph as given (fold it first to count the released form)."""
    return Counts(
        parameters=sum(array.size for array in graph.constants.values()),
        macs=sum(_macs(graph, op) for op in graph.ops),
        activation_bytes=_peak_bytes(graph),
    )


def _macs(graph: Graph, op: Op) -> int:
    shapes = graph.shapes
    out = math.prod(shapes[op.output])
    if isinstance(op, Conv2D):
        return out * math.prod(shapes[op.inputs[1]][1:])
    if isinstance(op, DepthwiseConv2D):
        return out * math.prod(shapes[op.inputs[1]][1:3])
    if isinstance(op, MatMul):
        return out * shapes[op.inputs[0]][1]
    if isinstance(op, Dense):
        return math.prod(shapes[op.inputs[1]])
    if isinstance(op, AveragePool2D):
        return out * math.prod(op.window)
    if isinstance(op, LSTM):
        steps = shapes[op.inputs[0]][0]
        return steps * (math.prod(shapes[op.inputs[1]]) + math.prod(shapes[op.inputs[2]]))
    return 0


def _peak_bytes(graph: Graph) -> int:
    size = {
        name: math.prod(graph.shapes[name]) * (1 if name in graph.quantization else 4)
        for name in graph.activations()
    }
    last_use = {name: i for i, op in enumerate(graph.ops) for name in op.inputs if name in size}
    last_use[graph.output] = len(graph.ops)
    last_use |= {state.after: len(graph.ops) for state in graph.states}
    alive = {INPUT, *(state.name for state in graph.states)}
    peak = 0
    for i, op in enumerate(graph.ops):
        alive.add(op.output)
        peak = max(peak, sum(size[name] for name in alive))
        alive = {name for name in alive if last_use.get(name, i) > i}
    return peak
