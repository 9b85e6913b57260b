"""Audio sources: their base class, and the source that reads a pipe or file.

A source waits for sound for a limited time and explains why it ends; none can hang.
"""

import os
import select
import struct
from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from motefit.signal.wav import COMPRESSED
from motefit.spec.errors import DataError
from motefit.spec.limits import require_rate

Int16Array = NDArray[np.int16]

WAIT_S = 5.0
"""Longest wait for sound; a working microphone delivers several times a second."""
CHUNK_SECONDS = 0.1
"""Longest stretch of sound read at once."""


class SoundLostError(DataError):
    """Error for sound that stopped after it had started, e.g. when a microphone was unplugged."""


class SoundSource(ABC):
    """Source of mono int16 sound, read in chunks; a context manager.

    Attributes:
        name: name used in messages.
        rate_hz: sampling rate; final once the first chunk has been read.
        received: number of samples read so far.
        returns: whether it may recover later, like a microphone that is plugged in again.
    """

    returns: ClassVar[bool] = True

    def __init__(self, name: str, rate_hz: int) -> None:
        self.name, self.rate_hz, self.received = name, require_rate(rate_hz), 0

    @abstractmethod
    def read(self) -> Int16Array | None:
        """Return the next samples, at least one; None at the regular end of the sound.

        Raises:
            SoundLostError: if sound breaks off or pauses for ``wait_s`` after it had started.
            DataError: if no sound arrives at all, or its format is not supported.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the device; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lost(self, problem: str) -> DataError:
        if not self.received:
            return DataError(f"{self.name}: {problem}")
        return SoundLostError(f"{self.name}, after {self.received / self.rate_hz:.1f} s: {problem}")


class PipeSource(SoundSource):
    """16-bit little-endian PCM from a file descriptor, with or without a WAV header.

    Args:
        descriptor: file descriptor to read from; it is left open.
        rate_hz: sampling rate of raw PCM; a WAV header overrides it.
        channels: number of channels of raw PCM, which are averaged; a WAV header overrides it.
        name: name used in messages.
        wait_s: longest wait for sound.
    """

    returns: ClassVar[bool] = False

    def __init__(
        self,
        descriptor: int,
        *,
        rate_hz: int,
        channels: int = 1,
        name: str = "standard input",
        wait_s: float = WAIT_S,
    ) -> None:
        super().__init__(name, rate_hz)
        if channels < 1:
            raise DataError(f"at least 1 channel is needed, got {channels}")
        self._descriptor, self._channels, self._wait_s = descriptor, channels, wait_s
        self._rest, self._started = b"", False
        self.leftover_bytes = 0

    def read(self) -> Int16Array | None:
        """Return the next samples; None at the end of the file or pipe.

        Bytes at the end that do not make up a whole sample are counted in ``leftover_bytes``.

        Raises:
            DataError: if nothing arrives at all or in time, or for a WAV file in another format.
        """
        if not self._started:
            self._started = True
            self._read_header()
        while True:
            size = 2 * self._channels
            if len(self._rest) >= size:
                whole = len(self._rest) - len(self._rest) % size
                samples = mono(self._rest[:whole], self._channels)
                self._rest = self._rest[whole:]
                self.received += len(samples)
                return samples
            if not self._more():
                self.leftover_bytes, self._rest = len(self._rest), b""
                if not self.received:
                    raise self._lost(
                        "ended without a sample; is the program that feeds it running?"
                    )
                return None

    def close(self) -> None:
        """Do nothing: the descriptor belongs to the caller."""

    def _more(self) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], self._wait_s)
        if not ready:
            raise self._lost(
                f"no sound for {self._wait_s:g} s; the program that should send it has stalled"
            )
        wanted = max(round(self.rate_hz * CHUNK_SECONDS), 1) * 2 * self._channels
        try:
            data = os.read(self._descriptor, wanted)
        except OSError as error:
            raise self._lost(f"cannot be read: {error.strerror}") from None
        self._rest += data
        return bool(data)

    def _read_header(self) -> None:
        """Read the WAV header, if there is one."""
        while len(self._rest) < 12 and self._more():
            pass
        if self._rest[:4] in COMPRESSED:
            raise self._lost(
                f"this is {COMPRESSED[self._rest[:4]]}, but listening needs 16-bit PCM or WAV: "
                "sox FILE -t wav -b 16 - | motefit listen MODEL --input -; or, for whole clips, "
                "motefit kws MODEL FILE with: pip install 'motefit[audio]'"
            )
        if self._rest[:4] != b"RIFF" or self._rest[8:12] != b"WAVE":
            return
        self._take(12)
        while True:
            name, length = struct.unpack("<4sI", self._take(8))
            if name == b"data":
                return
            chunk = self._take(length + length % 2)
            if name == b"fmt ":
                self._format(chunk)

    def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            if not self._more():
                raise self._lost("the WAV header is incomplete")
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def _format(self, chunk: bytes) -> None:
        code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk.ljust(16, b"\0"))
        if code not in {1, 0xFFFE} or bits != 16 or channels < 1:
            raise self._lost(
                f"{bits}-bit WAV (format {code}) cannot be streamed; send 16-bit PCM: "
                "arecord -f S16_LE, or sox ... -b 16"
            )
        self.rate_hz, self._channels = require_rate(rate_hz), channels


def mono(data: bytes, channels: int) -> Int16Array:
    """Average the channels of whole frames of interleaved little-endian int16."""
    frames = np.frombuffer(data, "<i2").reshape(-1, channels)
    if channels == 1:
        return frames[:, 0].astype(np.int16)
    return np.asarray(np.rint(frames.mean(axis=1)), np.int16)
