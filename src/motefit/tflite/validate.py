"""Validation of a .tflite file: first its FlatBuffer, then the meaning of its tables.

The first step is reading it (:mod:`motefit.tflite.flatbuffer.reader`). The second step checks the
structure that LiteRT takes for granted and no schema states: indices have targets, operators have
the tensors that their kernels read, no tensor is larger than any node's memory. The third step is
about values: constants fill their shapes, scales are positive, floats are finite numbers.
"""

import math
from collections.abc import Sequence

import numpy as np

from motefit.tflite.flatbuffer import schema
from motefit.tflite.flatbuffer.element_types import BITS, stored_values
from motefit.tflite.flatbuffer.reader import DecodedTable, damaged, read_tables
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    MetadataSlot,
    ModelSlot,
    OperatorSlot,
    QuantizationSlot,
    SignatureSlot,
    SubGraphSlot,
    TensorMapSlot,
    TensorSlot,
    TensorType,
)
from motefit.tflite.operator_rules import LEAST_INPUTS, absent_inputs, least_outputs, operator_code

ALIGNMENT = 16
"""Alignment of constants of at least this length; LiteRT reads shorter ones at multiples of 4."""
LENGTH_BYTES = 4
"""Size of a vector's length, before its elements."""


TENSOR_BYTES = 256 << 20
"""Largest tensor of a model that is run."""


def check_structure(model: DecodedTable) -> None:
    """Check what LiteRT relies on when it loads a model.

    Args:
        model: root table of the file.

    Raises:
        ModelFileError: if an index has no target, an operator lacks tensors, or a tensor has
            more than :data:`TENSOR_BYTES`; the message names the first defect.
    """
    if model.number(ModelSlot.VERSION) != schema.VERSION:
        raise damaged(f"schema version {model.number(ModelSlot.VERSION):g}")
    _require(model, ModelSlot.SUBGRAPHS, ModelSlot.OPERATOR_CODES, ModelSlot.BUFFERS)
    buffers = model.records(ModelSlot.BUFFERS)
    codes = model.records(ModelSlot.OPERATOR_CODES)
    if not model.records(ModelSlot.SUBGRAPHS):
        raise damaged("it has no subgraph")
    for entry in model.records(ModelSlot.METADATA):
        _check_index("metadata", entry.number(MetadataSlot.BUFFER), buffers)
    graphs = model.records(ModelSlot.SUBGRAPHS)
    for graph in graphs:
        _check_subgraph(graph, codes, buffers)
    for signature in model.records(ModelSlot.SIGNATURE_DEFS):
        _check_signature(signature, graphs)


def validate(data: bytes, tables: DecodedTable | None = None) -> None:
    """Validate a complete .tflite file: its FlatBuffer, and that its tables make sense.

    Args:
        data: the whole file.
        tables: its root table, if it has been read before.

    Raises:
        ModelFileError: if the file is invalid; the message names the first defect.
    """
    model = read_tables(data) if tables is None else tables
    check_structure(model)
    buffers = model.records(ModelSlot.BUFFERS)
    for graph in model.records(ModelSlot.SUBGRAPHS):
        for number, tensor in enumerate(graph.records(SubGraphSlot.TENSORS)):
            _check_values(number, tensor, buffers)


def unaligned(model: DecodedTable) -> int:
    """Count the constants that are not aligned as the schema requires.

    LiteRT reads such files anyway; a processor that cannot read unaligned numbers may fail if it
    runs the file in place.
    """
    return sum(_is_unaligned(buffer) for buffer in model.records(ModelSlot.BUFFERS))


def _is_unaligned(buffer: DecodedTable) -> bool:
    size = len(buffer.numbers(BufferSlot.DATA))
    if not size:
        return False
    start, _ = buffer.spans[BufferSlot.DATA]
    return (start + LENGTH_BYTES) % (ALIGNMENT if size >= ALIGNMENT else 4) != 0


def _require(record: DecodedTable, *slots: int) -> None:
    for slot in slots:
        if slot not in record.fields:
            raise damaged(f"the table {record.kind} at {record.at} has no field {slot}")


def _check_index(what: str, index: float, targets: Sequence[object], *, least: int = 0) -> None:
    if not least <= index < len(targets):
        raise damaged(f"{what} refers to number {index:g} of {len(targets)}")


def _check_subgraph(
    graph: DecodedTable, codes: Sequence[DecodedTable], buffers: Sequence[DecodedTable]
) -> None:
    _require(graph, SubGraphSlot.TENSORS, SubGraphSlot.INPUTS, SubGraphSlot.OUTPUTS)
    tensors = graph.records(SubGraphSlot.TENSORS)
    for edge in (SubGraphSlot.INPUTS, SubGraphSlot.OUTPUTS):
        for index in graph.numbers(edge):
            _check_index("the graph's edge", index, tensors)
            _check_text("the name of an input or output", tensors[int(index)], TensorSlot.NAME)
    for op in graph.records(SubGraphSlot.OPERATORS):
        _check_operator(op, codes, tensors)
    for number, tensor in enumerate(tensors):
        _check_tensor(number, tensor, buffers)


