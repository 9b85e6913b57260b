"""A trained network on its way to the file, with what has been settled about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.ops import LSTM, Conv2D, Dense, DepthwiseConv2D, Op
from motefit.spec.codec import nearest
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A graph and what later steps must keep. A weight that is exactly 0 counts as pruned.

    Attributes:
        graph: in trained form, or folded (shipped float form); everything below needs it folded.
        groups: whole numbers from 0 for each number of a weight: where they are equal, and the
            weight is not 0, the weights share one value (in steps of their channel's scale).
        scales: of weights whose integers have been chosen: float32 (1,) or one per channel.
        ranges: of activations, as trained; a shipped int8 file takes them over.
        aware: whether training must feel the rounding of the shipped file.
    """

    graph: Graph
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    scales: Mapping[str, np.ndarray] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    aware: bool = False

    def folded(self) -> "Model":
        """The same model with its graph in shipped float form."""
        return replace(self, graph=fold(self.graph))


def weight_names(graph: Graph) -> dict[str, Op]:
    """Names of all weights (no biases, no norms) with the operations that read them."""
    names: dict[str, Op] = {}
    for op in graph.ops:
        if isinstance(op, Conv2D | DepthwiseConv2D | Dense):
            names[op.inputs[1]] = op
        elif isinstance(op, LSTM):
            names |= {op.inputs[1]: op, op.inputs[2]: op}
    return names


def chosen_weights(graph: Graph, layers: tuple[str, ...], *, depthwise: bool) -> tuple[str, ...]:
    """Names of the weights that a step works on.

    Args:
        graph: in any float form.
        layers: names of operations, such as ``"conv0"``; empty for all of them.
        depthwise: whether "all of them" includes depthwise convolutions.

    Raises:
        RecipeError: for a layer that the graph does not have.
    """
    weights = weight_names(graph)
    known = {op.output for op in weights.values()}
    for layer in layers:
        if layer not in known:
            raise RecipeError(
                f"layers: no layer {layer!r} with weights{nearest(layer, known)}; "
                f"this network has: {', '.join(sorted(known))}"
            )
    if layers:
        return tuple(name for name, op in weights.items() if op.output in layers)
    return tuple(
        name for name, op in weights.items() if depthwise or not isinstance(op, DepthwiseConv2D)
    )
