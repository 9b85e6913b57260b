"""From the trained form of a Graph to its released form: norms folded, rectifiers fused."""

from collections.abc import Mapping, Sequence
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
    Shape,
)
from motefit.graph.ops_signal import Multiply
from motefit.spec.errors import RecipeError

Foldable = Conv2D | DepthwiseConv2D | Dense
FOLDABLE = (Conv2D, DepthwiseConv2D, Dense)
BAND_PARTS = ("factor", "offset")
"""Last part of the names of the constants (1, frequencies, channels) of a norm with bands."""
FUSABLE = (Conv2D, DepthwiseConv2D, Dense, Add)


def fold(graph: Graph) -> Graph:
    """Fold a graph to its released form: the same function with fewer operations.

    Batch norms become the bias and scale of the operation before them, rectifiers its activation,
    and dropouts vanish. Every foldable operation has a bias afterwards. Of a norm with frequency
    bands, what the bands have in common goes there too, and the rest is a product and a sum with
    one number per frequency and channel.

    Raises:
        RecipeError: if a batch norm or rectifier does not directly follow, as the only reader, an
            operation that can absorb it.
    """
    graph = _without_dropout(graph)
    ops, norms = _folded(graph)
    constants = dict(graph.constants)
    for name, shape in _new_biases(graph, ops).items():
        constants[name] = np.zeros(shape, np.float32)
    for target, norm in norms:
        if norm.bands > 1:
            _fold_bands(constants, target, norm, graph.shapes[norm.output])
        else:
            _fold_norm(constants, target, norm)
    used = {name for op in ops for name in op.inputs}
    return replace(graph, ops=ops, constants={n: a for n, a in constants.items() if n in used})


def folded_form(graph: Graph) -> tuple[tuple[Op, ...], Mapping[str, Shape], frozenset[str]]:
    """Compute the result of :func:`fold` without the numbers.

    Returns:
        The operations, the shapes of their constants, and the names of biases that are zero: those
        that folding adds where no batch norm follows.

    Raises:
        RecipeError: as :func:`fold`.
    """
    graph = _without_dropout(graph)
    ops, norms = _folded(graph)
    added = {**_new_biases(graph, ops), **_band_shapes(graph)}
    shapes = {**{name: array.shape for name, array in graph.constants.items()}, **added}
    used = dict.fromkeys(name for op in ops for name in op.inputs)
    zeros = _new_biases(graph, ops).keys() - {target.inputs[2] for target, _ in norms}
    return ops, {name: shapes[name] for name in used if name in shapes}, frozenset(zeros)


def _new_biases(graph: Graph, ops: Sequence[Op]) -> dict[str, Shape]:
    """Return the shapes of the biases that folding adds."""
    return {
        op.inputs[2]: (
            graph.constants[op.inputs[1]].shape[-1 if isinstance(op, DepthwiseConv2D) else 0],
        )
        for op in ops
        if isinstance(op, FOLDABLE) and op.inputs[2] not in graph.constants
    }


def _band_shapes(graph: Graph) -> dict[str, Shape]:
    """Return the shapes of the constants that norms with bands become."""
    norms = [op for op in graph.ops if isinstance(op, BatchNorm) and op.bands > 1]
    return {
        f"{op.output}.{part}": (1, *graph.shapes[op.output][1:])
        for op in norms
        for part in BAND_PARTS
    }


def _folded(graph: Graph) -> tuple[tuple[Op, ...], Sequence[tuple[Foldable, BatchNorm]]]:
    """Return the operations that stay, and the batch norms folded into their constants."""
    work = _Folding()
    for op in graph.ops:
        if isinstance(op, BatchNorm | Activation):
            if len(graph.consumers(op.inputs[0])) != 1:
                raise RecipeError(f"{op.output}: other operations read {op.inputs[0]} too")
            work.take_in(op)
        else:
            work.append(op)
    return tuple(work.ops.values()), work.norms


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
            ops.append(op if inputs == op.inputs else replace(op, inputs=inputs))
    return replace(graph, ops=tuple(ops))


@dataclass(kw_only=True)
class _Folding:
    ops: dict[str, Op] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    norms: list[tuple[Foldable, BatchNorm]] = field(default_factory=list)

    def append(self, op: Op) -> None:
        inputs = tuple([self.alias.get(name, name) for name in op.inputs])
        if isinstance(op, FOLDABLE) and len(inputs) == 2:
            inputs = (*inputs, f"{op.output}.bias")
        self.ops[op.output] = op if inputs == op.inputs else replace(op, inputs=inputs)

    def take_in(self, op: BatchNorm | Activation) -> None:
        target = self.ops.get(self.alias.get(op.inputs[0], op.inputs[0]))
        if isinstance(op, BatchNorm):
            if not isinstance(target, FOLDABLE) or target.activation != "none":
                raise RecipeError(f"{op.output}: a batch norm must follow a convolution or dense")
            self.norms.append((target, op))
            if op.bands > 1:
                self._append_bands(op, target)
                return
        else:
            if not isinstance(target, FUSABLE) or target.activation != "none":
                raise RecipeError(
                    f"{op.output}: a rectifier must follow a convolution, dense or add"
                )
            self.ops[target.output] = replace(target, activation=op.kind)
        self.alias[op.output] = target.output

    def _append_bands(self, op: BatchNorm, target: Foldable) -> None:
        """Append the product and the sum that are left of a norm with bands."""
        product = f"{op.output}.product"
        self.ops[product] = Multiply(inputs=(target.output, f"{op.output}.factor"), output=product)
        self.ops[op.output] = Add(inputs=(product, f"{op.output}.offset"), output=op.output)


def _fold_bands(
    constants: dict[str, np.ndarray], target: Foldable, norm: BatchNorm, shape: Shape
) -> None:
    """Fold a norm with bands: y = (x * common + shift) * factor + offset.

    ``common`` and ``shift`` are those of the channel's bands in quadratic and plain mean, so that
    the factors are near 1 and the offsets near 0.
    """
    gamma, beta, mean, variance = (
        constants[n].astype(np.float64).reshape(norm.bands, -1) for n in norm.inputs[1:]
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    weight, bias = target.inputs[1:]
    shift = beta + (constants[bias] - mean) * scale
    common = np.sqrt(np.mean(scale**2, axis=0))
    common = np.where(common > 0, common, 1.0)
    factor = scale / common
    middle = shift.mean(axis=0)
    offset = shift - middle * factor
    array = constants[weight]
    outer = (-1,) if isinstance(target, DepthwiseConv2D) else (-1, *[1] * (array.ndim - 1))
    constants[weight] = (array * common.reshape(outer)).astype(np.float32)
    constants[bias] = middle.astype(np.float32)
    for part, rows in zip(BAND_PARTS, (factor, offset), strict=True):
        spread = np.repeat(rows, shape[1] // norm.bands, axis=0)[np.newaxis]
        constants[f"{norm.output}.{part}"] = spread.astype(np.float32)


def _fold_norm(constants: dict[str, np.ndarray], target: Foldable, norm: BatchNorm) -> None:
    statistics = [constants[n].astype(np.float64) for n in norm.inputs[1:]]
    gamma, beta, mean, variance = statistics
    factor = gamma / np.sqrt(variance + norm.epsilon)
    weight, bias = target.inputs[1:]
    array = constants[weight]
    shape = (-1,) if isinstance(target, DepthwiseConv2D) else (-1, *[1] * (array.ndim - 1))
    constants[weight] = (array * factor.reshape(shape)).astype(np.float32)
    constants[bias] = ((constants[bias] - mean) * factor + beta).astype(np.float32)
