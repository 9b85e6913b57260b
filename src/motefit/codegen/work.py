"""Work of a network on a microcontroller, counted in instructions of the generated C."""

import math
from collections.abc import Mapping

from motefit.graph.counter import macs_of
from motefit.graph.graph import Graph
from motefit.graph.ops import (
    LSTM,
    Add,
    AveragePool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    Op,
    Quantize,
    Softmax,
)
from motefit.graph.ops_signal import Multiply

INSTRUCTIONS: Mapping[str, float] = {
    "layers": 49.0,
    "macs": 0.642,
    "columns": 4.68,
    "taps": 45.5,
    "outputs": 28.7,
    "depthwise_macs": 0.945,
    "depthwise_outputs": 42.4,
    "dense_macs": 2.5,
    "dense_outputs": 40.8,
    "float_macs": 5.67,
    "unpacked": 2.61,
    "exponentials": 285.0,
    "conversions": 191.0,
    "sums": 23.0,
    "elements": 113.0,
}
"""Instructions for each kind of work; their ratios count, see :mod:`motefit.codegen.estimate`.

``work.py`` in ``tools/cortex_m`` fits them to the generated C of the zoo's networks and of networks
of random shapes on an emulated Cortex-M4.
"""
GATES = 5
"""Of a unit of an LSTM that take a logistic function or a tangent: four gates and the output."""
REFERENCE: Mapping[str, int] = {
    "layers": 12,
    "macs": 2_368_000,
    "columns": 37_000,
    "taps": 5_000,
    "outputs": 40_000,
    "depthwise_macs": 288_000,
    "depthwise_outputs": 32_000,
    "dense_macs": 768,
    "dense_outputs": 76,
    "exponentials": 12,
}
"""Work of the DS-CNN of MLPerf Tiny's keyword spotting; it has none of the other kinds."""


def work_of(graph: Graph) -> Mapping[str, int]:
    """Count the work of a network by kind.

    Args:
        graph: in its released form.

    Returns:
        for each kind of :data:`INSTRUCTIONS` that the network has: ``layers``; of convolutions
        ``macs``, ``outputs``, and what is gathered under their windows: ``columns`` of numbers,
        and ``taps`` of pixels where a window has several; products and outputs of depthwise and
        dense layers, of which ``float_macs`` are in float32 and ``unpacked`` of their weights in
        int8; ``exponentials`` of softmax and LSTMs; ``conversions`` from and to float32; ``sums``
        of equal shapes; other ``elements``.
    """
    found = dict[str, int]()
    for op in graph.ops:
        work = _work(op, graph)
        for kind, amount in {**work, "layers": min(1, len(work))}.items():
            found[kind] = found.get(kind, 0) + amount
    return found


def _work(op: Op, graph: Graph) -> Mapping[str, int]:
    """Count the work of one operation; none if it only copies or renames."""
    out, size = graph.shapes[op.output], math.prod(graph.shapes[op.output])
    match op:
        case Conv2D() | DepthwiseConv2D() | Dense() | LSTM():
            return _products(op, graph)
        case AveragePool2D():
            return {"dense_outputs": size}
        case Softmax():
            return {"exponentials": size}
        case Dequantize() if op.inputs[0] in graph.constants:
            return {"unpacked": size}
        case Quantize() | Dequantize():
            return {"conversions": size}
        case Add() if all(graph.shapes[name] == out for name in op.inputs):
            return {"sums": size}
        case Add() | Multiply():
            return {"elements": size}
    return {}


def _products(op: Conv2D | DepthwiseConv2D | Dense | LSTM, graph: Graph) -> Mapping[str, int]:
    """Count the work of an operation that multiplies by weights."""
    macs, weight = macs_of(graph, op), graph.shapes[op.inputs[1]]
    *places, channels = graph.shapes[op.output]
    pixels = math.prod(places)
    match op:
        case Conv2D():
            window, depth = math.prod(weight[1:3]), math.prod(weight[1:])
            taps = {"taps": pixels * window} if window > 1 else {}
            return {"macs": macs, "columns": pixels * depth, "outputs": pixels * channels} | taps
        case DepthwiseConv2D():
            return {"depthwise_macs": macs, "depthwise_outputs": pixels * channels}
        case Dense():
            kind = "dense_macs" if op.output in graph.quantization else "float_macs"
            return {kind: macs, "dense_outputs": pixels * channels}
        case LSTM():
            return {"dense_macs": macs, "exponentials": pixels * GATES * channels}


def instructions(work: Mapping[str, int]) -> float:
    """Add up the instructions of some work."""
    return sum(INSTRUCTIONS[kind] * amount for kind, amount in work.items())
