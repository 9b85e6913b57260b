"""Inspection of .tflite files of any origin: their content, and where the bytes go."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motefit.graph.mac_rules import CALLS, macs
from motefit.graph.memory import peak_bytes
from motefit.tflite.content import TYPES, FileOp, FileTensor, Subgraph, read_subgraphs
from motefit.tflite.flatbuffer.byte_map import bytes_by_part
from motefit.tflite.flatbuffer.element_types import BITS_BY_NAME, NONE, stored_values
from motefit.tflite.flatbuffer.reader import DecodedTable, read_tables
from motefit.tflite.flatbuffer.schema import MetadataSlot, ModelSlot, SignatureSlot
from motefit.tflite.validate import check_structure

CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """Description of one tensor.

    Attributes:
        name: name; empty if the file has none.
        shape: shape with the batch; -1 for an open size.
        dtype: type, such as ``float32`` or ``int8``.
        constant: whether the file has its values.
        data_bytes: size of those values in the file.
        zeros: number of values that are the real number 0; 0 for types without a known layout.
        distinct: number of distinct values; 0 likewise.
        variable: whether it keeps its value from one run to the next.
        scale: one scale per tensor, one per channel, or none.
        zero_point: zero points, as many as scales.
        axis: axis of the channels.
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
    """Description of one operator; indices are into its subgraph's tensors, -1 for no input.

    Attributes:
        name: name in the schema; a custom operator's own name.
        version: version of the operator.
        inputs: tensors that it reads.
        outputs: tensors that it computes.
        shape: shape of the first output.
        macs: multiply-accumulates of one run; None if they cannot be determined.
        constant_bytes: bytes in the file of the constants that it reads and no operator before it.
    """

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shape: tuple[int, ...]
    macs: int | None
    constant_bytes: int


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Content and sizes of a file.

    Attributes:
        size_bytes: size of the file.
        bytes_by_part: number of bytes of each part; sums to ``size_bytes``.
        tensors: tensors of the first subgraph.
        ops: operators of the first subgraph, in order.
        inputs: tensors that a caller sets.
        outputs: tensors that a caller reads.
        parameters: number of weights and biases; a buffer shared by several tensors counts once.
        zero_parameters: number of parameters that are the real number 0.
        macs: multiply-accumulates of one run, see :mod:`motefit.graph.mac_rules`.
        not_counted: names of the operators whose multiply-accumulates cannot be determined.
        activation_bytes: largest sum of activations alive at once; states are always alive.
        subgraphs: number of subgraphs.
        signatures: keys of the signatures.
        description: free text of the file.
        metadata: names of the metadata entries.
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
    not_counted: tuple[str, ...]
    activation_bytes: int
    subgraphs: int
    signatures: tuple[str, ...]
    description: str
    metadata: tuple[str, ...]

    @property
    def sparsity(self) -> float:
        """Share of parameters that are zero; 0.0 for a model without parameters."""
        return self.zero_parameters / self.parameters if self.parameters else 0.0


def inspect(data: bytes, tables: DecodedTable | None = None) -> Inspection:
    """Inspect a .tflite file.

    Args:
        data: the whole file.
        tables: its root table, if it has been read before.

    Raises:
        ModelFileError: if the bytes are not a complete .tflite file.
    """
    model = read_tables(data) if tables is None else tables
    check_structure(model)
    entries = model.records(ModelSlot.METADATA)
    graphs = read_subgraphs(data, model)
    main, counter = graphs[0], _MacCounter(graphs)
    total = counter.graph(0)
    tensors = tuple(_tensor(tensor) for tensor in main.tensors)
    weights = _parameters(graphs)
    return Inspection(
        size_bytes=len(data),
        bytes_by_part=bytes_by_part(data, model),
        tensors=tensors,
        ops=_operators(main, counter),
        inputs=tuple(tensors[i] for i in main.inputs),
        outputs=tuple(tensors[i] for i in main.outputs),
        parameters=sum(tensor.size for tensor in weights),
        zero_parameters=sum(tensor.zeros for tensor in weights),
        macs=total or 0,
        not_counted=tuple(sorted(counter.unknown)),
        activation_bytes=_activation_bytes(main),
        subgraphs=len(graphs),
        signatures=tuple(
            signature.text(SignatureSlot.KEY)
            for signature in model.records(ModelSlot.SIGNATURE_DEFS)
        ),
        description=model.text(ModelSlot.DESCRIPTION),
        metadata=tuple(entry.text(MetadataSlot.NAME) for entry in entries),
    )


