"""Spoken texts of any length from espeak-ng, one recording each, reproducible from a seed."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from motefit.data.synth.noise import beds
from motefit.data.synth.process import ESPEAK, SpeakerProcess, Speakers, Synthesizer, Utterance
from motefit.data.synth.sound import Samples, color, resample, trim, write_wav
from motefit.data.synth.voices import Voice

_NOISE_SECONDS = 10
_BLOCK = 64
"""Recordings per espeak-ng process, whose output depends on its earlier output."""


def synthesize_texts(
    texts: Sequence[str],
    out: Path,
    *,
    rng: np.random.Generator,
    rate_hz: int,
    cast: Sequence[Voice],
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
        cast: the speakers, of whom some read phonemes.
        progress: called with recordings done and recordings in all, now and then.

    Raises:
        DataError: for a failing process.
        MissingExtraError: if a synthesizer is not installed.
        OSError: if the folder cannot be written.
    """
    readers = tuple(voice for voice in cast if voice.synthesizer is ESPEAK)
    made = beds(readers, seconds=_NOISE_SECONDS, rate_hz=rate_hz, rng=rng)
    noises = list(made.values())
    out.mkdir(parents=True)
    with Speakers() as speakers:
        for first in range(0, len(texts), _BLOCK):
            with SpeakerProcess() as espeak:
                say = partial(speakers.say, espeak=espeak)
                for number, text in enumerate(texts[first : first + _BLOCK], first):
                    able = [voice for voice in cast if voice.reads(text)]
                    voice = able[int(rng.integers(len(able)))]
                    speech = _say(say, text, voice, rate_hz, rng=rng)
                    noise = noises[int(rng.integers(len(noises)))]
                    recording = _in_noise(speech, rate_hz, noise, rng=rng)
                    write_wav(out / f"{voice.name}_nohash_{number}.wav", recording, rate_hz)
            if progress is not None:
                progress(min(first + _BLOCK, len(texts)), len(texts))


def _say(
    say: Callable[[Utterance, Synthesizer], tuple[Samples, int]],
    text: str,
    voice: Voice,
    rate_hz: int,
    *,
    rng: np.random.Generator,
) -> Samples:
    """Speak the text once, trimmed, at ``rate_hz``."""
    utterance = Utterance(
        text=text,
        voice=voice.voice,
        pitch=int(np.clip(voice.pitch + rng.integers(-10, 11), 0, 100)),
        speed=int(np.clip(voice.speed * rng.uniform(0.85, 1.2), 80, 450)),
        range=int(rng.integers(20, 81)),
    )
    said, said_hz = say(utterance, voice.synthesizer)
    speech = trim(said, said_hz)
    count = round(len(speech) * voice.size * rate_hz / said_hz)
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
