"""Content of a .tflite file as plain records: subgraphs of tensors with data, and operators."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from motefit.graph.graph import Quantization
from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer.element_types import DTYPES, stored_values
from motefit.tflite.flatbuffer.reader import DecodedTable, damaged, read_tables
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    ModelSlot,
    OperatorSlot,
    QuantizationSlot,
    SubGraphSlot,
    TensorSlot,
    TensorType,
)
from motefit.tflite.operator_rules import Code, operator_code

MAX_RANK = 8
TYPES = {int(kind): kind for kind in TensorType}


@dataclass(frozen=True, kw_only=True, eq=False)
class FileTensor:
    """A tensor of the file.

    Attributes:
        name: name; empty if the file has none.
        written_shape: shape with the batch; -1 for an open size.
        kind: number of its type in the schema.
        buffer: number of its buffer.
        content: bytes of a constant, wherever they are in the file; empty otherwise.
        is_plain: whether the content is complete: neither sparse nor outside the tables.
        variable: whether it keeps its value from one run to the next.
        scale: one scale per tensor, one per channel, or none.
        zero_point: zero points, as many as scales.
        axis: axis of the channels.
        unsigned: whether the file holds ``q + 128``, as uint8.
    """

    name: str
    written_shape: tuple[int, ...]
    kind: int
    buffer: int
    content: bytes
    is_plain: bool
    variable: bool
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int
    unsigned: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape with the batch; an open size is 1."""
        return tuple(abs(n) for n in self.written_shape)

    @property
    def dtype(self) -> str:
        """Type as the schema names it."""
        return TYPES[self.kind].name.lower() if self.kind in TYPES else f"type {self.kind}"

    @cached_property
    def data(self) -> np.ndarray | None:
        """Numbers of a constant in the tensor's shape; bytes for types that numpy lacks.

        Raises:
            ModelFileError: if the number of bytes does not match the shape, or the data are sparse.
        """
        if not self.content:
            return None
        if not self.is_plain:
            raise ModelFileError(
                f"tensor {self.name!r} is sparse, or its data are outside the file's tables; such "
                "tensors are not supported"
            )
        if self.kind not in TYPES:
            raise damaged(f"a constant has the type {self.kind}")
        return _array(self.content, TYPES[self.kind], self.shape)

    @cached_property
    def quantization(self) -> Quantization | None:
        """Scales and zero point, or None.

        Raises:
            ModelFileError: if a scale is not positive, or zero points differ.
        """
        if self.kind == TensorType.FLOAT32 or not self.scale:
            return None
        if len(set(self.zero_point)) > 1 or not -(2**15) <= sum(self.zero_point[:1]) < 2**15:
            raise ModelFileError(
                f"tensor {self.name!r} has zero points that differ or are too large"
            )
        scale = np.array(self.scale, np.float32)
        if not np.all(np.isfinite(scale)) or np.any(scale <= 0):
            raise damaged(f"a scale of tensor {self.name!r} is not positive and finite")
        return Quantization(
            scale=scale,
            zero_point=sum(self.zero_point[:1]),
            axis=self.axis if scale.size > 1 or self.axis else None,
            bits=4 if self.kind == TensorType.INT4 else 8,
            unsigned=self.unsigned,
        )


@dataclass(frozen=True, kw_only=True)
class FileOp:
    """An operator of the file; indices are into the tensors, -1 for an absent input.

    Attributes:
        place: its number in the file.
        name: name in the schema, such as ``CONV_2D``; a custom operator's own name.
        version: version of the operator.
        inputs: tensor indices.
        outputs: tensor indices.
        options: its numeric options by slot; defaults are left out.
        intermediates: tensor indices.
    """

    place: int
    name: str
    version: int = 1
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[int, float]
    intermediates: tuple[int, ...]

    def refuse(self, why: str) -> ModelFileError:
        """Create the error for an unsupported form."""
        return ModelFileError(f"operator {self.place} ({self.name}) cannot be read: {why}")

    def option(self, slot: int, default: float = 0) -> int:
        """Return an integer option."""
        return int(self.options.get(slot, default))


