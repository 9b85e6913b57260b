"""Audio sources: their base class, and the source that reads a pipe or file.

A source waits for sound for a limited time and explains why it ended, so none can hang.
"""

import contextlib
import os
import select
import stat
from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from motefit.signal.mixing import Channel, Mixer
from motefit.signal.other_sound import START_BYTES, other_format, telling_bytes
from motefit.signal.wav import WavStream
from motefit.signal.wav_header import starts_wav
from motefit.spec.errors import DataError
from motefit.spec.lfs_pointer import is_pointer
from motefit.spec.limits import require_rate

Int16Array = NDArray[np.int16]

WAIT_S = 5.0
"""Longest wait for sound; a working microphone delivers several times a second."""
END_S = 0.2
"""Longest wait for anything behind a sound that has its end in its header."""
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
        live: whether the sound is live, not from a file.
        channels: number of channels; final once the first chunk has been read.
        frames: (n, channels) of the last chunk before one channel was made of them, full scale
            32768.
        lost_s: seconds of sound, at least, that were lost right before the last chunk; None if none
            were.
        losses: number of times that sound was lost.
        notes: messages for the user; whoever shows one removes it from the list.
    """

    returns: ClassVar[bool] = True

    def __init__(self, name: str, rate_hz: int) -> None:
        self.name, self.rate_hz, self.received = name, require_rate(rate_hz), 0
        self.live, self.channels = True, 1
        self.frames: NDArray[np.floating] | NDArray[np.int16] = np.zeros((0, 1), np.int16)
        self.lost_s: float | None = None
        self.losses = 0
        self.notes: list[str] = []

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

    def _mixed_by(self, mixer: Mixer) -> None:
        """Keep the frames of the last chunk, and what its mixer has to tell."""
        self.frames = mixer.frames
        if mixer.note:
            self.notes.append(mixer.note)
            mixer.note = ""

    def _lost(self, problem: str) -> DataError:
        if not self.received:
            return DataError(f"{self.name}: {problem}")
        return SoundLostError(f"{self.name}, after {self.received / self.rate_hz:.1f} s: {problem}")


class PipeSource(SoundSource):
    """WAV, RF64 or Wave64, or 16-bit little-endian PCM, from a file descriptor.

    Args:
        descriptor: file descriptor to read from; it is left open.
        rate_hz: sampling rate of raw PCM; a WAV header overrides it.
        channels: number of channels of raw PCM; a WAV header overrides it.
        channel: which of several channels to take.
        name: name used in messages.
        wait_s: longest wait for sound.
        raw: whether PCM without a header is allowed.
    """

    returns: ClassVar[bool] = False

    def __init__(  # noqa: PLR0913 - the options of a command
        self,
        descriptor: int,
        *,
        rate_hz: int,
        channels: int = 1,
        channel: Channel = "auto",
        name: str = "standard input",
        wait_s: float = WAIT_S,
        raw: bool = True,
    ) -> None:
        super().__init__(name, rate_hz)
        if channels < 1:
            raise DataError(f"at least 1 channel is needed, got {channels}")
        self._descriptor, self.channels, self._wait_s = descriptor, channels, wait_s
        self._channel, self._raw, self._started = channel, raw, False
        self._rest = b""
        self._wav: WavStream | None = None
        self._mixer: Mixer | None = None
        self.leftover_bytes = 0
        with contextlib.suppress(OSError):  # reading it will say what is wrong
            self.live = not stat.S_ISREG(os.fstat(descriptor).st_mode)

    def read(self) -> Int16Array | None:
        """Return the next samples; None at the end of the sound.

        Bytes at the end that do not make up a whole sample are counted in ``leftover_bytes``.

        Raises:
            DataError: if nothing arrives at all or in time, if a file ends before its sound does,
                or its format is not supported; at the end, if more sound follows.
        """
        if not self._started:
            self._start()
            self._started = True
        samples = self._wav_samples() if self._wav else self._raw_samples()
        self.received += len(samples)
        if mixer := self._wav.mixer if self._wav else self._mixer:
            self._mixed_by(mixer)
        if len(samples):
            return samples
        if not self.received:
            raise self._lost("ended without a sample; is the program that feeds it running?")
        if self._wav:
            self._wav.require_one_sound(self._at_hand)
        return None

    def close(self) -> None:
        """Do nothing: the descriptor belongs to the caller."""

    def _start(self) -> None:
        """Read the WAV header, if there is one."""
        while len(self._rest) < telling_bytes(self._rest) and (data := self._more(START_BYTES)):
            self._rest += data
        start = self._rest
        if starts_wav(start):
            self._wav = WavStream(self._bytes, name=self.name, channel=self._channel)
            self.rate_hz, self.channels = self._wav.rate_hz, self._wav.header.channels
            return
        if not start and not self._raw:
            raise self._lost("the file is empty (0 bytes)")
        if is_pointer(start):
            raise self._lost("this is a Git LFS pointer, not the file itself; run: git lfs pull")
        other = other_format(start)
        if other is not None and other.use == "none":
            raise self._lost(f"this is {other.name}; {other.advice(self.name)}")
        if other is not None:
            raise self._lost(
                f"this is {other.name}, but listening needs WAV or 16-bit PCM: "
                "ffmpeg -i FILE -f wav - | motefit listen MODEL --input -; or, for whole clips, "
                "motefit kws MODEL FILE with: pip install 'motefit[audio]'"
            )
        if not self._raw:
            raise self._lost(
                f"its format is unknown (it starts with {start[:12]!r}); if it contains 16-bit PCM "
                "without a header, send it to standard input: motefit listen MODEL --input - < FILE"
            )
        self._mixer = Mixer(
            self.channels, self._channel, rate_hz=self.rate_hz, name=f"{self.name} (raw PCM)"
        )

    def _wav_samples(self) -> Int16Array:
        assert self._wav is not None  # noqa: S101 - the caller looked
        size = self._wav.header.frame_bytes
        samples = self._wav.samples(max(round(self.rate_hz * CHUNK_SECONDS), 1) * size)
        self.leftover_bytes = 0 if len(samples) else self._wav.leftover_bytes
        return samples

    def _raw_samples(self) -> Int16Array:
        assert self._mixer is not None  # noqa: S101 - no header was found
        size, data = 2 * self.channels, b""
        while len(data) < size:
            more = self._bytes(max(round(self.rate_hz * CHUNK_SECONDS), 1) * size)
            data += more
            if not more:
                self.leftover_bytes = len(data)
                self._mixer.finish()
                return np.zeros(0, np.int16)
        whole = len(data) - len(data) % size
        self._rest = data[whole:] + self._rest
        return self._mixer.mix(np.frombuffer(data[:whole], "<i2").astype(np.int16, copy=False))

    def _bytes(self, most: int) -> bytes:
        """Return the next bytes, waiting for them; none at the end."""
        if self._rest:
            taken, self._rest = self._rest[:most], self._rest[most:]
            return taken
        return self._more(most)

    def _at_hand(self, most: int) -> bytes:
        """Return the next bytes; none at the end, or where none arrive soon."""
        ready = bool(self._rest) or select.select([self._descriptor], [], [], END_S)[0]
        return self._bytes(most) if ready else b""

    def _more(self, most: int) -> bytes:
        ready, _, _ = select.select([self._descriptor], [], [], self._wait_s)
        if not ready:
            raise self._lost(
                f"no sound for {self._wait_s:g} s; the program that should send it has stalled"
            )
        try:
            return os.read(self._descriptor, most)
        except OSError as error:
            raise self._lost(f"cannot be read: {error.strerror}") from None
