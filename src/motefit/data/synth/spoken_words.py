"""Spoken words from espeak-ng: one folder per word, reproducible from a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from motefit.data.synth.clip_length import LONGEST_S, choose_seconds
from motefit.data.synth.clip_writer import (
    ClipFolder,
    ClipSettings,
    Progress,
    generator,
    write_clips,
)
from motefit.data.synth.folder import (
    added_files,
    content_sha256,
    previous,
    read_manifest,
    whole_folder,
    write_manifest,
)
from motefit.data.synth.free_speech import other_words, sentences
from motefit.data.synth.near_words import near_words
from motefit.data.synth.noise import beds
from motefit.data.synth.process import ESPEAK, require_synthesizer
from motefit.data.synth.sound import Samples, write_wav
from motefit.data.synth.voices import ENGLISH_ACCENTS, Voice, cast, speeds
from motefit.data.synth.words import checked_words
from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.tables import Item, Printable

BACKGROUND_NOISE = "_background_noise_"
NEAR_WORDS, OTHER_SPEECH = "_unknown_/near-words", "_unknown_/sentences"
"""Folders of what a model for the words must reject."""
_NOISE_SECONDS = 10
_SHORTEST_S = 0.2
_SENTENCES_PERCENT = 60
"""Share of sentences in free speech; the rest are single words and pairs."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SynthReport(Printable):
    """Result of a synthesis.

    Attributes:
        folder: the data set.
        words: one folder each.
        clips: over all words.
        rejects: clips in the folders below ``_unknown_``.
        speakers: different synthetic speakers.
        noises: files in ``_background_noise_``.
        seconds: length of the words' clips.
        rate_hz: of all files.
        speeds: of the slowest and the fastest utterance, in words a minute, unless a word had to be
            said faster to fit.
        sha256: of all names and bytes.
        espeak_version: of the library.
        reused: True if an identical data set already existed.
        added: files that were added to an existing folder; 0 for a new one.
    """

    folder: Path
    words: tuple[str, ...]
    clips: int
    rejects: int
    speakers: int
    noises: int
    seconds: float
    rate_hz: int
    speeds: tuple[int, int]
    sha256: str
    espeak_version: str
    reused: bool
    added: int = 0

    def content(self) -> list[Item]:
        """Say what was spoken, and how."""
        words = ", ".join(self.words)
        found = [f"{self.clips} clips of {words} by {self.speakers} voices in {self.folder}"]
        if self.rejects:
            found.append(f"{self.rejects} clips to be rejected in {self.folder}/_unknown_")
        slow, fast = self.speeds
        added = f"; {self.added} files added" if self.added else ""
        found.append(
            f"espeak-ng {self.espeak_version}, {slow} to {fast} words a minute; {self.seconds:g} s "
            f"at {self.rate_hz} Hz{added}"
        )
        return [*found]


