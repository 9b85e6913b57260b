"""Rules for pools, softmax, sums, rectifiers, the edges of integers and floats, and shapes.

The counterpart of :mod:`motefit.tflite.write.lower`, including forms that other converters
write. Rectifiers, factors and offsets become part of the operation before them.
"""

from dataclasses import replace

import numpy as np

from motefit.graph.ops import (
    ActivationKind,
    Add,
    AveragePool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    LastStep,
    Quantize,
    Softmax,
)
from motefit.graph.ops_signal import Multiply, Slice
from motefit.tflite.content import FileOp
from motefit.tflite.importer.layers import padding, positive
from motefit.tflite.importer.state import ImportState, Weighted, equal, imports, signed


@imports("AVERAGE_POOL_2D")
def _average_pool(state: ImportState, op: FileOp) -> None:
    source = state.source(op)
    state.image(op, op.inputs[0])
    if op.option(5) != 0:
        raise op.refuse("a rectifier after an average is not supported")
    if not equal(*(state.tensor(i).quantization for i in (op.inputs[0], op.outputs[0]))):
        raise op.refuse("its output and its input have different scales")
    made = AveragePool2D(
        inputs=(source,),
        output=state.activation(op, "pool"),
        window=positive(op, (op.option(4), op.option(3))),
        stride=positive(op, (op.option(2), op.option(1))),
        padding=padding(op),
    )
    state.add(op, made)


@imports("MEAN")
def _mean(state: ImportState, op: FileOp) -> None:
    """Average over height, width or both; a sequence (1, t, c) is an image of height or width 1."""
    source = state.source(op)
    shape = state.tensor(op.inputs[0]).shape
    axes = {int(a) % max(len(shape), 1) for a in state.value(op, 1).reshape(-1)}
    own = state.shapes[source]
    if len(own) != 3 or shape[:1] != (1,):
        raise op.refuse(f"its input {shape} is not an image")
    if shape[1:] == own and axes and axes <= {1, 2}:
        window = tuple(own[i - 1] if i in axes else 1 for i in (1, 2))
    elif shape == (1, own[0] * own[1], own[2]) and axes == {1}:
        window = own[:2]
    else:
        raise op.refuse(f"it averages over the axes {sorted(axes)} of {shape}")
    pair = window[0], window[1]
    name = state.activation(op, "pool")
    if state.is_int8(op.inputs[0]):
        if equal(*(state.tensor(i).quantization for i in (op.inputs[0], op.outputs[0]))):
            raise op.refuse(
                "its input and output are integers with equal scales; a Graph would round there"
            )
        state.means[name] = op
    made = AveragePool2D(inputs=(source,), output=name, window=pair, stride=pair)
    state.add(op, made)


@imports("SOFTMAX")
def _softmax(state: ImportState, op: FileOp) -> None:
    source = state.source(op)
    if op.options.get(0, 0.0) != 1.0:
        raise op.refuse("its beta is not 1")
    if state.tensor(op.inputs[0]).shape[-1:] != state.shapes[source][-1:]:
        raise op.refuse("its last axis was reshaped")
    state.add(op, Softmax(inputs=(source,), output=state.activation(op, "softmax")))


@imports("QUANTIZE")
def _quantize(state: ImportState, op: FileOp) -> None:
    source, output = state.tensor(op.inputs[0]), state.tensor(op.outputs[0])
    name = state.source(op)
    if state.unsigned and _moves_edge(state, op):
        state.names[op.outputs[0]] = name
    elif source.dtype == "int8" and equal(source.quantization, output.quantization):
        state.same(op)
    elif source.dtype == "float32" and output.dtype == "int8":
        state.add(op, Quantize(inputs=(name,), output=state.activation(op, "quantize")))
    else:
        raise op.refuse(f"it converts {source.dtype} to {output.dtype} with different scales")


def _moves_edge(state: ImportState, op: FileOp) -> bool:
    """Return whether it moves the input from uint8 to int8, or the output back, by 128."""
    source, output = (state.tensor(index) for index in (op.inputs[0], op.outputs[0]))
    at_edge = op.inputs[0] == state.content.input or op.outputs[0] == state.content.output
    one, other = signed(source), signed(output)
    return (
        at_edge
        and {source.dtype, output.dtype} == {"uint8", "int8"}
        and one.dtype == other.dtype == "int8"
        and equal(one.quantization, other.quantization)
    )


@imports("DEQUANTIZE")
def _dequantize(state: ImportState, op: FileOp) -> None:
    """Note the DEQUANTIZE of a constant until its reader determines the kind of weight."""
    if state.tensor(op.outputs[0]).dtype != "float32":
        raise op.refuse("its output is not float32")
    if state.tensor(op.inputs[0]).data is not None:
        state.widened[op.outputs[0]] = op.inputs[0], op
        return
    source = state.source(op)
    if not state.is_int8(op.inputs[0]):
        raise op.refuse(f"its input is {state.tensor(op.inputs[0]).dtype}; only int8 is supported")
    state.add(op, Dequantize(inputs=(source,), output=state.activation(op, "dequantize")))


