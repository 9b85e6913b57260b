"""Import of LSTMs as one operation: fused ones, and those unrolled step by step (Keras 3).

The operators of an unrolled LSTM become expressions, and each distinct one a number; then the
expressions of an LSTM with the same weights are built the same way. If the last hidden state
has the number of some tensor, that tensor is the LSTM's output, whatever order the converter put
its sums in.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from motefit.graph.graph import Quantization
from motefit.graph.ops import LSTM, Dequantize, LastStep
from motefit.tflite.content import Content, FileOp
from motefit.tflite.importer.state import ImportState, equal, imports

NAME = "UNROLLED_LSTM"
VIEWS = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE", "TRANSPOSE")
GATES = 4
Key = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Tensor indices of an unrolled LSTM; ``bias`` is -1 if there is none."""

    source: int
    weight: int
    recurrent: int
    bias: int
    output: int


@dataclass
class _Expressions:
    """Numbers of expressions; equal expressions have the same number."""

    numbers: dict[Key, int] = field(default_factory=dict)
    terms: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def of(self, *key: object) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def sum(self, *parts: int) -> int:
        """Return the number of the sum of all terms, in any order."""
        flat = sorted(term for part in parts for term in self.terms.get(part, (part,)))
        if len(flat) == 1:
            return flat[0]
        number = self.of("sum", *flat)
        self.terms[number] = tuple(flat)
        return number

    def product(self, a: int, b: int) -> int:
        return self.of("MUL", *sorted((a, b)))


def fuse_unrolled(content: Content) -> Content:
    """Replace each unrolled float32 LSTM by one operator; a file without one is unchanged."""
    for unpack in (op for op in content.ops if op.name == "UNPACK"):
        found = _find(content, unpack)
        if found is not None:
            content = _fused(content, found)
    return content


def _find(content: Content, unpack: FileOp) -> _Found | None:
    source = _sequence(content, unpack)
    if source is None:
        return None
    known = _Expressions()
    numbers = {index: known.of("step", t) for t, index in enumerate(unpack.outputs)}
    for op in content.ops:
        numbers.update(_evaluate(content, op, known, numbers))
    for weight, recurrent, bias in _candidates(content, unpack):
        last = _last_hidden(content, known, len(unpack.outputs), (weight, recurrent, bias))
        outputs = [index for index, number in numbers.items() if number == last]
        if outputs:
            return _Found(
                source=source, weight=weight, recurrent=recurrent, bias=bias, output=outputs[0]
            )
    return None


