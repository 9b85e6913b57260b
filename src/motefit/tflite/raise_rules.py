"""Rules for pools, softmax, the edges of integers and floats, and what moves no number.

The counterpart of :mod:`motefit.tflite.lower`, for the forms that other converters write too.
"""

from motefit.graph.ops import AveragePool2D, Dequantize, LastStep, Quantize, Softmax
from motefit.graph.ops_signal import Slice
from motefit.tflite.content import FileOp
from motefit.tflite.raise_layers import padding, positive
from motefit.tflite.raising import Raising, equal, raises


@raises("AVERAGE_POOL_2D")
def _average_pool(state: Raising, op: FileOp) -> None:
    source = state.source(op)
    state.image(op, op.inputs[0])
    if op.option(5) != 0:
        raise op.refuse("a rectifier after an average is not read")
    if not equal(*(state.tensor(i).quantisation for i in (op.inputs[0], op.outputs[0]))):
        raise op.refuse("its output has other scales than its input")
    made = AveragePool2D(
        inputs=(source,),
        output=state.activation(op, "pool"),
        window=positive(op, (op.option(4), op.option(3))),
        stride=positive(op, (op.option(2), op.option(1))),
        padding=padding(op),
    )
    state.add(op, made)


@raises("MEAN")
def _mean(state: Raising, op: FileOp) -> None:
    """Over height, width or both; a sequence (1, t, c) is an image of height or width 1."""
    source = state.source(op)
    shape = state.tensor(op.inputs[0]).shape
    axes = {int(a) % max(len(shape), 1) for a in state.value(op, 1).reshape(-1)}
    own = state.shapes[source]
    if len(own) != 3 or shape[:1] != (1,):
        raise op.refuse(f"its input {shape} is no image")
    if shape[1:] == own and axes and axes <= {1, 2}:
        window = tuple(own[i - 1] if i in axes else 1 for i in (1, 2))
    elif shape == (1, own[0] * own[1], own[2]) and axes == {1}:
        window = own[:2]
    else:
        raise op.refuse(f"a mean over the axes {sorted(axes)} of {shape}")
    pair = window[0], window[1]
    name = state.activation(op, "pool")
    if state.is_int8(op.inputs[0]):
        if equal(*(state.tensor(i).quantisation for i in (op.inputs[0], op.outputs[0]))):
            raise op.refuse("as integers with one scale before and after; a Graph rounds there")
        state.means[name] = op
    made = AveragePool2D(inputs=(source,), output=name, window=pair, stride=pair)
    state.add(op, made)


@raises("SOFTMAX")
def _softmax(state: Raising, op: FileOp) -> None:
    source = state.source(op)
    if op.options.get(0, 0.0) != 1.0:
        raise op.refuse("its beta is not 1")
    if state.tensor(op.inputs[0]).shape[-1:] != state.shapes[source][-1:]:
        raise op.refuse("its last axis was reshaped")
    state.add(op, Softmax(inputs=(source,), output=state.activation(op, "softmax")))


@raises("QUANTIZE")
def _quantize(state: Raising, op: FileOp) -> None:
    source, output = state.tensor(op.inputs[0]), state.tensor(op.outputs[0])
    name = state.source(op)
    if source.dtype == "int8" and equal(source.quantisation, output.quantisation):
        state.same(op)
    elif source.dtype == "float32" and output.dtype == "int8":
        state.add(op, Quantize(inputs=(name,), output=state.activation(op, "quantize")))
    else:
        raise op.refuse(f"from {source.dtype} to {output.dtype} with other scales")


@raises("DEQUANTIZE")
def _dequantize(state: Raising, op: FileOp) -> None:
    """Of a constant: noted until its reader is known, which says what kind of weight it is."""
    if state.tensor(op.outputs[0]).dtype != "float32":
        raise op.refuse("its output is not float32")
    if state.tensor(op.inputs[0]).data is not None:
        state.widened[op.outputs[0]] = op.inputs[0], op
        return
    source = state.source(op)
    if not state.is_int8(op.inputs[0]):
        raise op.refuse(f"its input is {state.tensor(op.inputs[0]).dtype}; int8 is read")
    state.add(op, Dequantize(inputs=(source,), output=state.activation(op, "dequantize")))