@imports("RESHAPE", "EXPAND_DIMS", "SQUEEZE")
def _view(state: ImportState, op: FileOp) -> None:
    state.view(op)


@imports("TRANSPOSE")
def _transpose(state: ImportState, op: FileOp) -> None:
    """Import only if the order of the numbers is unchanged, so that only sizes of 1 move."""
    shape = state.tensor(op.inputs[0]).shape
    order = [int(axis) for axis in state.value(op, 1).reshape(-1)]
    if sorted(order) != list(range(len(shape))):
        raise op.refuse(f"it permutes {len(shape)} axes by {order}")
    moved = [axis for axis in order if shape[axis] != 1]
    if moved != sorted(moved):
        raise op.refuse("it moves numbers; only dimensions of size 1 may change places")
    state.view(op)


@imports("SHAPE")
def _shape(state: ImportState, op: FileOp) -> None:
    state.static.update(op.outputs)


@imports("PACK", "CONCATENATION")
def _of_shapes(state: ImportState, op: FileOp) -> None:
    if not _is_static(state, op):
        raise op.refuse("supported only for sizes, not for activations")
    state.static.update(op.outputs)


def _is_static(state: ImportState, op: FileOp) -> bool:
    return all(i in state.static or state.tensor(i).data is not None for i in op.inputs if i >= 0)


@imports("STRIDED_SLICE")
def _slice(state: ImportState, op: FileOp) -> None:
    if _is_static(state, op):
        state.static.update(op.outputs)
        return
    shape = state.tensor(op.inputs[0]).shape
    begin, end, stride = (state.value(op, i).reshape(-1).tolist() for i in (1, 2, 3))
    if {len(begin), len(end), len(stride)} != {len(shape)} or op.option(2) or op.option(3):
        raise op.refuse("its form is not supported")
    kept = []
    for axis, size in enumerate(shape):
        bit = 1 << axis
        first = None if op.option(0) & bit else begin[axis]
        last = None if op.option(1) & bit else end[axis]
        if op.option(4) & bit:
            last = first + 1 if first not in {None, -1} else None
        if stride[axis] == 0:
            raise op.refuse("its step is 0")
        kept.append(range(*slice(first, last, stride[axis]).indices(size)))
    if all(list(part) == list(range(size)) for part, size in zip(kept, shape, strict=True)):
        state.view(op)
    elif [len(part) for part in kept] == [1, 1, *shape[2:]] and kept[1][0] == shape[1] - 1:
        _last_step(state, op)
    else:
        raise op.refuse("only the last step of a sequence is supported")


@imports("SLICE")
def _rows(state: ImportState, op: FileOp) -> None:
    """Import a slice of rows of an image."""
    source = state.source(op)
    rows, *rest = state.image(op, op.inputs[0])
    begin, size = (state.value(op, i).reshape(-1).tolist() for i in (1, 2))
    count = size[1] if len(size) == 4 and size[1] >= 0 else -1
    if begin[2:] != [0, 0] or size[2:] != rest or not 0 < count <= rows - begin[1]:
        raise op.refuse(f"its begin {begin} and size {size} do not select rows of an image")
    if not equal(*(state.tensor(i).quantization for i in (op.inputs[0], op.outputs[0]))):
        raise op.refuse("its output and its input have different scales")
    stop = begin[1] + count
    name = state.activation(op, "rows")
    state.add(op, Slice(inputs=(source,), output=name, axis=0, start=begin[1], stop=stop))


@imports("GATHER")
def _gather(state: ImportState, op: FileOp) -> None:
    shape, index = state.tensor(op.inputs[0]).shape, state.value(op, 1)
    rank = max(len(shape), 1)
    if op.option(0) % rank != 1 or op.option(1) or index.size != 1:
        raise op.refuse("only one step of a sequence is supported")
    if len(shape) != 3 or int(index.reshape(-1)[0]) not in {-1, shape[1] - 1}:
        raise op.refuse("only the last step of a sequence is supported")
    _last_step(state, op)


def _last_step(state: ImportState, op: FileOp) -> None:
    source = state.source(op)
    state.sequence(op, op.inputs[0])
    if not equal(*(state.tensor(i).quantization for i in (op.inputs[0], op.outputs[0]))):
        raise op.refuse("its output and its input have different scales")
    state.add(op, LastStep(inputs=(source,), output=state.activation(op, "last")))


WEIGHTED = (Conv2D, DepthwiseConv2D, Dense)


@imports("RELU", "RELU6")
def _rectifier(state: ImportState, op: FileOp) -> None:
    kind: ActivationKind = "relu" if op.name == "RELU" else "relu6"
    state.source(op)
    found = state.producer(op.inputs[0], kinds=(*WEIGHTED, Add))
    if found is None:
        raise op.refuse("it does not follow a convolution, dense layer or sum to be part of")
    position, before = found
    state.same(op)
    state.replace(position, replace(before, activation=kind))  # type: ignore[call-arg]  # kinds


