"""Labels stored in a model file: in its metadata, or in a zip appended to it."""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass

from motefit.tflite.appended import LOCAL, appended_bytes
from motefit.tflite.flatbuffer.reader import DecodedTable
from motefit.tflite.flatbuffer.schema import BufferSlot, MetadataSlot, ModelSlot

MOST_BYTES = 1 << 20
"""Size of the largest list of labels that is read."""
DAMAGE = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, struct.error,
    zlib.error,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LabelFile:
    """A list of labels in a model file.

    Attributes:
        name: of the file in the zip, or of the entry of the metadata.
        labels: one per line, in the order of the model's outputs.
    """

    name: str
    labels: tuple[str, ...]


def label_files(data: bytes, model: DecodedTable) -> tuple[LabelFile, ...]:
    """Find the lists of labels in a model file.

    Args:
        data: the whole file.
        model: its root table, whose structure was checked.

    Raises:
        ModelFileError: if data of the model are outside the file.
    """
    buffers = model.records(ModelSlot.BUFFERS)
    entries = [
        (entry.text(MetadataSlot.NAME), buffers[int(entry.number(MetadataSlot.BUFFER))])
        for entry in model.records(ModelSlot.METADATA)
    ]
    texts = [(name, buffer.numbers(BufferSlot.DATA).tobytes()) for name, buffer in entries]
    texts = [(name, text) for name, text in texts if "label" in name.lower()]
    texts += _texts_of_zip(appended_bytes(data, model))
    found = (LabelFile(name=name, labels=_lines(text)) for name, text in texts)
    return tuple(file for file in found if file.labels)


def _texts_of_zip(appended: bytes) -> list[tuple[str, bytes]]:
    start = appended.find(LOCAL)
    if start < 0:
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(appended[start:])) as archive:
            return [
                (member.filename, archive.read(member))
                for member in archive.infolist()
                if member.filename.lower().endswith(".txt") and member.file_size <= MOST_BYTES
            ]
    except DAMAGE:
        return []


def _lines(text: bytes) -> tuple[str, ...]:
    """Return the lines of a list; empty if it is not text."""
    try:
        lines = text.rstrip(b"\0").decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return ()
    return tuple(line.strip() for line in lines if line.strip())
