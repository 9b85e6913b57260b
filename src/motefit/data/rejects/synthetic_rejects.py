"""Synthetic recordings to reject, and synthetic clips of the words, in the cache by request."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from motefit.data.rejects.reject_texts import reject_texts
from motefit.data.synth.folder import synthetic_folder
from motefit.data.synth.process import ESPEAK
from motefit.data.synth.quiet_sounds import synthesize_quiet
from motefit.data.synth.spoken_texts import synthesize_texts
from motefit.data.synth.spoken_words import synthesize_speech
from motefit.data.synth.voices import ENGLISH_ACCENTS, cast
from motefit.spec.tasks.speech_spec import SpeechData

Progress = Callable[[int, int], None]

SPEECH_PER_CLIP = 2
"""Synthetic recordings of other speech per synthetic clip of a word."""


def spoken_words(
    words: Sequence[str],
    data: SpeechData,
    *,
    rate_hz: int,
    seconds: float = 1.0,
    progress: Progress | None = None,
) -> Path:
    """Return a folder with clips of each word, as many as a recipe says, of a length in seconds.

    Raises:
        DataError: for a word that cannot be spoken in a second.
        MissingExtraError: if a synthesizer is not installed.
        OutputError: if the cache cannot be written.
    """
    clips, seed = data.synthetic_clips, data.seed

    def make(folder: Path) -> None:
        synthesize_speech(
            words,
            folder,
            clips_per_word=clips,
            rng=np.random.default_rng(seed),
            seconds=seconds,
            rate_hz=rate_hz,
            synthesizers=data.synthesizers,
            progress=progress,
        )

    more = _beside_espeak(data)
    return synthetic_folder("speech", tuple(words), clips, seed, rate_hz, seconds, *more, make=make)


def other_speech(
    words: Sequence[str],
    data: SpeechData,
    *,
    rate_hz: int,
    progress: Progress | None = None,
) -> Path:
    """Return a folder with recordings of sentences and of words like the given ones.

    They are twice as many as a recipe's synthetic clips of a word.

    Raises:
        MissingExtraError: if a synthesizer is not installed.
        OutputError: if the cache cannot be written.
    """
    recordings, seed = SPEECH_PER_CLIP * data.synthetic_clips, data.seed

    def make(folder: Path) -> None:
        rng = np.random.default_rng(seed)
        speakers = cast(ENGLISH_ACCENTS, data.synthesizers)
        texts = reject_texts(words, recordings, seed=seed)
        synthesize_texts(texts, folder, cast=speakers, rng=rng, rate_hz=rate_hz, progress=progress)

    more = _beside_espeak(data)
    return synthetic_folder("unknown", tuple(words), recordings, seed, rate_hz, *more, make=make)


def _beside_espeak(data: SpeechData) -> list[str]:
    return sorted(set(data.synthesizers) - {ESPEAK.name})


def quiet(*, recordings: int, seed: int, rate_hz: int) -> Path:
    """Return a folder with recordings of noise, hum, clicks, tones and digital zero.

    Raises:
        OutputError: if the cache cannot be written.
    """

    def make(folder: Path) -> None:
        rng = np.random.default_rng(seed)
        synthesize_quiet(folder, recordings=recordings, rng=rng, rate_hz=rate_hz)

    return synthetic_folder("silence", recordings, seed, rate_hz, make=make)