@raises("RESHAPE", "EXPAND_DIMS", "SQUEEZE")
def _view(state: Raising, op: FileOp) -> None:
    state.view(op)


@raises("TRANSPOSE")
def _transpose(state: Raising, op: FileOp) -> None:
    """Only where the order of the numbers stays: sizes of 1 move."""
    shape = state.tensor(op.inputs[0]).shape
    order = [int(axis) for axis in state.value(op, 1).reshape(-1)]
    if sorted(order) != list(range(len(shape))):
        raise op.refuse(f"the order {order} of {len(shape)} axes")
    moved = [axis for axis in order if shape[axis] != 1]
    if moved != sorted(moved):
        raise op.refuse("it moves numbers; only sizes of 1 may change places")
    state.view(op)


@raises("SHAPE")
def _shape(state: Raising, op: FileOp) -> None:
    state.static.update(op.outputs)


@raises("PACK", "CONCATENATION")
def _of_shapes(state: Raising, op: FileOp) -> None:
    if not _is_static(state, op):
        raise op.refuse("only of sizes, not of activations")
    state.static.update(op.outputs)


def _is_static(state: Raising, op: FileOp) -> bool:
    return all(i in state.static or state.tensor(i).data is not None for i in op.inputs if i >= 0)


@raises("STRIDED_SLICE")
def _slice(state: Raising, op: FileOp) -> None:
    if _is_static(state, op):
        state.static.update(op.outputs)
        return
    shape = state.tensor(op.inputs[0]).shape
    begin, end, stride = (state.value(op, i).reshape(-1).tolist() for i in (1, 2, 3))
    if {len(begin), len(end), len(stride)} != {len(shape)} or op.option(2) or op.option(3):
        raise op.refuse("its form is not read")
    kept = []
    for axis, size in enumerate(shape):
        bit = 1 << axis
        first = None if op.option(0) & bit else begin[axis]
        last = None if op.option(1) & bit else end[axis]
        if op.option(4) & bit:
            last = first + 1 if first not in {None, -1} else None
        if stride[axis] == 0:
            raise op.refuse("a step of 0")
        kept.append(range(*slice(first, last, stride[axis]).indices(size)))
    if all(list(part) == list(range(size)) for part, size in zip(kept, shape, strict=True)):
        state.view(op)
    elif [len(part) for part in kept] == [1, 1, *shape[2:]] and kept[1][0] == shape[1] - 1:
        _last_step(state, op)
    else:
        raise op.refuse("only the last step of a sequence is read")


@raises("SLICE")
def _rows(state: Raising, op: FileOp) -> None:
    """Some rows of an image."""
    source = state.source(op)
    rows, *rest = state.image(op, op.inputs[0])
    begin, size = (state.value(op, i).reshape(-1).tolist() for i in (1, 2))
    count = size[1] if len(size) == 4 and size[1] >= 0 else -1
    if begin[2:] != [0, 0] or size[2:] != rest or not 0 < count <= rows - begin[1]:
        raise op.refuse(f"its begin {begin} and size {size} are not some rows of an image")
    if not equal(*(state.tensor(i).quantisation for i in (op.inputs[0], op.outputs[0]))):
        raise op.refuse("its output has other scales than its input")
    stop = begin[1] + count
    name = state.activation(op, "rows")
    state.add(op, Slice(inputs=(source,), output=name, axis=0, start=begin[1], stop=stop))


@raises("GATHER")
def _gather(state: Raising, op: FileOp) -> None:
    shape, index = state.tensor(op.inputs[0]).shape, state.value(op, 1)
    rank = max(len(shape), 1)
    if op.option(0) % rank != 1 or op.option(1) or index.size != 1:
        raise op.refuse("only one step of a sequence is read")
    if len(shape) != 3 or int(index.reshape(-1)[0]) not in {-1, shape[1] - 1}:
        raise op.refuse("only the last step of a sequence is read")
    _last_step(state, op)


def _last_step(state: Raising, op: FileOp) -> None:
    source = state.source(op)
    state.sequence(op, op.inputs[0])
    if not equal(*(state.tensor(i).quantisation for i in (op.inputs[0], op.outputs[0]))):
        raise op.refuse("its output has other scales than its input")
    state.add(op, LastStep(inputs=(source,), output=state.activation(op, "last")))
