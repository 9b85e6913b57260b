"""Validation of a .tflite file: its FlatBuffer first, then what its tables say.

The first part is what ``flatbuffers::Verifier`` does with the schema of TensorFlow Lite: every
offset leads to a table, vector or string that is inside the file as a whole, each number is
aligned to its size, strings end in a zero byte. The second part is what LiteRT takes for granted
and no schema says: indices have targets, constants fill their shapes, scales are positive, floats
are finite numbers.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from motefit.tflite.flatbuffer import schema
from motefit.tflite.flatbuffer.reader import READ_FACTOR, READ_SLACK, damaged, tables, unions
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    MetadataSlot,
    ModelSlot,
    OperatorSlot,
    QuantizationSlot,
    SubGraphSlot,
    TensorSlot,
    TensorType,
)

MAX_BYTES = 2**31 - 1
NONE = np.zeros(0, np.uint8)
SIZES = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8, "d": 8}


@dataclass(frozen=True, kw_only=True)
class VerifiedTable:
    """A verified table: its fields by slot.

    Attributes:
        kind: name in the schema.
        at: place in the file.
        fields: numbers, strings (bytes), tables, and vectors (numbers, tables or strings).
        places: first byte of each vector of numbers.
    """

    kind: str
    at: int
    fields: Mapping[int, object]
    places: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def number(self, slot: int, default: float = 0) -> float:
        """A number; the default where it is absent."""
        value = self.fields.get(slot, default)
        return value if isinstance(value, int | float) else default

    def records(self, slot: int) -> "tuple[VerifiedTable, ...]":
        """A vector of tables; empty where absent."""
        value = self.fields.get(slot, ())
        return value if isinstance(value, tuple) else ()

    def child(self, slot: int) -> "VerifiedTable | None":
        """A table; None where absent."""
        value = self.fields.get(slot)
        return value if isinstance(value, VerifiedTable) else None

    def numbers(self, slot: int) -> np.ndarray:
        """A vector of numbers; empty where absent."""
        value = self.fields.get(slot)
        return value if isinstance(value, np.ndarray) else NONE


def validate_tables(data: bytes) -> VerifiedTable:
    """Verify the FlatBuffer of a whole .tflite file.

    Returns:
        The root table.

    Raises:
        ModelFileError: naming the first thing that is wrong.
    """
    if len(data) < 8 or data[4:8] != schema.IDENTIFIER:
        raise damaged(f"{len(data)} bytes without the mark TFL3 are not a TensorFlow Lite model")
    if len(data) > MAX_BYTES:
        raise damaged(f"{len(data)} bytes are more than its offsets reach")
    file = _Verifier(data)
    return file.table(file.target(0), "Model")


class _Verifier:
    """Checked access to the bytes; each table is read once for each kind it is taken for."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._done: dict[tuple[int, str], VerifiedTable] = {}
        self._budget = READ_FACTOR * len(data) + READ_SLACK

    def _number(self, code: str, at: int) -> float:
        size = SIZES[code]
        if at < 0 or at + size > len(self._data):
            raise damaged(f"a number of {size} bytes at {at} lies outside the file")
        if at % size:
            raise damaged(f"a number of {size} bytes at {at} is not aligned")
        value: float = struct.unpack_from(f"<{code}", self._data, at)[0]
        return value

    def _integer(self, code: str, at: int) -> int:
        return int(self._number(code, at))

    def target(self, at: int) -> int:
        """Where the offset at a position leads."""
        offset = self._integer("I", at)
        if offset == 0 or at + offset >= len(self._data):
            raise damaged(f"the offset at {at} leads nowhere")
        return at + offset

    def table(self, at: int, kind: str) -> VerifiedTable:
        """The table at a position, and everything below it."""
        if (at, kind) not in self._done:
            self._done[at, kind] = self._read(at, kind)
        return self._done[at, kind]

    def _read(self, at: int, kind: str) -> VerifiedTable:
        vtable = at - self._integer("i", at)
        size, inline = self._integer("H", vtable), self._integer("H", vtable + 2)
        ends = vtable + size, at + inline
        if size < 4 or size % 2 or inline < 4 or max(ends) > len(self._data):
            raise damaged(f"the table {kind} at {at} is no table")
        slots = tables()[kind]
        fields: dict[int, object] = {}
        places: dict[int, int] = {}
        for slot, code in enumerate(slots[: size // 2 - 2]):
            offset = self._integer("H", vtable + 4 + 2 * slot)
            code = code.partition("=")[0]  # noqa: PLW2901  (the default is not needed here)
            if not offset or code == "-":
                continue
            if offset < 4 or offset + SIZES.get(code, 4) > inline:
                raise damaged(f"field {slot} of the table {kind} at {at} lies outside it")
            place = at + offset
            if code.startswith("[") and code[1:-1] in SIZES:
                places[slot] = self.target(place) + 4
            fields[slot] = self._field(place, code, number=fields.get(slot - 1))
        self._spend(inline + size)
        return VerifiedTable(kind=kind, at=at, fields=fields, places=places)

    def _field(self, place: int, code: str, *, number: object) -> object:
        if code in SIZES:
            return self._number(code, place)
        at = self.target(place)
        if code == "s":
            return self._text(at)
        if code.startswith("["):
            return self._vector(at, code[1:-1])
        if code.startswith("|"):
            members = unions()[code[1:]]
            if not isinstance(number, int) or not 0 < number <= len(members):
                raise damaged(f"the table at {at} has type {number} of {code[1:]}")
            return self.table(at, members[number - 1])
        return self.table(at, code)

    def _span(self, at: int, size: int) -> tuple[int, int]:
        """First byte and length of a vector of elements of a size."""
        length = self._integer("I", at)
        if at + 4 + length * size > len(self._data):
            raise damaged(f"a vector of {length} elements at {at} lies outside the file")
        if length and (at + 4) % size:
            raise damaged(f"the elements of the vector at {at} are not aligned to {size} bytes")
        self._spend(length * size + 4)
        return at + 4, length

    def _vector(self, at: int, code: str) -> object:
        if code in SIZES:
            start, length = self._span(at, SIZES[code])
            return np.frombuffer(self._data, f"<{code}", length, start)
        start, length = self._span(at, 4)
        places = [self.target(start + 4 * i) for i in range(length)]
        return tuple(self._text(p) if code == "s" else self.table(p, code) for p in places)

    def _text(self, at: int) -> bytes:
        start, length = self._span(at, 1)
        if start + length >= len(self._data) or self._data[start + length]:
            raise damaged(f"the string at {at} does not end in a zero byte")
        return self._data[start : start + length]

    def _spend(self, count: int) -> None:
        self._budget -= count
        if self._budget < 0:
            raise damaged("its tables overlap too often")


BITS = {
    TensorType.INT4: 4,
    TensorType.INT8: 8,
    TensorType.UINT8: 8,
    TensorType.BOOL: 8,
    TensorType.FLOAT16: 16,
    TensorType.BFLOAT16: 16,
    TensorType.INT16: 16,
    TensorType.UINT16: 16,
    TensorType.FLOAT32: 32,
    TensorType.INT32: 32,
    TensorType.UINT32: 32,
    TensorType.FLOAT64: 64,
    TensorType.INT64: 64,
    TensorType.UINT64: 64,
    TensorType.COMPLEX64: 64,
    TensorType.COMPLEX128: 128,
}
FLOATS = {TensorType.FLOAT16: "<f2", TensorType.FLOAT32: "<f4", TensorType.FLOAT64: "<f8"}
ALIGNMENT = 16
"""Of constants that are at least so long; LiteRT reads shorter ones in place at 4."""


def validate(data: bytes) -> None:
    """Verify a whole .tflite file: its FlatBuffer, and that its tables make sense.

    Raises:
        ModelFileError: naming the first thing that is wrong.
    """
    model = validate_tables(data)
    if model.number(ModelSlot.VERSION) != schema.VERSION:
        raise damaged(f"schema version {model.number(ModelSlot.VERSION):g}")
    _require(model, ModelSlot.SUBGRAPHS, ModelSlot.OPERATOR_CODES, ModelSlot.BUFFERS)
    buffers = model.records(ModelSlot.BUFFERS)
    codes = model.records(ModelSlot.OPERATOR_CODES)
    for buffer in buffers:
        _check_alignment(buffer)
    for entry in model.records(ModelSlot.METADATA):
        _check_index("metadata", entry.number(MetadataSlot.BUFFER), buffers)
    for graph in model.records(ModelSlot.SUBGRAPHS):
        _check_subgraph(graph, codes, buffers)


def _require(record: VerifiedTable, *slots: int) -> None:
    for slot in slots:
        if slot not in record.fields:
            raise damaged(f"the table {record.kind} at {record.at} has no field {slot}")


def _check_index(what: str, index: float, targets: Sequence[object], *, least: int = 0) -> None:
    if not least <= index < len(targets):
        raise damaged(f"{what} refers to number {index:g} of {len(targets)}")


def _check_alignment(buffer: VerifiedTable) -> None:
    size = len(buffer.numbers(BufferSlot.DATA))
    if size and buffer.places[BufferSlot.DATA] % (ALIGNMENT if size >= ALIGNMENT else 4):
        raise damaged(f"the {size} bytes of the buffer at {buffer.at} are not aligned")


def _check_subgraph(
    graph: VerifiedTable, codes: Sequence[VerifiedTable], buffers: Sequence[VerifiedTable]
) -> None:
    _require(graph, SubGraphSlot.TENSORS, SubGraphSlot.INPUTS, SubGraphSlot.OUTPUTS)
    tensors = graph.records(SubGraphSlot.TENSORS)
    for edge in (SubGraphSlot.INPUTS, SubGraphSlot.OUTPUTS):
        for index in graph.numbers(edge):
            _check_index("the graph's edge", index, tensors)
    for op in graph.records(SubGraphSlot.OPERATORS):
        _require(op, OperatorSlot.INPUTS, OperatorSlot.OUTPUTS)
        _check_index("an operator", op.number(OperatorSlot.OPCODE_INDEX), codes)
        for index in op.numbers(OperatorSlot.INPUTS):
            _check_index("an operator's input", index, tensors, least=-1)
        for slot in (OperatorSlot.OUTPUTS, OperatorSlot.INTERMEDIATES):
            for index in op.numbers(slot):
                _check_index("an operator's output", index, tensors)
    for number, tensor in enumerate(tensors):
        _check_tensor(number, tensor, buffers)


def _check_tensor(number: int, tensor: VerifiedTable, buffers: Sequence[VerifiedTable]) -> None:
    _check_index(f"tensor {number}", tensor.number(TensorSlot.BUFFER), buffers)
    shape = [int(n) for n in tensor.numbers(TensorSlot.SHAPE)]
    if any(n < 0 for n in shape):
        raise damaged(f"tensor {number} has the shape {shape}")
    quantization = tensor.child(TensorSlot.QUANTIZATION)
    if quantization is not None:
        _check_quantization(number, quantization, shape)
    data = buffers[int(tensor.number(TensorSlot.BUFFER))].numbers(BufferSlot.DATA)
    number_of_type = int(tensor.number(TensorSlot.TYPE))
    if not data.size or number_of_type not in BITS:
        return
    kind = TensorType(number_of_type)
    wanted = (math.prod(shape) * BITS[kind] + 7) // 8
    if len(data) != wanted:
        raise damaged(f"tensor {number} of shape {shape} needs {wanted} bytes, has {len(data)}")
    if kind in FLOATS and not np.isfinite(np.frombuffer(data, FLOATS[kind])).all():
        raise damaged(f"tensor {number} holds NaN or infinity")


def _check_quantization(number: int, table: VerifiedTable, shape: Sequence[int]) -> None:
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
