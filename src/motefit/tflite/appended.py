"""Bytes behind the FlatBuffer of a .tflite file: a zip of labels, or what somebody else put there.

TensorFlow Lite's Task Library reads labels from a zip that is appended to the model. Files for some
accelerators have their code there, and their own operators hold its place as a number that only
they understand.
"""

import io
import struct
import zipfile

from motefit.tflite.flatbuffer.byte_map import bytes_by_part
from motefit.tflite.flatbuffer.reader import DecodedTable, damaged

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
PLACE, NAME_LENGTHS, ENTRY_BYTES = 42, 28, 46
"""In an entry of a zip's directory: where its file's place and the lengths of texts are; size."""
SIZE_OF_DIRECTORY = 12
"""Where a zip's end states the size of its directory, and after it the directory's place."""


def appended_bytes(data: bytes, model: DecodedTable) -> bytes:
    """Return the bytes behind everything that the tables of a model refer to.

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
    """Change the places in an appended zip, as it moves towards the start of the file.

    Args:
        appended: bytes from :func:`appended_bytes`, with a zip.
        by: bytes that the file before them has become smaller.

    Returns:
        the same bytes with other places; unchanged if the zip counts from its own start.

    Raises:
        ModelFileError: if the places in the zip lead out of the file.
    """
    try:
        return _moved(appended, by)
    except struct.error:
        raise damaged("the zip behind the model refers to places outside the file") from None


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
