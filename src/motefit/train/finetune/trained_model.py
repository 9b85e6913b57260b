"""A trained network between training and export, with the constraints on it."""

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
    """A graph and the constraints on later steps. A weight that is exactly 0 counts as pruned.

    Attributes:
        graph: in trained form, or folded (released float form); the other attributes require it
            folded.
        groups: group index from 0 for each number of a weight: nonzero weights with equal indices
            share one value (in steps of their channel's scale).
        scales: of weights whose integers are fixed: float32 (1,) or one per channel.
        ranges: of activations, as trained; a released int8 file uses them.
        aware: whether training must apply the rounding of the released file.
    """

    graph: Graph
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    scales: Mapping[str, np.ndarray] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    aware: bool = False

    def folded(self) -> "Model":
        """Return the same model with its graph in released float form."""
        return replace(self, graph=fold(self.graph))


def weight_names(graph: Graph) -> dict[str, Op]:
    """Map the names of all weights (no biases, no norms) to the operations that read them."""
    names: dict[str, Op] = {}
    for op in graph.ops:
        if isinstance(op, Conv2D | DepthwiseConv2D | Dense):
            names[op.inputs[1]] = op
        elif isinstance(op, LSTM):
            names |= {op.inputs[1]: op, op.inputs[2]: op}
    return names


def chosen_weights(graph: Graph, layers: tuple[str, ...], *, depthwise: bool) -> tuple[str, ...]:
    """Select the names of the weights that a step works on.

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
