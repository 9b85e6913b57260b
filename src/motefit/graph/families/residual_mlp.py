"""A linear map plus a small hidden layer: what is linear costs one matrix, the rest a few units."""

import numpy as np

from motefit.graph.builder import Builder
from motefit.graph.families import Problem, family
from motefit.graph.graph import INPUT, Graph


@family("residual-mlp", tasks=("forecasting",))
def residual_mlp(problem: Problem, *, rng: np.random.Generator, units: int = 8) -> Graph:
    """Build the sum of a dense layer and of a hidden layer with ReLU and a dense layer.

    A skip connection from the input to the output (He et al., arXiv:1512.03385), with a projection,
    as in the residual blocks of TiDE (Das et al., arXiv:2304.08424).

    Args:
        problem: input shape (steps, columns) or (values,), flattened.
        rng: draws the initial weights.
        units: of the hidden layer.
    """
    net = Builder((int(np.prod(problem.input_shape)),), rng=rng)
    direct = net.dense(problem.outputs)
    net.cursor = INPUT
    net.dense(units)
    net.relu()
    correction = net.dense(problem.outputs)
    net.add(direct, correction)
    graph = net.build()
    weight = graph.constants["dense0.weight"] * np.float32(0.01)
    if problem.naive:  # start from "the last value stays"
        weight[np.arange(problem.outputs), problem.naive] += 1.0
    return graph.with_constants({"dense0.weight": weight})
