"""Detection of words in live sound, including recovery from the loss of a microphone."""

import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from motefit.runtime.microphone.alsa import ArecordSource
from motefit.runtime.microphone.input_watch import InputWatch
from motefit.runtime.microphone.sounddevice import SoundDeviceSource
from motefit.runtime.microphone.source import WAIT_S, Int16Array, PipeSource, SoundSource
from motefit.runtime.streaming.detector import Detection
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.signal.mixing import Channel
from motefit.spec.errors import DataError

Tell = Callable[[str], None]

RETRIES = 5
PAUSE_S = 1.0
RAW_SUFFIXES = (".pcm", ".raw", ".s16", ".s16le")
"""Files with such a name may contain 16-bit PCM without a header."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chunk:
    """A contiguous piece of sound.

    Attributes:
        samples: int16 (n,); n is 0 where a microphone is muted or far too quiet.
        rate_hz: sampling rate.
        follows_gap: whether sound was lost between the previous chunk and this one.
        skipped_s: seconds that passed without usable sound since the previous chunk.
    """

    samples: Int16Array
    rate_hz: int
    follows_gap: bool
    skipped_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Duration, including what was skipped before it."""
        return self.skipped_s + len(self.samples) / self.rate_hz


def connector(
    text: str,
    *,
    rate_hz: int,
    channels: int = 1,
    channel: Channel = "auto",
    wait_s: float = WAIT_S,
) -> Callable[[], SoundSource]:
    """Return a function that opens the input a user names.

    Args:
        text: ``"-"``, standard input; ``"arecord"`` or ``"arecord:DEVICE"``; ``"sounddevice"`` or
            ``"sounddevice:DEVICE"``; otherwise the path of a WAV file, a named pipe or, if its name
            ends in one of :data:`RAW_SUFFIXES`, raw PCM.
            Empty: arecord if it is installed, else sounddevice if that is.
        rate_hz: rate requested from a microphone; the rate of raw PCM.
        channels: number of channels of raw PCM, or to record.
        channel: which of several channels to take.
        wait_s: longest wait for sound.

    Raises:
        DataError: if the text is empty and neither is installed, or the file is missing.
    """
    text = text or _default()
    kind, _, device = text.partition(":")
    form = _Form(rate_hz=rate_hz, channels=channels, channel=channel, wait_s=wait_s)
    if kind == "arecord":
        return lambda: ArecordSource(device or "default", **form)
    if kind == "sounddevice":
        return lambda: SoundDeviceSource(device, **form)
    if text != "-" and not Path(text).exists():
        raise DataError(
            f"there is no input {text!r}; give - for standard input, arecord, arecord:DEVICE, "
            "sounddevice, or an existing WAV file or named pipe"
        )
    return lambda: _FileSource(text, **form)


class _Form(TypedDict):
    rate_hz: int
    channels: int
    channel: Channel
    wait_s: float


def _default() -> str:
    if shutil.which("arecord"):
        return "arecord"
    if find_spec("sounddevice"):
        return "sounddevice"
    raise DataError(
        "no microphone can be opened: neither arecord (sudo apt install alsa-utils) nor the "
        "package sounddevice (pip install sounddevice) is installed; install one of them, or send "
        "16-bit PCM through a pipe: ... | motefit listen MODEL --input -"
    )


class _FileSource(PipeSource):
    """Standard input, or a file or named pipe that this class opens and closes."""

    def __init__(
        self, text: str, *, rate_hz: int, channels: int, channel: Channel, wait_s: float
    ) -> None:
        self._opened = None
        descriptor = sys.stdin.fileno() if text == "-" else None
        if descriptor is None:
            # O_NONBLOCK does not wait for a writer: the timeout of reading covers that
            descriptor = self._opened = _open(text)
        name = "standard input" if text == "-" else text
        regular = text != "-" and stat.S_ISREG(os.fstat(descriptor).st_mode)
        super().__init__(
            descriptor,
            rate_hz=rate_hz,
            channels=channels,
            channel=channel,
            name=name,
            wait_s=wait_s,
            raw=not regular or text.lower().endswith(RAW_SUFFIXES),
        )

    def close(self) -> None:
        """Close the file or pipe if this source opened it."""
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None


