"""Long short-term memory on a window of a series (the 20/21 and 21/22 systems)."""

import numpy as np

from motefit.graph.builder import Builder, scaled
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph


@family("lstm", tasks=("forecasting",), sequence=True)
def lstm(
    problem: Problem,
    *,
    rng: np.random.Generator,
    units: int = 64,
    layers: int = 1,
    width_multiplier: float = 1.0,
    flatten: bool = False,
) -> Graph:
    """Build LSTM layers, then a dense layer from the last step (or from all steps).

    Args:
        problem: input shape (steps, columns).
        rng: draws the initial weights.
        units: of each layer before the width multiplier.
        layers: stacked LSTMs.
        width_multiplier: factor on the units, of which at least one remains.
        flatten: read all steps of the last layer instead of the last one.
    """
    net = Builder(problem.input_shape, rng=rng)
    for _ in range(layers):
        net.lstm(scaled(units, width_multiplier))
    if not flatten:
        net.last_step()
    net.dense(problem.outputs)
    return net.build()
