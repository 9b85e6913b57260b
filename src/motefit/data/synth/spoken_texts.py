"""Spoken texts of any length from espeak-ng, one recording each, reproducible from a seed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from motefit.data.synth.noise import beds
from motefit.data.synth.process import SpeakerProcess, Utterance
from motefit.data.synth.sound import Samples, color, resample, trim, write_wav
from motefit.data.synth.voices import ENGLISH_ACCENTS, Voice, cast

_NOISE_SECONDS = 10
_BLOCK = 64
"""Recordings per espeak-ng process, whose output depends on its earlier output."""


def synthesize_texts(
    texts: Sequence[str],
    out: Path,
    *,
    rng: np.random.Generator,
    rate_hz: int,
    accents: Sequence[str] = ENGLISH_ACCENTS,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write one recording per text, ``out/<speaker>_nohash_<n>.wav``, 16 bit, mono.

    Voices, microphones, rooms, noise and levels are those of
    :func:`~motefit.data.synth.spoken_words.synthesize_speech`.

    Args:
        texts: to say, in order.
        out: a new folder.
        rng: the only source of randomness.
        rate_hz: 8000..48000.
        accents: espeak-ng language codes of the speakers.
        progress: called with recordings done and recordings in all, now and then.

    Raises:
        DataError: for an unknown accent or a failing espeak-ng process.
        MissingExtraError: without ``espeakng_loader``.
        OSError: if the folder cannot be written.
    """
    speakers = cast(accents)
    noises = list(beds(speakers, seconds=_NOISE_SECONDS, rate_hz=rate_hz, rng=rng).values())
    out.mkdir(parents=True)
    for first in range(0, len(texts), _BLOCK):
        with SpeakerProcess() as process:
            for number, text in enumerate(texts[first : first + _BLOCK], first):
                voice = speakers[int(rng.integers(len(speakers)))]
                speech = _say(process, text, voice, rate_hz, rng=rng)
                noise = noises[int(rng.integers(len(noises)))]
                recording = _in_noise(speech, rate_hz, noise, rng=rng)
                write_wav(out / f"{voice.name}_nohash_{number}.wav", recording, rate_hz)
        if progress is not None:
            progress(min(first + _BLOCK, len(texts)), len(texts))


def _say(
    process: SpeakerProcess, text: str, voice: Voice, rate_hz: int, *, rng: np.random.Generator
) -> Samples:
    """Speak the text once, trimmed, at ``rate_hz``."""
    utterance = Utterance(
        text=text,
        voice=voice.espeak,
        pitch=int(np.clip(voice.pitch + rng.integers(-10, 11), 0, 100)),
        speed=int(np.clip(voice.speed * rng.uniform(0.85, 1.2), 80, 450)),
        range=int(rng.integers(20, 81)),
    )
    speech = trim(process.say(utterance), process.rate_hz)
    count = round(len(speech) * voice.size * rate_hz / process.rate_hz)
    return resample(speech, count) if count else np.zeros(1, np.float32)


def _in_noise(speech: Samples, rate_hz: int, bed: Samples, *, rng: np.random.Generator) -> Samples:
    """Put speech between two short pauses, with a random microphone, room, noise and level."""
    before, after = (int(rng.uniform(0.1, 0.5) * rate_hz) for _ in range(2))
    clip = np.zeros(before + len(speech) + after, np.float32)
    clip[before:] = color(speech, len(clip) - before, rate_hz, rng=rng)
    power = float(np.sum(np.square(clip, dtype=np.float64))) / len(speech)
    clip *= np.float32(1 / np.sqrt(power + 1e-20))
    noise = np.resize(np.roll(bed, -int(rng.integers(len(bed)))), len(clip))
    clip += noise * np.float32(10 ** (-rng.uniform(5.0, 45.0) / 20))
    peak_db = rng.uniform(-24.0, -0.5)
    return clip * np.float32(10 ** (peak_db / 20) / np.max(np.abs(clip)))
