"""The first subgraph of a .tflite file as plain records: tensors with their data, and operators."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motefit.graph.graph import Quantization
from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer.element_types import DTYPES, stored_values
from motefit.tflite.flatbuffer.reader import DecodedTable, damaged, read_tables
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
from motefit.tflite.inspect import MAX_RANK, operator_name


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
    model = read_tables(data)
    subgraphs = model.records(ModelSlot.SUBGRAPHS)
    if len(subgraphs) != 1:
        raise ModelFileError(
            f"a model with one subgraph is needed, this one has {len(subgraphs)} "
            "(a loop or a branch, such as WHILE: convert an LSTM fused)"
        )
    buffers = model.records(ModelSlot.BUFFERS)
    tensors = tuple(_tensor(t, buffers) for t in subgraphs[0].records(SubGraphSlot.TENSORS))
    edges = []
    for slot, side in ((SubGraphSlot.INPUTS, "input"), (SubGraphSlot.OUTPUTS, "output")):
        indices = _indices(subgraphs[0], slot, tensors)
        if len(indices) != 1 or indices[0] < 0:
            raise ModelFileError(f"a model with one {side} is needed, this one has {len(indices)}")
        edges.append(indices[0])
    codes = model.records(ModelSlot.OPERATOR_CODES)
    ops = subgraphs[0].records(SubGraphSlot.OPERATORS)
    return Content(
        tensors=tensors,
        ops=tuple(_operator(i, op, codes, tensors) for i, op in enumerate(ops)),
        input=edges[0],
        output=edges[1],
    )


def _indices(table: DecodedTable, slot: int, tensors: Sequence[FileTensor]) -> tuple[int, ...]:
    indices = tuple(int(i) for i in table.numbers(slot))
    wrong = [i for i in indices if not -1 <= i < len(tensors)]
    if wrong:
        raise damaged(f"tensor {wrong[0]} of {len(tensors)} is referred to")
    return indices


def _operator(
    place: int, op: DecodedTable, codes: Sequence[DecodedTable], tensors: Sequence[FileTensor]
) -> FileOp:
    index = int(op.number(OperatorSlot.OPCODE_INDEX))
    if index >= len(codes):
        raise damaged(f"operator code {index} of {len(codes)} is referred to")
    old = codes[index].number(OperatorCodeSlot.DEPRECATED_BUILTIN_CODE)
    code = int(max(old, codes[index].number(OperatorCodeSlot.BUILTIN_CODE)))
    options = op.child(OperatorSlot.BUILTIN_OPTIONS)
    fields = options.fields if options is not None else {}
    return FileOp(
        place=place,
        name=codes[index].text(OperatorCodeSlot.CUSTOM_CODE) or operator_name(code),
        inputs=_indices(op, OperatorSlot.INPUTS, tensors),
        outputs=_indices(op, OperatorSlot.OUTPUTS, tensors),
        options={s: value for s, value in fields.items() if isinstance(value, int | float)},
        intermediates=_indices(op, OperatorSlot.INTERMEDIATES, tensors),
    )


def _tensor(tensor: DecodedTable, buffers: Sequence[DecodedTable]) -> FileTensor:
    shape = tuple(int(n) for n in tensor.numbers(TensorSlot.SHAPE))
    if len(shape) > MAX_RANK or any(n < -1 for n in shape):
        raise damaged(f"a tensor has the shape {shape[: MAX_RANK + 1]}")
    shape = tuple(abs(n) for n in shape)
    code = int(tensor.number(TensorSlot.TYPE))
    if code not in set(TensorType):
        raise damaged(f"a tensor has the type {code}")
    index = int(tensor.number(TensorSlot.BUFFER))
    if index >= len(buffers):
        raise damaged(f"a tensor refers to buffer {index} of {len(buffers)}")
    if buffers[index].number(BufferSlot.OFFSET) or tensor.child(TensorSlot.SPARSITY) is not None:
        raise ModelFileError("sparse tensors, and data outside the file's tables, are not read")
    data = buffers[index].numbers(BufferSlot.DATA).tobytes()
    quantization = tensor.child(TensorSlot.QUANTIZATION)
    name = tensor.text(TensorSlot.NAME)
    return FileTensor(
        name=name,
        shape=shape,
        dtype=TensorType(code).name.lower(),
        data=_array(data, code, shape) if data else None,
        quantization=_quantization(quantization, name, bits=4 if code == TensorType.INT4 else 8)
        if quantization is not None and code != TensorType.FLOAT32
        else None,
    )


def _array(data: bytes, code: int, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers of a constant; bytes of types that numpy has not; int4 as int8."""
    kind, size = TensorType(code), math.prod(shape)
    if kind == TensorType.INT4:
        if len(data) != (size + 1) // 2:
            raise damaged(f"a constant of shape {shape} and type int4 has {len(data)} bytes")
        return stored_values(data, kind, size).reshape(shape)
    dtype = np.dtype(DTYPES.get(kind, "V1"))
    if dtype.kind == "V":
        return np.frombuffer(data, dtype)
    if len(data) != size * dtype.itemsize:
        raise damaged(f"a constant of shape {shape} and type {dtype} has {len(data)} bytes")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(shape)


def _quantization(table: DecodedTable, name: str, bits: int) -> Quantization | None:
    scale, zeros = (
        table.numbers(slot) for slot in (QuantizationSlot.SCALE, QuantizationSlot.ZERO_POINT)
    )
    if not scale.size:
        return None
    if len(set(zeros.tolist())) > 1 or not -(2**15) <= zeros[:1].sum() < 2**15:
        raise ModelFileError(f"tensor {name!r}: zero points that differ or are too large")
    values = scale.astype(np.float32)
    if not np.all(np.isfinite(values)) or np.any(values <= 0):
        raise damaged(f"a scale of tensor {name!r} is not positive and finite")
    axis = int(table.number(QuantizationSlot.QUANTIZED_DIMENSION))
    return Quantization(
        scale=values,
        zero_point=int(zeros[:1].sum()),
        axis=axis if scale.size > 1 or axis else None,
        bits=bits,
    )
