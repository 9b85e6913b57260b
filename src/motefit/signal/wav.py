"""WAV files with only the standard library, for a device that has nothing else."""

import wave
from pathlib import Path

import numpy as np

from motefit.spec.errors import DataError
from motefit.spec.limits import require_rate

COMPRESSED = {b"fLaC": "FLAC", b"OggS": "OGG"}
"""Common compressed formats, by the first bytes of a file."""


def read_wav(path: str | Path) -> tuple[np.ndarray, int]:
    """Read a PCM WAV file as one channel.

    Args:
        path: a WAV file of 8, 16, 24 or 32 bit integers, any rate and number of channels.

    Returns:
        The samples (n,) and the rate in Hz. A 16-bit mono file gives its int16 samples unchanged;
        any other file gives float32 with full scale 1.0, channels averaged.

    Raises:
        DataError: if the file is absent, not a PCM WAV file, truncated, empty, or has a rate
            that no sound is recorded at.
    """
    path = Path(path)
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, frames = file.getsampwidth(), file.getnchannels(), file.getnframes()
            rate_hz, data = file.getframerate(), file.readframes(frames)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except (wave.Error, EOFError) as error:
        raise DataError(_not_wav(path, str(error) or "the file ends early")) from None
    if len(data) != frames * width * channels:
        raise DataError(
            f"{path} is truncated: its header promises {frames} samples, "
            f"{len(data) // (width * channels)} are present; record or copy it again"
        )
    if not frames:
        raise DataError(f"{path} contains no samples")
    require_rate(rate_hz, what=f"{path}: the sampling rate")
    samples = _samples(data, width).reshape(frames, channels)
    if samples.dtype == np.int16 and channels == 1:
        return samples[:, 0], rate_hz
    scale = 1 / (1 << 8 * samples.dtype.itemsize - 1)
    return (samples.mean(axis=1) * scale).astype(np.float32), rate_hz


def _samples(data: bytes, width: int) -> np.ndarray:
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.int16) - 128).astype(np.int8)
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return padded.view("<i4")[:, 0]
    return np.frombuffer(data, f"<i{width}")


def _not_wav(path: Path, reason: str) -> str:
    with path.open("rb") as file:
        mark = file.read(4)
    if mark in COMPRESSED:
        return (
            f"{path} is {COMPRESSED[mark]}; the device runtime reads PCM WAV "
            "only: convert it, or install the extra: pip install 'motefit[audio]'"
        )
    return f"{path} is not a PCM WAV file: {reason}"