def _candidates(content: Content, unpack: FileOp) -> Iterator[tuple[int, int, int]]:
    """List constants that an LSTM could consist of.

    Yields:
        A weight (4h, f) that multiplies the first step, one (4h, h) of any layer, and a bias (4h,).
    """
    layers = [op for op in content.ops if op.name == "FULLY_CONNECTED" and len(op.inputs) > 1]
    shapes = {
        i: tensor.shape
        for i, tensor in enumerate(content.tensors)
        if tensor.data is not None and tensor.dtype == "float32"
    }
    first = {op.inputs[1] for op in layers if op.inputs[0] == unpack.outputs[0]} & set(shapes)
    for weight in sorted(first):
        rows = shapes[weight][0] if len(shapes[weight]) == 2 else 0
        if rows == 0 or rows % GATES:
            continue
        wanted = (rows, rows // GATES)
        others = {op.inputs[1] for op in layers if shapes.get(op.inputs[1]) == wanted}
        biases = [-1, *(i for i, shape in shapes.items() if shape == (rows,))]
        for recurrent in sorted(others):
            yield from ((weight, recurrent, bias) for bias in biases)


def _sequence(content: Content, unpack: FileOp) -> int | None:
    """Find the tensor (1, t, f) that an UNPACK splits along its steps."""
    if not unpack.inputs or unpack.inputs[0] < 0 or not unpack.outputs:
        return None
    shape = content.tensors[unpack.inputs[0]].shape
    axis = unpack.option(1) % max(len(shape), 1)
    if len(shape) != 3 or shape[axis] != len(unpack.outputs) or shape[1 - axis] != 1:
        return None
    wanted, index = (1, shape[axis], shape[2]), unpack.inputs[0]
    views = [op for op in content.ops if op.name in VIEWS and op.outputs and op.inputs]
    sources = {op.outputs[0]: op.inputs[0] for op in views}
    for _ in views:
        if content.tensors[index].shape == wanted:
            break
        index = max(sources.get(index, index), 0)
    return index if content.tensors[index].shape == wanted else None


def _evaluate(
    content: Content, op: FileOp, known: _Expressions, numbers: dict[int, int]
) -> Iterator[tuple[int, int]]:
    """Evaluate an operator on row vectors that could be part of an LSTM.

    Yields:
        Each output and its number; nothing for other operators.
    """
    plain = not op.options.get(0)  # no fused activation
    inputs = [_number(content, known, numbers, i) for i in op.inputs if i >= 0]
    if not op.outputs or not _is_row_wise(content, op):
        return
    if op.name in VIEWS and inputs and inputs[0] is not None:
        yield op.outputs[0], inputs[0]
        return
    if None in inputs or not inputs:
        return
    parts = [number for number in inputs if number is not None]
    if op.name == "FULLY_CONNECTED" and plain and len(parts) > 1:
        yield op.outputs[0], known.sum(known.of("layer", *parts[:2]), *parts[2:])
    elif op.name == "ADD" and plain and len(parts) == 2:
        yield op.outputs[0], known.sum(*parts)
    elif op.name == "MUL" and plain and len(parts) == 2:
        yield op.outputs[0], known.product(*parts)
    elif op.name in {"LOGISTIC", "TANH"}:
        yield op.outputs[0], known.of(op.name, parts[0])
    elif op.name == "SPLIT" and len(op.outputs) == GATES and len(parts) == 2:
        axis = content.tensors[op.inputs[0]].data
        rank = len(content.tensors[op.inputs[1]].shape)
        if axis is not None and axis.size == 1 and int(axis.reshape(-1)[0]) % rank == rank - 1:
            yield from ((out, known.of("gate", i, parts[1])) for i, out in enumerate(op.outputs))


def _is_row_wise(content: Content, op: FileOp) -> bool:
    """Return whether all activations are single rows, so that no view or sum mixes up numbers."""
    activations = [i for i in op.inputs if i >= 0 and content.tensors[i].data is None]
    shapes = [content.tensors[i].shape for i in (*activations, *op.outputs) if i >= 0]
    if op.name in {"ADD", "MUL"}:
        sizes = {math.prod(content.tensors[i].shape) for i in (*op.inputs, *op.outputs) if i >= 0}
        if len(sizes) != 1:
            return False
    return all(shape and math.prod(shape) == shape[-1] for shape in shapes)


def _number(
    content: Content, known: _Expressions, numbers: dict[int, int], index: int
) -> int | None:
    data = content.tensors[index].data
    if data is None:
        return numbers.get(index)
    return known.of("constant", str(data.dtype), data.tobytes())


def _last_hidden(
    content: Content, known: _Expressions, steps: int, constants: tuple[int, int, int]
) -> int:
    """Return the number of the last hidden state; converters fold away the zero initial states."""
    weight, recurrent, bias = (None if i < 0 else _number(content, known, {}, i) for i in constants)
    offset = [] if bias is None else [bias]
    hidden = cell = None
    for t in range(steps):
        parts = [known.of("layer", known.of("step", t), weight), *offset]
        if hidden is not None:
            parts.append(known.of("layer", hidden, recurrent))
        total = known.sum(*parts)
        enter, forget, value, leave = (known.of("gate", i, total) for i in range(GATES))
        added = known.product(known.of("LOGISTIC", enter), known.of("TANH", value))
        if cell is None:
            cell = added
        else:
            cell = known.sum(known.product(known.of("LOGISTIC", forget), cell), added)
        hidden = known.product(known.of("LOGISTIC", leave), known.of("TANH", cell))
    return -1 if hidden is None else hidden


def _fused(content: Content, found: _Found) -> Content:
    """Put one operator in place of all between the sequence and the last hidden state."""
    makers = {index: op for op in content.ops for index in op.outputs}
    inside: dict[int, FileOp] = {}
    waiting = [found.output]
    while waiting:
        index = waiting.pop()
        op = makers.get(index)
        if index == found.source or op is None or op.place in inside:
            continue
        inside[op.place] = op
        waiting += [i for i in op.inputs if i >= 0]
    one = FileOp(
        place=max(inside),
        name=NAME,
        inputs=(found.source, found.weight, found.recurrent, found.bias),
        outputs=(found.output,),
        options={},
        intermediates=(),
    )
    rest = [op for op in content.ops if op.place not in inside]
    made = {index for op in inside.values() for index in op.outputs} - {found.output}
    if made & {content.output, *(i for op in rest for i in op.inputs)}:
        return content  # something else reads a state of an inner step
    return replace(content, ops=tuple(sorted([*rest, one], key=lambda op: op.place)))


@imports(NAME)
def _unrolled(state: ImportState, op: FileOp) -> None:
    source = state.source(op)
    steps, features = state.sequence(op, op.inputs[0])
    weight, recurrent = state.value(op, 1), state.value(op, 2)
    units = weight.shape[0] // GATES
    if weight.shape[1] != features:
        raise op.refuse(f"its weight {weight.shape} does not fit {features} features")
    arrays = {
        "weight": weight.reshape(GATES, units, features),
        "recurrent": recurrent.reshape(GATES, units, units),
        "bias": np.zeros((GATES, units), np.float32),
    }
    if op.inputs[3] >= 0:
        arrays["bias"] = state.value(op, 3).reshape(GATES, units)
    name = state.fresh("", "lstm")
    inputs = [source]
    for part, array in arrays.items():
        inputs.append(state.exact(f"{name}.{part}"))
        state.constants[inputs[-1]] = array
    state.shapes[name] = (steps, units)
    state.ops.append((op.place, LSTM(inputs=tuple(inputs), output=name)))
    state.add(op, LastStep(inputs=(name,), output=state.activation(op, "last")))


FUSED_GATES = ("input", "forget", "cell", "output")
PARTS = {"weight": 1, "recurrent": 5, "bias": 12}
"""First of four inputs, one per gate."""
PEEPHOLE_AND_PROJECTION = (9, 10, 11, 16, 17)
HIDDEN_STATE, CELL_STATE = 18, 19
LAYER_NORM = (20, 21, 22, 23)
TANH = 4


@imports("UNIDIRECTIONAL_SEQUENCE_LSTM")
def _lstm(state: ImportState, op: FileOp) -> None:
    if len(op.inputs) < 20:
        raise op.refuse(f"it has {len(op.inputs)} inputs, not 20 or 24")
    unread = [i for i in (*PEEPHOLE_AND_PROJECTION, *LAYER_NORM) if i < len(op.inputs)]
    if any(op.inputs[i] >= 0 for i in unread):
        raise op.refuse("peepholes, projections and layer norms are not supported")
    if op.option(0) != TANH or op.option(3):
        raise op.refuse("supported only with tanh, and with the batch before the steps")
    source = state.source(op)
    if 0 < op.options.get(1, 0) < _cell_bound(state, op):
        raise op.refuse(f"its cell state is clipped at {op.options[1]}")
    name = state.activation(op, "lstm")
    parts = [_part(state, op, f"{name}.{part}", first) for part, first in PARTS.items()]
    if state.is_int8(op.inputs[0]):
        _inner_scales(state, op, name)
    state.add(op, LSTM(inputs=(source, *parts), output=name))


def _cell_bound(state: ImportState, op: FileOp) -> float:
    """Return an upper bound of the cell state: a step adds at most 1, and int16 saturates."""
    steps = float(state.sequence(op, op.inputs[0])[0])
    cell = state.tensor(op.inputs[CELL_STATE]).quantization
    return steps if cell is None else min(steps, float(cell.scale[0]) * 2**15)


def _part(state: ImportState, op: FileOp, wanted: str, first: int) -> str:
    """Import four gates as one constant (4, ...), with one ``Dequantize`` if the file has four."""
    indices = op.inputs[first : first + len(FUSED_GATES)]
    widened = [state.widened[i] for i in indices if i in state.widened]
    if not widened:
        return _stack(state, op, indices, wanted)
    if len(widened) != len(FUSED_GATES):
        raise op.refuse("some gates are float32 and some are not")
    inner, outer = tuple(i for i, _ in widened), widened[0][1]
    name = _stack(state, outer, inner, wanted)
    stem = _stem([state.tensor(i).name for i in indices])
    wide = state.fresh(stem, "") if stem else state.exact(f"{name}.float")
    state.shapes[wide] = state.constants[name].shape
    state.ops.append((outer.place, Dequantize(inputs=(name,), output=wide)))
    return wide


def _stack(state: ImportState, op: FileOp, indices: tuple[int, ...], wanted: str) -> str:
    tensors = [state.tensor(i) for i in indices if i >= 0]
    arrays = [tensor.data for tensor in tensors if tensor.data is not None]
    alike = {(array.shape, array.dtype) for array in arrays}
    if len(arrays) != len(FUSED_GATES) or len(alike) != 1 or arrays[0].dtype.kind == "V":
        raise op.refuse("an LSTM needs constants of equal shape and type for its four gates")
    stem = _stem([tensor.name for tensor in tensors])
    name = state.fresh(stem, "") if stem else state.exact(wanted)
    state.constants[name] = np.stack(arrays)
    known = [tensor.quantization for tensor in tensors if tensor.quantization is not None]
    if known:
        if len(known) != len(FUSED_GATES) or any(len(q.scale) != 1 or q.zero_point for q in known):
            raise op.refuse("each gate needs one scale and the zero point 0")
        if len({q.bits for q in known}) != 1:
            raise op.refuse("its gates have integers of different sizes")
        scale = np.concatenate([q.scale for q in known])
        state.quantization[name] = Quantization(scale=scale, axis=0, bits=known[0].bits)
    return name


def _stem(names: list[str]) -> str:
    """Return motefit's name of the constant whose gates have these names; empty for others."""
    stems = {
        name.removesuffix(f".{gate}") for name, gate in zip(names, FUSED_GATES, strict=True) if name
    }
    return stems.pop() if len(stems) == 1 and f"{next(iter(stems))}.input" == names[0] else ""


def _inner_scales(state: ImportState, op: FileOp, name: str) -> None:
    """Note the scales of the cell state and of the hidden state, which must be the output's."""
    hidden, cell = (state.tensor(op.inputs[i]) for i in (HIDDEN_STATE, CELL_STATE))
    output = state.tensor(op.outputs[0])
    if not equal(hidden.quantization, output.quantization):
        raise op.refuse("its hidden state and its output have different scales")
    if cell.dtype != "int16" or cell.quantization is None or len(cell.quantization.scale) != 1:
        raise op.refuse("its cell state must be int16 with one scale")
    state.quantization[f"{name}.cell"] = cell.quantization
    inner = [state.tensor(i).quantization for i in op.intermediates[-1:] if i >= 0]
    if inner and inner[0] is not None and len(inner[0].scale) == 1:
        state.quantization[f"{name}.hidden"] = inner[0]
