"""Zips of models: deterministic, small, and checked to the last byte."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.spec.errors import ModelFileError
from motefit.spec.lfs_pointer import is_pointer, pointer_message
from motefit.spec.limits import (
    CARD_BYTES,
    MODEL_VARIABLE,
    MOST_RATIO,
    SMALL_BYTES,
    model_bytes,
)
from motefit.tflite.deflate import deflate
from motefit.tflite.other_models import other_archive, other_model

NAME = "model.tflite"
FIRST_DAY = 1 << 5 | 1
"""1980-01-01 in MS-DOS format: the earliest date a zip can store."""
TEXT_ROUNDS = 15
"""Rounds of the search for a card's stream; more save less than 0.2 %."""
LOCAL_BYTES = 30
"""Length of a local header without name and extra field."""
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,  # in Python 3.12, for an offset before the start of the file
    struct.error,
)
"""Exceptions that ``zipfile`` raises for invalid files."""
_SHOWN = 5
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
CONTAINER_BYTES = 122
"""Size of a zip beyond the stream of its only member, ``model.tflite``."""


def zip_bytes(model: bytes, *, thorough: bool = True) -> bytes:
    """Pack ``model.tflite`` alone into a zip, on which ``size.zip_bytes`` is measured.

    Args:
        model: bytes of the .tflite file.
        thorough: as in :func:`pack`.
    """
    return pack({NAME: model}, thorough=thorough)


