"""Headers of WAV, RF64 and Wave64 files, read from a file or a stream, byte by byte in order."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from motefit.signal.sample_formats import SampleFormat
from motefit.spec.errors import DataError

Read = Callable[[int], bytes]
"""Returns at least one byte and at most as many as asked for; none at the end."""

UNKNOWN_BYTES = 0x7FFFF000
"""A header written before the sound, to a pipe or by a recorder that was killed, states at least
this many bytes: the length is unknown."""
_UNKNOWN_64 = 1 << 62
_LONGEST_FORMAT = 1 << 16
_SKIPPED = 1 << 16
_GUID = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
"""End of the identifiers of formats in extensible headers; their start is the usual code."""
_RIFF_64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_WAVE_64 = b"wave"
_IN_LONGER = {12, 20, 24}
"""Bits of samples that some recorders store in 32."""
_CODES = {1: "integer", 3: "float", 6: "A-law", 7: "mu-law"}
_EXTENSIBLE = 0xFFFE
_COMPRESSED = {
    2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x40: "G.721 ADPCM", 0x50: "MPEG",
    0x55: "MP3", 0xFF: "AAC", 0x160: "Windows Media Audio", 0x674F: "Ogg Vorbis",
}  # fmt: skip


class OtherEncodingError(DataError):
    """A WAV file whose samples are encoded in a way that only other programs decode."""


@dataclass(frozen=True, kw_only=True)
class WavHeader:
    """What a header says.

    Attributes:
        container: ``"WAV"``, ``"RF64"`` or ``"W64"``.
        rate_hz: sampling rate, not checked.
        channels: at least 1.
        samples: how each sample is encoded.
        data_bytes: length of the sound; None if it is not known.
        start: first bytes of the sound, which were read with the header.
    """

    container: str
    rate_hz: int
    channels: int
    samples: SampleFormat
    data_bytes: int | None
    start: bytes

    @property
    def frame_bytes(self) -> int:
        """Bytes of a sample of every channel."""
        return self.channels * self.samples.sample_bytes


def starts_wav(start: bytes) -> bool:
    """Return whether a file with these first 40 bytes is a WAV, RF64 or Wave64 file."""
    if start[:16] == _RIFF_64:
        return start[24:28] == _WAVE_64
    return start[:4] in {b"RIFF", b"RF64", b"BW64"} and start[8:12] == b"WAVE"


def read_header(read: Read) -> WavHeader:
    """Read up to the first byte of the sound.

    Args:
        read: returns the next bytes.

    Raises:
        DataError: for a header that is incomplete or contradicts itself.
        OtherEncodingError: for an encoding that is not read.
    """
    source = _Source(read)
    magic = source.take(4)
    return _wave64(source) if magic == _RIFF_64[:4] else _riff(source, magic)


def second_sound(header: WavHeader, read: Read) -> str:
    """Describe sound behind the sound that the header states; empty if there is none.

    Args:
        header: of the file.
        read: returns what follows the sound.
    """
    if header.data_bytes is None or header.container == "W64":
        return ""
    source = _Source(read)
    source.back(header.start[header.data_bytes :])
    length = header.data_bytes
    try:
        while True:
            source.pad(length)
            name, length = struct.unpack("<4sI", source.take(8))
            if name == b"data":
                return f"a second data chunk, of {source.pass_over(length)} bytes"
            if name == b"RIFF":
                return "another WAV file"
            source.skip(length)
    except DataError:  # the end
        return ""


class _Source:
    """Bytes in order, with the possibility to put one back."""

    def __init__(self, read: Read) -> None:
        self._read, self._back = read, b""

    def some(self, count: int) -> bytes:
        """Return ``count`` bytes, or fewer at the end."""
        taken, self._back = self._back[:count], self._back[count:]
        while len(taken) < count and (data := self._read(count - len(taken))):
            taken += data
        return taken

    def take(self, count: int) -> bytes:
        taken = self.some(count)
        if len(taken) < count:
            raise DataError("the file is truncated: it ends before its audio data")
        return taken

    def pass_over(self, count: int) -> int:
        """Read so many bytes, or all up to the end; return how many there were."""
        left = count
        while left and (taken := len(self.some(min(left, _SKIPPED)))):
            left -= taken
        return count - left

    def skip(self, count: int) -> None:
        if self.pass_over(count) < count:
            self.take(1)

    def pad(self, length: int) -> None:
        """Skip the padding byte of an odd chunk: a chunk without one precedes the next's name."""
        if length % 2 and (byte := self.some(1)).isalnum():
            self.back(byte)

    def back(self, data: bytes) -> None:
        self._back = data + self._back


