"""Builder of a TensorFlow Lite model from tensors, buffers and operators."""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from motefit.graph.graph import Quantization
from motefit.graph.ops import Shape
from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer import schema
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    MetadataSlot,
    ModelSlot,
    Operator,
    OperatorCodeSlot,
    OperatorSlot,
    Options,
    QuantizationSlot,
    SubGraphSlot,
    TensorSlot,
    TensorType,
)
from motefit.tflite.flatbuffer.writer import (
    Blob,
    Fields,
    Scalar,
    Table,
    Vector,
    int32s,
    string,
    table,
)

TYPES = {
    np.dtype(np.float32): TensorType.FLOAT32,
    np.dtype(np.float16): TensorType.FLOAT16,
    np.dtype(np.int8): TensorType.INT8,
    np.dtype(np.int16): TensorType.INT16,
    np.dtype(np.int32): TensorType.INT32,
}
ABSENT = -1
"""Index of an omitted optional input."""


@dataclass(frozen=True, kw_only=True)
class OperatorSpec:
    """Specification of one operator.

    Attributes:
        code: code of the operator.
        version: version of its kernel.
        inputs: tensor indices; -1 for an omitted optional one.
        output: tensor index.
        kind: member of the options union.
        options: fields of the options; if none differs from its default they are left out,
            which LiteRT and TensorFlow Lite Micro read as all defaults.
        intermediates: tensor indices of an integer LSTM's inner scales.
    """

    code: Operator
    version: int
    inputs: Sequence[int]
    output: int
    kind: Options = Options.NONE
    options: Mapping[int, Scalar] = field(default_factory=dict)
    intermediates: Sequence[int] = ()


@dataclass(kw_only=True)
class ModelBuilder:
    """Collects the tables of a model; ``index`` maps names in the graph to tensors."""

    keep_names: bool = False
    index: dict[str, int] = field(default_factory=dict)
    calls: list[OperatorSpec] = field(default_factory=list)
    _tensors: list[Table] = field(default_factory=list)
    _buffers: list[Table] = field(default_factory=lambda: [_buffer(b"")])
    _places: dict[bytes, int] = field(default_factory=lambda: {b"": 0})

    def tensor(
        self,
        name: str,
        shape: Shape,
        dtype: np.dtype | type,
        *,
        quantization: Quantization | None = None,
        data: np.ndarray | None = None,
        variable: bool = False,
    ) -> int:
        """Add a tensor.

        Args:
            name: unique name; written only if names are kept.
            shape: shape, with the batch dimension if there is one.
            dtype: float32, float16, int8, int16 or int32.
            quantization: scales and zero point, or None; with 4 bits, int8 data are packed.
            data: data of a constant.
            variable: whether it keeps its value from one run to the next.

        Returns:
            Its index.

        Raises:
            ModelFileError: if a constant has NaN or infinite numbers.
        """
        kind = TYPES[np.dtype(dtype)]
        if data is not None and quantization is not None and quantization.bits == 4:
            kind, data = TensorType.INT4, pack_int4(name, data)
        fields: Fields = {
            TensorSlot.SHAPE: int32s(shape),
            TensorSlot.TYPE: Scalar("b", kind),
            TensorSlot.BUFFER: Scalar("I", 0 if data is None else self._constant(name, data)),
            TensorSlot.NAME: string(name) if self.keep_names else None,
            TensorSlot.QUANTIZATION: _quantization(quantization),
            TensorSlot.IS_VARIABLE: Scalar("B", variable),
        }
        self._tensors.append(table("tensor", fields))
        self.index[name] = len(self._tensors) - 1
        return self.index[name]

    def _constant(self, name: str, data: np.ndarray) -> int:
        if data.dtype.kind == "f" and not np.all(np.isfinite(data)):
            raise ModelFileError(
                f"{name} contains NaN or infinity: the training diverged; lower its learning rate"
            )
        return self._buffer_index(data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes())

    def _buffer_index(self, data: bytes) -> int:
        """Return the index of the buffer with these bytes, which is added if new."""
        index = self._places.setdefault(data, len(self._buffers))
        if index == len(self._buffers):
            self._buffers.append(_buffer(data))
        return index

    def model(
        self, inputs: Sequence[str], outputs: Sequence[str], metadata: Mapping[str, bytes]
    ) -> Table:
        """Build the root table, for tensors by their names in the graph."""
        counts = Counter((call.code, call.version) for call in self.calls)
        codes = [code for code, _ in counts.most_common()]
        subgraph: Fields = {
            SubGraphSlot.TENSORS: Vector(tuple(self._tensors)),
            SubGraphSlot.INPUTS: int32s([self.index[name] for name in inputs]),
            SubGraphSlot.OUTPUTS: int32s([self.index[name] for name in outputs]),
            SubGraphSlot.OPERATORS: Vector(tuple(_operator(call, codes) for call in self.calls)),
            SubGraphSlot.NAME: string("main") if self.keep_names else None,
        }
        entries = tuple(
            table(
                "metadata",
                {
                    MetadataSlot.NAME: string(name),
                    MetadataSlot.BUFFER: Scalar("I", self._buffer_index(data)),
                },
            )
            for name, data in sorted(metadata.items())
        )
        return table(
            "model",
            {
                ModelSlot.VERSION: Scalar("I", schema.VERSION),
                ModelSlot.OPERATOR_CODES: Vector(tuple(_code(*code) for code in codes)),
                ModelSlot.SUBGRAPHS: Vector((table("subgraph", subgraph),)),
                ModelSlot.BUFFERS: Vector(tuple(self._buffers)),
                ModelSlot.METADATA: Vector(entries) if entries else None,
            },
        )