def pack(members: Mapping[str, bytes], *, thorough: bool = True) -> bytes:
    """Pack members into a zip in their order: deterministic, no extra fields, fixed date.

    Args:
        members: content by name.
        thorough: whether to search for the shortest streams
            (:func:`~motefit.tflite.deflate.deflate`), which takes up to three seconds for the
            model; otherwise zlib at level 9, in a millisecond.
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
        stream_bytes: length of their deflate stream; their own length if they are stored.
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
    """Build the zip file of compressed entries."""
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
    """Read the bytes of a .tflite model.

    Args:
        source: path or content of a .tflite file, or of a zip of one.

    Raises:
        ModelFileError: if the file is missing or damaged, or a zip has no model or several.
    """
    if isinstance(source, bytes):
        data, where = source, "the given bytes"
    else:
        where = str(source)
        data = read_capped(source, model_bytes() + CARD_BYTES)
    if is_zip(data):
        data = unpack(data, where=where)[0].content
    require_tflite(data, where=where)
    require_size(len(data), model_bytes(), where=where)
    return data


def read_capped(path: Path, most: int) -> bytes:
    """Read a model, a bundle or a card; no more than its limit is read into memory.

    Raises:
        ModelFileError: if it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except IsADirectoryError:
        models = sorted(
            str(found) for ending in ("zip", "tflite") for found in path.glob(f"*.{ending}")
        )
        hint = (
            f"one of its models: {', '.join(models[:3])}"
            if models
            else "a bundle (.zip) or .tflite file"
        )
        raise ModelFileError(f"{path} is a folder; give {hint}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelFileError(f"cannot read the model {path}: {reason}") from error
    require_size(len(data), most, where=str(path))
    return data


def require_size(size: int, most: int, *, where: str) -> None:
    """Refuse a file of more bytes than its limit.

    Raises:
        ModelFileError: naming the limit, and how to raise that of models.
    """
    if size > most:
        raise ModelFileError(
            f"{where} has more than {most} bytes, the limit of what is read; the environment "
            f"variable {MODEL_VARIABLE} sets another one for models, in megabytes"
        )


def is_zip(data: bytes) -> bool:
    """Return whether the bytes start like a zip."""
    return data.startswith(b"PK\x03\x04")


def require_tflite(data: bytes, *, where: str) -> None:
    """Refuse bytes without the identifier of a .tflite file.

    Raises:
        ModelFileError: if the identifier is missing; the message says what to give.
    """
    if is_pointer(data):
        raise ModelFileError(pointer_message(where))
    if data[4:8] != b"TFL3":
        known = other_model(data)
        raise ModelFileError(
            f"{where} is not a TensorFlow Lite model; give a .tflite file or a zip of one"
            + (f"; {known}" if known else "")
        )


def unpack(data: bytes, *, where: str, companion: str = "") -> tuple[Member, Member | None]:
    """Read the model of a zip, and the file that goes with it.

    Any program may have packed the zip: dates, attributes, comments and the order of its files are
    ignored. The checksum of each content is compared.

    Args:
        data: the zip.
        where: its name in errors.
        companion: name of the other file.

    Returns:
        ``model.tflite``, else the only .tflite file, else the first file; and the companion, None
        if there is none.

    Raises:
        ModelFileError: if the zip is damaged or empty, has a name twice or several models, or a
            file is compressed by another method than deflate.
    """
    try:
        return _unpacked(data, where, companion)
    except ModelFileError:
        raise
    except DAMAGE as error:
        raise ModelFileError(f"the zip {where} is damaged: {error}; copy it again") from error


def _unpacked(data: bytes, where: str, companion: str) -> tuple[Member, Member | None]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        named: dict[str, zipfile.ZipInfo] = {}
        for info in members:
            if info.filename in (NAME, companion) and info.filename in named:
                raise ModelFileError(f"the zip {where} has two files {info.filename}")
            named.setdefault(info.filename, info)
        if not members:
            raise ModelFileError(f"the zip {where} is empty; it must have a model")
        model = _member(archive, data, _model_of(named, where), where, model_bytes())
        if companion not in named:
            inside = next((n for n in named if companion and n.endswith(f"/{companion}")), None)
            if inside is not None:
                raise ModelFileError(
                    f"{where}: {inside} is in a folder of the zip; pack the files, not their folder"
                )
            return model, None
        return model, _member(archive, data, named[companion], where, CARD_BYTES)


def _model_of(named: Mapping[str, zipfile.ZipInfo], where: str) -> zipfile.ZipInfo:
    """Choose the member that is the model: of that name, the only .tflite file, or the first one.

    Raises:
        ModelFileError: for several .tflite files, or a model of another program.
    """
    if NAME in named:
        return named[NAME]
    found = [name for name in named if name.lower().endswith(".tflite")]
    if len(found) > 1:
        raise ModelFileError(
            f"the zip {where} has {len(found)} models: {', '.join(found[:_SHOWN])}; unpack it, and "
            "give one of them"
        )
    if not found and (known := other_archive(named)):
        raise ModelFileError(f"{where} is not a TensorFlow Lite model: {known}")
    return named[found[0]] if found else next(iter(named.values()))


def _member(
    archive: zipfile.ZipFile, data: bytes, info: zipfile.ZipInfo, where: str, most: int
) -> Member:
    """Unpack a member; never keep more of it in memory than its limit."""
    require_size(info.file_size, most, where=f"{where}: {info.filename}")
    if info.file_size > max(SMALL_BYTES, MOST_RATIO * info.compress_size):
        raise ModelFileError(
            f"{where}: {info.filename} unpacks to {info.file_size} bytes, more than {MOST_RATIO} "
            "times its size in the zip, which no model does; it was not unpacked"
        )
    if info.compress_type not in METHODS:
        raise ModelFileError(
            f"{where}: {info.filename} is compressed by method {info.compress_type}; pack it with "
            "deflate, as zip programs do by default"
        )
    with archive.open(info) as file:
        content = file.read(info.file_size + 1)
    if info.compress_type == zipfile.ZIP_STORED:
        return Member(content=content, stream_bytes=len(content))
    # Bytes after the stream's end mark are not part of it, whatever length the zip states.
    header = info.header_offset + LOCAL_BYTES
    name_bytes, extra_bytes = struct.unpack_from("<HH", data, header - 4)
    start = header + name_bytes + extra_bytes
    body = data[start : start + info.compress_size]
    unpacker = zlib.decompressobj(-15)
    if unpacker.decompress(body, len(content) + 1) != content or not unpacker.eof:
        raise ModelFileError(
            f"the zip {where} is damaged: {info.filename} is incomplete; copy it again"
        )
    return Member(content=content, stream_bytes=len(body) - len(unpacker.unused_data))
