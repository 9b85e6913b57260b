"""Where sound comes from: what every source keeps, and the one that reads a pipe or file.

A source waits a bounded time for sound and says in words why it ends; none can hang.
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

Int16Array = NDArray[np.int16]

WAIT_S = 5.0
"""Longest wait for sound; a microphone that is there delivers several times a second."""
CHUNK_SECONDS = 0.1
"""At most so much sound is read at once."""
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1000, 768_000


class SoundLostError(DataError):
    """Sound that was arriving stopped, e.g. a microphone was unplugged."""


class SoundSource(ABC):
    """Mono int16 sound, read in chunks; a context manager.

    Attributes:
        name: for messages.
        rate_hz: of the samples; final once the first chunk was read.
        heard: samples read so far.
        returns: whether it may work again later, as a microphone that is plugged in again does.
    """

    returns: ClassVar[bool] = True

    def __init__(self, name: str, rate_hz: int) -> None:
        self.name, self.rate_hz, self.heard = name, checked_rate(rate_hz), 0

    @abstractmethod
    def read(self) -> Int16Array | None:
        """The next samples, at least one; None when the sound has ended as it should.

        Raises:
            SoundLostError: when it broke off, or nothing came for ``wait_s``, after sound had come.
            DataError: the same before any sound, or sound of an unknown form.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the device; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lost(self, problem: str) -> DataError:
        if not self.heard:
            return DataError(f"{self.name}: {problem}")
        return SoundLostError(f"{self.name}, after {self.heard / self.rate_hz:.1f} s: {problem}")


def checked_rate(rate_hz: int) -> int:
    """The rate itself.

    Raises:
        DataError: when it is no rate that sound is recorded at.
    """
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise DataError(
            f"a sampling rate of {LOWEST_RATE_HZ}..{HIGHEST_RATE_HZ} Hz is needed, got {rate_hz}"
        )
    return rate_hz


class PipeSource(SoundSource):
    """PCM of 16 bit, little endian, from a file descriptor; a WAV header is understood.

    Args:
        descriptor: to read from; it is left open.
        rate_hz: of raw PCM; a WAV header overrides it.
        channels: of raw PCM, averaged; a WAV header overrides it.
        name: for messages.
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
        self._rest, self._begun = b"", False
        self.leftover_bytes = 0

    def read(self) -> Int16Array | None:
        """The next samples; None at the end of the file or pipe.

        Bytes that do not fill a sample at the end are counted in ``leftover_bytes``.

        Raises:
            DataError: when nothing came at all or in time, or for a WAV file of another form.
        """
        if not self._begun:
            self._begun = True
            self._begin()
        while True:
            size = 2 * self._channels
            if len(self._rest) >= size:
                whole = len(self._rest) - len(self._rest) % size
                samples = mono(self._rest[:whole], self._channels)
                self._rest = self._rest[whole:]
                self.heard += len(samples)
                return samples
            if not self._more():
                self.leftover_bytes, self._rest = len(self._rest), b""
                if not self.heard:
                    raise self._lost("ended without a sample; is the program before it running?")
                return None

    def close(self) -> None:
        """Nothing: the descriptor belongs to the caller."""

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

    def _begin(self) -> None:
        """Take in a WAV header, if there is one."""
        while len(self._rest) < 12 and self._more():
            pass
        if self._rest[:4] in COMPRESSED:
            raise self._lost(
                f"this is {COMPRESSED[self._rest[:4]]}, and listening takes 16-bit PCM or WAV: "
                "sox FILE -t wav -b 16 - | motefit listen MODEL --input -; or, for whole clips, "
                "motefit kws MODEL FILE with: pip install 'motefit[train]'"
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
                raise self._lost("the WAV header is cut")
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def _format(self, chunk: bytes) -> None:
        form, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk.ljust(16, b"\0"))
        if form not in {1, 0xFFFE} or bits != 16 or channels < 1:
            raise self._lost(
                f"WAV of {bits} bits (form {form}) cannot be streamed; send 16-bit PCM: "
                "arecord -f S16_LE, or sox ... -b 16"
            )
        self.rate_hz, self._channels = checked_rate(rate_hz), channels


def mono(data: bytes, channels: int) -> Int16Array:
    """Whole frames of interleaved little-endian int16 as one channel, averaged."""
    frames = np.frombuffer(data, "<i2").reshape(-1, channels)
    if channels == 1:
        return frames[:, 0].astype(np.int16)
    return np.asarray(np.rint(frames.mean(axis=1)), np.int16)
