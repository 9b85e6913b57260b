"""Lowering of a Graph to calls of the C kernels in ``codegen/c/motefit_kernels.h``.

The constants of each call come from the integer executor (:mod:`motefit.graph.execute.int8`), so
that both compute the same to the last bit.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from motefit.codegen.constants import Constants, Name
from motefit.graph.execute import int8
from motefit.graph.execute.integer_mean import mean_form, mean_terms, same_parameters
from motefit.graph.fixed_point import Multiplier, multiplier
from motefit.graph.graph import Graph
from motefit.graph.ops import (
    LSTM,
    Add,
    AveragePool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    LastStep,
    Op,
    Quantize,
    Shape,
    Softmax,
    Windowed,
)
from motefit.graph.ops_signal import Concatenate, Multiply, Reshape, Slice
from motefit.graph.scales import CELL, HIDDEN
from motefit.spec.errors import ModelFileError

RANK = 3
LARGEST_SUM = 2**30
"""Bound of int32 sums, which are doubled."""
VECTOR = 8
"""Numbers that LiteRT's vector code converts at once."""

VECTOR_LIMIT = 2**15 - 2**9
"""Sums below this stay within int16 with their zero point."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a kernel.

    Attributes:
        kernel: C function.
        record: address of its constants.
        reads: activations it reads, in the order of its arguments.
        writes: activation it writes, its last argument.
        scratch: bytes of memory for itself; None: it has no such argument.
        in_place: those of ``reads`` that it may overwrite, number by number.
        spares: by how many bytes such an input may be larger than the output.
    """

    kernel: str
    record: Name
    reads: tuple[str, ...]
    writes: str
    scratch: int | None = None
    in_place: tuple[str, ...] = ()
    spares: int = 0


@dataclass(frozen=True, kw_only=True)
class Lowering:
    """A Graph on its way to C.

    Attributes:
        graph: the network.
        constants: receives its tables and records.
        weights: constants in place of a dequantized weight, by its name.
        views: activations that are others under another shape, by name.
        operands: tables of constants that kernels read like activations, by name.
    """

    graph: Graph
    constants: Constants
    weights: dict[str, str]
    views: dict[str, str]
    operands: dict[str, Name]

    def is_int8(self, name: str) -> bool:
        """Return whether an activation holds int8, not float32."""
        return name in self.graph.quantization

    def bytes_of(self, name: str) -> int:
        """Compute the bytes of an activation."""
        return math.prod(self.graph.shapes[name]) * (1 if self.is_int8(name) else 4)

    def record(self, kind: str, op: Op, fields: Mapping[str, Any]) -> Name:
        """Define the record of an operation."""
        return self.constants.record(kind, fields, self.label(op, "layer"))

    def label(self, op: Op, what: str) -> str:
        """Make the C name of something that belongs to an operation."""
        outputs = [other.output for other in self.graph.ops]
        return f"{what}_{outputs.index(op.output)}"

    def table(self, op: Op, values: np.ndarray, what: str) -> Name:
        """Define a table of an operation."""
        return self.constants.table(values, self.label(op, what))


def lower(graph: Graph, constants: Constants) -> tuple[Lowering, tuple[Call, ...]]:
    """Turn a network into calls of kernels, in order.

    Raises:
        ModelFileError: for an operation or a form without a kernel.
    """
    if graph.states:
        raise ModelFileError(
            "this model is one step of a stream; generate C from its plain form, the bundle that "
            "motefit export --streaming read"
        )
    state = Lowering(graph=graph, constants=constants, weights={}, views={}, operands={})
    calls: list[Call] = []
    for op in graph.ops:
        rule = _RULES.get(type(op))
        if rule is None:
            raise _no_kernel(op)
        calls += rule(op, state)
    return state, tuple(calls)


def _no_kernel(op: Op) -> ModelFileError:
    return ModelFileError(
        f"{op.output}: there is no C kernel for {type(op).__name__} in this form; int8 networks, "
        "and dense float networks (their weights may be int8), have C source: set "
        'precision = "int8" in the recipe\'s [compress], or give the form with features as input'
    )


def _require_int8(op: Op, state: Lowering, *names: str) -> None:
    if not all(state.is_int8(name) for name in (*names, op.output)):
        raise _no_kernel(op)