def _riff(source: _Source, magic: bytes) -> WavHeader:
    source.take(8)
    chosen: tuple[int, int, SampleFormat] | None = None
    long_bytes = 0
    while True:
        name, length = struct.unpack("<4sI", source.take(8))
        if name == b"data":
            break
        if name == b"fmt ":
            chosen = _same(chosen, _format(source, length))
        elif name == b"ds64" and magic != b"RIFF" and 16 <= length <= _LONGEST_FORMAT:
            (long_bytes,) = struct.unpack_from("<Q", source.take(length), 8)
        else:
            source.skip(length)
        source.pad(length)
    known: int | None = length
    if magic != b"RIFF" and length == 0xFFFFFFFF:
        known = long_bytes if long_bytes < _UNKNOWN_64 else None
    elif length >= UNKNOWN_BYTES:
        known = None
    return _complete(source, "WAV" if magic == b"RIFF" else "RF64", chosen, known)


def _wave64(source: _Source) -> WavHeader:
    source.take(36)
    chosen: tuple[int, int, SampleFormat] | None = None
    while True:
        name, length = struct.unpack("<16sQ", source.take(24))
        length -= 24
        if name[:4] == b"data":
            break
        if length < 0:
            raise DataError(f"its chunk {name[:4]!r} states a length below that of its own header")
        if name[:4] == b"fmt ":
            chosen = _same(chosen, _format(source, length))
        else:
            source.skip(length)
        source.skip(-length % 8)
    return _complete(source, "W64", chosen, max(length, 0) if length < _UNKNOWN_64 else None)


def _complete(
    source: _Source,
    container: str,
    chosen: tuple[int, int, SampleFormat] | None,
    known: int | None,
) -> WavHeader:
    if chosen is None:
        raise DataError("its audio data come before their format, or without one")
    start = source.some(4)
    if known == 0 and len(start) == 4 and not start.replace(b" ", b"a").isalnum():
        known = None  # the length was never filled in: what follows is not the name of a chunk
    rate_hz, channels, samples = chosen
    return WavHeader(
        container=container,
        rate_hz=rate_hz,
        channels=channels,
        samples=samples,
        data_bytes=known,
        start=start,
    )


def _same(
    before: tuple[int, int, SampleFormat] | None, now: tuple[int, int, SampleFormat]
) -> tuple[int, int, SampleFormat]:
    """Refuse a second format that contradicts the first."""
    if before not in {None, now}:
        raise DataError("its header contradicts itself: it states two formats")
    return now


def _format(source: _Source, length: int) -> tuple[int, int, SampleFormat]:
    """Read a format chunk: rate, channels and encoding."""
    if not 14 <= length <= _LONGEST_FORMAT:
        raise DataError(f"its format has {length} bytes; allowed: 14 to {_LONGEST_FORMAT}")
    chunk = source.take(length)
    code, channels, rate_hz, _, frame_bytes = struct.unpack_from("<HHIIH", chunk)
    bits = struct.unpack_from("<H", chunk, 14)[0] if length >= 16 else 8
    valid = 0
    if code == _EXTENSIBLE:
        if length < 40 or chunk[26:40] != _GUID:
            named = chunk[24:40].hex() or "none"
            raise OtherEncodingError(f"it is an extensible WAV file of an unknown format ({named})")
        valid, code = struct.unpack_from("<H4xH", chunk, 18)
    if code not in _CODES:
        named = _COMPRESSED.get(code, "an unknown encoding")
        raise OtherEncodingError(f"its samples are encoded as {named} (format {code})")
    if channels < 1:
        raise DataError("its header states 0 channels")
    samples = _sample_format(code, bits, channels, frame_bytes)
    if bits == 32 and valid in _IN_LONGER and samples.kind == "integer":
        samples = replace(samples, valid_bits=valid)
    return rate_hz, channels, samples


def _sample_format(code: int, bits: int, channels: int, frame_bytes: int) -> SampleFormat:
    kind = _CODES[code]
    allowed = {"integer": range(8, 33), "float": (32, 64)}.get(kind, (8,))
    if bits not in allowed:
        shown = "8 to 32" if kind == "integer" else " or ".join(map(str, allowed))
        raise DataError(f"its header states {kind} samples of {bits} bits; allowed: {shown}")
    sample_bytes, valid = -(-bits // 8), 0
    if kind == "integer" and bits in _IN_LONGER and frame_bytes == 4 * channels:
        sample_bytes, valid = 4, bits
    if frame_bytes not in {0, channels * sample_bytes}:
        raise DataError(
            f"its header contradicts itself: {channels} channel(s) of {bits} bits, but "
            f"{frame_bytes} bytes for a sample of all channels"
        )
    return SampleFormat(
        kind=kind,  # type: ignore[arg-type]
        sample_bytes=sample_bytes,
        valid_bits=valid,
    )
