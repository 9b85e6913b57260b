"""Background noises: white, pink, mains hum and babble, each of unit power."""

from collections.abc import Callable

import numpy as np

from motefit.data.synth.process import SpeakerProcess, Utterance
from motefit.data.synth.sound import Samples, resample
from motefit.data.synth.voices import Voice

_SENTENCES = (
    "the weather will be dry with sunny intervals",
    "could you pass me that book over there",
    "we are meeting at a quarter past eleven",
    "most people in the room were talking",
    "nobody knows where the old key was hidden",
    "the train from the coast is running late",
)
_TALKERS = 8


def beds(
    cast: tuple[Voice, ...], *, seconds: int, rate_hz: int, rng: np.random.Generator
) -> dict[str, Samples]:
    """Make seeded noises by name, each float32 [seconds * rate_hz] of mean power 1.

    Args:
        cast: speakers of the babble.
        seconds: length of each.
        rate_hz: samples a second.
        rng: source of all choices.

    Raises:
        DataError: if espeak-ng fails.
    """
    count = seconds * rate_hz
    made = {
        "white": rng.standard_normal(count, dtype=np.float32),
        "pink": _shaped(count, rate_hz, lambda hz: hz**-0.5, rng=rng),
        "brown": _shaped(count, rate_hz, lambda hz: hz**-1.0, rng=rng),
        "hum_50_hz": _hum(count, rate_hz, 50.0, rng=rng),
        "hum_60_hz": _hum(count, rate_hz, 60.0, rng=rng),
        "babble": _babble(cast, count, rate_hz, rng=rng),
    }
    return {name: _unit_power(samples) for name, samples in made.items()}


def _unit_power(samples: Samples) -> Samples:
    power = np.mean(np.square(samples, dtype=np.float64))
    return np.asarray(samples / np.sqrt(power), dtype=np.float32)


def _shaped(
    count: int,
    rate_hz: int,
    amplitude: Callable[[Samples], Samples],
    *,
    rng: np.random.Generator,
) -> Samples:
    """Draw Gaussian noise with a given amplitude over frequency; nothing below 20 Hz."""
    hz = np.fft.rfftfreq(count, 1 / rate_hz).astype(np.float32)
    spectrum = np.fft.rfft(rng.standard_normal(count, dtype=np.float32))
    spectrum *= np.where(hz < 20, np.float32(0), amplitude(np.maximum(hz, 20)))
    return np.asarray(np.fft.irfft(spectrum, count), dtype=np.float32)


def _hum(count: int, rate_hz: int, mains_hz: float, *, rng: np.random.Generator) -> Samples:
    """Draw mains harmonics up to 1 kHz that vary slowly in level, over a little pink noise."""
    seconds = np.arange(count) / rate_hz
    hum = np.zeros(count)
    for harmonic in range(1, int(1000 / mains_hz) + 1):
        level = 1 + 0.3 * np.sin(2 * np.pi * (rng.uniform(0.1, 0.7) * seconds + rng.random()))
        phase = mains_hz * harmonic * seconds + rng.random()
        hum += rng.uniform(0.2, 1.0) / harmonic * level * np.sin(2 * np.pi * phase)
    pink = _unit_power(_shaped(count, rate_hz, lambda hz: hz**-0.5, rng=rng))
    return np.asarray(_unit_power(hum.astype(np.float32)) + 0.1 * pink, dtype=np.float32)


def _babble(
    cast: tuple[Voice, ...], count: int, rate_hz: int, *, rng: np.random.Generator
) -> Samples:
    """Mix several talkers, each saying sentences without a pause, wrapped around the end."""
    out = np.zeros(count, dtype=np.float32)
    with SpeakerProcess() as speaker:
        for voice_index in rng.permutation(len(cast))[:_TALKERS]:
            voice = cast[voice_index]
            position, end = int(rng.integers(count)), count
            while end > 0:
                text = _SENTENCES[int(rng.integers(len(_SENTENCES)))]
                said = speaker.say(
                    Utterance(text=text, voice=voice.voice, pitch=voice.pitch, speed=voice.speed)
                )
                said = resample(said, round(len(said) * voice.size * rate_hz / speaker.rate_hz))
                said = said[:end]
                places = (position + np.arange(len(said))) % count
                out[places] += said * np.float32(10 ** (rng.uniform(-9, 0) / 20))
                position += len(said)
                end -= len(said)
    return out