@dataclass(frozen=True, kw_only=True)
class Subgraph:
    """Tensors and operators in order, with the tensors that a caller sets and reads."""

    tensors: tuple[FileTensor, ...]
    ops: tuple[FileOp, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Content:
    """Tensors and operators in order, with one input and one output."""

    tensors: tuple[FileTensor, ...]
    ops: tuple[FileOp, ...]
    input: int
    output: int

    def readers(self, index: int) -> tuple[FileOp, ...]:
        """Return the operators that read a tensor."""
        return tuple(op for op in self.ops if index in op.inputs)


def read_content(data: bytes, tables: DecodedTable | None = None) -> Content:
    """Decode a file.

    Args:
        data: the whole file.
        tables: its root table, if it has been read before.

    Raises:
        ModelFileError: if the bytes are damaged, or there are several subgraphs, inputs or outputs.
    """
    subgraphs = read_subgraphs(data, read_tables(data) if tables is None else tables)
    if len(subgraphs) != 1:
        raise ModelFileError(
            f"a model must have exactly one subgraph, this one has {len(subgraphs)} "
            "(a loop or a branch, such as WHILE: convert an LSTM fused)"
        )
    (graph,) = subgraphs
    for edges, side in ((graph.inputs, "input"), (graph.outputs, "output")):
        if len(edges) != 1:
            raise ModelFileError(f"a model must have exactly one {side}, this one has {len(edges)}")
    return Content(
        tensors=graph.tensors, ops=graph.ops, input=graph.inputs[0], output=graph.outputs[0]
    )


def read_subgraphs(data: bytes, model: DecodedTable) -> tuple[Subgraph, ...]:
    """Decode every subgraph.

    Args:
        data: the whole file.
        model: its root table.

    Raises:
        ModelFileError: if an index refers to nothing, a shape is absurd, or data are outside the
            file.
    """
    codes = [operator_code(code) for code in model.records(ModelSlot.OPERATOR_CODES)]
    contents = [_content(data, buffer) for buffer in model.records(ModelSlot.BUFFERS)]
    return tuple(_subgraph(g, codes, contents) for g in model.records(ModelSlot.SUBGRAPHS))


STATEFUL = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"})
"""Operators of resource variables."""


def has_states(data: bytes, model: DecodedTable) -> bool:
    """Return whether a model keeps values from one run to the next.

    Args:
        data: the whole file.
        model: its root table.

    Raises:
        ModelFileError: if the file is damaged.
    """
    graphs = read_subgraphs(data, model)
    return any(
        any(tensor.variable for tensor in graph.tensors)
        or any(op.name in STATEFUL for op in graph.ops)
        for graph in graphs
    )


def _content(data: bytes, buffer: DecodedTable) -> tuple[bytes, bool]:
    """Return the bytes of a buffer, and whether they are inside the tables."""
    inside = buffer.numbers(BufferSlot.DATA)
    start, size = (int(buffer.number(slot)) for slot in (BufferSlot.OFFSET, BufferSlot.SIZE))
    if inside.size or start <= 1:
        return inside.tobytes(), start == 0
    if start + size > len(data):
        raise damaged(f"{size} bytes at {start} lie outside its {len(data)} bytes")
    return data[start : start + size], False


def _subgraph(
    graph: DecodedTable, codes: Sequence[Code], contents: Sequence[tuple[bytes, bool]]
) -> Subgraph:
    tensors = tuple(_tensor(t, contents) for t in graph.records(SubGraphSlot.TENSORS))
    ops = enumerate(graph.records(SubGraphSlot.OPERATORS))
    inputs, outputs = (
        _indices(graph, slot, tensors) for slot in (SubGraphSlot.INPUTS, SubGraphSlot.OUTPUTS)
    )
    if -1 in {*inputs, *outputs}:
        raise damaged("an input or output of the graph is missing")
    return Subgraph(
        tensors=tensors,
        ops=tuple(_operator(place, op, codes, tensors) for place, op in ops),
        inputs=inputs,
        outputs=outputs,
    )


def _indices(table: DecodedTable, slot: int, tensors: Sequence[FileTensor]) -> tuple[int, ...]:
    indices = tuple(int(i) for i in table.numbers(slot))
    wrong = [i for i in indices if not -1 <= i < len(tensors)]
    if wrong:
        raise damaged(f"it refers to tensor {wrong[0]} of {len(tensors)}")
    return indices


def _operator(
    place: int, op: DecodedTable, codes: Sequence[Code], tensors: Sequence[FileTensor]
) -> FileOp:
    index = int(op.number(OperatorSlot.OPCODE_INDEX))
    if index >= len(codes):
        raise damaged(f"it refers to operator code {index} of {len(codes)}")
    name, version = codes[index]
    options = op.child(OperatorSlot.BUILTIN_OPTIONS) or op.child(OperatorSlot.BUILTIN_OPTIONS_2)
    fields = {} if options is None else options.fields
    return FileOp(
        place=place,
        name=name,
        version=version,
        inputs=_indices(op, OperatorSlot.INPUTS, tensors),
        outputs=_indices(op, OperatorSlot.OUTPUTS, tensors),
        options={s: value for s, value in fields.items() if isinstance(value, int | float)},
        intermediates=_indices(op, OperatorSlot.INTERMEDIATES, tensors),
    )


def _tensor(tensor: DecodedTable, contents: Sequence[tuple[bytes, bool]]) -> FileTensor:
    shape = tuple(int(n) for n in tensor.numbers(TensorSlot.SHAPE))
    if len(shape) > MAX_RANK or any(n < -1 for n in shape):
        raise damaged(f"a tensor has the shape {shape[: MAX_RANK + 1]}")
    index = int(tensor.number(TensorSlot.BUFFER))
    if index >= len(contents):
        raise damaged(f"a tensor refers to buffer {index} of {len(contents)}")
    content, inside = contents[index]
    scales = tensor.child(TensorSlot.QUANTIZATION)
    return FileTensor(
        name=tensor.text(TensorSlot.NAME),
        written_shape=shape,
        kind=int(tensor.number(TensorSlot.TYPE)),
        buffer=index,
        content=content,
        is_plain=inside and tensor.child(TensorSlot.SPARSITY) is None,
        variable=bool(tensor.number(TensorSlot.IS_VARIABLE)),
        scale=() if scales is None else tuple(scales.numbers(QuantizationSlot.SCALE).tolist()),
        zero_point=()
        if scales is None
        else tuple(scales.numbers(QuantizationSlot.ZERO_POINT).tolist()),
        axis=0 if scales is None else int(scales.number(QuantizationSlot.QUANTIZED_DIMENSION)),
    )


def _array(data: bytes, kind: TensorType, shape: tuple[int, ...]) -> np.ndarray:
    """Read the numbers of a constant; int4 as int8."""
    size = math.prod(shape)
    dtype = np.dtype(DTYPES.get(kind, "V1"))
    wanted = (size + 1) // 2 if kind == TensorType.INT4 else size * dtype.itemsize
    if kind != TensorType.INT4 and dtype.kind == "V":
        return np.frombuffer(data, dtype)
    if len(data) != wanted:
        name = kind.name.lower()
        raise damaged(f"a constant of shape {shape} and type {name} has {len(data)} bytes")
    values = stored_values(data, kind, size).reshape(shape)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
