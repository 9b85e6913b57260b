"""What is in a .tflite file, and where its bytes go; for files of any origin."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motefit.tflite.flatbuffer import schema
from motefit.tflite.flatbuffer.byte_map import Reader, TableView
from motefit.tflite.flatbuffer.element_types import NONE, stored_values
from motefit.tflite.flatbuffer.reader import damaged
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    MetadataSlot,
    ModelSlot,
    Operator,
    OperatorCodeSlot,
    OperatorSlot,
    QuantizationSlot,
    SubGraphSlot,
    TensorSlot,
    TensorType,
)

LABELS = (
    "padding",
    "constants",
    "scales",
    "zero points",
    "shapes",
    "names",
    "metadata",
    "operators",
    "tensors",
    "buffers",
    "model",
)
MAX_RANK = 8
CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One tensor.

    Attributes:
        name: empty where the file keeps none.
        shape: with the batch; -1 where a size is open.
        dtype: such as ``float32`` or ``int8``.
        constant: whether the file holds its values.
        data_bytes: of those values in the file.
        zeros: how many of them are the real number 0; 0 for types without a known layout.
        distinct: how many different numbers they are; 0 likewise.
        variable: whether it keeps its value from one run to the next.
        scale: one per tensor, one per channel, or none.
        zero_point: as many as scales.
        axis: of the channels.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: bool
    data_bytes: int
    zeros: int
    distinct: int
    variable: bool
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int

    @property
    def size(self) -> int:
        """Number of elements; an open size counts once."""
        return math.prod(abs(n) for n in self.shape)


@dataclass(frozen=True, kw_only=True)
class OpInfo:
    """One operator: indices are into the tensors of its subgraph, -1 for an absent input."""

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shape: tuple[int, ...]
    macs: int


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """A file, taken apart.

    Attributes:
        size_bytes: of the file.
        bytes_by_part: where they go; sums to ``size_bytes``. What two parts share counts for the
            one that is read first.
        tensors: of the first subgraph.
        ops: of the first subgraph, in order.
        inputs: tensors that a caller sets.
        outputs: tensors that a caller reads.
        parameters: numbers in weights and biases.
        zero_parameters: those of them that are the real number 0.
        macs: multiply-accumulates of one run, as :mod:`motefit.graph.counter` counts.
        subgraphs: how many there are.
        description: free text of the file.
        metadata: names of its entries.
    """

    size_bytes: int
    bytes_by_part: Mapping[str, int]
    tensors: tuple[TensorInfo, ...]
    ops: tuple[OpInfo, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    parameters: int
    zero_parameters: int
    macs: int
    subgraphs: int
    description: str
    metadata: tuple[str, ...]

    @property
    def sparsity(self) -> float:
        """Share of parameters that are zero; 0.0 for a model without parameters."""
        return self.zero_parameters / self.parameters if self.parameters else 0.0


def inspect(data: bytes) -> Inspection:
    """Take a .tflite file apart.

    Args:
        data: the whole file.

    Raises:
        ModelFileError: for bytes that are not a whole .tflite file.
    """
    if len(data) < 8 or data[4:8] != schema.IDENTIFIER:
        raise damaged(f"{len(data)} bytes without the mark TFL3 are not a TensorFlow Lite model")
    reader = Reader(data, LABELS)
    reader.claim(4, 4, "model")
    model = reader.table(reader.follow(0, "model"), "model")
    version = model.number(ModelSlot.VERSION, "I")
    if version != schema.VERSION:
        raise damaged(f"schema version {version}, only {schema.VERSION} is known")
    codes = [_code(code) for code in model.children(ModelSlot.OPERATOR_CODES, "operators")]
    buffers = model.children(ModelSlot.BUFFERS, "buffers")
    metadata = tuple(_metadata(m, buffers) for m in model.children(ModelSlot.METADATA, "metadata"))
    model.array(ModelSlot.METADATA_BUFFER, "<i4", "metadata")
    for signature in model.children(ModelSlot.SIGNATURE_DEFS, "metadata"):
        _signature(signature)
    graphs = [
        _subgraph(graph, codes, buffers) for graph in model.children(ModelSlot.SUBGRAPHS, "model")
    ]
    if not graphs:
        raise damaged("it has no subgraph")
    main = graphs[0]
    weights = [tensor for graph in graphs for tensor in _parameters(graph)]
    return Inspection(
        size_bytes=len(data),
        description=model.text(ModelSlot.DESCRIPTION, "names"),
        bytes_by_part=reader.totals(),
        tensors=main.tensors,
        ops=main.ops,
        inputs=tuple(main.tensors[i] for i in main.inputs),
        outputs=tuple(main.tensors[i] for i in main.outputs),
        parameters=sum(tensor.size for tensor in weights),
        zero_parameters=sum(tensor.zeros for tensor in weights),
        macs=sum(op.macs for op in main.ops),
        subgraphs=len(graphs),
        metadata=metadata,
    )


@dataclass(frozen=True, kw_only=True)
class _Subgraph:
    tensors: tuple[TensorInfo, ...]
    ops: tuple[OpInfo, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def _code(code: TableView) -> tuple[str, int]:
    number = max(
        code.number(OperatorCodeSlot.DEPRECATED_BUILTIN_CODE, "b"),
        code.number(OperatorCodeSlot.BUILTIN_CODE, "i"),
    )
    custom = code.text(OperatorCodeSlot.CUSTOM_CODE, "names")
    name = custom or operator_name(number)
    return name, code.number(OperatorCodeSlot.VERSION, "i", 1)


def operator_name(number: int) -> str:
    """Name of an operator code, as in the schema."""
    if number in set(Operator):
        return Operator(number).name
    from ai_edge_litert import schema_py_generated  # noqa: PLC0415  (0.1 s; foreign files only)

    names = vars(schema_py_generated.BuiltinOperator)
    return next((name for name, value in names.items() if value == number), f"OPERATOR_{number}")


def _metadata(entry: TableView, buffers: Sequence[TableView]) -> str:
    index = entry.number(MetadataSlot.BUFFER, "I")
    if index >= len(buffers):
        raise damaged(f"metadata refers to buffer {index} of {len(buffers)}")
    _data(buffers[index], "metadata")
    return entry.text(MetadataSlot.NAME, "names")


def _signature(signature: TableView) -> None:
    for slot in (0, 1):
        for entry in signature.children(slot, "metadata"):
            entry.text(0, "names")
    signature.text(2, "names")


def _data(buffer: TableView, label: str) -> bytes:
    inside = buffer.array(BufferSlot.DATA, "<u1", label)
    if inside.size:
        return inside.tobytes()
    offset, size = (buffer.number(slot, "Q") for slot in (BufferSlot.OFFSET, BufferSlot.SIZE))
    if offset <= 1:
        return b""
    buffer.reader.claim(offset, size, label)
    return buffer.reader.data[offset : offset + size]


def _subgraph(
    graph: TableView, codes: Sequence[tuple[str, int]], buffers: Sequence[TableView]
) -> _Subgraph:
    tensors = tuple(_tensor(t, buffers) for t in graph.children(SubGraphSlot.TENSORS, "tensors"))
    inputs, outputs = (
        _indices(graph, slot, "model", tensors)
        for slot in (SubGraphSlot.INPUTS, SubGraphSlot.OUTPUTS)
    )
    if -1 in {*inputs, *outputs}:
        raise damaged("an input or output of the graph is absent")
    graph.text(SubGraphSlot.NAME, "names")
    ops = graph.children(SubGraphSlot.OPERATORS, "operators")
    return _Subgraph(
        tensors=tensors,
        ops=tuple(_operator(op, codes, tensors) for op in ops),
        inputs=inputs,
        outputs=outputs,
    )


def _indices(
    table: TableView, slot: int, label: str, tensors: Sequence[TensorInfo]
) -> tuple[int, ...]:
    indices = tuple(int(i) for i in table.array(slot, "<i4", label))
    wrong = [i for i in indices if not -1 <= i < len(tensors)]
    if wrong:
        raise damaged(f"tensor {wrong[0]} of {len(tensors)} is referred to")
    return indices


def _tensor(tensor: TableView, buffers: Sequence[TableView]) -> TensorInfo:
    shape = tuple(int(n) for n in tensor.array(TensorSlot.SHAPE, "<i4", "shapes"))
    if len(shape) > MAX_RANK or any(n < -1 for n in shape):
        raise damaged(f"a tensor has the shape {shape[: MAX_RANK + 1]}")
    tensor.array(TensorSlot.SHAPE_SIGNATURE, "<i4", "shapes")
    code = tensor.number(TensorSlot.TYPE, "b")
    index = tensor.number(TensorSlot.BUFFER, "I")
    if index >= len(buffers):
        raise damaged(f"a tensor refers to buffer {index} of {len(buffers)}")
    data = _data(buffers[index], "constants")
    scale, zero_point, axis = _quantization(tensor.child(TensorSlot.QUANTIZATION))
    name = tensor.text(TensorSlot.NAME, "names")
    known = code in set(TensorType)
    zero = zero_point[0] if zero_point and len(set(zero_point)) == 1 else 0
    values = (
        stored_values(data, TensorType(code), math.prod(abs(n) for n in shape)) if known else NONE
    )
    return TensorInfo(
        name=name,
        shape=shape,
        dtype=TensorType(code).name.lower() if known else f"type {code}",
        constant=bool(data),
        data_bytes=len(data),
        zeros=int(np.count_nonzero(values == zero)),
        distinct=len(np.unique(values)),
        variable=bool(tensor.number(TensorSlot.IS_VARIABLE, "B")),
        scale=scale,
        zero_point=zero_point,
        axis=axis,
    )


def _quantization(table: TableView | None) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    if table is None:
        return (), (), 0
    table.array(QuantizationSlot.MIN, "<f4", "scales")
    table.array(QuantizationSlot.MAX, "<f4", "scales")
    scale = table.array(QuantizationSlot.SCALE, "<f4", "scales")
    zero_point = table.array(QuantizationSlot.ZERO_POINT, "<i8", "zero points")
    axis = table.number(QuantizationSlot.QUANTIZED_DIMENSION, "i")
    return tuple(scale.tolist()), tuple(zero_point.tolist()), axis


def _operator(
    op: TableView, codes: Sequence[tuple[str, int]], tensors: Sequence[TensorInfo]
) -> OpInfo:
    index = op.number(OperatorSlot.OPCODE_INDEX, "I")
    if index >= len(codes):
        raise damaged(f"operator code {index} of {len(codes)} is referred to")
    name, version = codes[index]
    inputs = _indices(op, OperatorSlot.INPUTS, "operators", tensors)
    outputs = _indices(op, OperatorSlot.OUTPUTS, "operators", tensors)
    _indices(op, OperatorSlot.INTERMEDIATES, "operators", tensors)
    op.array(OperatorSlot.CUSTOM_OPTIONS, "<u1", "operators")
    options = op.child(OperatorSlot.BUILTIN_OPTIONS)
    shape = tensors[outputs[0]].shape if outputs and outputs[0] >= 0 else ()
    return OpInfo(
        name=name,
        version=version,
        inputs=inputs,
        outputs=outputs,
        shape=shape,
        macs=_macs(name, [tensors[i] for i in inputs if i >= 0], shape, options),
    )


def _macs(
    name: str,
    inputs: Sequence[TensorInfo],
    shape: Sequence[int],
    options: TableView | None,
) -> int:
    out = math.prod(abs(n) for n in shape)
    if name == "AVERAGE_POOL_2D" and options is not None:
        return out * options.number(3, "i") * options.number(4, "i")
    if name == "UNIDIRECTIONAL_SEQUENCE_LSTM" and inputs and len(inputs[0].shape) == 3:
        steps = abs(inputs[0].shape[0] * inputs[0].shape[1])
        return steps * sum(t.size for t in inputs[1:] if len(t.shape) == 2 and not t.variable)
    if len(inputs) < 2:
        return 0
    weight = inputs[1].shape
    if name == "BATCH_MATMUL" and len(inputs[0].shape) >= 2:
        return out * abs(inputs[0].shape[-1])
    if name == "CONV_2D" and len(weight) == 4:
        return out * math.prod(abs(n) for n in weight[1:])
    if name == "DEPTHWISE_CONV_2D" and len(weight) == 4:
        return out * abs(weight[1] * weight[2])
    if name == "FULLY_CONNECTED" and len(weight) == 2:
        return out * abs(weight[1])
    return 0


def _parameters(graph: _Subgraph) -> list[TensorInfo]:
    """Constants that are weights or biases: integers of 32 bits only where they are biases."""
    biases = {
        i
        for op in graph.ops
        for i in op.inputs
        if op.name in CONVOLUTIONS or op.name.endswith("LSTM")
    }
    return [
        tensor
        for i, tensor in enumerate(graph.tensors)
        if tensor.constant
        and tensor.dtype not in {"int64", "bool", "string"}
        and (tensor.dtype != "int32" or i in biases)
    ]
