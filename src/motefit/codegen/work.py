"""Work of a network on a microcontroller, counted in instructions of the generated C."""

import math
from collections.abc import Mapping

from motefit.graph.counter import macs_of
from motefit.graph.graph import Graph
from motefit.graph.ops import LSTM, Conv2D, Dense, DepthwiseConv2D, Softmax

INSTRUCTIONS: Mapping[str, float] = {
    "macs": 1.1,
    "depthwise_macs": 2.6,
    "sums": 72.0,
    "exponentials": 305.0,
    "elements": 6.2,
}
"""Instructions for each kind of work; their ratios count, see :mod:`motefit.codegen.estimate`.

``work.py`` in ``tools/cortex_m`` fits them to the generated C of 18 networks on an emulated
Cortex-M4.
"""
GATES = 5
"""Of a unit of an LSTM that take a logistic function or a tangent: four gates and the output."""
REFERENCE: Mapping[str, int] = {
    "macs": 2_368_768,
    "depthwise_macs": 288_000,
    "sums": 72_012,
    "exponentials": 12,
    "elements": 64,
}
"""Work of the DS-CNN of MLPerf Tiny's keyword spotting."""


def work_of(graph: Graph) -> Mapping[str, int]:
    """Count the work of a network by kind.

    Args:
        graph: in its released form.

    Returns:
        ``macs`` of convolutions, dense layers and LSTMs, ``depthwise_macs``, ``sums`` that become
        outputs of them, ``exponentials`` of softmax and LSTMs, and ``elements``: outputs of all
        other operations.
    """
    found = dict.fromkeys(INSTRUCTIONS, 0)
    for op in graph.ops:
        size = math.prod(graph.shapes[op.output])
        if isinstance(op, Conv2D | Dense | DepthwiseConv2D):
            kind = "depthwise_macs" if isinstance(op, DepthwiseConv2D) else "macs"
            found[kind] += macs_of(graph, op)
            found["sums"] += size
        elif isinstance(op, LSTM):
            steps = math.prod(graph.shapes[op.inputs[0]][:-1])
            found["macs"] += macs_of(graph, op)
            found["exponentials"] += steps * GATES * graph.shapes[op.inputs[2]][1]
        else:
            found["exponentials" if isinstance(op, Softmax) else "elements"] += size
    return found


def instructions(work: Mapping[str, int]) -> float:
    """Add up the instructions of some work."""
    return sum(INSTRUCTIONS[kind] * amount for kind, amount in work.items())