def synthesize_speech(  # noqa: PLR0913  # the options of one command
    words: Sequence[str],
    out: Path,
    *,
    clips_per_word: int,
    rng: np.random.Generator,
    seconds: float | None = None,
    near_word_clips: int = 0,
    sentence_clips: int = 0,
    rate_hz: int = 16000,
    accents: Sequence[str] = ENGLISH_ACCENTS,
    synthesizers: Sequence[str] = (ESPEAK.name,),
    workers: int = 1,
    add: bool = False,
    progress: Progress | None = None,
) -> SynthReport:
    """Write ``out/<word>/<speaker>_nohash_<n>.wav`` and ``out/_background_noise_/*.wav``.

    Files are 16 bit, mono. ``<speaker>`` is one synthetic voice throughout all words. On one
    machine with one espeak-ng and numpy, the same seed gives the same bytes, whatever ``workers``;
    more clips or other words do not change the clips of a word of the same length.

    Args:
        words: to say, one folder each; any text that espeak-ng speaks.
        out: a folder that is absent or empty, or already contains the same synthesis.
        clips_per_word: 1 or more.
        rng: source of the seed.
        seconds: length of the clips, 0.2 to 3; a longer word is said faster. None: what words take.
        near_word_clips: of words that sound like ``words``, in ``out/_unknown_/near-words``.
        sentence_clips: sentences and other words, in ``out/_unknown_/sentences``, of any length.
        rate_hz: 8000..48000.
        accents: espeak-ng language codes of the speakers, e.g. ``("de",)`` for German words.
        synthesizers: names of those that speak, see :func:`~motefit.data.synth.voices.cast`.
        workers: espeak-ng processes at a time.
        add: whether ``out`` may contain anything. What is there stays as it is; files of the same
            name are not written, nor noise where there is some.
        progress: called with clips done and clips in all, several times a second.

    Raises:
        DataError: for a word that cannot be a folder or cannot be spoken in its clip, an
            unknown accent, an ``out`` that contains something else, or a failing process.
        MissingExtraError: if a synthesizer is not installed.
        OutputError: if ``out`` cannot be written.
        RecipeError: for a number out of range.
    """
    require_synthesizer()
    order = _Order(
        words=checked_words(words),
        clips=clips_per_word,
        seconds=seconds,
        near_words=near_word_clips,
        sentences=sentence_clips,
        rate_hz=rate_hz,
        accents=tuple(accents),
        synthesizers=tuple(synthesizers),
        root=int(rng.integers(2**63)),
    )
    if not add and (manifest := previous(out, order.request)) is not None:
        return order.report(out, manifest, reused=True)
    return _synthesize(order, out, workers=workers, add=add, progress=progress)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What is to be spoken: the options of a synthesis, checked, and its seed."""

    words: tuple[str, ...]
    clips: int
    seconds: float | None
    near_words: int
    sentences: int
    rate_hz: int
    accents: tuple[str, ...]
    synthesizers: tuple[str, ...]
    root: int

    def __post_init__(self) -> None:
        cast(self.accents, self.synthesizers)  # refuses what is no accent
        if self.clips < 1 or self.near_words < 0 or self.sentences < 0:
            raise RecipeError(
                "clips_per_word must be at least 1, near-words and sentences must not be negative, "
                f"got {self.clips}, {self.near_words} and {self.sentences}"
            )
        if not 8000 <= self.rate_hz <= 48000:
            raise RecipeError(f"rate_hz must be 8000..48000, got {self.rate_hz}")
        if self.seconds is not None and not _SHORTEST_S <= self.seconds <= LONGEST_S:
            raise RecipeError(
                f"seconds must be {_SHORTEST_S:g}..{LONGEST_S:g}, got {self.seconds:g}"
            )

    @property
    def speakers(self) -> tuple[Voice, ...]:
        return cast(self.accents, self.synthesizers)

    @property
    def total(self) -> int:
        return len(self.words) * self.clips + self.near_words + self.sentences

    @property
    def request(self) -> dict[str, object]:
        """Everything that the files depend on, as the manifest has it."""
        more: dict[str, object] = {
            "seconds": self.seconds,
            "near_words": self.near_words,
            "sentences": self.sentences,
            "synthesizers": [name for name in self.synthesizers if name != ESPEAK.name],
        }
        return {
            "format": 1,
            "words": list(self.words),
            "accents": list(self.accents),
            "clips_per_word": self.clips,
            "rate_hz": self.rate_hz,
            "seed": self.root,
        } | {name: value for name, value in more.items() if value}

    def folders(self, seconds: float) -> list[ClipFolder]:
        """List the folders: the words, and what a model for them must reject."""
        words, accents, seed = self.words, self.accents, self.root % 2**32
        folders = [
            ClipFolder(name=word, texts=(word,), clips=self.clips, seconds=seconds)
            for word in words
        ]
        if count := self.near_words:
            share = -(-count // len(words))
            found = [near_words(w, share, seed=seed, accents=accents, words=words) for w in words]
            texts = tuple(text for turn in zip(*found, strict=False) for text in turn)
            folders.append(ClipFolder(name=NEAR_WORDS, texts=texts, clips=count, seconds=seconds))
        if count := self.sentences:
            whole = -(-count * _SENTENCES_PERCENT // 100)
            texts = sentences(whole, seed=seed, accents=accents, without=words)
            texts += other_words(count - whole, seed=seed, accents=accents, without=words)
            folders.append(ClipFolder(name=OTHER_SPEECH, texts=texts, clips=count, seconds=None))
        return folders

    def report(
        self, out: Path, manifest: Mapping[str, object], *, reused: bool = False, added: int = 0
    ) -> SynthReport:
        """Count what is in a folder."""
        clips = [path.name for word in self.words for path in (out / word).iterdir()]
        return SynthReport(
            folder=out,
            words=self.words,
            clips=len(clips),
            rejects=sum(_files(out / folder) for folder in (NEAR_WORDS, OTHER_SPEECH)),
            speakers=len({name.split("_nohash_")[0] for name in clips}),
            noises=len(list((out / BACKGROUND_NOISE).iterdir())),
            seconds=float(str(manifest.get("seconds", 1.0))),
            rate_hz=self.rate_hz,
            speeds=speeds(cast(self.accents)),
            sha256=str(manifest["sha256"]),
            espeak_version=str(manifest["espeak"]),
            reused=reused,
            added=added,
        )


def _synthesize(
    order: _Order, out: Path, *, workers: int, add: bool, progress: Progress | None
) -> SynthReport:
    """Write all folders into a new folder, or add them to one."""
    if workers < 1:
        raise RecipeError(f"workers must be at least 1, got {workers}")
    if progress is not None:
        progress(0, order.total)
    seconds = choose_seconds(order.words, order.accents) if order.seconds is None else order.seconds
    folders, before = order.folders(seconds), _files(out) if add else 0
    noisy = add and (out / BACKGROUND_NOISE).is_dir()
    with added_files(out) if add else whole_folder(out) as part:
        settings = ClipSettings(
            root=order.root,
            rate_hz=order.rate_hz,
            cast=order.speakers,
            noises=_noises(None if noisy else part, order),
            folder=part,
        )
        version = write_clips(folders, settings, workers=workers, progress=progress)
        manifest = {"request": order.request, "seconds": seconds, "espeak": version}
        if not add:
            manifest["sha256"] = content_sha256(part)
            write_manifest(part, manifest)
    if not add:
        return order.report(out, manifest)
    manifest["sha256"] = _record_addition(out, manifest)
    return order.report(out, manifest, added=_files(out) - before)


def _record_addition(out: Path, manifest: Mapping[str, object]) -> str:
    """Append an addition to the manifest of a folder; return the hash of the whole folder."""
    whole = read_manifest(out)
    earlier = whole.get("added", [])
    whole["added"] = [*(earlier if isinstance(earlier, list) else []), manifest]
    whole["sha256"] = sha256 = content_sha256(out)
    try:
        write_manifest(out, whole)
    except OSError as error:
        raise OutputError(f"cannot write the manifest of {out}: {error.strerror}") from error
    return sha256


def _files(folder: Path) -> int:
    return sum(path.suffix == ".wav" for path in folder.rglob("*")) if folder.is_dir() else 0


def _noises(folder: Path | None, order: _Order) -> tuple[Samples, ...]:
    """Make the noises to mix with speech, and write them if a folder is given."""
    rate_hz = order.rate_hz
    noises = _beds(order.root, order.accents, rate_hz)
    if folder is not None:
        (folder / BACKGROUND_NOISE).mkdir()
        for name, samples in noises.items():
            path = folder / BACKGROUND_NOISE / f"{name}.wav"
            write_wav(path, samples * np.float32(0.1), rate_hz)
    return tuple(noises.values())


@lru_cache(maxsize=2)
def _beds(root: int, accents: tuple[str, ...], rate_hz: int) -> dict[str, Samples]:
    """Make the noises of a seed; kept, because they take longer than a dozen clips."""
    rng = generator(root, "noise")
    return beds(cast(accents), seconds=_NOISE_SECONDS, rate_hz=rate_hz, rng=rng)