def pack_int4(name: str, values: np.ndarray) -> np.ndarray:
    """Pack two 4-bit integers into a byte, the first in the low half; uint8 (ceil(n / 2),).

    Raises:
        ModelFileError: if an integer is outside [-8, 7].
    """
    flat = values.reshape(-1)
    if flat.size and not -8 <= flat.min() <= flat.max() <= 7:
        raise ModelFileError(
            f"{name} has integers in [{flat.min()}, {flat.max()}], but 4 bits store -8 to 7: "
            "quantize the weight to 4 bits first"
        )
    nibbles = np.append(flat, np.zeros(flat.size % 2, np.int8)).astype(np.uint8) & 15
    return np.asarray(nibbles[::2] | nibbles[1::2] << 4, np.uint8)


def _buffer(data: bytes) -> Table:
    """Create a buffer; 16 bytes or more are aligned to 16, as the schema requires, fewer to 4."""
    align = 16 if len(data) >= 16 else 4
    blob = Blob(data, len(data), align=align, shared=False) if data else None
    return table("buffer", {BufferSlot.DATA: blob})


def _code(code: Operator, version: int) -> Table:
    """Create an operator code; all codes used here are below 127, so the old field is enough.

    Readers take the greater of the old and the new field (``GetBuiltinCode`` in LiteRT).
    """
    fields: Fields = {
        OperatorCodeSlot.DEPRECATED_BUILTIN_CODE: Scalar("b", code),
        OperatorCodeSlot.VERSION: Scalar("i", version, 1),
    }
    return table("operator code", fields)


def _operator(call: OperatorSpec, codes: Sequence[tuple[Operator, int]]) -> Table:
    options = table(call.kind.name, call.options)
    return table(
        "operator",
        {
            OperatorSlot.OPCODE_INDEX: Scalar("I", codes.index((call.code, call.version))),
            OperatorSlot.INPUTS: int32s(call.inputs),
            OperatorSlot.OUTPUTS: int32s([call.output]),
            OperatorSlot.BUILTIN_OPTIONS_TYPE: Scalar("B", call.kind if options.fields else 0),
            OperatorSlot.BUILTIN_OPTIONS: options if options.fields else None,
            OperatorSlot.INTERMEDIATES: int32s(call.intermediates) if call.intermediates else None,
        },
    )


def _quantization(quantization: Quantization | None) -> Table | None:
    if quantization is None:
        return None
    scale = quantization.scale.astype("<f4", copy=False)
    fields: Fields = {
        QuantizationSlot.SCALE: Blob(scale.tobytes(), len(scale), shared=False),
        QuantizationSlot.ZERO_POINT: _zero_points(len(scale), quantization.zero_point),
        QuantizationSlot.QUANTIZED_DIMENSION: Scalar("i", quantization.axis or 0),
    }
    return table("quantization", fields)


@functools.lru_cache(maxsize=1024)
def _zero_points(count: int, value: int) -> Blob:
    zeros = np.full(count, value, "<i8")
    return Blob(zeros.tobytes(), count, align=8)
