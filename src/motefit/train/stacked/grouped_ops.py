"""Torch implementation of each operation of a Graph for several models at once.

Models of one form are stacked on a leading axis, of their constants (m, ...) and of vectors
(m, n, f) and sequences (m, n, t, f). Images have it among the channels, (n, m * c, h, w), so that a
grouped convolution keeps the models separate, and operations on single channels are those of one
model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import Tensor
from torch.nn import functional

from motefit.graph.graph import Graph
from motefit.graph.ops import (
    Activation,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Op,
    Shape,
    Softmax,
)
from motefit.graph.ops_signal import Slice
from motefit.spec.errors import ModelFileError
from motefit.train.torch_ops import Context, Step, compile_op, convolution, depthwise, rectify


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Graphs that run together, all of one form.

    Attributes:
        graphs: at least one.
        generators: of the dropouts' random numbers, one per graph.
    """

    graphs: Sequence[Graph]
    generators: Sequence[torch.Generator]

    @property
    def size(self) -> int:
        """Number of models."""
        return len(self.graphs)

    def shape(self, name: str) -> Shape:
        """Return the shape of a tensor, for one model and one example."""
        return self.graphs[0].shapes[name]


@singledispatch
def stack_op(op: Op, stack: Stack) -> Step:  # noqa: ARG001 - the dispatch needs the signature
    """Make a function from an operation's stacked input tensors to its stacked output tensor.

    Raises:
        ModelFileError: if stacked training does not support the operation.
    """
    raise ModelFileError(
        f"{op.output}: {type(op).__name__} cannot be trained in a stack; train this model alone"
    )


def is_stackable(op: Op, graph: Graph) -> bool:
    """Return whether an operation is supported."""
    if isinstance(op, Softmax):
        return op is graph.ops[-1]  # the loss reads the logits before it
    if isinstance(op, Add):
        left, right = (graph.shapes[name] for name in op.inputs)
        return left[-1] == right[-1]  # channels hold the models: nothing is repeated along them
    if isinstance(op, BatchNorm):
        return op.bands == 1
    if isinstance(op, Dropout):
        return not op.whole_channels
    if isinstance(op, Slice):
        return len(graph.shapes[op.output]) == 3 and op.axis < 2  # and nothing is taken of them
    return stack_op.dispatch(type(op)) is not stack_op.dispatch(Op)


def stacked(x: Tensor, stack: Stack) -> Tensor:
    """Convert inputs (m, n, *shape) to the form that the steps take.

    Channels-last memory is faster, but there the last bits of a norm and of a mean depend on the
    number of channels.
    """
    if x.ndim < 5:
        return x
    if any(isinstance(op, BatchNorm | AveragePool2D) for op in stack.graphs[0].ops):
        return x.permute(1, 0, 4, 2, 3).flatten(1, 2)
    return x.permute(1, 2, 3, 0, 4).flatten(3).permute(0, 3, 1, 2)


def by_model(x: Tensor, models: int) -> Tensor:
    """Convert an output to (m, n, *shape), images with their channels last."""
    if x.ndim < 4:
        return x
    return x.reshape(len(x), models, -1, *x.shape[2:]).permute(1, 0, 3, 4, 2)


@stack_op.register
def _conv(op: Conv2D, stack: Stack) -> Step:
    return _in_groups(convolution(op, stack.graphs[0], stack.size))


@stack_op.register
def _depthwise(op: DepthwiseConv2D, stack: Stack) -> Step:
    return _in_groups(depthwise(op, stack.graphs[0], stack.size))


def _in_groups(convolve: Step) -> Step:
    def step(inputs: list[Tensor], context: Context) -> Tensor:
        x, *constants = inputs
        return convolve([x, *(constant.flatten(0, 1) for constant in constants)], context)

    return step


@stack_op.register
def _dense(op: Dense, stack: Stack) -> Step:
    models = stack.size

    def step(inputs: list[Tensor], _: Context) -> Tensor:
        x, weight, *bias = inputs
        out = torch.bmm(by_model(x, models).flatten(2), weight.transpose(1, 2))
        if bias:
            out = out.add_(bias[0].unsqueeze(1))  # in place: three times as fast as baddbmm
        return rectify(out, op.activation)

    return step


@stack_op.register(Activation)
@stack_op.register(Add)
@stack_op.register(AveragePool2D)
@stack_op.register(Slice)
def _one_by_one(op: Op, stack: Stack) -> Step:
    return compile_op(op, stack.graphs[0])


@stack_op.register
def _batch_norm(op: BatchNorm, stack: Stack) -> Step:
    image = len(stack.shape(op.inputs[0])) == 3

    def step(inputs: list[Tensor], context: Context) -> Tensor:
        x, *constants = inputs
        # Channels of all models on axis 1: (n, m * c, h, w), or (n * ..., m * c) of vectors.
        channels = x if image else x.transpose(0, -2).flatten(-2).flatten(0, -2)
        gamma, beta, mean, variance = (constant.flatten() for constant in constants)
        out = functional.batch_norm(
            channels,
            mean,
            variance,
            gamma,
            beta,
            training=context.training,
            momentum=1 - context.norm_momentum,
            eps=op.epsilon,
        )
        return out if image else out.reshape(x.transpose(0, -2).shape).transpose(0, -2)

    return step


@stack_op.register
def _dropout(op: Dropout, stack: Stack) -> Step:
    rates = [rate_of(graph, op.output) for graph in stack.graphs]
    image = len(stack.shape(op.output)) == 3

    def step(inputs: list[Tensor], context: Context) -> Tensor:
        x = inputs[0]
        if not context.training:
            return x
        examples, *_ = x.shape if image else x.shape[1:]
        masks = [
            _mask(examples, stack.shape(op.output), 1 - rate, generator)
            for rate, generator in zip(rates, stack.generators, strict=True)
        ]
        return x * (torch.cat(masks, 1) if image else torch.stack(masks))

    return step


def _mask(examples: int, shape: Shape, keep: float, generator: torch.Generator) -> Tensor:
    """Draw the mask that one model alone would draw: torch draws in memory order."""
    if len(shape) == 3:
        height, width, channels = shape
        mask = torch.empty((examples, channels, height, width), memory_format=torch.channels_last)
    else:
        mask = torch.empty((examples, *shape))
    return mask.bernoulli_(keep, generator=generator).div_(keep)


def rate_of(graph: Graph, output: str) -> float:
    """Return the rate of the dropout with an output's name."""
    return next(op.rate for op in graph.ops if isinstance(op, Dropout) and op.output == output)
