"""Steps of a network in torch, with broadcast residual blocks in a faster form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from motefit.graph.graph import Graph
from motefit.graph.ops import (
    Activation,
    Add,
    AveragePool2D,
    BatchNorm,
    DepthwiseConv2D,
    Op,
)
from motefit.train.broadcast_block import (
    Convolution,
    Norm,
    block_sum,
    channels_second,
    depthwise,
    depthwise_norm,
    images,
    normalized_relu,
)
from motefit.train.torch_ops import Context, compile_op


@dataclass(frozen=True, kw_only=True)
class FusedStep:
    """A function from some tensors of a network to others.

    Images are (n, c, t, f) in channels-last memory.

    Attributes:
        inputs: names of activations and constants.
        outputs: names of what it computes.
        run: computes them.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    run: Callable[[list[Tensor], Context], tuple[Tensor, ...]]


@dataclass(frozen=True, kw_only=True)
class Block:
    """The 2-D path of a broadcast residual block.

    Attributes:
        convolution: depthwise over frequency.
        norm: behind it.
        pool: mean over frequency, which the 1-D path reads.
        sums: addition of the 1-D path, and of the block's input if the block has one.
        relu: the block's output.
    """

    convolution: DepthwiseConv2D
    norm: BatchNorm
    pool: AveragePool2D
    sums: tuple[Add, ...]
    relu: Activation


def steps_of(graph: Graph, *, fused: bool) -> tuple[FusedStep, ...]:
    """Compile a graph.

    Args:
        graph: in a float form.
        fused: whether broadcast residual blocks may run as a whole; their inner tensors are then
            not computed. A graph without such blocks is not changed.
    """
    blocks = _blocks(graph) if fused else ()
    if not blocks:
        return tuple(_plain(op, graph) for op in graph.ops)
    begins = {block.convolution.output: block for block in blocks}
    ends = {block.relu.output: block for block in blocks}
    inside = {op.output for block in blocks for op in (block.norm, block.pool, *block.sums)}
    steps: list[FusedStep | None] = []
    for op in graph.ops:
        if op.output in begins:
            steps.append(_begin(begins[op.output], graph))
        elif op.output in ends:
            steps.append(_end(ends[op.output]))
        elif op.output not in inside:
            steps.append(_single(op, graph))
    return tuple(step for step in steps if step is not None)


def _plain(op: Op, graph: Graph) -> FusedStep:
    step = compile_op(op, graph)
    return FusedStep(
        inputs=op.inputs, outputs=(op.output,), run=lambda given, context: (step(given, context),)
    )


def _blocks(graph: Graph) -> tuple[Block, ...]:
    found = (_block(op, graph) for op in graph.ops if isinstance(op, DepthwiseConv2D))
    return tuple(block for block in found if block is not None)


def _block(op: DepthwiseConv2D, graph: Graph) -> Block | None:
    """Match a block at its depthwise convolution over frequency."""
    kernel = graph.shapes[op.inputs[1]]
    if kernel[1] != 1 or op.stride[0] != 1 or len(op.inputs) != 2 or op.dilation != (1, 1):
        return None
    norm = _only(graph, op.output, BatchNorm)
    readers = graph.consumers(norm.output) if norm is not None else ()
    pool = next((r for r in readers if isinstance(r, AveragePool2D)), None)
    add = next((r for r in readers if isinstance(r, Add)), None)
    if norm is None or pool is None or add is None or len(readers) != 2:
        return None
    whole = (1, graph.shapes[norm.output][1])
    if pool.window != whole or pool.padding != "valid" or add.inputs[0] != norm.output:
        return None
    sums: tuple[Add, ...] = (add,)
    second = _only(graph, add.output, Add)
    if second is not None and second.inputs[0] == add.output:
        sums = (add, second)
    relu = _only(graph, sums[-1].output, Activation)
    if relu is None or relu.kind != "relu" or any(a.activation != "none" for a in sums):
        return None
    return Block(convolution=op, norm=norm, pool=pool, sums=sums, relu=relu)


