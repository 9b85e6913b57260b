"""One matrix from the window to the forecast: the smallest useful model."""

import numpy as np

from motefit.graph.builder import Builder
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph


@family("linear", tasks=("forecasting",))
def linear(
    problem: Problem,
    *,
    rng: np.random.Generator,
    change: bool = True,
    bias: bool = True,
) -> Graph:
    """Build one dense layer without activation.

    Args:
        problem: input shape (steps, columns) or (values,).
        rng: draws the initial weights.
        change: start from "the last value stays" and learn the change from it, or from zero where
            the answer is a change or no naive forecast exists. For one matrix the two forms are the
            same set of functions, so the file has no extra operation.
        bias: add a constant.
    """
    net = Builder((int(np.prod(problem.input_shape)),), rng=rng)
    net.dense(problem.outputs, bias=bias)
    graph = net.build()
    if not change:
        return graph
    weight = graph.constants["dense0.weight"] * np.float32(0.01)
    if problem.naive:
        weight[np.arange(problem.outputs), problem.naive] += 1.0
    return graph.with_constants({"dense0.weight": weight})
