"""Rules for sums, rectifiers, and factors and offsets that belong to the operation before."""

from dataclasses import replace

import numpy as np

from motefit.graph.ops import ActivationKind, Add, Conv2D, Dense, DepthwiseConv2D
from motefit.tflite.content import FileOp
from motefit.tflite.raising import Raising, Weighted, raises

WEIGHTED = (Conv2D, DepthwiseConv2D, Dense)


@raises("RELU", "RELU6")
def _rectifier(state: Raising, op: FileOp) -> None:
    kind: ActivationKind = "relu" if op.name == "RELU" else "relu6"
    state.source(op)
    found = state.producer(op.inputs[0], kinds=(*WEIGHTED, Add))
    if found is None:
        raise op.refuse("it follows no convolution, dense layer or sum that it could be part of")
    position, before = found
    state.same(op)
    state.replace(position, replace(before, activation=kind))  # type: ignore[call-arg]  # kinds


@raises("ADD", "SUB")
def _add(state: Raising, op: FileOp) -> None:
    constant = _constant_side(state, op)
    if constant is not None:
        if op.name == "SUB" and constant == 0:
            raise op.refuse("a constant minus an activation")
        offset = state.value(op, constant)
        _affine(state, op, np.ones(1, np.float32), -offset if op.name == "SUB" else offset)
        return
    if op.name == "SUB":
        raise op.refuse("the difference of two activations")
    inputs = state.source(op, 0), state.source(op, 1)
    activation = state.fused(op, 0)
    made = Add(inputs=inputs, output=state.activation(op, "add"), activation=activation)
    state.add(op, made)


@raises("MUL", "DIV")
def _multiply(state: Raising, op: FileOp) -> None:
    constant = _constant_side(state, op)
    if constant is None or (op.name == "DIV" and constant == 0):
        raise op.refuse("only a factor that is a constant is read")
    factor = state.value(op, constant)
    with np.errstate(divide="ignore"):
        factor = 1 / factor if op.name == "DIV" else factor
    _affine(state, op, factor, np.zeros(1, np.float32))


def _constant_side(state: Raising, op: FileOp) -> int | None:
    """Which of two inputs is a constant of floats; None where neither is."""
    if len(op.inputs) != 2 or min(op.inputs) < 0:
        raise op.refuse("two inputs are needed")
    sides = [i for i in (0, 1) if state.tensor(op.inputs[i]).data is not None]
    if not sides:
        return None
    if len(sides) == 2 or state.value(op, sides[0]).dtype != np.float32:
        raise op.refuse("a constant beside an activation is read in float32 only")
    return sides[0]


def _affine(state: Raising, op: FileOp, factor: np.ndarray, offset: np.ndarray) -> None:
    """``x * factor + offset`` per channel: part of the operation before, or a 1x1 depthwise one."""
    index = next(i for i in op.inputs if state.tensor(i).data is None)
    op = replace(op, inputs=(index,))
    source, activation = state.source(op), state.fused(op, 0)
    channels = state.shapes[source][-1:]
    rows = [np.asarray(a, np.float32) for a in (factor, offset)]
    if any(a.size not in {1, *channels} or a.shape[-1:] not in {(), (a.size,)} for a in rows):
        raise op.refuse("its constant is not one number, or one for each channel")
    scale, shift = (np.broadcast_to(a.reshape(-1), channels) for a in rows)
    found = state.producer(index, kinds=WEIGHTED)
    folded = None if found is None else _folded(state, found[1], scale, shift)
    if found is not None and folded is not None:
        state.same(op)
        state.replace(found[0], replace(folded, activation=activation))
        return
    if len(state.shapes[source]) != 3:
        raise op.refuse("it follows no convolution or dense layer that it could be part of")
    name = state.activation(op, "depthwise")
    inputs = source, state.exact(f"{name}.weight"), state.exact(f"{name}.bias")
    state.constants[inputs[1]] = scale.reshape(1, 1, 1, -1).copy()
    state.constants[inputs[2]] = shift.copy()
    state.add(op, DepthwiseConv2D(inputs=inputs, output=name, activation=activation))


def _folded(state: Raising, op: object, scale: np.ndarray, shift: np.ndarray) -> Weighted | None:
    """The operation with a factor and an offset taken in; None where its weights are no floats."""
    if not isinstance(op, WEIGHTED):
        return None
    arrays = [state.constants.get(name) for name in op.inputs[1:]]
    if any(array is None or array.dtype != np.float32 for array in arrays):
        return None
    kernel = state.constants[op.inputs[1]]
    shape = (-1,) if isinstance(op, DepthwiseConv2D) else (-1, *[1] * (kernel.ndim - 1))
    bias = state.constants[op.inputs[2]] if len(op.inputs) == 3 else np.zeros_like(shift)
    names = [state.exact(f"{op.output}.{part}.folded") for part in ("weight", "bias")]
    state.constants[names[0]] = kernel * scale.reshape(shape)
    state.constants[names[1]] = bias * scale + shift
    return replace(op, inputs=(op.inputs[0], *names))