def as_records(by: Multiplier) -> list[dict[str, int]]:
    """List multipliers as records of the C type ``mf_multiplier``."""
    pairs = zip(np.ravel(by.mantissa).tolist(), np.ravel(by.exponent).tolist(), strict=True)
    return [{"mantissa": mantissa, "exponent": exponent} for mantissa, exponent in pairs]


def _as_image(shape: Shape) -> Shape:
    """Prepend sizes of 1."""
    if len(shape) > RANK:
        raise ModelFileError(f"C kernels take at most {RANK} dimensions, got {shape}")
    return (*(1,) * (RANK - len(shape)), *shape)


def _window(op: Windowed, state: Lowering, size: tuple[int, int]) -> dict[str, int]:
    x, out = state.graph.shapes[op.inputs[0]], state.graph.shapes[op.output]
    (top, _), (left, _) = op.pads(x, size)
    return {
        "in_height": x[0], "in_width": x[1], "in_channels": x[2],
        "out_height": out[0], "out_width": out[1], "out_channels": out[2],
        "kernel_height": size[0], "kernel_width": size[1],
        "stride_height": op.stride[0], "stride_width": op.stride[1],
        "dilation_height": op.dilation[0], "dilation_width": op.dilation[1],
        "pad_top": top, "pad_left": left,
        "in_zero_point": state.graph.quantization[op.inputs[0]].zero_point,
    }  # fmt: skip


def _output(op: Conv2D | DepthwiseConv2D | Dense, state: Lowering) -> dict[str, Any]:
    """Write the record of how sums become int8; the bias contains the input's zero point."""
    graph = state.graph
    weight = graph.constants[op.inputs[1]].astype(np.int64)
    axis = -1 if isinstance(op, DepthwiseConv2D) else 0
    others = tuple(i for i in range(weight.ndim) if i != axis % weight.ndim)
    channels = weight.shape[axis]
    bias = np.zeros(channels, np.int64)
    if len(op.inputs) == 3:
        bias += graph.constants[op.inputs[2]]
    sizes = np.abs(weight).sum(axis=others)
    largest = int((np.abs(bias) + 2 * 256 * sizes).max())
    if largest >= LARGEST_SUM:
        raise ModelFileError(f"{op.output}: its sums may exceed {LARGEST_SUM}")
    bias -= graph.quantization[op.inputs[0]].zero_point * weight.sum(axis=others)
    by = int8.output_multiplier(op, graph)
    low, high = int8.limits(graph.quantization[op.output], op.activation)
    whole = (low, high) == (-128, 127)
    scales = state.constants.records("mf_multiplier", as_records(by), state.label(op, "scale"))
    return {
        "bias": state.table(op, bias.astype(np.int32), "bias"),
        "scale": scales,
        "scale_step": int(by.mantissa.size > 1),
        "zero_point": graph.quantization[op.output].zero_point,
        "low": low,
        "high": high,
        "is_narrow": int(not whole),
        "is_odd": int(
            largest >= LARGEST_SUM // 2
            or by.exponent.max() > 0
            or by.exponent.min() < -int8.ADD_SHIFT
        ),
    }


def _weight(op: Op, state: Lowering) -> Name:
    weight = state.graph.constants.get(op.inputs[1])
    if weight is None or weight.dtype != np.int8:
        raise _no_kernel(op)
    return state.table(op, weight, "weight")


def _conv2d(op: Conv2D, state: Lowering) -> list[Call]:
    _require_int8(op, state, op.inputs[0])
    shape = state.graph.shapes[op.inputs[1]]
    window = _window(op, state, (shape[1], shape[2]))
    weight = _weight(op, state)
    fields = {"window": window, "weight": weight, "output": _output(op, state)}
    alone = shape[1:3] == op.stride == (1, 1)  # a pixel is read before it may be overwritten
    return [
        Call(
            kernel="mf_conv2d",
            record=state.record("mf_conv2d_layer", op, fields),
            reads=op.inputs[:1],
            writes=op.output,
            scratch=_columns(
                math.prod(shape[1:]), gathers=alone or not _always_contiguous(op, state)
            ),
            in_place=op.inputs[:1] if alone else (),
            spares=state.bytes_of(op.inputs[0]) if alone else 0,
        )
    ]


