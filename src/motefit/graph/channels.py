"""Channels that can be removed from a graph: which tensors share them, and their removal.

A *space* is a set of channels that several tensors have in common: a depthwise convolution, a norm
or a pool passes its input's channels on, and a sum merges two sets (Molchanov et al.,
"Importance estimation for neural network pruning", arXiv:1906.10771, on skip connections).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import (
    LSTM,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Elementwise,
    LastStep,
    Op,
)
from motefit.graph.ops_signal import Slice
from motefit.spec.errors import RecipeError

PASSING = (Elementwise, AveragePool2D, DepthwiseConv2D, LastStep, Slice)
Keep = Mapping[str, np.ndarray]
"""For some spaces, by name: a bool array, False for the channels to remove."""


@dataclass(frozen=True, kw_only=True)
class ChannelAxis:
    """An axis of a constant that runs over a space's channels.

    Attributes:
        constant: its name.
        axis: of the constant.
        repeats: how often the channels are repeated along it (a dense layer's flattened input).
        makes: whether the constant produces the channels; otherwise it reads or scales them.
    """

    constant: str
    axis: int
    repeats: int = 1
    makes: bool = False


@dataclass(frozen=True, kw_only=True)
class ChannelGroup:
    """Channels that several tensors share.

    Attributes:
        name: of the first tensor that has them.
        size: number of channels.
        tensors: activations that have them, in order.
        uses: axes of constants that run over them.
    """

    name: str
    size: int
    tensors: tuple[str, ...]
    uses: tuple[ChannelAxis, ...]


def spaces(graph: Graph) -> tuple[ChannelGroup, ...]:
    """List the spaces of a float graph whose channels can be removed, in order of appearance.

    The channels of the input and of the output are not among them.
    """
    found = _spaces(graph)
    return tuple(space for space in found if not {INPUT, graph.output} & set(space.tensors))


def without_channels(graph: Graph, keep: Keep) -> Graph:
    """Remove channels from a graph.

    If the removed channels were 0 for every input, the function stays the same.

    Args:
        graph: a float graph, in trained or in shipped form.
        keep: of some of ``spaces(graph)``; at least one channel of each stays.

    Raises:
        RecipeError: for a space that does not exist, has another size, or would be left empty.
    """
    constants = {**graph.constants, **cut(graph, keep, graph.constants)}
    return replace(graph, constants=constants)


def cut(graph: Graph, keep: Keep, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Cut removed channels from arrays shaped like a graph's constants.

    Args:
        graph: before the cut.
        keep: as :func:`without_channels`.
        arrays: by name of the constant.

    Raises:
        RecipeError: as :func:`without_channels`.
    """
    known = {space.name: space for space in spaces(graph)}
    result = dict(arrays)
    for name, chosen in keep.items():
        if name not in known or chosen.shape != (known[name].size,) or not chosen.any():
            raise RecipeError(
                f"channels {name!r}: expected some of {known[name].size if name in known else 0} "
                f"channels to stay, got {chosen.astype(int)}; spaces: {', '.join(known)}"
            )
        for use in known[name].uses:
            if use.constant in result:
                everywhere = np.tile(chosen, use.repeats)
                result[use.constant] = np.compress(everywhere, result[use.constant], axis=use.axis)
    return result


def _spaces(graph: Graph) -> tuple[ChannelGroup, ...]:
    first: dict[str, str] = {INPUT: INPUT}
    for op in graph.ops:
        source, sizes = op.inputs[0], graph.shapes
        passes = isinstance(op, PASSING) and sizes[source][-1] == sizes[op.output][-1]
        first[op.output] = first[source] if passes else op.output
        if isinstance(op, Add):
            _join(graph, op, first)
    uses: dict[str, list[ChannelAxis]] = {}
    for op in graph.ops:
        for tensor, use in _uses(graph, op):
            known = uses.setdefault(first[tensor], [])
            if use not in known:
                known.append(use)
    return tuple(
        ChannelGroup(
            name=name,
            size=graph.shapes[name][-1],
            tensors=tuple(t for t in graph.activations() if first[t] == name),
            uses=tuple(uses.get(name, ())),
        )
        for name in dict.fromkeys(first.values())
    )


def _join(graph: Graph, op: Add, first: dict[str, str]) -> None:
    """Merge the spaces of a sum's operands; an operand of one channel keeps its own."""
    size = graph.shapes[op.output][-1]
    sides = [first[name] for name in op.inputs if graph.shapes[name][-1] == size]
    for name, space in first.items():
        if space in {*sides[1:], op.output}:
            first[name] = sides[0]


def _uses(graph: Graph, op: Op) -> Iterable[tuple[str, ChannelAxis]]:
    """Yield the axes of an operation's constants, each with a tensor that has the channels."""
    source = op.inputs[0]
    constants = op.inputs[1:]
    if isinstance(op, BatchNorm):
        bands = op.bands
        return [(source, ChannelAxis(constant=n, axis=0, repeats=bands)) for n in constants]
    if isinstance(op, DepthwiseConv2D):
        axes = zip(constants, (3, 0), strict=False)
        return [(source, ChannelAxis(constant=name, axis=axis)) for name, axis in axes]
    if isinstance(op, LSTM):
        weight, recurrent = constants[:2]
        read = [
            (source, ChannelAxis(constant=weight, axis=2)),
            (op.output, ChannelAxis(constant=recurrent, axis=2)),
        ]
        return read + [(op.output, ChannelAxis(constant=n, axis=1, makes=True)) for n in constants]
    if not isinstance(op, Conv2D | Dense):
        return []
    made = [(op.output, ChannelAxis(constant=name, axis=0, makes=True)) for name in constants]
    if isinstance(op, Conv2D):
        return [(source, ChannelAxis(constant=constants[0], axis=3)), *made]
    repeats = math.prod(graph.shapes[source][:-1])
    return [(source, ChannelAxis(constant=constants[0], axis=1, repeats=repeats)), *made]
