"""Small pictures as data URIs, so that a page needs no other file."""

import base64
import struct
import zlib
from collections.abc import Sequence

PALETTE = (
    (13, 17, 42), (23, 26, 74), (37, 34, 105), (55, 41, 131),
    (76, 47, 149), (99, 53, 160), (123, 59, 165), (147, 66, 162),
    (171, 75, 153), (194, 87, 140), (213, 103, 124), (229, 123, 108),
    (241, 146, 97), (248, 172, 96), (251, 201, 110), (252, 232, 142),
)  # fmt: skip
"""Color of each hexadecimal digit, from dark to light."""


def picture_uri(rows: Sequence[str]) -> str:
    """Encode a picture of hexadecimal digits as the data URI of a PNG with 4 bits a pixel.

    Args:
        rows: from the top, all equally long; see :data:`PALETTE`.

    Raises:
        ValueError: for other characters, or rows of different lengths.
    """
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        raise ValueError("the rows of a picture must be equally long")
    lines = b"".join(b"\0" + bytes.fromhex(row + "0" * (width % 2)) for row in rows)
    header = struct.pack(">IIBBBBB", width, len(rows), 4, 3, 0, 0, 0)
    colors = bytes(value for color in PALETTE for value in color)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", colors),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        )
    )
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
