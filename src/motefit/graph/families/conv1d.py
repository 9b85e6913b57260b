"""1-D convolution over a window of a series (the 20/21 and 21/22 systems)."""

import numpy as np

from motefit.graph.builder import Builder, per_layer, scaled
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph
from motefit.graph.ops import Padding


@family("conv1d", tasks=("forecasting",), sequence=True)
def conv1d(  # noqa: PLR0913 - the knobs of a family are its signature
    problem: Problem,
    *,
    rng: np.random.Generator,
    filters: tuple[int, ...] = (64,),
    kernels: tuple[int, ...] = (3,),
    strides: tuple[int, ...] = (1,),
    padding: Padding = "valid",
    units: tuple[int, ...] = (64,),
    width_multiplier: float = 1.0,
) -> Graph:
    """Build convolutions over time with ReLU, then dense layers with ReLU, then the outputs.

    Args:
        problem: input shape (steps, columns); columns become channels.
        rng: draws the initial weights.
        filters: of each convolution before the width multiplier.
        kernels: steps of each convolution; the last entry is repeated.
        strides: of each convolution; the last entry is repeated.
        padding: of every convolution.
        units: of each hidden dense layer before the width multiplier; may be empty.
        width_multiplier: factor on filters and units, of which at least one remains.
    """
    steps, columns = problem.input_shape
    net = Builder((steps, 1, columns), rng=rng)
    for i, count in enumerate(filters):
        net.conv(
            scaled(count, width_multiplier),
            (per_layer(kernels, i), 1),
            stride=(per_layer(strides, i), 1),
            padding=padding,
            bias=True,
        )
        net.relu()
    for count in units:
        net.dense(scaled(count, width_multiplier))
        net.relu()
    net.dense(problem.outputs)
    return net.build()
