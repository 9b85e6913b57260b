"""A cache of decoded audio: one checked, memory-mapped file per content, shared by all processes.

Layout of a file: a header (magic, place and length of the trailer, CRC-32 of trailer and payload),
the int16 little-endian payload from byte 64 on, a JSON trailer. Its name is a hash of what went in,
so an entry never goes stale. It is written beside and renamed: it is whole or absent, and processes
that make the same entry at the same time write the same bytes. Each opening checks both sums; a
damaged file counts as absent.
"""

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.spec.files import replacing

_MAGIC = b"motepcm1"
_HEADER = struct.Struct("<8sQQII")
_PAYLOAD_START = 64


def cache_folder(chosen: Path | None = None) -> Path:
    """The chosen folder, else ``$MOTEFIT_CACHE``, else ``~/.cache/motefit``."""
    if chosen is not None:
        return chosen
    return Path(os.environ.get("MOTEFIT_CACHE") or Path.home() / ".cache" / "motefit")


def read_entry(path: Path) -> tuple[npt.NDArray[np.int16], dict[str, object]] | None:
    """Open an entry.

    Returns:
        the payload, a read-only memory map of int16 (values,), and the trailer; None if the file is
        absent, truncated or damaged.
    """
    try:
        with path.open("rb") as file:
            fields = _HEADER.unpack(file.read(_HEADER.size))
            magic, trailer_at, trailer_bytes, trailer_crc, payload_crc = fields
            whole = magic == _MAGIC and path.stat().st_size == trailer_at + trailer_bytes
            if not whole:
                return None
            file.seek(trailer_at)
            trailer = file.read(trailer_bytes)
        values = (trailer_at - _PAYLOAD_START) // 2
        payload = np.memmap(path, "<i2", mode="r", offset=_PAYLOAD_START, shape=(values,))
    except (OSError, ValueError, struct.error):
        return None
    if zlib.crc32(trailer) != trailer_crc or zlib.crc32(payload.data) != payload_crc:
        return None
    return np.asarray(payload), json.loads(trailer)


def write_entry(
    path: Path,
    blocks: Iterable[npt.NDArray[np.int16]],
    trailer: Callable[[], Mapping[str, object]],
) -> None:
    """Write an entry atomically, block by block, so that memory stays small.

    Args:
        path: of the entry.
        blocks: the payload in order.
        trailer: gives the JSON trailer; called once all blocks are drawn.

    Raises:
        OutputError: when the folder cannot be written or the disk is full.
    """
    remedy = (
        "free some space, or name a folder that can be written in the environment variable "
        "MOTEFIT_CACHE"
    )
    with replacing(path, what="the cache of decoded audio", remedy=remedy) as file:
        file.write(bytes(_PAYLOAD_START))
        payload_crc, size = 0, _PAYLOAD_START
        for block in blocks:
            data = block.astype("<i2", copy=False).tobytes()
            payload_crc = zlib.crc32(data, payload_crc)
            size += file.write(data)
        text = json.dumps(trailer()).encode()
        file.write(text)
        file.seek(0)
        file.write(_HEADER.pack(_MAGIC, size, len(text), zlib.crc32(text), payload_crc))