def _only(graph: Graph, name: str, kind: type[Any]) -> Any:  # noqa: ANN401 - of the kind asked for
    """Return the only reader of a tensor if it is of a kind."""
    readers = graph.consumers(name)
    return readers[0] if len(readers) == 1 and isinstance(readers[0], kind) else None


def _convolution(op: DepthwiseConv2D, graph: Graph) -> Convolution:
    kernel = graph.shapes[op.inputs[1]]
    pads = op.pads(graph.shapes[op.inputs[0]], (kernel[1], kernel[2]))
    return Convolution(stride=op.stride, dilation=op.dilation, pads=pads)


def _norm(op: BatchNorm, constants: Sequence[Tensor], context: Context) -> Norm:
    momentum = 1 - context.norm_momentum
    return Norm(constants, bands=op.bands, epsilon=op.epsilon, momentum=momentum)


def _begin(block: Block, graph: Graph) -> FusedStep:
    convolution, name = _convolution(block.convolution, graph), block.norm.output

    def run(given: list[Tensor], context: Context) -> tuple[Tensor, ...]:
        x, weight, *constants = given
        norm = _norm(block.norm, constants, context)
        made = depthwise_norm(images(x), weight, norm, convolution, training=context.training)
        return (*made[:3], channels_second(made[3]))

    return FusedStep(
        inputs=(*block.convolution.inputs, *block.norm.inputs[1:]),
        outputs=(f"{name}.raw", f"{name}.scale", f"{name}.shift", block.pool.output),
        run=run,
    )


def _end(block: Block) -> FusedStep:
    name = block.norm.output
    starts = tuple(op.inputs[1] for op in block.sums[1:])

    def run(given: list[Tensor], context: Context) -> tuple[Tensor, ...]:
        raw, scale, shift, *images_ = given
        broadcast, *start = (images(x) for x in images_)
        parts = (raw, scale, shift, broadcast)
        out = block_sum(parts, start[0] if start else None, training=context.training)
        return (channels_second(out),)

    inputs = (f"{name}.raw", f"{name}.scale", f"{name}.shift", block.sums[0].inputs[1], *starts)
    return FusedStep(inputs=inputs, outputs=(block.relu.output,), run=run)


def _single(op: Op, graph: Graph) -> FusedStep | None:
    """Compile an operation between blocks; None for a norm that its rectifier takes along."""
    image = len(graph.shapes[op.output]) == 3
    if isinstance(op, BatchNorm) and image and _rectifier(op, graph) is not None:
        return None
    if isinstance(op, Activation) and image:
        norm = next((n for n in graph.ops if n.output == op.inputs[0]), None)
        if isinstance(norm, BatchNorm) and _rectifier(norm, graph) is op:
            return _norm_relu(norm, op)
    if isinstance(op, DepthwiseConv2D) and len(op.inputs) == 2 and op.activation == "none":
        return _depthwise(op, graph)
    return _plain(op, graph)


def _rectifier(norm: BatchNorm, graph: Graph) -> Activation | None:
    """Return the rectifier that alone reads a norm without bands."""
    found: Activation | None = _only(graph, norm.output, Activation)
    plain = norm.bands == 1 and found is not None and found.kind == "relu"
    return found if plain else None


def _norm_relu(norm: BatchNorm, relu: Activation) -> FusedStep:
    def run(given: list[Tensor], context: Context) -> tuple[Tensor, ...]:
        x, *constants = given
        found = _norm(norm, constants, context)
        return (channels_second(normalized_relu(images(x), found, training=context.training)),)

    return FusedStep(inputs=norm.inputs, outputs=(relu.output,), run=run)


def _depthwise(op: DepthwiseConv2D, graph: Graph) -> FusedStep:
    convolution = _convolution(op, graph)

    def run(given: list[Tensor], context: Context) -> tuple[Tensor, ...]:  # noqa: ARG001
        x, weight = given
        return (channels_second(depthwise(images(x), weight, convolution)),)

    return FusedStep(inputs=op.inputs, outputs=(op.output,), run=run)
