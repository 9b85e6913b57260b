"""From the fused LSTM of a file to the LSTM of a Graph."""

import numpy as np

from motefit.graph.graph import Quantisation
from motefit.graph.ops import LSTM, Dequantize
from motefit.tflite.content import FileOp
from motefit.tflite.raising import Raising, equal, raises

GATES = ("input", "forget", "cell", "output")
PARTS = {"weight": 1, "recurrent": 5, "bias": 12}
"""First of four inputs, one for each gate."""
PEEPHOLE_AND_PROJECTION = (9, 10, 11, 16, 17)
HIDDEN_STATE, CELL_STATE = 18, 19
LAYER_NORM = (20, 21, 22, 23)
TANH = 4


@raises("UNIDIRECTIONAL_SEQUENCE_LSTM")
def _lstm(state: Raising, op: FileOp) -> None:
    if len(op.inputs) < 20:
        raise op.refuse(f"it has {len(op.inputs)} inputs, not 20 or 24")
    unread = [i for i in (*PEEPHOLE_AND_PROJECTION, *LAYER_NORM) if i < len(op.inputs)]
    if any(op.inputs[i] >= 0 for i in unread):
        raise op.refuse("peepholes, projections and layer norms are not read")
    if op.option(0) != TANH or op.option(3):
        raise op.refuse("only tanh, and the batch before the steps")
    source = state.source(op)
    if 0 < op.options.get(1, 0) < _cell_bound(state, op):
        raise op.refuse(f"its cell state is clipped at {op.options[1]}")
    name = state.activation(op, "lstm")
    parts = [_part(state, op, f"{name}.{part}", first) for part, first in PARTS.items()]
    if state.is_int8(op.inputs[0]):
        _inner_scales(state, op, name)
    state.add(op, LSTM(inputs=(source, *parts), output=name))


def _cell_bound(state: Raising, op: FileOp) -> float:
    """What no cell state exceeds: a step adds at most 1, and int16 ends where it ends."""
    steps = float(state.sequence(op, op.inputs[0])[0])
    cell = state.tensor(op.inputs[CELL_STATE]).quantisation
    return steps if cell is None else min(steps, float(cell.scale[0]) * 2**15)


def _part(state: Raising, op: FileOp, wanted: str, first: int) -> str:
    """Four gates as one constant (4, ...), through a ``Dequantize`` where the file has four."""
    indices = op.inputs[first : first + len(GATES)]
    widened = [state.widened[i] for i in indices if i in state.widened]
    if not widened:
        return _stack(state, op, indices, wanted)
    if len(widened) != len(GATES):
        raise op.refuse("some gates are float32 and some are not")
    inner, outer = tuple(i for i, _ in widened), widened[0][1]
    name = _stack(state, outer, inner, wanted)
    stem = _stem([state.tensor(i).name for i in indices])
    wide = state.fresh(stem, "") if stem else state.exact(f"{name}.float")
    state.shapes[wide] = state.constants[name].shape
    state.ops.append((outer.place, Dequantize(inputs=(name,), output=wide)))
    return wide


def _stack(state: Raising, op: FileOp, indices: tuple[int, ...], wanted: str) -> str:
    tensors = [state.tensor(i) for i in indices if i >= 0]
    arrays = [tensor.data for tensor in tensors if tensor.data is not None]
    alike = {(array.shape, array.dtype) for array in arrays}
    if len(arrays) != len(GATES) or len(alike) != 1 or arrays[0].dtype.kind == "V":
        raise op.refuse("an LSTM needs constants of one shape and type for its four gates")
    stem = _stem([tensor.name for tensor in tensors])
    name = state.fresh(stem, "") if stem else state.exact(wanted)
    state.constants[name] = np.stack(arrays)
    known = [tensor.quantisation for tensor in tensors if tensor.quantisation is not None]
    if known:
        if len(known) != len(GATES) or any(len(q.scale) != 1 or q.zero_point for q in known):
            raise op.refuse("each gate needs one scale and the zero point 0")
        if len({q.bits for q in known}) != 1:
            raise op.refuse("its gates have integers of different sizes")
        scale = np.concatenate([q.scale for q in known])
        state.quantisation[name] = Quantisation(scale=scale, axis=0, bits=known[0].bits)
    return name


def _stem(names: list[str]) -> str:
    """What motefit called the constant whose gates have these names; empty for other names."""
    stems = {name.removesuffix(f".{gate}") for name, gate in zip(names, GATES, strict=True) if name}
    return stems.pop() if len(stems) == 1 and f"{next(iter(stems))}.input" == names[0] else ""


def _inner_scales(state: Raising, op: FileOp, name: str) -> None:
    """Of the cell state, and of the hidden state, which must be the output's."""
    hidden, cell = (state.tensor(op.inputs[i]) for i in (HIDDEN_STATE, CELL_STATE))
    output = state.tensor(op.outputs[0])
    if not equal(hidden.quantisation, output.quantisation):
        raise op.refuse("its hidden state has other scales than its output")
    if cell.dtype != "int16" or cell.quantisation is None or len(cell.quantisation.scale) != 1:
        raise op.refuse("its cell state must be int16 with one scale")
    state.quantisation[f"{name}.cell"] = cell.quantisation
    inner = [state.tensor(i).quantisation for i in op.intermediates[-1:] if i >= 0]
    if inner and inner[0] is not None and len(inner[0].scale) == 1:
        state.quantisation[f"{name}.hidden"] = inner[0]
