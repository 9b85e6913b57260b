"""Zips of models: deterministic, small, and checked to the last byte."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
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
    ValueError,  # of Python 3.12, for an offset before the start of the file
    struct.error,
)
"""What ``zipfile`` raises for files that are not what they should be."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
CONTAINER_BYTES = 122
"""Of a zip around the stream of its one member, ``model.tflite``."""


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


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of a zip.

    Attributes:
        content: its bytes.
        stream_bytes: length of the deflate stream that holds them; their own where it is stored.
    """

    content: bytes
    stream_bytes: int


@dataclass(frozen=True, kw_only=True)
class _Entry:
    name: bytes
    method: int
    checksum: int
    size: int
    body: bytes


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
    if is_zip(data):
        data = unpack(data, where=where)[0].content
    require_tflite(data, where=where)
    return data


def is_zip(data: bytes) -> bool:
    """Whether the bytes start as those of a zip do."""
    return data.startswith(b"PK\x03\x04")


def require_tflite(data: bytes, *, where: str) -> None:
    """Refuse bytes without the mark of a .tflite file.

    Raises:
        ModelFileError: saying what to give.
    """
    if data[4:8] != b"TFL3":
        raise ModelFileError(
            f"{where} is no TensorFlow Lite model; give a .tflite file or a zip that holds one"
        )


def unpack(data: bytes, *, where: str, companion: str = "") -> tuple[Member, Member | None]:
    """Read the model of a zip, and the file that goes with it.

    Any program may have packed the zip: dates, attributes, comments and the order of its files say
    nothing. The checksum of each content is compared.

    Args:
        data: the zip.
        where: its name in errors.
        companion: name of the other file.

    Returns:
        ``model.tflite``, or the first file where none has that name; and the companion, None where
        there is none.

    Raises:
        ModelFileError: for a damaged or empty zip, a name that is there twice, or a file that is
            compressed by another method than deflate.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            named: dict[str, zipfile.ZipInfo] = {}
            for info in members:
                if info.filename in (NAME, companion) and info.filename in named:
                    raise ModelFileError(f"the zip {where} has two files {info.filename}")
                named.setdefault(info.filename, info)
            if not members:
                raise ModelFileError(f"the zip {where} is empty; a model must be its first member")
            model = _member(archive, data, named.get(NAME, members[0]), where)
            if companion not in named:
                return model, None
            return model, _member(archive, data, named[companion], where)
    except DAMAGE as error:
        raise ModelFileError(f"the zip {where} is damaged: {error}; copy it again") from error


def _member(archive: zipfile.ZipFile, data: bytes, info: zipfile.ZipInfo, where: str) -> Member:
    if info.file_size > MAX_MEMBER_BYTES:
        raise ModelFileError(f"{where}: {info.filename} of {info.file_size} bytes is too large")
    if info.compress_type not in METHODS:
        raise ModelFileError(
            f"{where}: {info.filename} is compressed by method {info.compress_type}; pack it with "
            "deflate, as zip programs do by default"
        )
    content = archive.read(info)
    if info.compress_type == zipfile.ZIP_STORED:
        return Member(content=content, stream_bytes=len(content))
    # What follows the stream's end mark is none of it, whatever length the zip states.
    header = info.header_offset + LOCAL_BYTES
    name_bytes, extra_bytes = struct.unpack_from("<HH", data, header - 4)
    start = header + name_bytes + extra_bytes
    body = data[start : start + info.compress_size]
    unpacker = zlib.decompressobj(-15)
    if unpacker.decompress(body, len(content) + 1) != content or not unpacker.eof:
        raise ModelFileError(
            f"the zip {where} is damaged: {info.filename} does not end; copy it again"
        )
    return Member(content=content, stream_bytes=len(body) - len(unpacker.unused_data))
