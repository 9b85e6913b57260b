"""``listen``: keyword spotting in live sound."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.microphone.source import WAIT_S
from motefit.runtime.quiet import silence_litert
from motefit.runtime.streaming.detector import Detection, StreamingSettings
from motefit.runtime.streaming.listen import RETRIES, Chunk, Tell, chunks, connector
from motefit.runtime.streaming.listen import listen as spot_words
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.runtime.zoo import find_model
from motefit.signal.mixing import parse_channel
from motefit.spec.decision import Decision
from motefit.spec.several import several_names
from motefit.spec.visible import visible

DEFAULTS = StreamingSettings()


def show_line(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"{visible(text)}\n")


def listen(  # noqa: PLR0913 - the options of a command
    model: str | Path,
    *,
    source: str = "",
    rate_hz: int = 0,
    channels: int = 1,
    channel: int | str = "auto",
    seconds: float = 0,
    threshold: float | None = None,
    hop_ms: float = DEFAULTS.hop_ms,
    ignore: Sequence[str] = (),
    wait_s: float = WAIT_S,
    retries: int = RETRIES,
    tell: Tell = show_line,
) -> Iterator[Detection]:
    """Listen, and report each keyword once, with its time.

    >>> import motefit
    >>> for word in motefit.listen("yes-no", source="speech.wav"):  # doctest: +SKIP
    ...     print(f"{word.time_s:.2f} s: {word.word}")

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        source: ``"arecord"`` or ``"sounddevice"``, followed by ``:DEVICE`` to select a device;
            ``"-"`` for 16-bit PCM or WAV on standard input; or a WAV file. Empty: the default
            microphone.
        rate_hz: sampling rate of a microphone, or of PCM without a header; 0: the model's own.
        channels: number of channels of PCM without a header, or to record.
        channel: which of several channels to take, from 1; ``"mean"``: their average; ``"auto"``:
            of two, the one that is not silent, else their average, unless they cancel each other.
        seconds: length of sound after which to stop; 0: never.
        threshold: minimum probability at which a word is reported, 0 to 1; None: that of the
            model's card.
        hop_ms: milliseconds between two evaluated windows.
        ignore: labels that are not reported.
        wait_s: seconds without sound after which to fail.
        retries: attempts to reopen a lost microphone.
        tell: called with a line of text when sound is lost or back; default: standard error.

    Yields:
        Each keyword, as soon as it is certain.

    Raises:
        DataError: if the sound cannot be read, or is lost for good.
        ModelFileError: if the model cannot be used.
    """
    silence_litert()
    model_spotter = KeywordSpotter.load(find_model(model))
    decision = model_spotter.io.decision
    if threshold is not None:
        decision = replace(decision or Decision(), threshold=threshold)
    settings = StreamingSettings(hop_ms=hop_ms, decision=decision, ignored=several_names(ignore))
    spotter = StreamingSpotter(model_spotter, settings=settings)
    connect = connector(
        source,
        rate_hz=rate_hz or spotter.rate_hz,
        channels=channels,
        channel=parse_channel(str(channel)),
        wait_s=wait_s,
    )
    sound = chunks(connect, tell=tell, retries=retries)
    yield from spot_words(spotter, _until(sound, seconds) if seconds else sound)


def _until(sound: Iterator[Chunk], seconds: float) -> Iterator[Chunk]:
    """Limit the sound to its first seconds.

    Yields:
        Chunks until the limit is reached.
    """
    received_s = 0.0
    for chunk in sound:
        yield chunk
        received_s += chunk.seconds
        if received_s >= seconds:
            return
