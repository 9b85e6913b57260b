"""Torch implementation of each operation of a Graph; images are (n, c, h, w), channels last."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from motefit.graph.graph import Graph
from motefit.graph.ops import (
    LSTM,
    Activation,
    ActivationKind,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    LastStep,
    Op,
    Pair,
    Shape,
    Softmax,
    Windowed,
)
from motefit.graph.ops_signal import Multiply, Slice
from motefit.spec.errors import ModelFileError


class Context:
    """State shared by the steps of one run: mode, random numbers, momentum of norms.

    Attributes:
        norm_momentum: see ``train.module.NORM_MOMENTUM``.
        training: whether norms use the batch's statistics.
        dropping: whether dropouts act in training.
        generator: of the dropouts.
    """

    def __init__(self, norm_momentum: float) -> None:
        self.norm_momentum = norm_momentum
        self.training = True
        self.dropping = True
        self.generator = torch.Generator()


Step = Callable[[list[Tensor], Context], Tensor]


@singledispatch
def compile_op(op: Op, graph: Graph) -> Step:  # noqa: ARG001 - the dispatch needs the signature
    """Make a function from an operation's input tensors to its output tensor.

    Raises:
        ModelFileError: if torch training does not support the operation.
    """
    raise ModelFileError(
        f"{op.output}: {type(op).__name__} cannot be trained; train the float graph "
        "and quantize it afterwards"
    )


def rectify(x: Tensor, kind: ActivationKind) -> Tensor:
    """Apply an activation function."""
    if kind == "none":
        return x
    return functional.relu(x) if kind == "relu" else functional.relu6(x)


def _padding(op: Windowed, graph: Graph, window: Pair) -> tuple[Pair, list[int]]:
    """Return the symmetric padding (height, width) of a convolution, and any step before it."""
    rows, columns = op.pads(graph.shapes[op.inputs[0]], window)
    if rows[0] == rows[1] and columns[0] == columns[1]:
        return (rows[0], columns[0]), []
    return (0, 0), [*columns, *rows]


def convolution(op: Conv2D | DepthwiseConv2D, graph: Graph, groups: int) -> Step:
    """Make the step of a grouped convolution."""
    shape = graph.shapes[op.inputs[1]]
    inner, outer = _padding(op, graph, (shape[1], shape[2]))

    def step(inputs: list[Tensor], _: Context) -> Tensor:
        x, weight, *bias = inputs
        if outer:
            x = functional.pad(x, outer)
        out = functional.conv2d(
            x,
            weight,
            bias[0] if bias else None,
            stride=op.stride,
            padding=inner,
            dilation=op.dilation,
            groups=groups,
        )
        return rectify(out, op.activation)

    return step


@compile_op.register
def _conv(op: Conv2D, graph: Graph) -> Step:
    return convolution(op, graph, 1)


@compile_op.register
def _depthwise(op: DepthwiseConv2D, graph: Graph) -> Step:
    return depthwise(op, graph, 1)


def depthwise(op: DepthwiseConv2D, graph: Graph, models: int) -> Step:
    """Make the step of a depthwise convolution over the channels of several models."""
    shape = graph.shapes[op.inputs[1]]
    plain = convolution(op, graph, shape[3] * models)
    (top, bottom), (left, right) = op.pads(graph.shapes[op.inputs[0]], (shape[1], shape[2]))
    if op.stride != (1, 1) or op.dilation == (1, 1) or (top, left) != (bottom, right):
        return plain

    def step(inputs: list[Tensor], context: Context) -> Tensor:
        if not context.training:
            return plain(inputs, context)
        x, weight, *bias = inputs
        out = _dilated_depthwise(x, weight, (top, left), op.dilation)
        if bias:
            out = out + bias[0][:, None, None]
        return rectify(out, op.activation)

    return step


class DilatedDepthwise(torch.autograd.Function):
    """Depthwise convolution of stride 1 with a dilation.

    The gradient of the input is itself a dilated depthwise convolution, with the flipped kernel;
    torch's own implementation on a CPU takes ten times as long (torch 2.13, oneDNN).
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch gives the context no type
        x: Tensor,
        weight: Tensor,
        padding: Pair,
        dilation: Pair,
    ) -> Tensor:
        """Convolve (n, c, h, w) with (c, 1, kh, kw)."""
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.dilation = padding, dilation
        return functional.conv2d(x, weight, None, 1, padding, dilation, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Compute the gradients of input and weight."""
        x, weight = ctx.saved_tensors
        reach = [d * (k - 1) for d, k in zip(ctx.dilation, weight.shape[2:], strict=True)]
        back = [r - p for r, p in zip(reach, ctx.padding, strict=True)]
        of_x = None
        if ctx.needs_input_grad[0]:
            turned = weight.flip(2, 3)
            of_x = functional.conv2d(gradients[0], turned, None, 1, back, ctx.dilation, len(weight))
        # Uses torch's own backward pass, which is fast for the weight.
        _, of_weight, _ = torch.ops.aten.convolution_backward(
            gradients[0],
            x,
            weight,
            None,
            (1, 1),
            ctx.padding,
            ctx.dilation,
            False,  # noqa: FBT003 - the operator takes it by position: not transposed
            (0, 0),
            len(weight),
            (False, True, False),
        )
        return of_x, of_weight, None, None


def _dilated_depthwise(x: Tensor, weight: Tensor, padding: Pair, dilation: Pair) -> Tensor:
    apply: Callable[..., Tensor] = DilatedDepthwise.apply
    return apply(x, weight, padding, dilation)


def _flat(x: Tensor) -> Tensor:
    if x.ndim == 4:
        x = x.permute(0, 2, 3, 1)
    return x.reshape(len(x), -1)


@compile_op.register
def _dense(op: Dense, graph: Graph) -> Step:  # noqa: ARG001 - the dispatch needs the signature
    def step(inputs: list[Tensor], _: Context) -> Tensor:
        x, weight, *bias = inputs
        out = functional.linear(_flat(x), weight, bias[0] if bias else None)
        return rectify(out, op.activation)

    return step


@compile_op.register
def _average_pool(op: AveragePool2D, graph: Graph) -> Step:
    shape = graph.shapes[op.inputs[0]]
    if op.dilation != (1, 1):
        raise ModelFileError(f"{op.output}: an average pool with dilation cannot be trained")
    if op.window == shape[:2] and op.padding == "valid":
        return lambda inputs, _: inputs[0].mean((2, 3), keepdim=True)
    if op.window == (1, shape[1]) and op.stride[0] == 1 and op.padding == "valid":
        return lambda inputs, _: inputs[0].mean(3, keepdim=True)
    return _windowed_pool(op, graph)


def _windowed_pool(op: AveragePool2D, graph: Graph) -> Step:
    inner, outer = _padding(op, graph, op.window)

    def step(inputs: list[Tensor], _: Context) -> Tensor:
        x = inputs[0]
        if not outer:
            return functional.avg_pool2d(
                x, op.window, op.stride, padding=inner, count_include_pad=False
            )
        ones = x.new_ones(1, 1, *x.shape[2:])
        total = functional.avg_pool2d(functional.pad(x, outer), op.window, op.stride)
        return total / functional.avg_pool2d(functional.pad(ones, outer), op.window, op.stride)

    return step


@compile_op.register
def _add(op: Add, graph: Graph) -> Step:  # noqa: ARG001 - the dispatch needs the signature
    return lambda inputs, _: rectify(inputs[0] + inputs[1], op.activation)


@compile_op.register
def _multiply(op: Multiply, graph: Graph) -> Step:  # noqa: ARG001 - as above
    return lambda inputs, _: inputs[0] * inputs[1]


@compile_op.register
def _activation(op: Activation, graph: Graph) -> Step:  # noqa: ARG001 - as above
    return lambda inputs, _: rectify(inputs[0], op.kind)


def _channel_axis(shape: Shape) -> int:
    """Return the axis of a batch's tensor that is the Graph's last axis."""
    return 1 if len(shape) == 3 else len(shape)


@compile_op.register
def _batch_norm(op: BatchNorm, graph: Graph) -> Step:
    axis = _channel_axis(graph.shapes[op.inputs[0]])

    def step(inputs: list[Tensor], context: Context) -> Tensor:
        x, gamma, beta, mean, variance = inputs
        whole = x.shape
        if op.bands > 1:  # (n, c, h, w) to (n, bands * c, h, w / bands), the bands outside
            cut = x.reshape(*whole[:3], op.bands, -1).movedim(3, 1)
            x = cut.reshape(len(x), op.bands * whole[1], whole[2], -1)
        out = functional.batch_norm(
            x.movedim(axis, 1),
            mean,
            variance,
            gamma,
            beta,
            training=context.training,
            momentum=1 - context.norm_momentum,
            eps=op.epsilon,
        )
        if op.bands > 1:
            cut = out.reshape(len(x), op.bands, *whole[1:3], -1)
            return cut.movedim(1, 3).reshape(whole)
        return out.movedim(1, axis)

    return step


@compile_op.register
def _dropout(op: Dropout, graph: Graph) -> Step:  # noqa: ARG001 - as above
    keep = 1 - op.rate

    def step(inputs: list[Tensor], context: Context) -> Tensor:
        if not context.training or not context.dropping:
            return inputs[0]
        like = inputs[0][:, :, :1, :1] if op.whole_channels else inputs[0]
        mask = torch.empty_like(like).bernoulli_(keep, generator=context.generator)
        return inputs[0] * mask.div_(keep)

    return step


@compile_op.register
def _softmax(op: Softmax, graph: Graph) -> Step:
    axis = _channel_axis(graph.shapes[op.inputs[0]])
    return lambda inputs, _: torch.softmax(inputs[0], axis)


@contextmanager
def _without_onednn() -> Iterator[None]:
    """Run an operation with torch's own kernels.

    oneDNN's LSTM could not be shown to give equal bytes on Intel and AMD: the emulated processor of
    ``tools/equal_bytes.py`` computes it incorrectly.
    """
    flags = torch.backends.mkldnn.set_flags
    before = flags(_enabled=False)  # type: ignore[no-untyped-call]  # torch has no types here
    try:
        yield
    finally:
        flags(*before[:1])  # type: ignore[no-untyped-call]  # as above


@compile_op.register
def _lstm(op: LSTM, graph: Graph) -> Step:
    units = graph.shapes[op.inputs[1]][1]

    def step(inputs: list[Tensor], context: Context) -> Tensor:
        # Torch's gates are in the Graph's order: input, forget, cell, output.
        x, weight, recurrent, bias = inputs
        zero = x.new_zeros(1, len(x), units)
        bias = bias.reshape(-1)
        weights = (
            weight.reshape(4 * units, -1),
            recurrent.reshape(4 * units, -1),
            bias,
            torch.zeros_like(bias),
        )
        with _without_onednn():
            out, _, _ = torch.lstm(
                x,
                (zero, zero),
                weights,
                has_biases=True,
                num_layers=1,
                dropout=0.0,
                train=context.training,
                bidirectional=False,
                batch_first=True,
            )
        return out

    return step


@compile_op.register
def _slice(op: Slice, graph: Graph) -> Step:
    image = len(graph.shapes[op.inputs[0]]) == 3
    axis = (2, 3, 1)[op.axis] if image else op.axis + 1
    return lambda inputs, _: inputs[0].narrow(axis, op.start, op.stop - op.start)


@compile_op.register
def _last_step(op: LastStep, graph: Graph) -> Step:  # noqa: ARG001 - as above
    return lambda inputs, _: inputs[0][:, -1]