def _open(text: str) -> int:
    if Path(text).is_dir():
        raise DataError(
            f"{text}: is a folder; give a WAV file, or classify its files: motefit kws MODEL {text}"
        )
    try:
        return os.open(text, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise DataError(f"cannot read {text}: {error.strerror}") from None


def chunks(
    connect: Callable[[], SoundSource],
    *,
    tell: Tell,
    retries: int = RETRIES,
    pause_s: float = PAUSE_S,
) -> Generator[Chunk, None, None]:
    """Read sound from a source, and reopen a microphone that is lost.

    Args:
        connect: function that opens the source.
        tell: function that shows the user a message when sound is lost or back, and when a file or
            pipe ends within a sample.
        retries: attempts to reopen a lost microphone before giving up.
        pause_s: pause between attempts.

    Yields:
        Each chunk, until the source ends.

    Raises:
        DataError: if there is no sound at all, or it is lost for good.
    """
    ever, returns, failures = False, False, 0
    while True:
        try:
            with connect() as source:
                watch = InputWatch()
                while (samples := source.read()) is not None:
                    if failures:
                        tell(f"{source.name}: sound is back")
                    gap = failures > 0
                    ever, returns, failures = True, source.returns, 0
                    yield _chunk(source, samples, watch, tell=tell, follows_gap=gap)
                if isinstance(source, PipeSource) and source.leftover_bytes:
                    tell(
                        f"{source.name} ended within a sample: {source.leftover_bytes} byte(s) "
                        "ignored; is it 16-bit PCM?"
                    )
                return
        except DataError as error:
            if not (ever and returns) or failures >= retries:
                tried = f"; gave up after {failures} attempts" if failures else ""
                raise DataError(f"{error}{tried}") from None
            failures += 1
            tell(f"{error}; trying again in {pause_s:g} s ({failures} of {retries})")
            time.sleep(pause_s)


def _chunk(
    source: SoundSource, samples: Int16Array, watch: InputWatch, *, tell: Tell, follows_gap: bool
) -> Chunk:
    """Convert what was read to a chunk; lost or unusable sound becomes a gap."""
    while source.notes:
        tell(source.notes.pop(0))
    skipped_s = source.lost_s or 0.0
    gap = follows_gap or source.lost_s is not None
    if source.live:
        usable = watch.usable(samples, source.rate_hz)
        if news := watch.news():
            tell(f"{source.name}, after {source.received / source.rate_hz:.1f} s: {news}")
        if not usable:
            skipped_s, gap = skipped_s + len(samples) / source.rate_hz, True
            samples = samples[:0]
    return Chunk(samples=samples, rate_hz=source.rate_hz, follows_gap=gap, skipped_s=skipped_s)


def listen(spotter: StreamingSpotter, sound: Iterable[Chunk]) -> Iterator[Detection]:
    """Detect words in the sound that :func:`chunks` reads, at whatever rate it arrives.

    Args:
        spotter: keyword spotter; it adapts to the rate of the sound and is reset after a gap.
        sound: chunks, in order.

    Yields:
        Each word as soon as it is certain.

    Raises:
        DataError: raised by ``sound``, after the words that were heard before.
    """
    try:
        for chunk in sound:
            if chunk.follows_gap:
                yield from spotter.finish()
            if chunk.follows_gap or chunk.rate_hz != spotter.rate_hz:
                spotter.reset(rate_hz=chunk.rate_hz, skipped_s=chunk.skipped_s)
            if len(chunk.samples):
                yield from spotter.push(chunk.samples)
    except DataError:
        yield from spotter.finish()
        raise
    yield from spotter.finish()