def _columns(depth: int, *, gathers: bool) -> int:
    """Compute the bytes of four columns as int16 pairs, and of a gathered one of int8."""
    return 32 * (depth // 4) + 16 * (depth % 4) + (depth if gathers else 0)


def _always_contiguous(op: Conv2D, state: Lowering) -> bool:
    """Return whether the kernel never gathers the input under a window."""
    x, (_, height, width, _) = (state.graph.shapes[name] for name in op.inputs[:2])
    unpadded = op.pads(x, (height, width)) == ((0, 0), (0, 0))
    return unpadded and op.dilation == (1, 1) and (height == 1 or width == x[1])


def _depthwise(op: DepthwiseConv2D, state: Lowering) -> list[Call]:
    _require_int8(op, state, op.inputs[0])
    graph = state.graph
    along, across = _axes(op, state)
    output = _output(op, state)
    thin = not output["is_odd"] and _is_thin(along, across)
    length, places = _reach(along) // along["dilation"] + 1, _reach(across) + 1
    fields = {
        "channels": graph.shapes[op.output][2],
        "in_zero_point": graph.quantization[op.inputs[0]].zero_point,
        "along": along, "across": across, "length": length, "places": places,
        "weight": _weight(op, state), "output": output,
    }  # fmt: skip
    record = state.record("mf_depthwise_layer", op, fields)
    made = Call(kernel="mf_depthwise", record=record, reads=op.inputs[:1], writes=op.output)
    if thin:
        return [replace(made, kernel="mf_depthwise_3", in_place=op.inputs[:1])]
    taps, line = along["kernel"], places * along["dilation"] * length
    weights = [across["kernel"] * run for run in (max(4, -(-taps // 2) * 2), taps)]
    scratch = max(
        4 * 2 * (weights[0] + line + 3 * along["stride"] + 3),  # four channels as int16
        8 * (weights[1] + line),  # eight as int8
    )
    return [replace(made, scratch=scratch, in_place=op.inputs[:1])]


def _is_thin(along: Mapping[str, int], across: Mapping[str, int]) -> bool:
    """Return whether a window has three taps in a line, as ``mf_depthwise_3`` takes them."""
    near = along["pad"] <= {1: 2, 2: 1}.get(along["stride"], -1) * along["dilation"]
    return (along["kernel"], across["kernel"]) == (3, 1) and across["pad"] == 0 and near


def _reach(axis: Mapping[str, int]) -> int:
    """Compute how far the last number that is read lies from the first along an axis."""
    return (axis["out"] - 1) * axis["stride"] + (axis["kernel"] - 1) * axis["dilation"]


def _axes(op: DepthwiseConv2D, state: Lowering) -> list[dict[str, int]]:
    """Describe both axes of a depthwise window, the cheaper one for the kernel's runs first."""
    x, weight, out = (state.graph.shapes[n] for n in (op.inputs[0], op.inputs[1], op.output))
    pads = op.pads(x, (weight[1], weight[2]))
    found = [
        {
            "in": x[i], "out": out[i], "kernel": weight[1 + i],
            "stride": op.stride[i], "dilation": op.dilation[i], "pad": pads[i][0],
            "in_step": math.prod(x[1 + i :]), "out_step": math.prod(out[1 + i :]),
            "weight_step": math.prod(weight[2 + i :]),
        }
        for i in (0, 1)
    ]  # fmt: skip

    def steps(along: int) -> int:
        a, b = found[along], found[1 - along]
        if _is_thin(a, b):
            return 0
        return -(-a["out"] // 4) * -(-a["kernel"] // 2) * b["out"] * b["kernel"]

    return found if steps(0) <= steps(1) else found[::-1]


def _dense(op: Dense, state: Lowering) -> list[Call]:
    if not state.is_int8(op.inputs[0]):
        return [_real_dense(op, state)]
    _require_int8(op, state)
    outputs, inputs = state.graph.shapes[op.inputs[1]]
    fields = {"inputs": inputs, "outputs": outputs, "weight": _weight(op, state)}
    record = state.record("mf_dense_layer", op, {**fields, "output": _output(op, state)})
    return [Call(kernel="mf_dense", record=record, reads=op.inputs[:1], writes=op.output)]


def _real_dense(op: Dense, state: Lowering) -> Call:
    """Lower a dense layer of float32 activations; its weights may be int8 or float16."""
    graph = state.graph
    name = state.weights.get(op.inputs[1], op.inputs[1])
    weight = graph.constants[name]
    steps = weight.dtype == np.int8
    if steps and name == op.inputs[1]:  # dynamic range: activations are quantized at run time
        raise _no_kernel(op)
    outputs, inputs = weight.shape
    scale = graph.quantization[name].scale if steps else np.ones(1, np.float32)
    bias = graph.constants[state.weights.get(op.inputs[2], op.inputs[2])] if op.inputs[2:] else None
    if bias is not None and bias.dtype == np.int8:
        raise _no_kernel(op)
    low, high = _real_limits(op.activation)
    fields = {
        "inputs": inputs,
        "outputs": outputs,
        "real": None if steps else state.table(op, weight.astype(np.float32), "weight"),
        "steps": state.table(op, weight, "weight") if steps else None,
        "scale": state.table(op, scale, "scale") if steps else None,
        "scale_step": int(len(scale) > 1),
        "bias": None if bias is None else state.table(op, bias.astype(np.float32), "bias"),
        "low": low,
        "high": high,
    }
    record = state.record("mf_real_dense_layer", op, fields)
    return Call(kernel="mf_real_dense", record=record, reads=op.inputs[:1], writes=op.output)


def _real_limits(kind: str) -> tuple[np.float32, np.float32]:
    low = np.float32(-np.inf if kind == "none" else 0.0)
    return low, np.float32(6.0 if kind == "relu6" else np.inf)


def _average_pool(op: AveragePool2D, state: Lowering) -> list[Call]:
    _require_int8(op, state, op.inputs[0])
    window = _window(op, state, op.window)
    if same_parameters(op, state.graph):
        kernel, record = "mf_average_pool", state.record("mf_window", op, window)
    else:
        source, out = (state.graph.quantization[name] for name in (op.inputs[0], op.output))
        axes, keep = mean_form(op, state.graph)
        image = keep and len(axes) == 2
        by, before, after = mean_terms(math.prod(op.window), source, out, image=image)
        terms = {"scale": as_records(by)[0], "before": before, "after": after}
        kernel = "mf_mean"
        record = state.record("mf_mean_layer", op, {"window": window, **terms})
    return [Call(kernel=kernel, record=record, reads=op.inputs[:1], writes=op.output)]


def _steps(shape: Shape, out: Shape) -> tuple[int, ...]:
    """Compute how far apart neighbors are along each axis; 0 where a size of 1 is repeated."""
    strides = [math.prod(shape[axis + 1 :]) for axis in range(RANK)]
    pairs = zip(strides, shape, out, strict=True)
    return tuple(0 if size < wanted else stride for stride, size, wanted in pairs)


def _binary(op: Add | Multiply, state: Lowering, fields: Mapping[str, Any]) -> Call:
    graph = state.graph
    shapes = [_as_image(graph.shapes[name]) for name in op.inputs]
    out = graph.quantization[op.output]
    kind = op.activation if isinstance(op, Add) else "none"
    low, high = int8.limits(out, kind)
    whole = _as_image(graph.shapes[op.output])
    points = [graph.quantization[name].zero_point for name in op.inputs]
    common = {
        "shape": whole,
        "step_a": _steps(shapes[0], whole),
        "step_b": _steps(shapes[1], whole),
        "zero_a": points[0],
        "zero_b": points[1],
        "zero_point": out.zero_point,
        "low": low,
        "high": high,
    }
    for name in set(op.inputs) & set(graph.constants):
        state.operands[name] = state.table(op, graph.constants[name], "operand")
    record = state.record("mf_binary_layer", op, {**common, **fields})
    kernel = "mf_add" if isinstance(op, Add) else "mf_product"
    kept = {n for n, shape in zip(op.inputs, shapes, strict=True) if shape != whole}
    same = [name for name in op.inputs if name not in kept | set(state.operands)]
    return Call(
        kernel=kernel, record=record, reads=op.inputs, writes=op.output, in_place=tuple(same)
    )


def _add(op: Add, state: Lowering) -> list[Call]:
    graph = state.graph
    whole = graph.shapes[op.output]
    if graph.shapes[op.inputs[0]] != whole == graph.shapes[op.inputs[1]]:
        op = replace(op, inputs=op.inputs[::-1])  # the one that is repeated comes second
    if not state.is_int8(op.output):
        shapes = {graph.shapes[name] for name in (*op.inputs, op.output)}
        if len(shapes) > 1 or any(name in graph.constants for name in op.inputs):
            raise _no_kernel(op)
        low, high = _real_limits(op.activation)
        fields = {"count": math.prod(graph.shapes[op.output]), "low": low, "high": high}
        record = state.record("mf_real_add_layer", op, fields)
        made = Call(kernel="mf_real_add", record=record, reads=op.inputs, writes=op.output)
        return [replace(made, in_place=op.inputs)]
    _require_int8(op, state, *op.inputs)
    scales = [np.float64(graph.quantization[name].scale[0]) for name in op.inputs]
    top = 2.0 * max(scales)
    back = top / (2.0**int8.ADD_SHIFT * np.float64(graph.quantization[op.output].scale[0]))
    a, b, out = (as_records(multiplier(x))[0] for x in (scales[0] / top, scales[1] / top, back))
    run, block, scalar_side = int8.addition_run(*(graph.shapes[name] for name in op.inputs))
    dense = {graph.shapes[name] for name in op.inputs} == {graph.shapes[op.output]}
    usual = (
        all(-int8.ADD_SHIFT <= by["exponent"] <= 0 for by in (a, b, out))
        and out["exponent"] < 0
        and not scalar_side
    )
    fields = {
        "scale_a": a, "scale_b": b, "scale": out,
        "run": run, "vector": run // block * block, "shift_after": int(scalar_side),
        "is_dense": int(usual and dense),
        "is_row": int(usual and _repeats_rows(op, state)),
    }  # fmt: skip
    return [_binary(op, state, fields)]


def _repeats_rows(op: Add, state: Lowering) -> bool:
    """Return whether the second operand repeats one pixel in each row of the first, wrapping never.

    Vector code wraps sums around in int16; with such a scale none is so large.
    """
    graph = state.graph
    a, b = (graph.shapes[name] for name in op.inputs)
    fits = len(a) == RANK and a == graph.shapes[op.output] and b == (a[0], 1, a[2]) and a[1] > 1
    largest = 256 * sum(float(graph.quantization[name].scale[0]) for name in op.inputs)
    return fits and largest / float(graph.quantization[op.output].scale[0]) < VECTOR_LIMIT


def _multiply(op: Multiply, state: Lowering) -> list[Call]:
    _require_int8(op, state, *op.inputs)
    a, b, out = (
        np.float64(state.graph.quantization[name].scale[0]) for name in (*op.inputs, op.output)
    )
    by = as_records(multiplier(a * b / out))[0]
    return [_binary(op, state, {"scale": by, "run": 1, "vector": 0})]


def _softmax(op: Softmax, state: Lowering) -> list[Call]:
    _require_int8(op, state, op.inputs[0])
    source, out = (state.graph.quantization[name] for name in (op.inputs[0], op.output))
    powers = np.exp(-source.scale[0] * np.arange(256, dtype=np.float32))
    *rows, columns = state.graph.shapes[op.output]
    fields = {
        "rows": math.prod(rows), "columns": columns, "powers": state.table(op, powers, "powers"),
        "scale": out.scale[0], "zero_point": out.zero_point,
    }  # fmt: skip
    record = state.record("mf_softmax_layer", op, fields)
    made = Call(kernel="mf_softmax", record=record, reads=op.inputs, writes=op.output)
    return [replace(made, in_place=op.inputs)]


def _quantize(op: Quantize, state: Lowering) -> list[Call]:
    if state.is_int8(op.inputs[0]):
        raise _no_kernel(op)
    record = _convert(op, state, op.output)
    return [Call(kernel="mf_quantize", record=record, reads=op.inputs, writes=op.output)]


def _dequantize(op: Dequantize, state: Lowering) -> list[Call]:
    if op.inputs[0] in state.graph.constants:
        state.weights[op.output] = op.inputs[0]
        return []
    record = _convert(op, state, op.inputs[0])
    return [Call(kernel="mf_dequantize", record=record, reads=op.inputs, writes=op.output)]


def _convert(op: Op, state: Lowering, name: str) -> Name:
    known = state.graph.quantization[name]
    count = math.prod(state.graph.shapes[name])
    fields = {
        "count": count, "vector": count // VECTOR * VECTOR,
        "scale": known.scale[0], "inverse": np.float32(1.0) / known.scale[0],
        "zero_point": known.zero_point,
    }  # fmt: skip
    return state.record("mf_convert_layer", op, fields)


def _copy(
    op: Op, state: Lowering, name: str, rows: tuple[int, int, int, int, int, int], part: int = 0
) -> Call:
    if state.is_int8(name) is not state.is_int8(op.output):
        raise _no_kernel(op)
    width = 1 if state.is_int8(name) else 4
    outer, *counts = rows
    inner, from_step, from_start, to_step, to_start = (count * width for count in counts)
    fields = {
        "outer": outer, "inner": inner, "from_step": from_step, "from_start": from_start,
        "to_step": to_step, "to_start": to_start,
    }  # fmt: skip
    label = state.label(op, f"part_{part}_of_layer")
    record = state.constants.record("mf_copy_layer", fields, label)
    return Call(kernel="mf_copy", record=record, reads=(name,), writes=op.output)


def _slice(op: Slice, state: Lowering) -> list[Call]:
    shape = state.graph.shapes[op.inputs[0]]
    unit = math.prod(shape[op.axis + 1 :])
    inner = (op.stop - op.start) * unit
    rows = (
        math.prod(shape[: op.axis]), inner, shape[op.axis] * unit, op.start * unit, inner, 0
    )  # fmt: skip
    return [_copy(op, state, op.inputs[0], rows)]


def _last_step(op: LastStep, state: Lowering) -> list[Call]:
    steps, size = state.graph.shapes[op.inputs[0]]
    return [_copy(op, state, op.inputs[0], (1, size, 0, (steps - 1) * size, 0, 0))]


def _concatenate(op: Concatenate, state: Lowering) -> list[Call]:
    graph, calls, start = state.graph, [], 0
    whole = graph.shapes[op.output]
    unit = math.prod(whole[op.axis + 1 :])
    for part, name in enumerate(op.inputs):
        if not same_parameters(replace(op, inputs=(name,)), graph):
            raise _no_kernel(op)
        inner = graph.shapes[name][op.axis] * unit
        rows = (math.prod(whole[: op.axis]), inner, inner, 0, whole[op.axis] * unit, start)
        calls.append(_copy(op, state, name, rows, part))
        start += inner
    return calls


def _reshape(op: Reshape, state: Lowering) -> list[Call]:
    if state.is_int8(op.inputs[0]) is not state.is_int8(op.output):
        raise _no_kernel(op)
    state.views[op.output] = state.views.get(op.inputs[0], op.inputs[0])
    return []


def _lstm(op: LSTM, state: Lowering) -> list[Call]:
    _require_int8(op, state, op.inputs[0])
    graph = state.graph
    weight, recurrent, bias = (graph.constants[name] for name in op.inputs[1:])
    source, out = (graph.quantization[name] for name in (op.inputs[0], op.output))
    inner = graph.quantization[f"{op.output}{HIDDEN}"]
    power = int(np.log2(graph.quantization[f"{op.output}{CELL}"].scale[0]))
    steps, inputs = graph.shapes[op.inputs[0]]
    sums, back = (part.astype(np.int64).sum(axis=2) for part in (weight, recurrent))
    fields = {
        "steps": steps, "inputs": inputs, "units": weight.shape[1],
        "weight": state.table(op, weight, "weight"),
        "bias": state.table(op, (bias - source.zero_point * sums).astype(np.int32), "bias"),
        "recurrent": state.table(op, recurrent, "recurrent"),
        "recurrent_bias": state.table(op, (-out.zero_point * back).astype(np.int32), "back"),
        "gate": as_records(int8.gate_multiplier(graph.quantization[op.inputs[1]], source)),
        "recurrent_gate": as_records(int8.gate_multiplier(graph.quantization[op.inputs[2]], out)),
        "hidden": as_records(int8.hidden_multiplier(inner))[0],
        "hidden_zero_point": inner.zero_point,
        "cell_shift": 30 + power, "cell_integer_bits": 15 + power,
    }  # fmt: skip
    record = state.record("mf_lstm_layer", op, fields)
    made = Call(kernel="mf_lstm", record=record, reads=op.inputs[:1], writes=op.output)
    return [replace(made, scratch=2 * weight.shape[1])]


Rule = Callable[[Any, Lowering], list[Call]]
_RULES: Mapping[type[Op], Rule] = {
    Add: _add,
    AveragePool2D: _average_pool,
    Concatenate: _concatenate,
    Conv2D: _conv2d,
    Dense: _dense,
    DepthwiseConv2D: _depthwise,
    Dequantize: _dequantize,
    LSTM: _lstm,
    LastStep: _last_step,
    Multiply: _multiply,
    Quantize: _quantize,
    Reshape: _reshape,
    Slice: _slice,
    Softmax: _softmax,
}
