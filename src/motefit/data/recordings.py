"""Recording facts of each clip: native rate, channels, encoding, level, bandwidth.

Collected once, when a file is decoded. If words differ in any of these, a model may distinguish the
recordings instead of the words.
"""

import math
from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from motefit.data.cropping import misses_loudest
from motefit.data.decode import Decoded

SILENT_PEAK = 32
"""A clip whose largest absolute sample is below this (-60 dB of full scale) is silent."""
CLIPPED_SAMPLES = 10
"""A clip with at least this many samples at full scale is clipped."""
LOWEST_DBFS = -100.0
"""The level of a clip without any sound."""
BANDS = 80
"""Number of equal-width bands of the spectrum."""
BAND_FLOOR_DB = 60.0
"""A band this far below the strongest one counts as empty: half the clips of each word of Mini
Speech Commands have a non-empty band at 7,400 Hz or above, and no clip resampled from 8 kHz has one
above 4,000."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Recording facts of one clip.

    Attributes:
        encoding: container and encoding, e.g. ``"WAV PCM_16"``.
        rate_hz: of the file.
        channels: of the file.
        level_dbfs: root mean square in dB of full scale, at least :data:`LOWEST_DBFS`.
        bandwidth_hz: upper edge of the highest band within :data:`BAND_FLOOR_DB` of the strongest.
        silent: no sample above -60 dB of full scale.
        clipped: at least ten samples at full scale.
        missed: most of the sound is in a part of the recording that is cropped away.
        one_channel: it is one of two channels, the other one of which is silent.
    """

    encoding: str
    rate_hz: int
    channels: int
    level_dbfs: float
    bandwidth_hz: float
    silent: bool
    clipped: bool
    missed: bool = False
    one_channel: bool = False

    def row(self) -> list[object]:
        """Return the values in the order of the fields, as JSON."""
        return list(astuple(self))


def describe(decoded: Decoded, *, rate_hz: int, samples: int, start: int = 0) -> Recording:
    """Measure one clip.

    Args:
        decoded: the file.
        rate_hz: of ``decoded.pcm``.
        samples: of the clip that is used; anything else is ignored.
        start: first sample of that clip.
    """
    pcm = decoded.pcm[start : start + samples]
    peak = max(int(pcm.max()), -int(pcm.min()))
    full = int(((pcm == 32767) | (pcm == -32768)).sum())
    wave = pcm.astype(np.float64)
    return Recording(
        encoding=decoded.encoding,
        rate_hz=decoded.rate_hz,
        channels=decoded.channels,
        level_dbfs=round(_decibels(float(np.mean(wave**2)) / 32768**2), 2),
        bandwidth_hz=_bandwidth_hz(wave, rate_hz),
        silent=int(pcm.max()) < SILENT_PEAK and int(pcm.min()) > -SILENT_PEAK,
        clipped=peak > 0 and full >= CLIPPED_SAMPLES,
        missed=misses_loudest(decoded.pcm, samples, start),
        one_channel=decoded.silent_channel > 0,
    )


def from_row(row: list[object]) -> Recording:
    """Invert :meth:`Recording.row`."""
    names = Recording.__dataclass_fields__
    return Recording(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]


def _decibels(power: float) -> float:
    return max(10 * math.log10(power), LOWEST_DBFS) if power > 0 else LOWEST_DBFS


def _bandwidth_hz(wave: npt.NDArray[np.float64], rate_hz: int) -> float:
    spectrum = np.fft.rfft(wave * _window(len(wave)))
    power = spectrum.real**2 + spectrum.imag**2
    power[: max(1, len(power) // BANDS)] = 0  # rumble and offset do not count as sound
    edges = np.linspace(0, len(power), BANDS + 1).astype(int)
    bands = np.add.reduceat(power, edges[:-1])
    bands[edges[:-1] == edges[1:]] = 0  # a very short clip has fewer bins than bands
    held = np.flatnonzero(bands > bands.max() * 10 ** (-BAND_FLOOR_DB / 10))
    return float((held[-1] + 1) * rate_hz / 2 / BANDS) if len(held) else 0.0


@lru_cache(maxsize=8)
def _window(samples: int) -> npt.NDArray[np.float64]:
    window = np.hanning(samples)
    window.flags.writeable = False
    return window
