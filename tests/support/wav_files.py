"""WAV, RF64 and Wave64 files, byte by byte, as recorders and editors write them."""

import struct

import numpy as np

GUID = bytes.fromhex("000000001000800000aa00389b71")
RIFF_64 = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
GUID_64 = bytes.fromhex("f3acd3118cd100c04f8edb8a")
CODES = {"integer": 1, "float": 3, "A-law": 6, "mu-law": 7}


def encode(samples: np.ndarray, kind: str = "integer", size: int = 2) -> bytes:
    """Samples (n, channels) in -1..1 as integers or floats of so many bytes."""
    if kind == "float":
        return samples.astype(f"<f{size}").tobytes()
    full = 1 << 8 * size - 1
    whole = np.clip(np.rint(samples * full), -full, full - 1).astype(np.int64)
    if size == 1:
        return (whole + 128).astype(np.uint8).tobytes()
    raw = np.ascontiguousarray(whole.astype("<i8")).reshape(-1, 1).view(np.uint8)
    return raw.reshape(-1, 8)[:, :size].tobytes()


def format_chunk(
    *, rate_hz: int, channels: int = 1, kind: str = "integer", size: int = 2, extensible=False
) -> bytes:
    code = 0xFFFE if extensible else CODES[kind]
    frame = channels * size
    made = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * frame, frame, 8 * size)
    if not extensible:
        return made
    return made + struct.pack("<HHIH", 22, 8 * size, 0, CODES[kind]) + GUID


def chunk(name: bytes, data: bytes, *, length: int | None = None, pad: bool = True) -> bytes:
    stated = len(data) if length is None else length
    return name + struct.pack("<I", stated) + data + (b"\0" if len(data) % 2 and pad else b"")


def wav(  # noqa: PLR0913 - the parts of a file
    data: bytes,
    form: bytes,
    *,
    container: str = "WAV",
    before: list[tuple[bytes, bytes]] | tuple = (),
    after: list[tuple[bytes, bytes]] | tuple = (),
    pad: bool = True,
    length: int | None = None,
) -> bytes:
    """A file with other chunks before and after its sound; ``length`` is what the header states."""
    if container == "W64":
        return _wave64(data, form, before=before, after=after)
    first = b""
    if container == "RF64":
        first = chunk(b"ds64", struct.pack("<QQQI", 0, len(data), 0, 0))
        length = 0xFFFFFFFF
    body = first + b"".join(chunk(name, held, pad=pad) for name, held in before)
    body += chunk(b"fmt ", form) + chunk(b"data", data, length=length)
    body += b"".join(chunk(name, held, pad=pad) for name, held in after)
    magic = b"RF64" if container == "RF64" else b"RIFF"
    return magic + struct.pack("<I", min(len(body) + 4, 0xFFFFFFFF)) + b"WAVE" + body


def _wave64(data: bytes, form: bytes, *, before, after) -> bytes:
    def piece(name: bytes, held: bytes) -> bytes:
        return (name + GUID_64 + struct.pack("<Q", len(held) + 24) + held).ljust(
            -(-(len(held) + 24) // 8) * 8, b"\0"
        )

    pieces = [*before, (b"fmt ", form), (b"data", data), *after]
    body = b"".join(piece(name, held) for name, held in pieces)
    return RIFF_64 + struct.pack("<Q", 40 + len(body)) + b"wave" + GUID_64 + body
