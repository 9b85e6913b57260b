"""Multilayer perceptron on a window of a series (the 20/21 and 21/22 systems)."""

import numpy as np

from motefit.graph.builder import Builder, scaled
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph


@family("mlp", tasks=("forecasting", "keyword-spotting"))
def mlp(
    problem: Problem,
    *,
    rng: np.random.Generator,
    units: tuple[int, ...] = (128, 128),
    width_multiplier: float = 1.0,
    dropout: float = 0.0,
) -> Graph:
    """Build dense layers with ReLU, then a dense layer to the outputs.

    Args:
        problem: input shape (steps, columns) or (frames, features), flattened.
        rng: draws the initial weights.
        units: of each hidden layer before the width multiplier.
        width_multiplier: factor on the units, of which at least one remains.
        dropout: after every hidden layer.
    """
    net = Builder((int(np.prod(problem.input_shape)),), rng=rng)
    for count in units:
        net.dense(scaled(count, width_multiplier))
        net.relu()
        net.dropout(dropout)
    net.dense(problem.outputs)
    return net.build()
