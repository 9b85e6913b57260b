"""The first subgraph of a .tflite file as plain records: tensors with their data, and operators."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motefit.graph.graph import Quantization
from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer.reader import damaged, int32s_of, items, number, read_model, text_of
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    ModelSlot,
    OperatorCodeSlot,
    OperatorSlot,
    QuantizationSlot,
    SubGraphSlot,
    TensorSlot,
    TensorType,
)
from motefit.tflite.flatbuffer.writer import Blob, Scalar, Table
from motefit.tflite.inspect import DTYPES, MAX_RANK, operator_name

SPARSITY = TensorSlot.SPARSITY


@dataclass(frozen=True, kw_only=True, eq=False)
class FileTensor:
    """A tensor of the file.

    Attributes:
        name: empty where the file keeps none.
        shape: with the batch; an open size is 1.
        dtype: numpy's name, or the schema's where numpy has none.
        data: of a constant, in the tensor's shape; None otherwise.
        quantization: scales and zero point, or None.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None
    quantization: Quantization | None


@dataclass(frozen=True, kw_only=True)
class FileOp:
    """An operator of the file; indices are into the tensors, -1 for an absent input.

    Attributes:
        place: its number in the file.
        name: as in the schema, such as ``CONV_2D``.
        inputs: tensor indices.
        outputs: tensor indices.
        options: numbers of its options by slot; those at their default are absent.
        intermediates: tensor indices.
    """

    place: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[int, float]
    intermediates: tuple[int, ...]

    def refuse(self, why: str) -> ModelFileError:
        """The error for a form that is not read."""
        return ModelFileError(f"operator {self.place} ({self.name}) cannot be read: {why}")

    def option(self, slot: int, default: float = 0) -> int:
        """An integer option."""
        return int(self.options.get(slot, default))


@dataclass(frozen=True, kw_only=True)
class Content:
    """Tensors and operators in order; one input and one output."""

    tensors: tuple[FileTensor, ...]
    ops: tuple[FileOp, ...]
    input: int
    output: int

    def readers(self, index: int) -> tuple[FileOp, ...]:
        """Operators that read a tensor."""
        return tuple(op for op in self.ops if index in op.inputs)


def read_content(data: bytes) -> Content:
    """Decode a file.

    Raises:
        ModelFileError: for damaged bytes, or a model with several subgraphs, inputs or outputs.
    """
    model = read_model(data)
    subgraphs = items(model, ModelSlot.SUBGRAPHS)
    if len(subgraphs) != 1:
        raise ModelFileError(
            f"a model with one subgraph is needed, this one has {len(subgraphs)} "
            "(a loop or a branch, such as WHILE: convert an LSTM fused)"
        )
    buffers = items(model, ModelSlot.BUFFERS)
    tensors = tuple(_tensor(t, buffers) for t in items(subgraphs[0], SubGraphSlot.TENSORS))
    edges = []
    for slot, side in ((SubGraphSlot.INPUTS, "input"), (SubGraphSlot.OUTPUTS, "output")):
        indices = _indices(subgraphs[0], slot, tensors)
        if len(indices) != 1 or indices[0] < 0:
            raise ModelFileError(f"a model with one {side} is needed, this one has {len(indices)}")
        edges.append(indices[0])
    codes = items(model, ModelSlot.OPERATOR_CODES)
    ops = items(subgraphs[0], SubGraphSlot.OPERATORS)
    return Content(
        tensors=tensors,
        ops=tuple(_operator(i, op, codes, tensors) for i, op in enumerate(ops)),
        input=edges[0],
        output=edges[1],
    )


def _indices(table: Table, slot: int, tensors: Sequence[FileTensor]) -> tuple[int, ...]:
    indices = int32s_of(table, slot)
    wrong = [i for i in indices if not -1 <= i < len(tensors)]
    if wrong:
        raise damaged(f"tensor {wrong[0]} of {len(tensors)} is referred to")
    return indices


