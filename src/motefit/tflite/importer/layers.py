"""Rules for convolutions and dense layers, and for the PAD before a convolution."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from motefit.graph.ops import Conv2D, Dense, DepthwiseConv2D, Padding, Pair, Shape, Windowed
from motefit.tflite.content import FileOp
from motefit.tflite.importer.state import ImportState, imports

PADDINGS: tuple[Padding, ...] = ("same", "valid")
MAX_WIDENING = 4
"""Zeros that may be added to a kernel on each side to replace a PAD."""
VECTOR_CHANNELS = 8
"""Block of channels in which integer depthwise kernels round like convolutions."""


@imports("CONV_2D")
def _conv(state: ImportState, op: FileOp) -> None:
    dilation = op.option(5, 1), op.option(4, 1)
    _convolve(state, op, "conv", dilation, activation_slot=3)


@imports("DEPTHWISE_CONV_2D")
def _depthwise(state: ImportState, op: FileOp) -> None:
    dilation = op.option(6, 1), op.option(5, 1)
    _convolve(state, op, "depthwise", dilation, activation_slot=4)


def _convolve(
    state: ImportState, op: FileOp, kind: str, dilation: Pair, *, activation_slot: int
) -> None:
    index = op.inputs[0] if op.inputs else -1
    source, pads = state.pads.get(index, (index, None))
    inputs = [state.source(replace(op, inputs=(source, *op.inputs[1:])))]
    shape = state.image(op, source)
    activation = state.fused(op, activation_slot)
    name = state.activation(op, kind)
    axis = 0 if kind == "conv" else 3
    inputs.append(state.constant(op, 1, f"{name}.weight", axis))
    weight = state.constants.get(inputs[1])
    size = state.shapes[inputs[1]] if weight is None else weight.shape
    if len(size) != 4:
        raise op.refuse(f"its weight has the shape {size}")
    if kind == "depthwise" and size[3] != shape[2]:
        inputs[1], kind = _as_convolution(state, op, inputs[1], shape), "conv"
        size = state.constants[inputs[1]].shape
    inputs += _bias(state, op, name)
    made = (Conv2D if kind == "conv" else DepthwiseConv2D)(
        inputs=tuple(inputs),
        output=name,
        stride=positive(op, (op.option(2), op.option(1))),
        dilation=positive(op, dilation),
        padding=padding(op),
        activation=activation,
    )
    if pads is not None:
        made = _with_pads(state, op, made, shape, pads)
    state.add(op, made)


def _as_convolution(state: ImportState, op: FileOp, weight: str, shape: Shape) -> str:
    """Convert the weight (1, h, w, m) of a one-channel depthwise convolution to (m, h, w, 1).

    Integers only if both kernels round alike, see :mod:`motefit.graph.execute.int8`.
    """
    array = state.constants.get(weight)
    if shape[2] != 1 or array is None:
        raise op.refuse("several outputs per channel are supported only for one channel")
    known = state.quantization.get(weight)
    if known is not None and (
        not state.is_int8(op.inputs[0])
        or array.shape[3] % VECTOR_CHANNELS
        or known.bits != 8
        or known.unsigned
    ):
        raise op.refuse(
            f"several integer outputs per channel are supported in multiples of {VECTOR_CHANNELS}, "
            "with int8 inputs and weights"
        )
    name = state.exact(f"{weight}.as_convolution")
    state.constants[name] = np.ascontiguousarray(array.transpose(3, 1, 2, 0))
    if known is not None:
        del state.quantization[weight]
        state.quantization[name] = replace(known, axis=None if known.axis is None else 0)
    return name


def _bias(state: ImportState, op: FileOp, name: str) -> list[str]:
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return []
    bias = state.constant(op, 2, f"{name}.bias")
    if bias not in state.constants:  # a DEQUANTIZE's output, float32
        dtype, rank = np.dtype(np.float32), len(state.shapes[bias])
    else:
        dtype, rank = state.constants[bias].dtype, state.constants[bias].ndim
    expected = np.int32 if state.is_int8(op.inputs[0]) else np.float32
    if dtype != expected or rank != 1:
        raise op.refuse(f"its bias must be a vector of {np.dtype(expected)}")
    return [bias]


def positive(op: FileOp, pair: Pair) -> Pair:
    """Return two numbers, which must be at least 1."""
    if min(pair) < 1:
        raise op.refuse(f"it has a stride, dilation or window of {pair}")
    return pair


def padding(op: FileOp) -> Padding:
    """Return the padding in the first slot of an operator's options."""
    if op.option(0) not in {0, 1}:
        raise op.refuse(f"its padding is {op.option(0)}")
    return PADDINGS[op.option(0)]


