"""Zips of models: deterministic, small, and checked to the last byte."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from motefit.spec.errors import ModelFileError
from motefit.tflite.deflate import deflate

NAME = "model.tflite"
FIRST_DAY = 1 << 5 | 1
"""1980-01-01 as MS-DOS writes it: the earliest date a zip can hold."""
TEXT_ROUNDS = 15
"""Of the search for a card's stream; more save less than 0.2 %."""
MAX_MEMBER_BYTES = 1 << 30
LOCAL_BYTES = 30
"""Of a local header without name and extra field."""
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,  # of Python 3.12, for an offset before the file's begin
)
"""What ``zipfile`` raises for files that are not what they should be."""


def zip_bytes(model: bytes, *, thorough: bool = True) -> bytes:
    """A zip that holds ``model.tflite`` alone: what ``size.zip_bytes`` is measured on.

    Args:
        model: bytes of the .tflite file.
        thorough: as in :func:`pack`.
    """
    return pack({NAME: model}, thorough=thorough)


def pack(members: Mapping[str, bytes], *, thorough: bool = True) -> bytes:
    """A zip of the members in their order: deterministic, no extra fields, fixed date.

    Args:
        members: content by name.
        thorough: search for the shortest streams (:func:`~motefit.tflite.deflate.deflate`), up
            to three seconds for the model; otherwise zlib's at level 9, in a millisecond.
    """
    entries = []
    for name, content in members.items():
        rounds = (None if name == NAME else TEXT_ROUNDS) if thorough else 0
        packed = deflate(content, rounds=rounds)
        shorter = len(packed) < len(content)
        entries.append(
            _Entry(
                name=name.encode(),
                method=8 if shorter else 0,
                checksum=zlib.crc32(content),
                size=len(content),
                body=packed if shorter else content,
            )
        )
    return _container(entries)


def is_as_packed(data: bytes) -> bool:
    """Whether every byte of a zip is as :func:`pack` puts it, given its members.

    Compressed streams count as they are, since zlibs differ; their content has checksums. What is
    left are dates, attributes, comments and whatever else could be changed without a trace.

    Raises:
        ModelFileError: for a damaged zip.
    """
    entries = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                start = info.header_offset + LOCAL_BYTES + len(info.orig_filename.encode())
                entries.append(
                    _Entry(
                        name=info.orig_filename.encode(),
                        method=info.compress_type,
                        checksum=info.CRC,
                        size=info.file_size,
                        body=data[start : start + info.compress_size],
                    )
                )
        return _container(entries) == data and all(map(_ends_cleanly, entries))
    except (*DAMAGE, struct.error) as error:
        raise ModelFileError(f"the zip is damaged: {error}; copy it again") from error


@dataclass(frozen=True, kw_only=True)
class _Entry:
    name: bytes
    method: int
    checksum: int
    size: int
    body: bytes


def _ends_cleanly(entry: _Entry) -> bool:
    """Whether a deflate stream has its end mark in its last byte, and zeros after it.

    A shorter stream that ends too, but says less, is another matter: cleared bits may happen to
    spell the end mark.
    """
    if entry.method == 0:
        return True
    *_, last = entry.body

    def content(body: bytes) -> bytes | None:
        unpacker = zlib.decompressobj(-15)
        found = unpacker.decompress(body)
        return found if unpacker.eof and not unpacker.unused_data else None

    shorter = {last & ((1 << bits) - 1) for bits in range(8)} - {last}
    trimmed = [entry.body[:-1], *(entry.body[:-1] + bytes([byte]) for byte in shorter)]
    whole = content(entry.body)

    def says_all(body: bytes) -> bool:
        with suppress(zlib.error):
            return content(body) == whole
        return False

    return whole is not None and not any(map(says_all, trimmed))


def _container(entries: Sequence[_Entry]) -> bytes:
    """The zip file of entries that are compressed already."""
    local, central = b"", b""
    for entry in entries:
        # version needed, flags, method, time, date, checksum, sizes, lengths of name and extra
        facts = struct.pack(
            "<HHHHHIIIHH",
            20,
            0,
            entry.method,
            0,
            FIRST_DAY,
            entry.checksum,
            len(entry.body),
            entry.size,
            len(entry.name),
            0,
        )
        where = struct.pack("<I", len(local))
        central += b"PK\x01\x02" + struct.pack("<H", 20) + facts + bytes(10) + where + entry.name
        local += b"PK\x03\x04" + facts + entry.name + entry.body
    counts = (len(entries), len(entries), len(central), len(local))
    return local + central + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, *counts, 0)


def read_model(source: Path | bytes) -> bytes:
    """Bytes of a .tflite model.

    Args:
        source: path or content of a .tflite file, or of a zip whose first member is one.

    Raises:
        ModelFileError: for a missing or damaged file, or a zip whose first member is no model.
    """
    if isinstance(source, bytes):
        data, where = source, "the given bytes"
    else:
        where = str(source)
        try:
            data = source.read_bytes()
        except OSError as error:
            raise ModelFileError(f"cannot read the model {where}: {error.strerror}") from error
    if data[:4] == b"PK\x03\x04":
        data = _first_member(data, where)
    if data[4:8] != b"TFL3":
        raise ModelFileError(
            f"{where} is no TensorFlow Lite model; give a .tflite file or a zip that holds one"
        )
    return data


def _first_member(data: bytes, where: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if members and members[0].file_size <= MAX_MEMBER_BYTES:
                return archive.read(members[0])
    except DAMAGE as error:
        raise ModelFileError(f"the zip {where} is damaged: {error}; copy it again") from error
    if not members:
        raise ModelFileError(f"the zip {where} is empty; a model must be its first member")
    first = members[0]
    raise ModelFileError(f"{where}: {first.filename} of {first.file_size} bytes is too large")
