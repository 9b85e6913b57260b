"""Clips of spoken texts, written by several espeak-ng processes at a time."""

import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from motefit.data.synth.process import SpeakerProcess, Speakers, Synthesizer, Utterance
from motefit.data.synth.sound import Samples, place, resample, trim, write_wav
from motefit.data.synth.voices import FASTEST, SLOWEST, SPEED_RANGE, Voice
from motefit.spec.errors import DataError

Progress = Callable[[int, int], None]

MARGIN_S = 0.05
"""A clip is at least this much longer than its word."""
_PAUSES_S = 0.5
_LONGEST_S = 9.0
"""Longest recording of a text of any length; the noise is 10 s long."""
_BLOCK = 64
"""Clips per espeak-ng process. Its output depends on its earlier output, so the blocks are fixed by
folder and number, and the clips do not depend on the number of workers or on other folders."""
_TICK_S = 0.2


@dataclass(frozen=True, kw_only=True)
class ClipFolder:
    """One folder of clips.

    Attributes:
        name: relative path.
        texts: spoken in turn, clip by clip.
        clips: how many.
        seconds: length of each; None: as long as its text takes, with pauses of half a second.
    """

    name: str
    texts: tuple[str, ...]
    clips: int
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class ClipSettings:
    """Settings shared by all clips.

    Attributes:
        root: seed.
        rate_hz: of the clips.
        cast: the speakers.
        noises: float32, 10 s each, of unit power.
        folder: contains the folders of clips.
    """

    root: int
    rate_hz: int
    cast: tuple[Voice, ...]
    noises: tuple[Samples, ...]
    folder: Path


def generator(root: int, *key: int | str) -> np.random.Generator:
    """Make a separate generator for each key, fixed by the root seed."""
    numbers = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.default_rng(np.random.SeedSequence([root, *numbers]))


def write_clips(
    folders: Sequence[ClipFolder],
    settings: ClipSettings,
    *,
    workers: int,
    progress: Progress | None,
) -> str:
    """Write ``<folder>/<speaker>_nohash_<n>.wav`` and return the version of espeak-ng.

    Args:
        folders: created here.
        settings: of all clips.
        workers: espeak-ng processes at a time.
        progress: called with clips done and clips in all, several times a second.

    Raises:
        DataError: for a text that is silent or does not fit its clip, or a failing process.
        OSError: if a file cannot be written.
    """
    counter = _Counter()
    total = sum(folder.clips for folder in folders)
    for folder in folders:
        (settings.folder / folder.name).mkdir(parents=True)
    pool = ThreadPoolExecutor(workers)
    speakers = Speakers()
    version = ""
    try:
        pending = {
            pool.submit(_write_block, folder, range(first, last), able, counter, speakers)
            for folder in folders
            for able in (_of_readers(settings, folder.texts),)
            for first in range(0, folder.clips, _BLOCK)
            for last in (min(first + _BLOCK, folder.clips),)
        }
        while pending:
            done, pending = wait(pending, timeout=_TICK_S, return_when=FIRST_COMPLETED)
            for future in done:
                version = future.result()
            if progress is not None:
                progress(counter.count, total)
    finally:
        counter.stopped = True
        pool.shutdown(cancel_futures=True)
        speakers.close()
    return version


def _of_readers(settings: ClipSettings, texts: Sequence[str]) -> ClipSettings:
    """Leave the speakers who can say all texts."""
    return replace(
        settings, cast=tuple(voice for voice in settings.cast if all(map(voice.reads, texts)))
    )


class _Counter:
    """Clips written by all threads, and whether they must stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0
        self.stopped = False

    def add(self) -> None:
        with self._lock:
            self.count += 1


def _write_block(
    folder: ClipFolder,
    numbers: range,
    settings: ClipSettings,
    counter: _Counter,
    speakers: Speakers,
) -> str:
    """Write some clips of one folder from one fresh espeak-ng process; return its version."""
    cast, rate_hz = settings.cast, settings.rate_hz
    order = generator(settings.root, folder.name, "cast").permutation(len(cast))
    with SpeakerProcess() as espeak:
        say = partial(speakers.say, espeak=espeak)
        for number in numbers:
            if counter.stopped:
                break
            repeat, index = divmod(number, len(cast))
            voice = cast[order[index]]
            rng = generator(settings.root, folder.name, number)
            text = folder.texts[number % len(folder.texts)]
            speech = _say(say, text, voice, folder.seconds, rate_hz, rng=rng)
            noise = settings.noises[int(rng.integers(len(settings.noises)))]
            length = folder.seconds or len(speech) / rate_hz + _PAUSES_S
            clip = place(speech, round(length * rate_hz), rate_hz, noise, rng=rng)
            path = settings.folder / folder.name / f"{voice.name}_nohash_{repeat}.wav"
            write_wav(path, clip, rate_hz)
            counter.add()
    return espeak.version


def _say(
    say: Callable[[Utterance, Synthesizer], tuple[Samples, int]],
    text: str,
    voice: Voice,
    seconds: float | None,
    rate_hz: int,
    *,
    rng: np.random.Generator,
) -> Samples:
    """Speak the text once, trimmed, at ``rate_hz``; faster if it would not fit in its clip."""
    pitch = int(np.clip(voice.pitch + rng.integers(-10, 11), 0, 100))
    pitch_range = int(rng.integers(20, 81))
    speed = float(voice.speed * rng.uniform(*SPEED_RANGE))
    longest_s = _LONGEST_S if seconds is None else seconds - MARGIN_S
    while True:
        utterance = Utterance(
            text=text,
            voice=voice.voice,
            pitch=pitch,
            speed=round(np.clip(speed, SLOWEST, FASTEST)),
            range=pitch_range,
        )
        said, said_hz = say(utterance, voice.synthesizer)
        speech = trim(said, said_hz)
        count = round(len(speech) * voice.size * rate_hz / said_hz)
        if count < 0.03 * rate_hz:
            raise DataError(
                f"{voice.synthesizer.name} is silent for {text!r}; choose a word that can be "
                "pronounced"
            )
        if count <= longest_s * rate_hz:
            return resample(speech, count)
        if speed >= FASTEST:
            raise DataError(
                f"{text!r} takes {count / rate_hz:.1f} s to say at the fastest speed, and a clip "
                f"is {longest_s + MARGIN_S:g} s long; choose something shorter, or longer clips "
                "(--seconds)"
            )
        speed *= max(1.1, count / (longest_s * rate_hz))