@imports("ADD", "SUB")
def _add(state: ImportState, op: FileOp) -> None:
    constant = _constant_side(state, op)
    if constant is not None:
        if op.name == "SUB" and constant == 0:
            raise op.refuse("it subtracts an activation from a constant")
        if op.name == "ADD" and _by_frequency(state, op, constant):
            inputs, name = _beside(state, op, constant, "add", "offset")
            state.add(op, Add(inputs=inputs, output=name, activation=state.fused(op, 0)))
            return
        offset = state.value(op, constant)
        _affine(state, op, np.ones(1, np.float32), -offset if op.name == "SUB" else offset)
        return
    if op.name == "SUB":
        raise op.refuse("it subtracts two activations")
    inputs = state.source(op, 0), state.source(op, 1)
    activation = state.fused(op, 0)
    made = Add(inputs=inputs, output=state.activation(op, "add"), activation=activation)
    state.add(op, made)


@imports("MUL", "DIV")
def _multiply(state: ImportState, op: FileOp) -> None:
    constant = _constant_side(state, op)
    if constant is None or (op.name == "DIV" and constant == 0):
        raise op.refuse("only a constant factor is supported")
    if op.name == "MUL" and _by_frequency(state, op, constant):
        if state.fused(op, 0) != "none":
            raise op.refuse("a rectifier after a product is not supported")
        inputs, name = _beside(state, op, constant, "product", "factor")
        state.add(op, Multiply(inputs=inputs, output=name))
        return
    factor = state.value(op, constant)
    with np.errstate(divide="ignore"):
        factor = 1 / factor if op.name == "DIV" else factor
    _affine(state, op, factor, np.zeros(1, np.float32))


def _constant_side(state: ImportState, op: FileOp) -> int | None:
    """Return which of two inputs is a constant; None if neither is."""
    if len(op.inputs) != 2 or min(op.inputs) < 0:
        raise op.refuse("it needs two inputs")
    sides = [i for i in (0, 1) if state.tensor(op.inputs[i]).data is not None]
    if not sides:
        return None
    value = state.value(op, sides[0])
    if len(sides) == 2 or (value.dtype != np.float32 and not _by_frequency(state, op, sides[0])):
        raise op.refuse(
            "a constant combined with an activation must be float32, or int8 with one number per "
            "frequency and channel"
        )
    return sides[0]


def _by_frequency(state: ImportState, op: FileOp, side: int) -> bool:
    """Return whether a constant has one number per frequency and channel of the other input."""
    value, name = state.value(op, side), state.names.get(op.inputs[1 - side], "")
    shape = state.shapes.get(name, ())
    known = value.dtype in {np.dtype(np.float32), np.dtype(np.int8)}
    return known and len(shape) == 3 and value.shape == (1, *shape[1:])


def _beside(
    state: ImportState, op: FileOp, side: int, kind: str, what: str
) -> tuple[tuple[str, str], str]:
    """Import a constant; return the names of the two inputs, and of the output."""
    source = state.source(op, 1 - side)
    name = state.activation(op, kind)
    tensor = state.tensor(op.inputs[side])
    constant = state.fresh(tensor.name, "") if tensor.name else state.exact(f"{name}.{what}")
    state.constants[constant] = state.value(op, side)
    if tensor.dtype == "int8":
        state.note(op, constant, tensor)
    return (source, constant), name


def _affine(state: ImportState, op: FileOp, factor: np.ndarray, offset: np.ndarray) -> None:
    """Import ``x * factor + offset`` per channel, as part of the previous operation if possible."""
    index = next(i for i in op.inputs if state.tensor(i).data is None)
    op = replace(op, inputs=(index,))
    source, activation = state.source(op), state.fused(op, 0)
    channels = state.shapes[source][-1:]
    rows = [np.asarray(a, np.float32) for a in (factor, offset)]
    if any(a.size not in {1, *channels} or a.shape[-1:] not in {(), (a.size,)} for a in rows):
        raise op.refuse("its constant is neither one number nor one per channel")
    scale, shift = (np.broadcast_to(a.reshape(-1), channels) for a in rows)
    found = state.producer(index, kinds=WEIGHTED)
    folded = None if found is None else _folded(state, found[1], scale, shift)
    if found is not None and folded is not None:
        state.same(op)
        state.replace(found[0], replace(folded, activation=activation))
        return
    if len(state.shapes[source]) != 3:
        raise op.refuse("it does not follow a convolution or dense layer to be part of")
    name = state.activation(op, "depthwise")
    inputs = source, state.exact(f"{name}.weight"), state.exact(f"{name}.bias")
    state.constants[inputs[1]] = scale.reshape(1, 1, 1, -1).copy()
    state.constants[inputs[2]] = shift.copy()
    state.add(op, DepthwiseConv2D(inputs=inputs, output=name, activation=activation))


def _folded(
    state: ImportState, op: object, scale: np.ndarray, shift: np.ndarray
) -> Weighted | None:
    """Fold a factor and an offset into an operation; None if its weights are not floats."""
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
