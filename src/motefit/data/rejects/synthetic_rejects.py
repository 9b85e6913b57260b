"""Synthetic recordings to reject, and synthetic clips of the words, in the cache by request."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from motefit.data.rejects.reject_texts import reject_texts
from motefit.data.synth.folder import synthetic_folder
from motefit.data.synth.quiet_sounds import synthesize_quiet
from motefit.data.synth.spoken_texts import synthesize_texts
from motefit.data.synth.spoken_words import synthesize_speech

Progress = Callable[[int, int], None]


def spoken_words(
    words: Sequence[str],
    *,
    clips: int,
    seed: int,
    rate_hz: int,
    seconds: float = 1.0,
    progress: Progress | None = None,
) -> Path:
    """Return a folder with clips of each word, of a length in seconds.

    Raises:
        DataError: for a word that cannot be spoken in a second.
        MissingExtraError: without espeak-ng.
        OutputError: if the cache cannot be written.
    """

    def make(folder: Path) -> None:
        synthesize_speech(
            words,
            folder,
            clips_per_word=clips,
            rng=np.random.default_rng(seed),
            seconds=seconds,
            rate_hz=rate_hz,
            progress=progress,
        )

    return synthetic_folder("speech", tuple(words), clips, seed, rate_hz, seconds, make=make)


def other_speech(
    words: Sequence[str],
    *,
    recordings: int,
    seed: int,
    rate_hz: int,
    progress: Progress | None = None,
) -> Path:
    """Return a folder with recordings of sentences and of words like the given ones.

    Raises:
        MissingExtraError: without espeak-ng.
        OutputError: if the cache cannot be written.
    """

    def make(folder: Path) -> None:
        rng = np.random.default_rng(seed)
        texts = reject_texts(words, recordings, seed=seed)
        synthesize_texts(texts, folder, rng=rng, rate_hz=rate_hz, progress=progress)

    return synthetic_folder("unknown", tuple(words), recordings, seed, rate_hz, make=make)


def quiet(*, recordings: int, seed: int, rate_hz: int) -> Path:
    """Return a folder with recordings of noise, hum, clicks, tones and digital zero.

    Raises:
        OutputError: if the cache cannot be written.
    """

    def make(folder: Path) -> None:
        rng = np.random.default_rng(seed)
        synthesize_quiet(folder, recordings=recordings, rng=rng, rate_hz=rate_hz)

    return synthetic_folder("silence", recordings, seed, rate_hz, make=make)
