"""One audio file -> mono 16-bit samples at the wanted rate; broken files are errors, never read.

WAV files are read by :mod:`motefit.signal.wav` alone, on every machine to the same samples. Other
formats need the extra ``audio``: libsndfile decodes them. Other rates go through the resampler that
the device uses.
"""

import hashlib
import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motefit.data.decoder_messages import caught_messages
from motefit.signal.mixing import Channel, Mixer
from motefit.signal.other_sound import START_BYTES, convert_command, other_format
from motefit.signal.resample import resample
from motefit.signal.sample_formats import FULL_SCALE, scaled_floats
from motefit.signal.wav import parse_wav, without_tag
from motefit.signal.wav_header import OtherEncodingError, starts_wav
from motefit.spec.errors import DataError, MissingExtraError
from motefit.spec.lfs_pointer import is_pointer, pointer_message
from motefit.spec.limits import require_rate

AUDIO_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".aif", ".aifc", ".aiff", ".au", ".caf", ".mp3", ".nist", ".oga",
    ".opus", ".rf64", ".snd", ".sph", ".voc", ".w64", ".wave",
)  # fmt: skip
_WRONG = {"ALAC_32"}
"""Encodings whose samples libsndfile 1.2 changes, even of its own files."""
_SLACK_BYTES = 8
"""Bytes by which programs state the length of a file wrongly, with its header or a padding byte."""
_OBJECT = re.compile(r"Error opening <[^>]*>: ")
_BLOCK = 1 << 16
_UNKNOWN_FRAMES = 0x7FFFF000
"""Lengths from here on mean that the header does not know the length."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """A decoded file, and how it was recorded.

    Attributes:
        pcm: int16 (samples,), mono, at the rate asked for.
        rate_hz: of the file.
        channels: of the file.
        encoding: container and encoding by libsndfile's names, e.g. ``"WAV PCM_16"``.
        silent_channel: channel of two, from 1, that was left out because it is silent; 0: none.
    """

    pcm: npt.NDArray[np.int16]
    rate_hz: int
    channels: int
    encoding: str
    silent_channel: int = 0


def file_bytes(path: Path) -> bytes:
    """Read all bytes of a file.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such file; give an audio file, or a folder of them"
        ) from None
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        reason = getattr(error, "strerror", error)
        raise DataError(f"{path}: cannot be read ({reason})") from None


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes.

    Raises:
        DataError: if it cannot be read.
    """
    return hashlib.sha256(file_bytes(path)).hexdigest()


def pcm_digest(pcm: npt.NDArray[np.int16]) -> str:
    """Return the SHA-256 (hex) of samples, the same on every machine."""
    return hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest()


def read_clip(path: Path, *, rate_hz: int, channel: Channel = "auto") -> npt.NDArray[np.int16]:
    """Decode one audio file as :func:`decode_clip`, but return only the samples."""
    return decode_clip(path, rate_hz=rate_hz, channel=channel).pcm


def decode_clip(path: Path, *, rate_hz: int, channel: Channel = "auto") -> Decoded:
    """Decode one audio file, whatever its extension says.

    Another rate is resampled by :func:`motefit.signal.resample.resample`. 16-bit mono files at
    ``rate_hz`` come back bit for bit.

    Args:
        path: the file; names it in errors.
        rate_hz: rate of the result.
        channel: which channel to take; see :data:`motefit.signal.mixing.Channel`.

    Returns:
        at least one sample, and how the clip was recorded.

    Raises:
        DataError: for an empty, truncated or undecodable file, one without samples, NaN samples, or
            channels that cannot be averaged.
        MissingExtraError: for other formats than WAV, if soundfile is not installed.
    """
    content = file_bytes(path)
    if not content:
        raise DataError(f"{path}: the file is empty (0 bytes); replace or remove it")
    try:
        decoded = _decode(path, content, channel)
    except MissingExtraError:
        raise
    except DataError as error:
        remedy = "" if ";" in str(error) or "--channel" in str(error) else "; replace or remove it"
        raise DataError(f"{error}{remedy}") from None
    if decoded.rate_hz == rate_hz:
        return decoded
    resampled = resample(decoded.pcm, decoded.rate_hz, rate_hz)
    scaled = np.clip(np.rint(resampled * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1)
    return replace(decoded, pcm=np.asarray(scaled, np.int16))


def fit_length(clip: npt.NDArray[np.int16], samples: int) -> npt.NDArray[np.int16]:
    """Crop or zero-pad a clip at the end, to ``samples`` samples."""
    fitted = np.zeros(samples, np.int16)
    fitted[: len(clip)] = clip[:samples]
    return fitted


def _decode(path: Path, content: bytes, channel: Channel) -> Decoded:
    """Decode at the file's own rate."""
    content = without_tag(content)
    if starts_wav(content[:40]):
        try:
            stream, pcm = parse_wav(content, name=str(path), channel=channel)
        except OtherEncodingError:
            if _import_soundfile() is None:
                raise
        else:
            return Decoded(
                pcm=pcm,
                rate_hz=stream.rate_hz,
                channels=stream.header.channels,
                encoding=stream.encoding,
                silent_channel=stream.mixer.silent,
            )
    else:
        _refuse(path, content)
    other = other_format(content[:START_BYTES])
    if other is None or other.name != "MP3":
        return _decode_by_library(path, content, channel)
    with caught_messages():
        return _decode_by_library(path, content, channel)