def _check_signature(signature: DecodedTable, graphs: Sequence[DecodedTable]) -> None:
    place = signature.number(SignatureSlot.SUBGRAPH)
    _check_index("a signature", place, graphs)
    _check_text("the key of a signature", signature, SignatureSlot.KEY)
    tensors = graphs[int(place)].records(SubGraphSlot.TENSORS)
    for slot in (SignatureSlot.INPUTS, SignatureSlot.OUTPUTS):
        for named in signature.records(slot):
            _check_index("a signature", named.number(TensorMapSlot.TENSOR_INDEX), tensors)
            _check_text("a name of a signature", named, TensorMapSlot.NAME)


def _check_text(what: str, table: DecodedTable, slot: int) -> None:
    """Check a text that LiteRT gives to Python."""
    text = table.fields.get(slot)
    try:
        if isinstance(text, bytes):
            text.decode()
    except UnicodeDecodeError:
        raise damaged(f"{what} is not UTF-8: {text!r}") from None


def _check_operator(
    op: DecodedTable, codes: Sequence[DecodedTable], tensors: Sequence[DecodedTable]
) -> None:
    _check_index("an operator", op.number(OperatorSlot.OPCODE_INDEX), codes)
    for index in op.numbers(OperatorSlot.INPUTS):
        _check_index("an operator's input", index, tensors, least=-1)
    for slot in (OperatorSlot.OUTPUTS, OperatorSlot.INTERMEDIATES):
        for index in op.numbers(slot):
            _check_index("an operator's output", index, tensors)
    name = operator_code(codes[int(op.number(OperatorSlot.OPCODE_INDEX))])[0]
    inputs, outputs = (len(op.numbers(s)) for s in (OperatorSlot.INPUTS, OperatorSlot.OUTPUTS))
    for what, count, least in (
        ("input", inputs, LEAST_INPUTS.get(name, 0)),
        ("output", outputs, least_outputs(name)),
    ):
        if count < least:
            raise damaged(f"an operator {name} needs {least} {what}s, has {count}")
    for place in absent_inputs(name, [int(n) for n in op.numbers(OperatorSlot.INPUTS)]):
        raise damaged(f"an operator {name} needs its input {place}, which is absent")


def _check_tensor(number: int, tensor: DecodedTable, buffers: Sequence[DecodedTable]) -> None:
    _check_index(f"tensor {number}", tensor.number(TensorSlot.BUFFER), buffers)
    shape = [int(n) for n in tensor.numbers(TensorSlot.SHAPE)]
    if any(n < -1 for n in shape):
        raise damaged(f"tensor {number} has the shape {shape}")
    bits = BITS[TensorType(_type(tensor))] if _type(tensor) in BITS else 8
    if math.prod(map(abs, shape)) * bits > 8 * TENSOR_BYTES:
        raise damaged(f"tensor {number} has the shape {shape}, of more than {TENSOR_BYTES} bytes")


def _type(tensor: DecodedTable) -> int:
    return int(tensor.number(TensorSlot.TYPE))


def _check_values(number: int, tensor: DecodedTable, buffers: Sequence[DecodedTable]) -> None:
    shape = [int(n) for n in tensor.numbers(TensorSlot.SHAPE)]
    quantization = tensor.child(TensorSlot.QUANTIZATION)
    if quantization is not None:
        _check_quantization(number, quantization, shape)
    data = buffers[int(tensor.number(TensorSlot.BUFFER))].numbers(BufferSlot.DATA)
    if not data.size or _type(tensor) not in BITS or tensor.child(TensorSlot.SPARSITY) is not None:
        return
    kind = TensorType(_type(tensor))
    wanted = (math.prod(shape) * BITS[kind] + 7) // 8
    if len(data) != wanted:
        raise damaged(f"tensor {number} of shape {shape} needs {wanted} bytes, has {len(data)}")
    values = stored_values(data.tobytes(), kind, math.prod(shape))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise damaged(f"tensor {number} contains NaN or infinity")


def _check_quantization(number: int, table: DecodedTable, shape: Sequence[int]) -> None:
    scales = list(table.numbers(QuantizationSlot.SCALE))
    zero_points = list(table.numbers(QuantizationSlot.ZERO_POINT))
    if not scales:
        return
    if not all(math.isfinite(scale) and scale > 0 for scale in scales):
        raise damaged(f"tensor {number} has a scale that is not a positive number")
    if len(zero_points) != len(scales):
        raise damaged(f"tensor {number}: {len(scales)} scales, {len(zero_points)} zero points")
    axis = int(table.number(QuantizationSlot.QUANTIZED_DIMENSION))
    if len(scales) > 1 and (not 0 <= axis < len(shape) or shape[axis] != len(scales)):
        raise damaged(f"tensor {number} of shape {shape} has {len(scales)} scales on axis {axis}")
