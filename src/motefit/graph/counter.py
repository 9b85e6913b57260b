"""Counts that need no training: parameters, multiply-accumulates, activation memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from motefit.graph.graph import INPUT, Graph
from motefit.graph.mac_rules import POOL_HEIGHT, POOL_WIDTH, macs
from motefit.graph.memory import peak_bytes
from motefit.graph.ops import LSTM, AveragePool2D, Conv2D, Dense, DepthwiseConv2D, Op
from motefit.graph.ops_signal import MatMul

OPERATORS: Mapping[type[Op], str] = {
    Conv2D: "CONV_2D",
    DepthwiseConv2D: "DEPTHWISE_CONV_2D",
    Dense: "FULLY_CONNECTED",
    MatMul: "BATCH_MATMUL",
    AveragePool2D: "AVERAGE_POOL_2D",
    LSTM: "UNIDIRECTIONAL_SEQUENCE_LSTM",
}
"""Operations that multiply and add, as the operators that they become in a file."""


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
        macs=sum(macs_of(graph, op) for op in graph.ops),
        activation_bytes=_peak_bytes(graph),
    )


def macs_of(graph: Graph, op: Op) -> int:
    """Count the multiply-accumulates of one operation of a graph, for one example."""
    if type(op) not in OPERATORS:
        return 0

    inputs = [graph.shapes[name] for name in op.inputs]
    inputs[0], output = (1, *inputs[0]), (1, *graph.shapes[op.output])  # a batch of one
    options = {}
    if isinstance(op, AveragePool2D):
        options = {POOL_HEIGHT: op.window[0], POOL_WIDTH: op.window[1]}
    if isinstance(op, LSTM):  # a file has one weight for each gate
        inputs = [inputs[0], *(weight[1:] for weight in inputs[1:3] for _ in range(weight[0]))]
    return macs(OPERATORS[type(op)], inputs, output, options) or 0


def _peak_bytes(graph: Graph) -> int:
    sizes = {
        name: math.prod(graph.shapes[name]) * (1 if name in graph.quantization else 4)
        for name in graph.activations()
    }
    held = dict[str, int]()
    for op in graph.ops:
        if isinstance(op, LSTM):  # hidden state and cell state: float32, or int8 and int16
            units = graph.shapes[op.inputs[2]][1]
            held[f"{op.output}.states"] = units * (3 if op.output in graph.quantization else 8)
    return peak_bytes(
        [(op.inputs, (op.output,)) for op in graph.ops],
        {**sizes, **held},
        first=(INPUT, *(state.name for state in graph.states), *held),
        last=(graph.output, *(state.after for state in graph.states), *held),
    )