def _operator(
    place: int, op: Table, codes: Sequence[Table], tensors: Sequence[FileTensor]
) -> FileOp:
    index = number(op, OperatorSlot.OPCODE_INDEX)
    if index >= len(codes):
        raise damaged(f"operator code {index} of {len(codes)} is referred to")
    old = number(codes[index], OperatorCodeSlot.DEPRECATED_BUILTIN_CODE)
    code = max(old, number(codes[index], OperatorCodeSlot.BUILTIN_CODE))
    options = dict(op.fields).get(OperatorSlot.BUILTIN_OPTIONS)
    fields = options.fields if isinstance(options, Table) else ()
    return FileOp(
        place=place,
        name=text_of(codes[index], OperatorCodeSlot.CUSTOM_CODE) or operator_name(code),
        inputs=_indices(op, OperatorSlot.INPUTS, tensors),
        outputs=_indices(op, OperatorSlot.OUTPUTS, tensors),
        options={slot: value.value for slot, value in fields if isinstance(value, Scalar)},
        intermediates=_indices(op, OperatorSlot.INTERMEDIATES, tensors),
    )


def _tensor(tensor: Table, buffers: Sequence[Table]) -> FileTensor:
    shape = int32s_of(tensor, TensorSlot.SHAPE)
    if len(shape) > MAX_RANK or any(n < -1 for n in shape):
        raise damaged(f"a tensor has the shape {shape[: MAX_RANK + 1]}")
    shape = tuple(abs(n) for n in shape)
    code = number(tensor, TensorSlot.TYPE)
    if code not in set(TensorType):
        raise damaged(f"a tensor has the type {code}")
    index = number(tensor, TensorSlot.BUFFER)
    if index >= len(buffers):
        raise damaged(f"a tensor refers to buffer {index} of {len(buffers)}")
    fields, buffer = dict(tensor.fields), dict(buffers[index].fields)
    blob, quantization = buffer.get(BufferSlot.DATA), fields.get(TensorSlot.QUANTIZATION)
    if BufferSlot.OFFSET in buffer or SPARSITY in fields:
        raise ModelFileError("sparse tensors, and data outside the file's tables, are not read")
    name = text_of(tensor, TensorSlot.NAME)
    return FileTensor(
        name=name,
        shape=shape,
        dtype=TensorType(code).name.lower(),
        data=_array(blob.data, code, shape) if isinstance(blob, Blob) and blob.data else None,
        quantization=_quantization(quantization, name, bits=4 if code == TensorType.INT4 else 8)
        if isinstance(quantization, Table) and code != TensorType.FLOAT32
        else None,
    )


def _array(data: bytes, code: int, shape: tuple[int, ...]) -> np.ndarray | None:
    """The numbers of a constant; bytes of types that numpy has not; int4 as int8."""
    if code == TensorType.INT4:
        return _unpack_int4(data, shape)
    dtype = np.dtype(DTYPES.get(TensorType(code), "V1"))
    if dtype.kind == "V":
        return np.frombuffer(data, dtype)
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise damaged(f"a constant of shape {shape} and type {dtype} has {len(data)} bytes")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(shape)


def _unpack_int4(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Two integers from a byte, the low half first."""
    size = math.prod(shape)
    if len(data) != (size + 1) // 2:
        raise damaged(f"a constant of shape {shape} and type int4 has {len(data)} bytes")
    packed = np.frombuffer(data, np.int8)
    pairs = np.stack([np.left_shift(packed, 4) >> 4, packed >> 4], axis=1)
    return np.asarray(pairs.reshape(-1)[:size].reshape(shape), np.int8)


def _quantization(table: Table, name: str, bits: int) -> Quantization | None:
    fields = dict(table.fields)
    scale, zero = fields.get(QuantizationSlot.SCALE), fields.get(QuantizationSlot.ZERO_POINT)
    if not isinstance(scale, Blob) or scale.length == 0:
        return None
    zeros = np.frombuffer(zero.data, "<i8") if isinstance(zero, Blob) else np.zeros(1, np.int64)
    if len(set(zeros.tolist())) > 1 or not -(2**15) <= zeros[:1].sum() < 2**15:
        raise ModelFileError(f"tensor {name!r}: zero points that differ or are too large")
    values = np.frombuffer(scale.data, "<f4").astype(np.float32)
    if not np.all(np.isfinite(values)) or np.any(values <= 0):
        raise damaged(f"a scale of tensor {name!r} is not positive and finite")
    axis = number(table, QuantizationSlot.QUANTIZED_DIMENSION)
    return Quantization(
        scale=values,
        zero_point=int(zeros[:1].sum()),
        axis=axis if scale.length > 1 or axis else None,
        bits=bits,
    )
