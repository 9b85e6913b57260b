"""WAV files and streams with numpy alone: one reader for devices and for training."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motefit.signal.mixing import Channel, Mixer
from motefit.signal.other_sound import START_BYTES, convert_command, other_format, tag_bytes
from motefit.signal.wav_header import (
    OtherEncodingError,
    Read,
    WavHeader,
    read_header,
    second_sound,
    starts_wav,
)
from motefit.spec.errors import DataError
from motefit.spec.lfs_pointer import is_pointer, pointer_message
from motefit.spec.limits import require_rate

_BLOCK_BYTES = 1 << 18


class WavStream:
    """The sound of a WAV, RF64 or Wave64 file, read in order as one channel of 16-bit samples.

    It ends where the header says that the sound ends, whatever follows; if the header does not
    know, at the end of the file.

    Args:
        read: returns the next bytes.
        name: of the file or stream, for errors.
        channel: which channel to take.

    Raises:
        DataError: for a header that cannot be used, naming what was found.
        OtherEncodingError: for an encoding that is not read.
    """

    def __init__(self, read: Read, *, name: str, channel: Channel = "auto") -> None:
        self.name = name
        self._read = read
        try:
            self.header: WavHeader = read_header(read)
        except OtherEncodingError as error:
            raise OtherEncodingError(
                f"{name}: {error}; convert it: {convert_command(name)}"
            ) from None
        except DataError as error:
            raise type(error)(f"{name}: {error}") from None
        self.rate_hz = require_rate(self.header.rate_hz, what=f"{name}: the sampling rate")
        self.mixer = Mixer(self.header.channels, channel, rate_hz=self.rate_hz, name=name)
        self._rest = self.header.start[: self.header.data_bytes]
        self._given = len(self._rest)

    @property
    def encoding(self) -> str:
        """Container and encoding by libsndfile's names, e.g. ``"WAV PCM_16"``."""
        return f"{self.header.container} {self.header.samples.name}"

    def samples(self, most_bytes: int = _BLOCK_BYTES) -> NDArray[np.int16]:
        """Return the next samples (n,); none at the end of the sound.

        Args:
            most_bytes: to read at once.

        Raises:
            DataError: if the file ends before its sound, or the samples cannot be used.
        """
        data = self._frames(most_bytes)
        try:
            return self._mixed(data)
        except DataError as error:
            raise self._named(error) from None

    def weigh(self) -> None:
        """Read the whole sound to decide how its channels are used when it is read again.

        Raises:
            DataError: as :meth:`samples` does.
        """
        try:
            while data := self._frames(_BLOCK_BYTES):
                self.mixer.weigh(self.header.samples.decode(data))
            self.mixer.finish()
        except DataError as error:
            raise self._named(error) from None

    def _named(self, error: DataError) -> DataError:
        said = str(error)
        return DataError(said if said.startswith(self.name) else f"{self.name}: {said}")

    def _frames(self, most_bytes: int) -> bytes:
        """Return the bytes of the next whole frames; none at the end of the sound."""
        promised, size = self.header.data_bytes, self.header.frame_bytes
        ended = False
        while not ended and len(self._rest) < size:
            wanted = max(most_bytes, size)
            if promised is not None:
                wanted = min(wanted, promised - self._given)
            data = self._read(wanted) if wanted > 0 else b""
            ended = not data
            self._rest += data
            self._given += len(data)
        if ended and promised is not None and self._given < promised:
            raise DataError(
                f"{self.name}: the file is truncated: its header promises {promised} bytes of "
                f"audio, it has {self._given}"
            )
        whole = len(self._rest) - len(self._rest) % size
        data, self._rest = self._rest[:whole], self._rest[whole:]
        return data

    def _mixed(self, data: bytes) -> NDArray[np.int16]:
        if not data:
            self.mixer.finish()
            return np.zeros(0, np.int16)
        return self.mixer.mix(self.header.samples.decode(data))

    def require_one_sound(self, read: Read | None = None) -> None:
        """Refuse more sound behind that of the header, which other programs drop in silence.

        Args:
            read: returns what follows the sound; None: as before.

        Raises:
            DataError: naming what follows.
        """
        if more := second_sound(self.header, read or self._read):
            raise DataError(
                f"{self.name}: its sound of {self.header.data_bytes} bytes is followed by {more}; "
                "a WAV file has one sound: save it again with the program that recorded it, or as "
                "two files"
            )

    @property
    def leftover_bytes(self) -> int:
        """Bytes at the end that do not make up a sample."""
        return len(self._rest)


def read_wav(path: str | Path, *, channel: Channel = "auto") -> tuple[NDArray[np.int16], int]:
    """Read a WAV, RF64 or Wave64 file as one channel.

    Integers of 8 to 32 bits, floats of 32 or 64, mu-law and A-law are read, at any rate.

    Args:
        path: of the file.
        channel: which channel to take; see :data:`motefit.signal.mixing.Channel`.

    Returns:
        The samples (n,), rounded to 16 bits, and the rate in Hz. A 16-bit mono file gives its
        samples unchanged.

    Raises:
        DataError: if the file is absent, no WAV file, truncated, damaged or empty.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    stream, samples = parse_wav(content, name=str(path), channel=channel)
    return samples, stream.rate_hz


def without_tag(content: bytes) -> bytes:
    """Return a file without the ID3 tag before it, which is no part of WAV, FLAC or Ogg."""
    rest = content[tag_bytes(content) :]
    return rest if starts_wav(rest[:40]) or rest[:4] in {b"fLaC", b"OggS"} else content


def parse_wav(
    content: bytes, *, name: str, channel: Channel = "auto"
) -> tuple[WavStream, NDArray[np.int16]]:
    """Decode a whole file.

    Args:
        content: all bytes of the file.
        name: of the file, for errors.
        channel: which channel to take.

    Returns:
        How it is encoded, and at least one sample (n,).

    Raises:
        DataError: if it is no WAV file, truncated, damaged or empty.
    """
    content = without_tag(content)
    if not starts_wav(content[:40]):
        if is_pointer(content):
            raise DataError(pointer_message(name))
        other = other_format(content[:START_BYTES])
        if other is not None:
            raise DataError(f"{name}: this is {other.name}; {other.advice(name)}")
        raise DataError(f"{name}: not a readable WAV file (starts with {content[:12]!r})")
    stream = WavStream(io.BytesIO(content).read, name=name, channel=channel)
    if stream.mixer.undecided:
        stream.weigh()
        mixer, stream = stream.mixer, WavStream(io.BytesIO(content).read, name=name)
        stream.mixer = mixer
    blocks = []
    while len(block := stream.samples()):
        blocks.append(block)
    stream.require_one_sound()
    if not blocks:
        raise DataError(f"{name}: the file contains no audio samples")
    return stream, np.concatenate(blocks)
