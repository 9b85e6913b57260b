"""Bytes after the FlatBuffer of a .tflite file: a zip of labels, or anything else appended to it.

TensorFlow Lite's Task Library reads labels from a zip that is appended to the model. Files for some
accelerators store code there, and their custom operators hold its offset in a form that only they
understand.
"""

import io
import struct
import zipfile

from motefit.tflite.flatbuffer.byte_map import bytes_by_part
from motefit.tflite.flatbuffer.reader import DecodedTable, damaged

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
PLACE, NAME_LENGTHS, ENTRY_BYTES = 42, 28, 46
"""Within an entry of a zip's directory: offsets of the file's position and of the text lengths;
size of an entry."""
SIZE_OF_DIRECTORY = 12
"""Offset in a zip's end record of the size of its directory, which the directory's position
follows."""


def appended_bytes(data: bytes, model: DecodedTable) -> bytes:
    """Return the bytes after everything that a model's tables refer to.

    Raises:
        ModelFileError: if data of the model are outside the file.
    """
    return data[len(data) - bytes_by_part(data, model)["appended"] :]


def names_of_zip(appended: bytes) -> tuple[str, ...]:
    """List the files of an appended zip; empty if it is none."""
    start = appended.find(LOCAL)
    if start < 0:
        return ()
    try:
        with zipfile.ZipFile(io.BytesIO(appended[start:])) as archive:
            return tuple(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, UnicodeError):
        return ()


def moved_zip(appended: bytes, *, by: int) -> bytes:
    """Adjust the offsets in an appended zip that moves toward the start of the file.

    Args:
        appended: bytes from :func:`appended_bytes`, with a zip.
        by: number of bytes by which the file before them has shrunk.

    Returns:
        The same bytes with adjusted offsets; unchanged if the zip counts from its own start.

    Raises:
        ModelFileError: if an offset in the zip points outside the file.
    """
    try:
        return _moved(appended, by)
    except struct.error:
        raise damaged("the zip after the model refers to positions outside the file") from None


def _moved(appended: bytes, by: int) -> bytes:
    end = appended.rfind(END)
    size, place = struct.unpack_from("<II", appended, end + SIZE_OF_DIRECTORY)
    at, moved = end - size, bytearray(appended)
    if place <= at:  # it counts from its own start
        return appended
    struct.pack_into("<I", moved, end + SIZE_OF_DIRECTORY + 4, place - by)
    while moved[at : at + 4] == CENTRAL:
        (first,) = struct.unpack_from("<I", moved, at + PLACE)
        struct.pack_into("<I", moved, at + PLACE, first - by)
        at += ENTRY_BYTES + sum(struct.unpack_from("<HHH", moved, at + NAME_LENGTHS))
    return bytes(moved)
