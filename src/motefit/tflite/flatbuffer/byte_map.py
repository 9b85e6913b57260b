"""Map of a file's bytes: the part of the model that each one belongs to."""

from collections.abc import Iterable, Mapping

import numpy as np

from motefit.tflite.flatbuffer.reader import DecodedTable, Span, damaged, tables
from motefit.tflite.flatbuffer.schema import (
    BufferSlot,
    MetadataSlot,
    ModelSlot,
    QuantizationSlot,
    SubGraphSlot,
    TensorSlot,
)
from motefit.tflite.flatbuffer.writer import SIZES

PARTS = (
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
    "appended",
)
ROOT_BYTES = 8
"""Length of the root's offset and the identifier of the format."""
MOST_PADDING = 15
"""Bytes that alignment may leave at the end; any more were appended to the model."""
TABLES: Mapping[str, str] = {
    "Model": "model",
    "SubGraph": "model",
    "Buffer": "buffers",
    "Metadata": "metadata",
    "SignatureDef": "metadata",
    "TensorMap": "metadata",
    "Tensor": "tensors",
    "QuantizationParameters": "tensors",
    "CustomQuantization": "scales",
    "BlockwiseQuantization": "scales",
    "MultiAxisQuantization": "scales",
    "SparsityParameters": "tensors",
    "DimensionMetadata": "tensors",
    "Int32Vector": "tensors",
    "Uint16Vector": "tensors",
    "Uint8Vector": "tensors",
    "VariantSubType": "tensors",
}
"""Part of each kind of table; options and codes belong to the operators."""
VECTORS: Mapping[tuple[str, int], str] = {
    ("Model", ModelSlot.METADATA_BUFFER): "metadata",
    ("Tensor", TensorSlot.SHAPE): "shapes",
    ("Tensor", TensorSlot.SHAPE_SIGNATURE): "shapes",
    ("QuantizationParameters", QuantizationSlot.MIN): "scales",
    ("QuantizationParameters", QuantizationSlot.MAX): "scales",
    ("QuantizationParameters", QuantizationSlot.SCALE): "scales",
    ("QuantizationParameters", QuantizationSlot.ZERO_POINT): "zero points",
}
"""Part of a vector of numbers, if it is not that of its table."""
LARGE_OPTIONS = (9, 10)
"""Slots of an operator for the offset and size of custom options outside the tables."""


def bytes_by_part(data: bytes, model: DecodedTable) -> dict[str, int]:
    """Count the bytes of every part; the sum is the size of the file.

    Bytes shared by two parts count for the first: data of metadata and constants, then
    the tables of operator codes, buffers and metadata, then the others. Unreferenced bytes
    are padding, or appended if they follow everything else.

    Args:
        data: the whole file.
        model: its root table.

    Raises:
        ModelFileError: if data outside the tables are outside the file.
    """
    owners = _Owners(data)
    for span in ((0, ROOT_BYTES), *model.own):
        owners.claim(span, "model")
    buffers = model.records(ModelSlot.BUFFERS)
    for entry in model.records(ModelSlot.METADATA):
        owners.content(buffers[int(entry.number(MetadataSlot.BUFFER))], "metadata")
    for graph in model.records(ModelSlot.SUBGRAPHS):
        for tensor in graph.records(SubGraphSlot.TENSORS):
            owners.content(buffers[int(tensor.number(TensorSlot.BUFFER))], "constants")
        for op in graph.records(SubGraphSlot.OPERATORS):
            owners.outside(op, LARGE_OPTIONS, "operators")
    for slot in (ModelSlot.OPERATOR_CODES, ModelSlot.BUFFERS, ModelSlot.METADATA):
        for table in model.records(slot):
            owners.table(table)
    owners.table(model)
    return owners.totals()


class _Owners:
    """The part of every byte; a byte keeps the first part that claims it."""

    def __init__(self, data: bytes) -> None:
        self._parts = np.zeros(len(data), np.uint8)
        self._done: set[tuple[int, str]] = set()

    def claim(self, span: Span, part: str) -> None:
        start, size = span
        if start + size > len(self._parts):
            raise damaged(f"{size} bytes at {start} lie outside its {len(self._parts)} bytes")
        bytes_ = self._parts[start : start + size]
        bytes_[bytes_ == 0] = PARTS.index(part)

    def content(self, buffer: DecodedTable, part: str) -> None:
        """Claim the data of a buffer, wherever they are."""
        if (buffer.at, part) not in self._done:
            self._done.add((buffer.at, part))
            for span in buffer.spans.values():
                self.claim(span, part)
            self.outside(buffer, (BufferSlot.OFFSET, BufferSlot.SIZE), part)

    def outside(self, table: DecodedTable, slots: Iterable[int], part: str) -> None:
        """Claim the bytes that a table refers to by their offset in the file."""
        start, size = (int(table.number(slot)) for slot in slots)
        if start > 1:
            self.claim((start, size), part)

    def table(self, table: DecodedTable) -> None:
        """Claim a table and everything below it."""
        if (table.at, table.kind) in self._done:
            return
        self._done.add((table.at, table.kind))
        part = TABLES.get(table.kind, "operators")
        for span in table.own:
            self.claim(span, part)
        for slot, value in table.fields.items():
            if slot in table.spans:
                self.claim(table.spans[slot], _part(table.kind, slot, part))
            below = value if isinstance(value, tuple) else (value,)
            for child in below:
                if isinstance(child, DecodedTable):
                    self.table(child)

    def totals(self) -> dict[str, int]:
        counts = np.bincount(self._parts, minlength=len(PARTS))
        tail = len(self._parts) - int(np.flatnonzero(self._parts)[-1]) - 1
        if tail > MOST_PADDING:
            counts[0] -= tail
            counts[-1] += tail
        return {part: int(n) for part, n in zip(PARTS, counts, strict=True)}


def _part(kind: str, slot: int, own: str) -> str:
    code = tables()[kind][slot]
    if code == "s":
        return "names" if kind in TABLES or kind == "OperatorCode" else own
    if code[1:-1] in SIZES:
        return VECTORS.get((kind, slot), own)
    return TABLES.get(code[1:-1], "operators")
