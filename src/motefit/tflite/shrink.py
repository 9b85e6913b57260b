"""Shrinking of any .tflite file without changing what it computes.

Everything a runtime reads is kept: operators with their versions and options (builtin, StableHLO
and custom), shapes and open dimensions, constants, sparsity, scales and zero points, every
subgraph. Removed are things that only people and tools read, and duplicate bytes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from motefit.spec.errors import ModelFileError
from motefit.tflite.appended import appended_bytes, moved_zip, names_of_zip
from motefit.tflite.flatbuffer import schema
from motefit.tflite.flatbuffer.nodes import (
    edited,
    int32s_of,
    items,
    number,
    read_model,
    text_of,
)
from motefit.tflite.flatbuffer.reader import DecodedTable, damaged, read_tables
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    MetadataSlot,
    ModelSlot,
    OperatorCodeSlot,
    OperatorSlot,
    QuantizationSlot,
    SignatureSlot,
    SubGraphSlot,
    TensorSlot,
    TensorType,
)
from motefit.tflite.flatbuffer.writer import Blob, Node, Scalar, Table, Vector, assemble
from motefit.tflite.validate import check_structure

RUNTIME_METADATA = frozenset(
    {"reduced_precision_support", "model_control_dependencies", "OfflineMemoryAllocation"}
)
"""Entries that change how a runtime runs a model, so that they are always kept."""
RUNTIME_PREFIXES = ("LiteRt", "VALIDATION:")
"""Prefixes of further names of metadata and subgraphs that runtimes read."""
WIDE_TYPES = {TensorType.INT64, TensorType.UINT64, TensorType.FLOAT64, TensorType.COMPLEX64}
LAST_OLD_CODE = 127
"""Operator codes from here on are in the new field; the old field then has this number."""
DEBUG_OF_SUBGRAPH, DEBUG_OF_OPERATOR = 5, 13
LARGE_OPTIONS = (9, 10)
QUANTIZATION_DETAILS = (4, 5)
MAX_BYTES = 2**31 - 1


def shrink(
    data: bytes,
    tables: DecodedTable | None = None,
    *,
    keep_signatures: bool = False,
    keep_metadata: bool = False,
) -> bytes:
    """Shrink a model file as far as possible without changing what it computes.

    Args:
        data: a whole .tflite file of any origin.
        tables: its root table, if it has been read before.
        keep_signatures: keep the names by which signature runners call the model. They are kept
            anyway if a subgraph cannot be reached in any other way.
        keep_metadata: keep the description and metadata, such as labels for the Task Library, and
            what is appended to the model.

    Returns:
        The smaller file, or ``data`` itself if it cannot be shrunk.

    Raises:
        ModelFileError: if the file is damaged, written with a newer schema, or followed by bytes
            that its own operators may refer to.
    """
    if len(data) > MAX_BYTES:
        raise ModelFileError(f"{len(data)} bytes are not a .tflite file (2 GiB at most)")
    root = read_tables(data) if tables is None else tables
    check_structure(root)
    model, signatures = read_model(data, root), keep_signatures or needs_signatures(root)
    behind = appended_bytes(data, root)
    labels = names_of_zip(behind)
    if behind and not labels:
        _require_no_custom_operator(model, len(behind))
    small = assemble(_slim(model, data, signatures, keep_metadata), schema.IDENTIFIER)
    if keep_metadata and labels:
        small += moved_zip(behind, by=len(data) - len(behind) - len(small))
    elif keep_metadata:
        small += behind
    return small if len(small) < len(data) else data


def _require_no_custom_operator(model: Table, count: int) -> None:
    """Refuse a file whose operators may hold positions of bytes after the model."""
    for code in items(model, ModelSlot.OPERATOR_CODES):
        if name := text_of(code, OperatorCodeSlot.CUSTOM_CODE):
            raise ModelFileError(
                f"{count} bytes follow the model, and its operator {name} may refer to them by "
                "position, which would change: such a file cannot be shrunk"
            )


def needs_signatures(model: DecodedTable) -> bool:
    """Return whether some subgraph can only be called by a signature."""
    signatures = model.records(ModelSlot.SIGNATURE_DEFS)
    return any(signature.number(SignatureSlot.SUBGRAPH) != 0 for signature in signatures)


def _slim(model: Table, data: bytes, keep_signatures: bool, keep_metadata: bool) -> Table:  # noqa: FBT001 - private
    subgraphs = items(model, ModelSlot.SUBGRAPHS)
    codes = _Codes.of(items(model, ModelSlot.OPERATOR_CODES), subgraphs)
    buffers = _Buffers.of(items(model, ModelSlot.BUFFERS), subgraphs, data)
    slim = tuple(_subgraph(subgraph, codes, buffers, data) for subgraph in subgraphs)
    entries = tuple(
        edited(entry, {MetadataSlot.BUFFER: buffers.index(number(entry, MetadataSlot.BUFFER))})
        for entry in items(model, ModelSlot.METADATA)
        if keep_metadata or _is_for_runtimes(text_of(entry, MetadataSlot.NAME))
    )
    changes: dict[int, Scalar | Node | None] = {
        ModelSlot.OPERATOR_CODES: Vector(codes.kept),
        ModelSlot.SUBGRAPHS: Vector(slim),
        ModelSlot.BUFFERS: Vector(tuple(buffers.kept)),
        ModelSlot.METADATA_BUFFER: None,
        ModelSlot.METADATA: Vector(entries) if entries else None,
    }
    if not keep_metadata:
        changes[ModelSlot.DESCRIPTION] = None
    if not keep_signatures:
        changes[ModelSlot.SIGNATURE_DEFS] = None
    return edited(model, changes)


def _is_for_runtimes(name: str) -> bool:
    return name in RUNTIME_METADATA or name.startswith(RUNTIME_PREFIXES)


@dataclass(frozen=True)
class _Codes:
    """The operator codes in use, most frequent first, without duplicates."""

    kept: tuple[Table, ...]
    places: Mapping[int, int]

    @classmethod
    def of(cls, codes: Sequence[Table], subgraphs: Sequence[Table]) -> "_Codes":
        plain = [_code(code) for code in codes]
        used = [
            number(op, OperatorSlot.OPCODE_INDEX)
            for subgraph in subgraphs
            for op in items(subgraph, SubGraphSlot.OPERATORS)
        ]
        if any(index >= len(codes) for index in used):
            raise damaged(f"it refers to operator code {max(used)} of {len(codes)}")
        kept = tuple(code for code, _ in Counter(plain[index] for index in used).most_common())
        return cls(kept, {index: kept.index(plain[index]) for index in set(used)})


def _code(code: Table) -> Table:
    """Remove the new field if the old one has the number; readers take the greater one."""
    old = number(code, OperatorCodeSlot.DEPRECATED_BUILTIN_CODE)
    value = max(old, number(code, OperatorCodeSlot.BUILTIN_CODE))
    return edited(
        code,
        {
            OperatorCodeSlot.DEPRECATED_BUILTIN_CODE: Scalar("b", min(value, LAST_OLD_CODE)),
            OperatorCodeSlot.BUILTIN_CODE: Scalar("i", value if value >= LAST_OLD_CODE else 0),
        },
    )


@dataclass
class _Buffers:
    """The buffers in use; equal ones are merged, and those without data are the first one.

    Buffer 0 means no data, even if it holds some. Any other buffer with data of length 0 is a
    constant without elements, which is not the same as no data; such buffers are kept.
    """

    old: Sequence[Table]
    aligns: Mapping[bytes, int]
    data: bytes
    kept: list[Table] = field(default_factory=lambda: [Table("Buffer", ())])
    places: dict[Table, int] = field(default_factory=lambda: {Table("Buffer", ()): 0})

    @classmethod
    def of(cls, old: Sequence[Table], subgraphs: Sequence[Table], data: bytes) -> "_Buffers":
        made = cls(old, {}, data)
        aligns: dict[bytes, int] = {}
        for tensor in (t for graph in subgraphs for t in items(graph, SubGraphSlot.TENSORS)):
            content = made._content(number(tensor, TensorSlot.BUFFER))
            if content is not None:
                aligns[content] = max(aligns.get(content, 4), _align(content, tensor))
        made.aligns = aligns
        return made

    def _content(self, index: int) -> bytes | None:
        if index >= len(self.old):
            raise damaged(f"it refers to buffer {index} of {len(self.old)}")
        if index == 0:  # by the schema, whatever is in it
            return None
        fields = dict(self.old[index].fields)
        inside = fields.get(BufferSlot.DATA)
        start = number(self.old[index], BufferSlot.OFFSET)
        if start > 1:
            return _outside(self.data, start, number(self.old[index], BufferSlot.SIZE))
        return inside.data if isinstance(inside, Blob) else None

    def index(self, old: int) -> Scalar:
        """Return the new index of a buffer of the file."""
        content = self._content(old)
        if content is None:
            return Scalar("I", 0)
        align = self.aligns.get(content, 4)
        blob = Blob(content, len(content), align=align, shared=False)
        new = Table("Buffer", ((int(BufferSlot.DATA), blob),))
        if new not in self.places:
            self.places[new] = len(self.kept)
            self.kept.append(new)
        return Scalar("I", self.places[new])


def _outside(data: bytes, start: int, size: int) -> bytes:
    """Return bytes stored after the FlatBuffer, as in files of more than 2 GiB."""
    if start + size > len(data):
        raise damaged(f"{size} bytes at {start} lie outside its {len(data)} bytes")
    return data[start : start + size]


def _align(content: bytes, tensor: Table) -> int:
    """Return the alignment kernels rely on: 16, or the size of a number for shorter data."""
    if len(content) >= 16:
        return 16
    return 8 if number(tensor, TensorSlot.TYPE) in WIDE_TYPES else 4


def _subgraph(graph: Table, codes: _Codes, buffers: _Buffers, data: bytes) -> Table:
    kept_name = text_of(graph, SubGraphSlot.NAME).startswith(RUNTIME_PREFIXES)
    changes: dict[int, Scalar | Node | None] = {
        SubGraphSlot.TENSORS: Vector(
            tuple(_tensor(tensor, buffers) for tensor in items(graph, SubGraphSlot.TENSORS))
        ),
        SubGraphSlot.OPERATORS: Vector(
            tuple(_operator(op, codes, data) for op in items(graph, SubGraphSlot.OPERATORS))
        ),
        DEBUG_OF_SUBGRAPH: None,
    }
    return edited(graph, changes if kept_name else {**changes, SubGraphSlot.NAME: None})


def _tensor(tensor: Table, buffers: _Buffers) -> Table:
    fields = dict(tensor.fields)
    quantization = fields.get(TensorSlot.QUANTIZATION)
    signature = int32s_of(tensor, TensorSlot.SHAPE_SIGNATURE)
    changes: dict[int, Scalar | Node | None] = {
        TensorSlot.BUFFER: buffers.index(number(tensor, TensorSlot.BUFFER)),
        TensorSlot.NAME: None,
    }
    if signature == int32s_of(tensor, TensorSlot.SHAPE):
        changes[TensorSlot.SHAPE_SIGNATURE] = None
    if isinstance(quantization, Table):
        changes[TensorSlot.QUANTIZATION] = _quantization(quantization)
    return edited(tensor, changes)


def _quantization(quantization: Table) -> Table | None:
    """Remove the calibration range; return None if nothing is quantized."""
    fields = dict(quantization.fields)
    scale = fields.get(QuantizationSlot.SCALE)
    unscaled = not isinstance(scale, Blob) or scale.length == 0
    if unscaled and not set(fields) & set(QUANTIZATION_DETAILS):
        return None
    return edited(quantization, {QuantizationSlot.MIN: None, QuantizationSlot.MAX: None})


def _operator(op: Table, codes: _Codes, data: bytes) -> Table:
    changes: dict[int, Scalar | Node | None] = {
        OperatorSlot.OPCODE_INDEX: Scalar("I", codes.places[number(op, OperatorSlot.OPCODE_INDEX)]),
        DEBUG_OF_OPERATOR: None,
    }
    start, size = (number(op, slot) for slot in LARGE_OPTIONS)
    if start > 1:
        options = _outside(data, start, size)
        changes |= dict.fromkeys(LARGE_OPTIONS)
        changes[OperatorSlot.CUSTOM_OPTIONS] = Blob(options, len(options), align=16, shared=False)
    return edited(op, changes)
