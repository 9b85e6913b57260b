"""Array cache: one checksummed, memory-mapped file per content, shared by all processes.

Layout of a file: 64 bytes of header (magic, place and length of the trailer, CRC-32 of all that
follows the header, zeros, CRC-32 of the header's other bytes), the payload, a JSON trailer with
dtype, shape and facts. Every bit is covered by a checksum, so every flipped bit is detected. The
file name is a hash of the inputs, so an entry never goes stale. It is written to a temporary file
and renamed: it is complete or absent, and processes that make the same entry at the same time write
the same bytes. Each opening verifies both checksums; a damaged file is reported and treated as
absent.
"""

import fcntl
import json
import logging
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motefit.spec.errors import OutputError
from motefit.spec.files import DamagedFileError, cache_folder, replacing

__all__ = [
    "SUFFIX", "Array", "alone", "cache_folder", "made_entry", "open_checked", "read_entry",
    "report_damage", "write_checked",
]  # fmt: skip

Array = npt.NDArray[Any]

SUFFIX = ".checked"
"""Suffix of every entry; files of other formats have other names and are ignored."""

_MAGIC = b"motechk1"
_FIELDS = struct.Struct("<8sQQI")
_SUM = struct.Struct("<I")
_PAYLOAD_START = 64
_PADDING = bytes(_PAYLOAD_START - _FIELDS.size - _SUM.size)
_REMEDY = "the environment variable MOTEFIT_CACHE names the folder of the cache"
_log = logging.getLogger(__name__)


def read_entry(path: Path) -> tuple[Array, dict[str, Any]] | None:
    """Open a cache entry; a damaged one is reported and treated as absent.

    Returns:
        the array, a read-only memory map, and the facts; None if the file is absent or damaged.
    """
    try:
        return open_checked(path)
    except FileNotFoundError:
        return None
    except (OSError, DamagedFileError):
        report_damage(path)
        return None


def made_entry(
    path: Path,
    blocks: Callable[[], Iterable[Array]],
    facts: Callable[[], Mapping[str, object]] = dict,
) -> tuple[Array, dict[str, Any]]:
    """Open a cache entry, after making it if it is absent or damaged.

    Args:
        path: of the entry.
        blocks: called to make the array, as :func:`write_checked` takes it.
        facts: called after the last block, likewise.

    Raises:
        OutputError: if it cannot be written, or not be read back.
    """
    opened = read_entry(path)
    if opened is None:
        write_checked(path, blocks(), facts)
        opened = read_entry(path)
    if opened is None:
        raise OutputError(f"{path}: was written, but cannot be read back; is the disk failing?")
    return opened


def report_damage(path: Path) -> None:
    """Report a damaged file before it is rebuilt, on standard error or to configured logging."""
    _log.warning("a damaged cache file is rebuilt: %s", path)


def open_checked(path: Path) -> tuple[Array, dict[str, Any]]:
    """Open a file that :func:`write_checked` wrote.

    Returns:
        the array, a read-only memory map, and the facts.

    Raises:
        DamagedFileError: for a file with any changed byte or a different length.
        OSError: if it cannot be read, e.g. FileNotFoundError.
    """
    with path.open("rb") as file:
        header = file.read(_PAYLOAD_START)
        size = os.fstat(file.fileno()).st_size
        trailer_at, trailer_bytes, content_crc = _fields(header)
        if trailer_at < _PAYLOAD_START or size != trailer_at + trailer_bytes:
            raise DamagedFileError(f"{path}: its length is not the one in its header")
        content = np.memmap(file, np.uint8, mode="r")[_PAYLOAD_START:]
    if zlib.crc32(content.data) != content_crc:
        raise DamagedFileError(f"{path}: its checksum does not match")
    at = trailer_at - _PAYLOAD_START
    try:
        trailer = json.loads(content[at:].tobytes())
        array = np.asarray(content[:at]).view(trailer["dtype"]).reshape(trailer["shape"])
        return array, dict(trailer["facts"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"{path}: its end is not that of a cache file ({error})") from None


def _fields(header: bytes) -> tuple[int, int, int]:
    if len(header) < _PAYLOAD_START:
        raise DamagedFileError("the header is cut off")
    checked = header[: -_SUM.size]
    magic, trailer_at, trailer_bytes, content_crc = _FIELDS.unpack_from(header)
    if magic != _MAGIC or _SUM.pack(zlib.crc32(checked)) != header[-_SUM.size :]:
        raise DamagedFileError("the header is damaged")
    return trailer_at, trailer_bytes, content_crc


def write_checked(
    path: Path,
    blocks: Iterable[Array],
    facts: Callable[[], Mapping[str, object]] = dict,
    *,
    what: str = "the cache file",
    remedy: str = f"free some space, or choose another folder: {_REMEDY}",
) -> None:
    """Write a checksummed file atomically, block by block, to keep memory use low.

    Args:
        path: of the file.
        blocks: the array in order along its first axis; at least one, equal in dtype and in the
            other axes.
        facts: returns JSON values to store with the array; called after all blocks are read.
        what: description of the file for the error's text.
        remedy: advice for the error's text.

    Raises:
        OutputError: if the folder cannot be written or the disk is full.
    """
    with replacing(path, what=what, remedy=remedy) as file:
        file.write(bytes(_PAYLOAD_START))
        crc, size, rows = 0, _PAYLOAD_START, 0
        form: tuple[np.dtype[Any], tuple[int, ...]] | None = None
        for block in blocks:
            form = form or (block.dtype.newbyteorder("<"), block.shape[1:])
            if (block.dtype, block.shape[1:]) != (form[0].newbyteorder("="), form[1]):
                raise ValueError(f"a block of {block.dtype} {block.shape} among others of {form}")
            data = block.astype(form[0], copy=False).tobytes()
            crc = zlib.crc32(data, crc)
            size += file.write(data)
            rows += len(block)
        if form is None:
            raise ValueError("an entry needs at least one block")
        trailer = {"dtype": form[0].str, "shape": [rows, *form[1]], "facts": dict(facts())}
        text = json.dumps(trailer).encode()
        file.write(text)
        fields = _FIELDS.pack(_MAGIC, size, len(text), zlib.crc32(text, crc)) + _PADDING
        file.seek(0)
        file.write(fields + _SUM.pack(zlib.crc32(fields)))


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes on this machine from making the same file during the block.

    Args:
        path: of the file to make; the lock is a file next to it.

    Raises:
        OutputError: if the folder cannot be written.
    """
    lock = path.with_suffix(".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise OutputError(f"cannot write {lock.parent}: {error.strerror}; {_REMEDY}") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
