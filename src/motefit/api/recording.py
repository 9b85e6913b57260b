"""``data record``: a data set of the user's own words, take by take on the target microphone."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motefit.api.listening import show_line
from motefit.data.takes import SPARE_S, Take, assess_take
from motefit.data.tree import composed
from motefit.data.word_finder import write_clip
from motefit.runtime.microphone.source import WAIT_S
from motefit.runtime.streaming.listen import Chunk, Tell, chunks, connector
from motefit.signal.mixing import parse_channel
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.several import several_names
from motefit.spec.tables import Item, Printable

_TICK_S = 1.0


@dataclass(frozen=True, kw_only=True, repr=False)
class RecordReport(Printable):
    """Clips of a recording session.

    Attributes:
        folder: folder that contains the word folders.
        clips: number of clips of each word by this speaker, with those of earlier sessions.
        recorded: number of clips that this session added.
        repeated: number of bad takes.
        missing: number of clips still to be recorded, because the sound ended.
    """

    folder: Path
    clips: Mapping[str, int]
    recorded: int
    repeated: int
    missing: int

    def content(self) -> list[Item]:
        """Say how many clips of each word there are, and what to do next."""
        counts = ", ".join(f"{count} of {word}" for word, count in self.clips.items())
        found = f"{counts} in {self.folder}; {self.repeated} takes were repeated"
        if self.missing:
            return [found, f"the sound ended: {self.missing} are missing; run the command again"]
        words, folder = shlex.quote(",".join(self.clips)), shlex.quote(str(self.folder))
        return [found, f"next: motefit fit custom --words {words} --data {folder}"]


def record(  # noqa: PLR0913 - the options of a command
    words: Sequence[str],
    out: str | Path,
    *,
    source: str = "",
    clips: int = 10,
    seconds: float = 1.0,
    speaker: str = "",
    rate_hz: int = 16_000,
    channels: int = 1,
    channel: int | str = "auto",
    countdown: int = 2,
    attempts: int = 5,
    wait_s: float = WAIT_S,
    tell: Tell = show_line,
) -> RecordReport:
    """Record words by prompt: count down, listen, check, trim, and ask again for a bad take.

    Existing clips in the folder count, so that a session can be interrupted and continued. Time
    between prompts is measured in the sound, so that a recorded session can be played through a
    pipe.

    >>> import motefit
    >>> motefit.record(["up", "down"], "words", clips=20)  # doctest: +SKIP

    Args:
        words: words to record; each gets a folder.
        out: folder of the word folders.
        source: as for :func:`motefit.listen`; ``"-"`` for 16-bit PCM or WAV on standard input.
        clips: number of clips of each word by this speaker.
        seconds: length of a clip, centered on the word.
        speaker: name of the speaker; clips are then named ``<speaker>_nohash_<number>``.
        rate_hz: sampling rate of a microphone, or of PCM without a header.
        channels: number of channels of PCM without a header, or to record.
        channel: as for :func:`motefit.listen`.
        countdown: seconds before each word.
        attempts: number of bad takes in a row after which to give up.
        wait_s: seconds without sound after which to fail.
        tell: called with each prompt and verdict; default: standard error.

    Returns:
        What the folder contains, and what is missing because the sound ended.

    Raises:
        RecipeError: if the words, the length or the speaker cannot be used.
        DataError: if there is no sound, or too many takes in a row are bad.
        OutputError: if a clip cannot be written.
    """
    names = _checked_words(words, speaker)
    if not 0 < seconds <= 60:
        raise RecipeError(f"seconds must be above 0 and at most 60, got {seconds:g}")
    folder = Path(out)
    places = _missing_places(folder, names, speaker, clips)
    made, repeated = 0, 0
    if places:
        connect = connector(
            source,
            rate_hz=rate_hz,
            channels=channels,
            channel=parse_channel(str(channel)),
            wait_s=wait_s,
        )
        with closing(chunks(connect, tell=tell)) as sound:
            microphone = _Microphone(sound)
            session = _Session(
                microphone, seconds=seconds, countdown=countdown, attempts=attempts, tell=tell
            )
            for number, (word, path) in enumerate(places, 1):
                take = session.take(f"{word} ({number} of {len(places)})")
                if take is None:
                    break
                write_clip(path, take.clip, microphone.rate_hz)
                made += 1
        repeated = session.repeated
    held = {word: sum(path.is_file() for path in _paths(folder, word, speaker, clips))
            for word in names}  # fmt: skip
    return RecordReport(
        folder=folder, clips=held, recorded=made, repeated=repeated, missing=len(places) - made
    )


def _checked_words(words: Sequence[str], speaker: str) -> list[str]:
    names = [composed(word.strip()) for word in several_names(words)]
    for name in names:
        if not name or "/" in name or name.startswith((".", "_")):
            raise RecipeError(f"a word must be usable as the name of a folder, got {name!r}")
    if not names or len(set(names)) < len(names):
        raise RecipeError(f"give each word once, e.g. up,down; got {', '.join(names) or 'none'}")
    if "/" in speaker or speaker.startswith("."):
        raise RecipeError(f"speaker must be usable in a file name, got {speaker!r}")
    return names


def _paths(folder: Path, word: str, speaker: str, clips: int) -> list[Path]:
    stem = f"{speaker}_nohash_" if speaker else ""
    return [folder / word / f"{stem}{number}.wav" for number in range(clips)]


def _missing_places(
    folder: Path, words: Sequence[str], speaker: str, clips: int
) -> list[tuple[str, Path]]:
    """Return the word and file of each clip to record, taking the words in turn."""
    paths = [_paths(folder, word, speaker, clips) for word in words]
    turns = zip(*paths, strict=True)
    return [
        (word, path)
        for turn in turns
        for word, path in zip(words, turn, strict=True)
        if not path.exists()
    ]


class _Microphone:
    """Reader of sound in pieces of a requested length."""

    def __init__(self, sound: Iterator[Chunk]) -> None:
        self._sound = sound
        self._rest = np.zeros(0, np.int16)
        self.rate_hz = 0
        self.broken = False

    def record(self, seconds: float) -> NDArray[np.int16] | None:
        """Return the next samples; None at the end of the sound.

        ``broken`` says whether some of them were lost.
        """
        pieces, self.broken = [self._rest], False
        while not self.rate_hz or sum(map(len, pieces)) < round(seconds * self.rate_hz):
            chunk = next(self._sound, None)
            if chunk is None:
                return None
            self.rate_hz = chunk.rate_hz
            if not len(chunk.samples):  # muted
                pieces.append(np.zeros(round(chunk.skipped_s * chunk.rate_hz), np.int16))
            elif chunk.follows_gap:
                self.broken = True
            pieces.append(chunk.samples)
        sound = np.concatenate(pieces)
        count = round(seconds * self.rate_hz)
        self._rest = sound[count:]
        return sound[:count]


class _Session:
    """Recording session: prompts for each take until it is good."""

    def __init__(
        self, microphone: _Microphone, *, seconds: float, countdown: int, attempts: int, tell: Tell
    ) -> None:
        self._microphone, self._seconds, self._tell = microphone, seconds, tell
        self._countdown, self._attempts = countdown, attempts
        self.repeated = 0

    def take(self, name: str) -> Take | None:
        """Prompt for a word until a take is good; return None at the end of the sound.

        Raises:
            DataError: after too many bad takes in a row.
        """
        problems: Counter[str] = Counter()
        for _ in range(self._attempts):
            for left in range(self._countdown, 0, -1):
                self._tell(f"{name}: in {left} ...")
                if self._microphone.record(_TICK_S) is None:
                    return None
            self._tell(f"{name}: now!")
            pcm = self._microphone.record(self._seconds + SPARE_S)
            if pcm is None:
                return None
            take = assess_take(pcm, self._microphone.rate_hz, seconds=self._seconds)
            problem = "some sound was lost" if self._microphone.broken else take.problem
            if not problem:
                self._tell(f"   good, {take.level_dbfs:.0f} dB of full scale")
                return take
            self._tell(f"   try again: {problem}")
            problems[problem] += 1
            self.repeated += 1
        (last, _), *_ = problems.most_common(1)
        raise DataError(
            f"{self._attempts} takes of {name} in a row were not good: {last}. motefit listen "
            "--check measures the microphone; the same command continues here"
        )
