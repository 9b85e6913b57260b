"""Processing of synthetic speech between the voice and the file, in numpy.

Samples are float32 [n], full scale 1.0, unless said otherwise.
"""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

_TRIM_DB = -45.0
_FRAME_MS = 5
_MARGIN_MS = 10


def trim(samples: Samples, rate_hz: int) -> Samples:
    """Cut silence (45 dB below the loudest 5 ms) from both ends, leaving 10 ms; may be empty."""
    frame = max(1, rate_hz * _FRAME_MS // 1000)
    count = len(samples) // frame
    power = np.mean(np.square(samples[: count * frame].reshape(count, frame)), axis=1)
    loud = np.flatnonzero(power > max(power.max(initial=0) * 10 ** (_TRIM_DB / 10), 1e-8))
    if len(loud) == 0:
        return samples[:0]
    margin = rate_hz * _MARGIN_MS // 1000
    return samples[max(0, loud[0] * frame - margin) : (loud[-1] + 1) * frame + margin]


def resample(samples: Samples, count: int) -> Samples:
    """Resample [n] to [count] samples over the same duration, band-limited, by FFT.

    Whole samples of a padded transform are kept, which shifts the result by less than half a
    sample.
    """
    pad = max(16, len(samples) // 16)
    ratio = count / len(samples)
    length = len(samples) + 2 * pad
    target = round(length * ratio)
    spectrum = np.fft.rfft(np.pad(samples, pad))
    out = np.fft.irfft(spectrum, target) * np.float32(target / length)
    start = round(pad * ratio)
    return np.asarray(out[start : start + count], dtype=np.float32)


def color(samples: Samples, length: int, rate_hz: int, *, rng: np.random.Generator) -> Samples:
    """Apply a random microphone and a light random room: [n] to [length] with the room's tail.

    The microphone is a tilt of -3..3 dB an octave around 1 kHz, a high pass at 40..250 Hz and, half
    the time, a low pass from 3 kHz up. The room is exponentially decaying noise with -20..-6 dB of
    the direct sound's energy, and absent from 4 clips of 10.
    """
    size = 1 << (length + rate_hz // 4 - 1).bit_length()
    hz = np.fft.rfftfreq(size, 1 / rate_hz).astype(np.float32)
    tilt = rng.uniform(-3.0, 3.0) / 20 * np.log2(np.maximum(hz, 40.0) / 1000.0)
    response = 10.0**tilt / (1.0 + (rng.uniform(40.0, 250.0) / np.maximum(hz, 1.0)) ** 4)
    low_pass_hz = rng.uniform(3000.0, rate_hz)
    if rng.random() < 0.5:
        response = response / (1.0 + (hz / low_pass_hz) ** 8)
    spectrum = np.fft.rfft(samples, size) * response.astype(np.float32)
    if rng.random() < 0.6:
        spectrum = spectrum * (1.0 + np.fft.rfft(_room(rate_hz, rng=rng), size))
    return np.asarray(np.fft.irfft(spectrum, size)[:length], dtype=np.float32)


def _room(rate_hz: int, *, rng: np.random.Generator) -> Samples:
    """Draw a room's late impulse response: -60 dB in 80..350 ms, total energy -20..-6 dB."""
    decay_s = rng.uniform(0.08, 0.35)
    seconds = np.arange(int(rate_hz * min(decay_s, 0.24)), dtype=np.float32) / rate_hz
    tail = rng.standard_normal(len(seconds), dtype=np.float32) * np.exp(-6.9 * seconds / decay_s)
    tail[: int(0.002 * rate_hz)] = 0
    energy = 10 ** (rng.uniform(-20.0, -6.0) / 10)
    return np.asarray(tail * np.sqrt(energy / np.sum(np.square(tail))), dtype=np.float32)


def place(
    speech: Samples, count: int, rate_hz: int, bed: Samples, *, rng: np.random.Generator
) -> Samples:
    """Place speech in a clip [count] at a random position, level and signal-to-noise ratio.

    Args:
        speech: [n], n at most ``count``; silence trimmed.
        count: samples in the result.
        rate_hz: samples per second.
        bed: noise of unit power, longer than the clip; a random piece of it is mixed in at
            5..45 dB below the speech.
        rng: source of all choices.
    """
    start = int(rng.integers(count - len(speech) + 1))
    clip = np.zeros(count, dtype=np.float32)
    clip[start:] = color(speech, count - start, rate_hz, rng=rng)
    power = float(np.sum(np.square(clip, dtype=np.float64))) / len(speech)
    clip *= np.float32(1 / np.sqrt(power + 1e-20))
    first = int(rng.integers(len(bed) - count))
    snr_db = rng.uniform(5.0, 45.0)
    clip += bed[first : first + count] * np.float32(10 ** (-snr_db / 20))
    peak_db = rng.uniform(-24.0, -0.5)
    return clip * np.float32(10 ** (peak_db / 20) / np.max(np.abs(clip)))


def write_wav(path: Path, samples: Samples, rate_hz: int) -> None:
    """Write 16-bit mono; samples beyond full scale are clipped.

    Raises:
        OSError: if the file cannot be written.
    """
    pcm = np.clip(np.round(samples * np.float32(32767)), -32768, 32767).astype("<i2")
    with path.open("wb") as file, wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(pcm.tobytes())