def _tensor(tensor: FileTensor) -> TensorInfo:
    same = tensor.zero_point and len(set(tensor.zero_point)) == 1
    values = _values(tensor)
    return TensorInfo(
        name=tensor.name,
        shape=tensor.written_shape,
        dtype=tensor.dtype,
        constant=bool(tensor.content),
        data_bytes=len(tensor.content),
        zeros=int(np.count_nonzero(values == (tensor.zero_point[0] if same else 0))),
        distinct=len(np.unique(values)),
        variable=tensor.variable,
        scale=tensor.scale,
        zero_point=tensor.zero_point,
        axis=tensor.axis,
    )


def _values(tensor: FileTensor) -> np.ndarray:
    """Return a constant's numbers; none for types without a known layout."""
    if not tensor.content or tensor.kind not in TYPES:
        return NONE
    return stored_values(tensor.content, TYPES[tensor.kind], math.prod(tensor.shape))


class _MacCounter:
    """Counter of the multiply-accumulates of the subgraphs run from the first one.

    Attributes:
        unknown: names of the operators left out.
    """

    def __init__(self, graphs: Sequence[Subgraph]) -> None:
        self._graphs = graphs
        self._counted: dict[int, int | None] = {}
        self.unknown: set[str] = set()

    def graph(self, index: int) -> int | None:
        """Count one run of a subgraph; None if there is none, or while it is being counted."""
        if index not in self._counted and index < len(self._graphs):
            self._counted[index] = None
            graph = self._graphs[index]
            self._counted[index] = sum(self.op(graph, op) or 0 for op in graph.ops)
        return self._counted.get(index)

    def op(self, graph: Subgraph, op: FileOp) -> int | None:
        """Count one run of an operator; None if it cannot be determined."""
        count: int | None
        if op.name in CALLS:
            count = self.graph(op.option(CALLS[op.name]))
        else:
            inputs = [graph.tensors[i].shape if i >= 0 else () for i in op.inputs]
            made = [graph.tensors[i].shape for i in op.outputs[:1] if i >= 0]
            count = macs(op.name, inputs, made[0] if made else (), op.options)
        if count is None:
            self.unknown.add(op.name)
        return count


def _operators(graph: Subgraph, counter: _MacCounter) -> tuple[OpInfo, ...]:
    found, seen = [], set[int]()
    for op in graph.ops:
        made = [graph.tensors[i].written_shape for i in op.outputs[:1] if i >= 0]
        read = {t.buffer: len(t.content) for i in op.inputs if i >= 0 for t in [graph.tensors[i]]}
        found.append(
            OpInfo(
                name=op.name,
                version=op.version,
                inputs=op.inputs,
                outputs=op.outputs,
                shape=made[0] if made else (),
                macs=counter.op(graph, op),
                constant_bytes=sum(size for buffer, size in read.items() if buffer not in seen),
            )
        )
        seen |= read.keys()
    return tuple(found)


def _activation_bytes(graph: Subgraph) -> int:
    states = [i for i, tensor in enumerate(graph.tensors) if tensor.variable]
    return peak_bytes(
        [(op.inputs, op.outputs) for op in graph.ops],
        {
            i: math.prod(tensor.shape) * -(-BITS_BY_NAME.get(tensor.dtype, 32) // 8)
            for i, tensor in enumerate(graph.tensors)
            if not tensor.content
        },
        first=(*graph.inputs, *states),
        last=(*graph.outputs, *states),
    )


def _parameters(graphs: Sequence[Subgraph]) -> list[TensorInfo]:
    """Find the constants that are weights or biases; int32 only if they are biases."""
    found: dict[int, FileTensor] = {}
    for graph in graphs:
        biases = {
            i
            for op in graph.ops
            for i in op.inputs
            if op.name in CONVOLUTIONS or op.name.endswith("LSTM")
        }
        for i, tensor in enumerate(graph.tensors):
            weighs = tensor.dtype not in {"int64", "bool", "string"}
            if tensor.content and weighs and (tensor.dtype != "int32" or i in biases):
                found.setdefault(tensor.buffer, tensor)
    return [_tensor(tensor) for tensor in found.values()]
