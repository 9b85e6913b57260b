"""The zip that the size of a model is measured by; standard library only."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

from motefit.spec.errors import ModelFileError
from motefit.tflite.deflate import deflate

NAME = "model.tflite"
FIRST_DAY = 1 << 5 | 1
"""1980-01-01 as MS-DOS writes it: the earliest date a zip can hold."""
MAX_MEMBER_BYTES = 1 << 30
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
    """A zip that holds ``model.tflite`` alone: deterministic, no extra fields, fixed date.

    Args:
        model: bytes of the .tflite file.
        thorough: search for the shortest stream (some tenths of a second, a few seconds at
            32 KB); otherwise what zlib gives at
            level 9, in a millisecond.
    """
    packed = deflate(model, thorough=thorough)
    method, body = (8, packed) if len(packed) < len(model) else (0, model)
    name = NAME.encode()
    # version needed, flags, method, time, date, checksum, sizes, length of name and extra field
    facts = struct.pack(
        "<HHHHHIIIHH",
        20,
        0,
        method,
        0,
        FIRST_DAY,
        zlib.crc32(model),
        len(body),
        len(model),
        len(name),
        0,
    )
    local = b"PK\x03\x04" + facts + name + body
    central = b"PK\x01\x02" + struct.pack("<H", 20) + facts + bytes(14) + name
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


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
