"""Spoken words from espeak-ng: one folder per word, reproducible from a seed."""

import wave
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motefit.data.synth.folder import content_sha256, previous, whole_folder, write_manifest
from motefit.data.synth.noise import beds
from motefit.data.synth.process import SpeakerProcess, Utterance, require_espeak
from motefit.data.synth.sound import Samples, place, resample, trim, write_wav
from motefit.data.synth.voices import ENGLISH_ACCENTS, Voice, cast
from motefit.data.synth.words import checked_words
from motefit.spec.errors import DataError, RecipeError

BACKGROUND_NOISE = "_background_noise_"
_NOISE_SECONDS = 10
_LONGEST_S = 0.95
_FASTEST = 450
_BLOCK = 64
"""Clips per espeak-ng process. Its output depends on its earlier output, so the blocks are fixed by
word and number, and the clips do not depend on the number of workers or on other words."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class SynthReport:
    """Result of a synthesis.

    Attributes:
        folder: the data set.
        words: one folder each.
        clips: over all words.
        speakers: different synthetic speakers.
        noises: files in ``_background_noise_``.
        rate_hz: of all files.
        sha256: of all names and bytes.
        espeak_version: of the library.
        reused: True if an identical data set already existed.
    """

    folder: Path
    words: tuple[str, ...]
    clips: int
    speakers: int
    noises: int
    rate_hz: int
    sha256: str
    espeak_version: str
    reused: bool


@dataclass(frozen=True, kw_only=True)
class _Job:
    """Settings shared by all blocks."""

    root: int
    rate_hz: int
    clips_per_word: int
    cast: tuple[Voice, ...]
    noises: tuple[Samples, ...]
    folder: Path


def synthesize_speech(  # noqa: PLR0913  # the options of one command
    words: Sequence[str],
    out: Path,
    *,
    clips_per_word: int,
    rng: np.random.Generator,
    rate_hz: int = 16000,
    accents: Sequence[str] = ENGLISH_ACCENTS,
    workers: int = 1,
    progress: Progress | None = None,
) -> SynthReport:
    """Write ``out/<word>/<speaker>_nohash_<n>.wav`` and ``out/_background_noise_/*.wav``.

    Clips are 1 s, 16 bit, mono. ``<speaker>`` is one synthetic voice throughout all words. On one
    machine with one espeak-ng and numpy, the same seed gives the same bytes, whatever ``workers``;
    more clips or other words do not change the clips of a word.

    Args:
        words: to say, one folder each; any text that espeak-ng speaks within a second.
        out: a folder that is absent or empty, or already contains the same synthesis.
        clips_per_word: 1 or more.
        rng: source of the seed.
        rate_hz: 8000..48000.
        accents: espeak-ng language codes of the speakers, e.g. ``("de",)`` for German words.
        workers: espeak-ng processes at a time.
        progress: called with clips done and clips in all, now and then.

    Raises:
        DataError: for a word that cannot be a folder or cannot be spoken in a second, an unknown
            accent, an ``out`` that contains something else, or a failing espeak-ng process.
        MissingExtraError: without ``espeakng_loader``.
        OutputError: if ``out`` cannot be written; nothing is left behind.
        RecipeError: for a number out of range.
    """
    words, speakers = checked_words(words), cast(accents)
    _check_numbers(clips_per_word=clips_per_word, rate_hz=rate_hz, workers=workers)
    require_espeak()
    root = int(rng.integers(2**63))
    request: dict[str, object] = {"format": 1, "words": list(words), "accents": list(accents)}
    request |= {"clips_per_word": clips_per_word, "rate_hz": rate_hz, "seed": root}
    manifest = previous(out, request)
    reused = manifest is not None
    if manifest is None:
        with whole_folder(out) as part:
            job = _Job(
                root=root,
                rate_hz=rate_hz,
                clips_per_word=clips_per_word,
                cast=speakers,
                noises=_write_noises(part / BACKGROUND_NOISE, speakers, rate_hz, root),
                folder=part,
            )
            version = _write_words(words, job, workers=workers, progress=progress)
            manifest = {"request": request, "espeak": version, "sha256": content_sha256(part)}
            write_manifest(part, manifest)
    return _report(out, words, manifest, reused=reused)


def _report(
    out: Path, words: tuple[str, ...], manifest: Mapping[str, object], *, reused: bool
) -> SynthReport:
    clips = [path.name for word in words for path in (out / word).iterdir()]
    noises = list((out / BACKGROUND_NOISE).iterdir())
    with wave.open(str(noises[0])) as file:
        rate_hz = file.getframerate()
    return SynthReport(
        folder=out,
        words=words,
        clips=len(clips),
        speakers=len({name.split("_nohash_")[0] for name in clips}),
        noises=len(noises),
        rate_hz=rate_hz,
        sha256=str(manifest["sha256"]),
        espeak_version=str(manifest["espeak"]),
        reused=reused,
    )


def _check_numbers(*, clips_per_word: int, rate_hz: int, workers: int) -> None:
    if clips_per_word < 1 or workers < 1:
        raise RecipeError(
            f"clips_per_word and workers must be at least 1, got {clips_per_word} and {workers}"
        )
    if not 8000 <= rate_hz <= 48000:
        raise RecipeError(f"rate_hz must be 8000..48000, got {rate_hz}")


def _generator(root: int, *key: int | str) -> np.random.Generator:
    """Make a separate generator for each key, fixed by the root seed."""
    numbers = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.default_rng(np.random.SeedSequence([root, *numbers]))


def _write_noises(
    folder: Path, speakers: tuple[Voice, ...], rate_hz: int, root: int
) -> tuple[Samples, ...]:
    noises = beds(speakers, seconds=_NOISE_SECONDS, rate_hz=rate_hz, rng=_generator(root, "noise"))
    folder.mkdir()
    for name, samples in noises.items():
        write_wav(folder / f"{name}.wav", samples * np.float32(0.1), rate_hz)
    return tuple(noises.values())


def _write_words(
    words: tuple[str, ...], job: _Job, *, workers: int, progress: Progress | None
) -> str:
    """Write all clips; return the version of espeak-ng."""
    for word in words:
        (job.folder / word).mkdir()
    blocks = [
        (word, range(first, min(first + _BLOCK, job.clips_per_word)))
        for word in words
        for first in range(0, job.clips_per_word, _BLOCK)
    ]
    total, done, version = len(words) * job.clips_per_word, 0, ""
    pool = ThreadPoolExecutor(workers)
    try:
        pending = [pool.submit(_write_block, word, numbers, job) for word, numbers in blocks]
        for future, (_, numbers) in zip(pending, blocks, strict=True):
            version = future.result()
            done += len(numbers)
            if progress is not None:
                progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    return version


def _write_block(word: str, numbers: range, job: _Job) -> str:
    """Write some clips of one word from one fresh espeak-ng process; return its version."""
    order = _generator(job.root, word, "cast").permutation(len(job.cast))
    with SpeakerProcess() as speaker:
        for number in numbers:
            repeat, index = divmod(number, len(job.cast))
            voice = job.cast[order[index]]
            rng = _generator(job.root, word, number)
            speech = _say(speaker, word, voice, job.rate_hz, rng=rng)
            noise = job.noises[int(rng.integers(len(job.noises)))]
            clip = place(speech, job.rate_hz, noise, rng=rng)
            path = job.folder / word / f"{voice.name}_nohash_{repeat}.wav"
            write_wav(path, clip, job.rate_hz)
    return speaker.version


def _say(
    speaker: SpeakerProcess, word: str, voice: Voice, rate_hz: int, *, rng: np.random.Generator
) -> Samples:
    """Speak the word once, trimmed, at ``rate_hz``; faster if it would not fit in a second."""
    pitch = int(np.clip(voice.pitch + rng.integers(-10, 11), 0, 100))
    pitch_range = int(rng.integers(20, 81))
    speed = float(voice.speed * rng.uniform(0.85, 1.2))
    stretch = voice.size * rate_hz / speaker.rate_hz
    while True:
        said = speaker.say(
            Utterance(
                text=word,
                voice=voice.espeak,
                pitch=pitch,
                speed=round(min(speed, _FASTEST)),
                range=pitch_range,
            )
        )
        speech = trim(said, speaker.rate_hz)
        count = round(len(speech) * stretch)
        if count < 0.03 * rate_hz:
            raise DataError(
                f"espeak-ng is silent for {word!r}; choose a word that can be pronounced"
            )
        if count <= _LONGEST_S * rate_hz:
            return resample(speech, count)
        if speed >= _FASTEST:
            raise DataError(
                f"{word!r} takes {count / rate_hz:.1f} s to say at the fastest speed, and a clip "
                "is 1 s long; choose something shorter"
            )
        speed *= max(1.1, count / (_LONGEST_S * rate_hz))
