"""One audio file -> mono 16-bit samples at the wanted rate; broken files are errors, never read.

With the extra ``train`` libsndfile decodes; without it PCM WAV files are read by the standard
library, to the same samples. Other rates go through the resampler that the device uses.
"""

import io
import struct
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motefit.signal.resample import resample
from motefit.signal.wav import read_wav
from motefit.spec.errors import DataError, MissingExtraError
from motefit.spec.limits import require_rate

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
_SCALE = 32768.0
_BLOCK = 1 << 16
_STREAMED_BYTES = 0x7FFFF000
"""A WAV header written to a pipe states at least this many bytes: the length is unknown."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """A decoded file, and how it was recorded.

    Attributes:
        pcm: int16 (samples,), mono, at the rate asked for.
        rate_hz: of the file.
        channels: of the file.
        encoding: container and encoding by libsndfile's names, e.g. ``"WAV PCM_16"``.
    """

    pcm: npt.NDArray[np.int16]
    rate_hz: int
    channels: int
    encoding: str


def file_bytes(path: Path) -> bytes:
    """Read all bytes of a file.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_clip(path: Path, *, rate_hz: int) -> npt.NDArray[np.int16]:
    """Decode one WAV, FLAC or OGG file as :func:`decode_clip`, but return only the samples."""
    return decode_clip(path, rate_hz=rate_hz).pcm


def decode_clip(path: Path, *, rate_hz: int) -> Decoded:
    """Decode one WAV, FLAC or OGG file.

    Channels are averaged; another rate is resampled by :func:`motefit.signal.resample.resample`.
    16-bit mono files at ``rate_hz`` come back bit for bit.

    Args:
        path: the file; names it in errors.
        rate_hz: rate of the result.

    Returns:
        at least one sample, and how the clip was recorded.

    Raises:
        DataError: for an empty, truncated or undecodable file, one without samples, or NaN samples.
        MissingExtraError: for FLAC and OGG, if soundfile is not installed.
    """
    content = file_bytes(path)
    if not content:
        raise DataError(f"{path}: the file is empty (0 bytes); replace or remove it")
    _check_complete(path, content)
    samples, file_rate_hz, encoding = _decode(path, content)
    require_rate(file_rate_hz, what=f"{path}: the sampling rate")
    if not len(samples):
        raise DataError(f"{path}: the file contains no audio samples; replace or remove it")
    if not np.isfinite(samples).all():
        raise DataError(f"{path}: the file contains NaN or infinite samples; replace or remove it")
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    if file_rate_hz != rate_hz:
        mono = resample(mono, file_rate_hz, rate_hz)
    scaled = np.clip(np.rint(mono * np.float32(_SCALE)), -_SCALE, _SCALE - 1)
    return Decoded(
        pcm=np.asarray(scaled, np.int16),
        rate_hz=file_rate_hz,
        channels=_wav_channels(content) or samples.shape[1],
        encoding=encoding,
    )


def fit_length(clip: npt.NDArray[np.int16], samples: int) -> npt.NDArray[np.int16]:
    """Crop or zero-pad a clip at the end, to ``samples`` samples."""
    fitted = np.zeros(samples, np.int16)
    fitted[: len(clip)] = clip[:samples]
    return fitted


def _decode(path: Path, content: bytes) -> tuple[npt.NDArray[np.float32], int, str]:
    """Decode to float32 samples (n, channels), the file's rate, container and encoding.

    Always float: libsndfile reads a float file as int16 without scaling, that is, as silence;
    16-bit values survive the conversion to float32 exactly. In blocks: a header may promise more
    samples than fit in memory.
    """
    soundfile = _import_soundfile()
    if soundfile is None:
        return _decode_wav(path, content)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            promised = int(file.frames)
            rate_hz, blocks = int(file.samplerate), []
            encoding = f"{file.format.replace('WAVEX', 'WAV')} {file.subtype}"
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                blocks.append(block)
            samples = np.concatenate(blocks) if blocks else np.empty((0, 1), np.float32)
    except soundfile.SoundFileRuntimeError as error:
        start = content[:12]
        raise DataError(
            f"{path}: not a readable {path.suffix[1:].upper()} file (starts with {start!r}: "
            f"{str(error).rstrip('.')}); replace or remove it"
        ) from None
    if len(samples) < promised < _STREAMED_BYTES:
        raise DataError(
            f"{path}: the file is truncated: its header promises {promised} samples, "
            f"{len(samples)} could be read; replace or remove it"
        )
    return samples, rate_hz, encoding


def _decode_wav(path: Path, content: bytes) -> tuple[npt.NDArray[np.float32], int, str]:
    """Decode as :func:`_decode`, with the standard library."""
    if content[:4] != b"RIFF":
        raise MissingExtraError(
            "soundfile", "audio", f"reading {path.name}, which is not a WAV file,"
        )
    samples, rate_hz = read_wav(path)
    if samples.dtype == np.int16:
        samples = samples * np.float32(1 / _SCALE)
    with wave.open(io.BytesIO(content)) as file:
        encoding = f"WAV PCM_{'U8' if file.getsampwidth() == 1 else 8 * file.getsampwidth()}"
    return np.asarray(samples, np.float32)[:, np.newaxis], rate_hz, encoding


def _wav_channels(content: bytes) -> int:
    """Read the number of channels from a WAV file's header; 0 for other files."""
    at = content.find(b"fmt ", 12) if content[:4] == b"RIFF" else -1
    return int(struct.unpack_from("<H", content, at + 10)[0]) if 0 < at < len(content) - 12 else 0


def _import_soundfile() -> Any:  # noqa: ANN401 - a module without types, None where it is absent
    try:
        import soundfile  # noqa: PLC0415 - an extra: imported where it is needed
    except ImportError:
        return None
    return soundfile


def _check_complete(path: Path, content: bytes) -> None:
    """Reject a truncated WAV or OGG file: libsndfile would silently read the rest."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        problem = _wav_problem(content)
    elif content[:4] == b"OggS":
        problem = _ogg_problem(content)
    else:
        return
    if problem:
        raise DataError(f"{path}: the file is truncated: {problem}; replace or remove it")


def _wav_problem(content: bytes) -> str:
    position = 12
    while position + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, position)
        position += 8
        if name == b"data":
            held = len(content) - position
            cut = held < length < _STREAMED_BYTES
            return f"its header promises {length} bytes of audio, it has {held}" if cut else ""
        position += length + length % 2
    return "it ends before its audio data"


def _ogg_problem(content: bytes) -> str:
    """Walk the pages (RFC 3533): the last one must be complete and marked as the last."""
    position, last = 0, False
    while content[position : position + 4] == b"OggS" and position + 27 <= len(content):
        last = bool(content[position + 5] & 4)
        segments = content[position + 27 : position + 27 + content[position + 26]]
        position += 27 + content[position + 26] + sum(segments)
    whole = last and position <= len(content)
    return "" if whole else "it ends before its last page"
