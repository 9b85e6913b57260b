"""Sound without speech, in numpy: noise, hum, clicks, tones and digital zero."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from motefit.data.synth.sound import Samples, write_wav

SECONDS = 3
"""Length of a recording."""
_LEVELS_DB = (-66.0, -6.0)
"""Lowest and highest peak of a recording, relative to full scale."""


def synthesize_quiet(out: Path, *, recordings: int, rng: np.random.Generator, rate_hz: int) -> None:
    """Write recordings of each kind in turn, ``out/<kind>-<n>.wav``, 16 bit, mono, 3 s.

    Args:
        out: a new folder.
        recordings: how many.
        rng: the only source of randomness.
        rate_hz: of the files.

    Raises:
        OSError: if the folder cannot be written.
    """
    out.mkdir(parents=True)
    names = list(KINDS)
    for number in range(recordings):
        name = names[number % len(names)]
        sound = KINDS[name](SECONDS * rate_hz, rate_hz, rng)
        peak = float(np.max(np.abs(sound)))
        if peak > 0:
            sound = sound * np.float32(10 ** (rng.uniform(*_LEVELS_DB) / 20) / peak)
        write_wav(out / f"{name}-{number}.wav", sound, rate_hz)


def _zero(count: int, _rate_hz: int, _rng: np.random.Generator) -> Samples:
    return np.zeros(count, np.float32)


def _noise(count: int, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Draw noise that falls by 0 to 8 dB an octave, with slow changes of level."""
    hz = np.maximum(np.fft.rfftfreq(count, 1 / rate_hz), 20.0)
    spectrum = np.fft.rfft(rng.standard_normal(count)) * hz ** -rng.uniform(0.0, 1.3)
    level = np.interp(np.arange(count), np.linspace(0, count, 7), rng.uniform(0.2, 1.0, 7))
    return np.asarray(np.fft.irfft(spectrum, count) * level, np.float32)


def _hum(count: int, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Add the harmonics of a motor or of mains, 40 to 130 Hz, over a little noise."""
    phase = 2 * np.pi * rng.uniform(40, 130) * np.arange(count) / rate_hz
    hum = sum(
        rng.uniform(0.1, 1.0) / n * np.sin(n * phase + rng.uniform(0, 6.3)) for n in range(1, 12)
    )
    return np.asarray(hum + 0.05 * rng.standard_normal(count), np.float32)


def _clicks(count: int, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Strike one to eight times: each strike is noise or a tone that decays in 2 to 80 ms."""
    out = 1e-3 * rng.standard_normal(count)
    for start in rng.integers(0, count - rate_hz // 10, int(rng.integers(1, 9))):
        seconds = np.arange(rate_hz // 10) / rate_hz
        ringing = np.sin(2 * np.pi * rng.uniform(200, 5000) * seconds)
        body = ringing if rng.integers(2) else rng.standard_normal(len(seconds))
        strike = rng.uniform(0.3, 1.0) * body * np.exp(-seconds / rng.uniform(0.002, 0.08))
        out[start : start + len(strike)] += strike
    return np.asarray(out, np.float32)


def _tones(count: int, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Play two to six notes one after the other: beeps, slides and chords."""
    ends = np.sort(rng.integers(0, count, int(rng.integers(1, 6))))
    out = 1e-3 * rng.standard_normal(count)
    for start, stop in zip([0, *ends], [*ends, count], strict=True):
        size = int(stop - start)
        if size < rate_hz // 50:
            continue
        seconds = np.arange(size) / rate_hz
        slide = 1 + rng.uniform(-0.5, 0.5) * (rng.random() < 0.3) * seconds / seconds[-1] / 2
        base = 2 * np.pi * rng.uniform(100, 2500) * seconds * slide
        ratios = [1.0, 1.5, 2.0] if rng.random() < 0.3 else [1.0]
        fade = np.minimum(1, np.minimum(seconds, seconds[::-1]) / 0.01)
        out[start:stop] += fade * sum(np.sin(base * ratio) for ratio in ratios)
    return np.asarray(out, np.float32)


KINDS: dict[str, Callable[[int, int, np.random.Generator], Samples]] = {
    "noise": _noise,
    "hum": _hum,
    "clicks": _clicks,
    "tones": _tones,
    "zero": _zero,
}
"""Kinds of sound, from (samples, rate, rng) to float32 (samples,)."""