def _refuse(path: Path, content: bytes) -> None:
    """Reject what libsndfile cannot read, or reads only in part without saying so."""
    if is_pointer(content):
        raise DataError(pointer_message(path))
    other = other_format(content[:START_BYTES], path.suffix)
    if other is None or other.use == "none":
        kind = path.suffix[1:].upper() or "sound"
        what = f", {other.name}" if other else ""
        raise DataError(
            f"{path}: not a readable {kind} file (starts with {content[:12]!r}{what}); replace or "
            "remove it"
        )
    if other.use in {"convert", "rare"}:
        raise DataError(f"{path}: this is {other.name}; {other.advice(str(path))}")
    if _import_soundfile() is None:
        raise MissingExtraError("soundfile", "audio", f"reading {path.name}, {other.name},")


def _decode_by_library(path: Path, content: bytes, channel: Channel) -> Decoded:
    """Decode with libsndfile.

    Always to float: libsndfile reads a float file as int16 without scaling, that is, as silence;
    16-bit values survive the conversion to float32 exactly. In blocks: a header may promise more
    samples than fit in memory.
    """
    if problem := _cut_short(content):
        raise DataError(f"{path}: the file is truncated: {problem}; replace or remove it")
    soundfile = _import_soundfile()
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            promised, channels = int(file.frames), int(file.channels)
            rate_hz = require_rate(int(file.samplerate), what=f"{path}: the sampling rate")
            encoding = f"{file.format.replace('WAVEX', 'WAV')} {file.subtype}"
            if file.subtype in _WRONG:
                raise DataError(
                    f"{path}: libsndfile does not decode {file.subtype} as it should; convert it: "
                    f"{convert_command(str(path))}"
                )
            mixer = Mixer(channels, channel, rate_hz=rate_hz, name=str(path))
            if mixer.undecided:
                for samples in _blocks(path, file):
                    mixer.weigh(samples)
                mixer.finish()
                file.seek(0)
            blocks = [mixer.mix(samples) for samples in _blocks(path, file)]
    except soundfile.SoundFileRuntimeError as error:
        if other_format(content[:START_BYTES]) and "unimplemented" in str(error):
            raise DataError(
                f"{path}: its encoding is not read; convert it: {convert_command(str(path))}"
            ) from None
        raise DataError(
            f"{path}: not a readable {path.suffix[1:].upper()} file (starts with {content[:12]!r}: "
            f"{_OBJECT.sub('', str(error)).rstrip('.')}); replace or remove it"
        ) from None
    decoded = sum(map(len, blocks))
    if decoded < promised < _UNKNOWN_FRAMES:
        raise DataError(
            f"{path}: the file is truncated: its header promises {promised} samples, "
            f"{decoded} could be read; replace or remove it"
        )
    if not decoded:
        raise DataError(f"{path}: the file contains no audio samples; replace or remove it")
    return Decoded(
        pcm=np.concatenate(blocks), rate_hz=rate_hz, channels=channels, encoding=encoding,
        silent_channel=mixer.silent,
    )  # fmt: skip


def _blocks(path: Path, file: Any) -> Iterator[npt.NDArray[np.floating]]:  # noqa: ANN401 - untyped
    """Yield the samples of an open file of libsndfile, interleaved, in order.

    Yields:
        at least one frame each.
    """
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        try:
            samples = scaled_floats(block.reshape(-1))
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        yield samples


def _import_soundfile() -> Any:  # noqa: ANN401 - a module without types, None where it is absent
    try:
        import soundfile  # noqa: PLC0415 - an extra: imported where it is needed
    except ImportError:
        return None
    return soundfile


def _cut_short(content: bytes) -> str:
    """Say that a file is shorter than its header says; libsndfile reads what is left of some."""
    magic, size = content[:4], 0
    if magic == b"OggS":
        return _ogg_problem(content)
    if magic == b"fLaC" and _flac_header_bytes(content) >= len(content):
        return "it ends within its header"
    if magic == b"caff":
        size = _caf_bytes(content)
    elif len(content) >= 12:
        first, second = struct.unpack_from("<II" if magic == b"RIFF" else ">II", content, 4)
        if magic in {b"FORM", b"RIFF", b"RIFX"} and first < _UNKNOWN_FRAMES:
            size = first + 8
        elif magic == b".snd" and second < _UNKNOWN_FRAMES:
            size = first + second
    if size <= len(content) + _SLACK_BYTES:
        return ""
    return f"its header promises {size} bytes, it has {len(content)}"


def _flac_header_bytes(content: bytes) -> int:
    """Return the length of a FLAC file's blocks of metadata, which its sound follows."""
    at: int = 4
    last = False
    while not last and at + 4 <= len(content):
        last = bool(content[at] & 0x80)
        at += 4 + int.from_bytes(content[at + 1 : at + 4], "big")
    return at


def _caf_bytes(content: bytes) -> int:
    """Return the length that a CAF file's chunks add up to, at least up to its sound."""
    at: int = 8
    while at + 12 <= len(content):
        name, size = struct.unpack_from(">4sq", content, at)
        if size < 0:  # up to the end of the file
            return len(content)
        at += 12 + size
        if name == b"data":
            return at
    return at


def _ogg_problem(content: bytes) -> str:
    """Walk the pages (RFC 3533): the last one must be complete.

    Some encoders do not mark it as the last; then the file must end with it.
    """
    position, last = 0, False
    while content[position : position + 4] == b"OggS" and position + 27 <= len(content):
        last = bool(content[position + 5] & 4)
        segments = content[position + 27 : position + 27 + content[position + 26]]
        position += 27 + content[position + 26] + sum(segments)
    whole = position <= len(content) if last else position == len(content)
    return "" if whole else "it ends before its last page"
