"""Place of the clip in a longer recording: at its start, in its middle, or around its word."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Crop = Literal["start", "center", "loudest"]
_STEPS = 100
"""Places that are compared, per length of a clip."""
MISSED = 0.5
"""A clip with less than this share of the energy of the loudest clip of its recording misses it."""


def crop_start(pcm: npt.NDArray[np.int16], samples: int, crop: Crop) -> int:
    """Return the first sample of the clip.

    ``"loudest"`` finds the stretch with the most energy, and centers the clip on where in it the
    energy is.

    Args:
        pcm: (n,) of the whole recording.
        samples: length of the clip.
        crop: where it is taken.

    >>> word = np.concatenate([np.zeros(50), [9, -9, 9, -9], np.zeros(46)]).astype(np.int16)
    >>> [crop_start(word, 20, crop) for crop in ("start", "center", "loudest")]
    [0, 40, 42]
    """
    spare = len(pcm) - samples
    if spare <= 0 or crop == "start":
        return 0
    if crop == "center":
        return spare // 2
    step = max(samples // _STEPS, 1)
    power = _power(pcm, step)
    window = min(max(samples // step, 1), len(power))
    total = np.concatenate([[0.0], np.cumsum(power)])
    first = int((total[window:] - total[:-window]).argmax())
    held = power[first : first + window]
    middle = first + float(held @ (np.arange(window) + 0.5)) / max(float(held.sum()), 1e-9)
    return int(np.clip(round(middle * step - samples / 2), 0, spare))


def misses_loudest(pcm: npt.NDArray[np.int16], samples: int, start: int) -> bool:
    """Return whether most of the sound of a recording is outside the clip that is used.

    Args:
        pcm: (n,) of the whole recording.
        samples: length of the clip.
        start: its first sample.
    """
    if len(pcm) <= samples:
        return False
    loudest = crop_start(pcm, samples, "loudest")
    used, most = (_energy(pcm[first : first + samples]) for first in (start, loudest))
    return used < MISSED * most


def _power(pcm: npt.NDArray[np.int16], step: int) -> npt.NDArray[np.float64]:
    """Return the energy of each step, without offset; the last may be short."""
    edges = np.arange(0, len(pcm), step)
    wave = pcm.astype(np.float64)
    return np.asarray(np.add.reduceat(np.square(wave - wave.mean()), edges))


def _energy(pcm: npt.NDArray[np.int16]) -> float:
    wave = pcm.astype(np.float64)
    return float(np.square(wave - wave.mean()).sum())
