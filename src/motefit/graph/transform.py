"""From the trained form of a Graph to the shipped form: norms folded, rectifiers fused."""

from dataclasses import dataclass, field, replace

import numpy as np

from motefit.graph.graph import Graph
from motefit.graph.ops import (
    Activation,
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Op,
)
from motefit.spec.errors import RecipeError

FOLDABLE = (Conv2D, DepthwiseConv2D, Dense)
FUSABLE = (Conv2D, DepthwiseConv2D, Dense, Add)


def fold(graph: Graph) -> Graph:
    """The graph as it ships: the same function with fewer operations.

    Batch norms become the bias and scale of the operation before them, rectifiers its activation,
    and dropouts vanish. Every foldable operation has a bias afterwards.

    Raises:
        RecipeError: when a batch norm or rectifier does not directly follow, as the only reader,
            an operation that can take it in.
    """
    graph = _without_dropout(graph)
    work = _Folding(constants=dict(graph.constants))
    for op in graph.ops:
        if isinstance(op, BatchNorm | Activation):
            if len(graph.consumers(op.inputs[0])) != 1:
                raise RecipeError(f"{op.output}: other operations read {op.inputs[0]} too")
            work.take_in(op)
        else:
            work.append(op)
    used = {name for op in work.ops.values() for name in op.inputs}
    constants = {name: array for name, array in work.constants.items() if name in used}
    return replace(graph, ops=tuple(work.ops.values()), constants=constants)


def _without_dropout(graph: Graph) -> Graph:
    if not any(isinstance(op, Dropout) for op in graph.ops):
        return graph
    alias: dict[str, str] = {}
    ops = []
    for op in graph.ops:
        inputs = tuple(alias.get(name, name) for name in op.inputs)
        if isinstance(op, Dropout):
            alias[op.output] = inputs[0]
        else:
            ops.append(replace(op, inputs=inputs))
    return replace(graph, ops=tuple(ops))


@dataclass(kw_only=True)
class _Folding:
    constants: dict[str, np.ndarray]
    ops: dict[str, Op] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)

    def append(self, op: Op) -> None:
        inputs = tuple(self.alias.get(name, name) for name in op.inputs)
        if isinstance(op, FOLDABLE) and len(inputs) == 2:
            inputs = (*inputs, f"{op.output}.bias")
            axis = -1 if isinstance(op, DepthwiseConv2D) else 0
            channels = self.constants[inputs[1]].shape[axis]
            self.constants[inputs[2]] = np.zeros(channels, np.float32)
        self.ops[op.output] = replace(op, inputs=inputs)

    def take_in(self, op: BatchNorm | Activation) -> None:
        target = self.ops.get(self.alias.get(op.inputs[0], op.inputs[0]))
        if isinstance(op, BatchNorm):
            if not isinstance(target, FOLDABLE) or target.activation != "none":
                raise RecipeError(f"{op.output}: a batch norm must follow a convolution or dense")
            self._fold_norm(target, op)
        else:
            if not isinstance(target, FUSABLE) or target.activation != "none":
                raise RecipeError(
                    f"{op.output}: a rectifier must follow a convolution, dense or add"
                )
            self.ops[target.output] = replace(target, activation=op.kind)
        self.alias[op.output] = target.output

    def _fold_norm(self, target: Conv2D | DepthwiseConv2D | Dense, norm: BatchNorm) -> None:
        statistics = [self.constants[n].astype(np.float64) for n in norm.inputs[1:]]
        gamma, beta, mean, variance = statistics
        factor = gamma / np.sqrt(variance + norm.epsilon)
        weight, bias = target.inputs[1:]
        array = self.constants[weight]
        shape = (-1,) if isinstance(target, DepthwiseConv2D) else (-1, *[1] * (array.ndim - 1))
        self.constants[weight] = (array * factor.reshape(shape)).astype(np.float32)
        self.constants[bias] = ((self.constants[bias] - mean) * factor + beta).astype(np.float32)
