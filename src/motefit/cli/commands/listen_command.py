"""``motefit listen``: spot words in an endless stream of sound."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from motefit.cli.output import err, escape, out
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.microphone.source import WAIT_S
from motefit.runtime.quiet import silence_litert
from motefit.runtime.streaming.detector import StreamingSettings
from motefit.runtime.streaming.listen import RETRIES, Chunk, chunks, connector, listen
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.spec.codec import encode

DEFAULTS = StreamingSettings()


def listen_command(
    model: Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")],
    source: Annotated[
        str,
        typer.Option(
            "--input",
            help="arecord or arecord:DEVICE; sounddevice or sounddevice:DEVICE; - for PCM of "
            "16 bit or WAV on standard input; or a WAV file. Left out: the default microphone.",
        ),
    ] = "",
    rate: Annotated[
        int,
        typer.Option(
            min=0,
            help="Sampling rate in Hz, of a microphone or of PCM without a header; any. "
            "0: the model's own.",
        ),
    ] = 0,
    channels: Annotated[int, typer.Option(min=1, help="Of PCM without a header; averaged.")] = 1,
    seconds: Annotated[
        float, typer.Option(min=0, help="Stop after so much sound; 0: listen on.")
    ] = 0,
    threshold: Annotated[
        float,
        typer.Option(
            min=0,
            help="Evidence that a word needs: the network's certainty, from chance (0) to 1, and "
            "how much the sound stands out.",
        ),
    ] = DEFAULTS.threshold,
    hop_ms: Annotated[
        float, typer.Option(min=0, help="Milliseconds between two looks at the last second.")
    ] = DEFAULTS.hop_ms,
    ignore: Annotated[
        str, typer.Option(help="Labels not to report, with commas between them.")
    ] = "",
    wait: Annotated[
        float, typer.Option(min=0.1, help="Seconds without sound that are an error.")
    ] = WAIT_S,
    retries: Annotated[
        int, typer.Option(min=0, help="Attempts to open a microphone again that was lost.")
    ] = RETRIES,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per word.")] = False,
) -> None:
    """Listen, and report each keyword once, with its time.

    Ends with the sound: exit code 0, or 2 where it was lost for good.
    """
    silence_litert()
    ignored = tuple(word.strip() for word in ignore.split(",") if word.strip())
    settings = StreamingSettings(hop_ms=hop_ms, threshold=threshold, ignored=ignored)
    spotter = StreamingSpotter(KeywordSpotter.load(model), settings=settings)
    connect = connector(source, rate_hz=rate or spotter.rate_hz, channels=channels, wait_s=wait)
    sound = chunks(connect, tell=_tell, retries=retries)
    for word in listen(spotter, _until(sound, seconds) if seconds else sound):
        if as_json:
            sys.stdout.write(json.dumps(encode(word)) + "\n")
        else:
            out.out(f"{word.time_s:9.2f} s  {word.word:12s} {100 * word.probability:6.2f} %")
        sys.stdout.flush()


def _tell(text: str) -> None:
    err.print(escape(text), soft_wrap=True)


def _until(sound: Iterator[Chunk], seconds: float) -> Iterator[Chunk]:
    """The first chunks.

    Yields:
        chunks up to so many seconds of sound.
    """
    heard_s = 0.0
    for chunk in sound:
        yield chunk
        heard_s += len(chunk.samples) / chunk.rate_hz
        if heard_s >= seconds:
            return


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("listen")(listen_command)