def _with_pads(
    state: ImportState,
    op: FileOp,
    made: Conv2D | DepthwiseConv2D,
    shape: Shape,
    pads: Sequence[Pair],
) -> Conv2D | DepthwiseConv2D:
    """Include a preceding PAD in a convolution.

    ``"causal"`` puts all zeros before the input, ``"same"`` the larger half after it; other pads
    need a kernel extended by zeros.
    """
    if made.padding != "valid":
        raise op.refuse("it pads a second time after a PAD")
    kernel = state.constants.get(made.inputs[1])
    size = state.shapes[made.inputs[1]] if kernel is None else kernel.shape
    causal = replace(made, padding="causal")
    if causal.pads(shape, (size[1], size[2])) == tuple(pads):
        return causal
    if kernel is None:
        raise op.refuse("it follows a PAD, and its weight goes through a DEQUANTIZE")
    grown = [_growth(made, i, shape[i], kernel.shape[1 + i], pads[i]) for i in (0, 1)]
    if None in grown:
        raise op.refuse(f"no padding of a Graph equals the PAD {tuple(pads)} before it")
    if any(grow != (0, 0) for grow in grown):
        name = state.exact(f"{made.inputs[1]}.padded")
        width = ((0, 0), *(grow or (0, 0) for grow in grown), (0, 0))
        state.constants[name] = np.pad(kernel, width)
        if made.inputs[1] in state.quantization:
            state.quantization[name] = state.quantization.pop(made.inputs[1])
        made = replace(made, inputs=(made.inputs[0], name, *made.inputs[2:]))
    return replace(made, padding="same")


def _growth(op: Windowed, axis: int, size: int, kernel: int, pad: Pair) -> Pair | None:
    """Find the zeros around a one-dimensional kernel for which "same" padding is as wanted."""
    stride, dilation = op.stride[axis], op.dilation[axis]
    out = (size + sum(pad) - (kernel - 1) * dilation - 1) // stride + 1
    if out != -(-size // stride):
        return None
    choices = itertools.product(range(MAX_WIDENING + 1), repeat=2)
    for before, after in sorted(choices, key=sum):
        grown = (kernel + before + after - 1) * dilation + 1
        total = max((out - 1) * stride + grown - size, 0)
        if total // 2 == pad[0] + before * dilation:
            return before, after
    return None


@imports("FULLY_CONNECTED")
def _dense(state: ImportState, op: FileOp) -> None:
    if op.option(1) != 0:
        raise op.refuse("its weights are shuffled")
    inputs = [state.source(op)]
    activation = state.fused(op, 0)
    name = state.activation(op, "dense")
    inputs.append(state.constant(op, 1, f"{name}.weight", 0))
    made = Dense(inputs=(*inputs, *_bias(state, op, name)), output=name, activation=activation)
    state.add(op, made)


@imports("PAD", "PADV2")
def _pad(state: ImportState, op: FileOp) -> None:
    """Note the padding for the convolution that reads it; int8 is padded with the zero point."""
    state.source(op)
    state.image(op, op.inputs[0])
    table = state.value(op, 1)
    if table.shape != (4, 2) or table.min() < 0 or table[[0, 3]].any():
        raise op.refuse("only height and width may grow")
    if op.name == "PADV2" and state.value(op, 2).any():
        raise op.refuse("it pads with a number other than 0")
    pads = [(int(before), int(after)) for before, after in table[1:3]]
    state.pads[op.outputs[0]] = op.inputs[0], (pads[0], pads[1])
