"""``motefit listen``: keyword spotting in live sound."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import (
    CHANNEL_HELP,
    announce,
    encode,
    examples,
    given,
    out,
    print_json,
    show,
    tell,
)
from motefit.spec.errors import RecipeError

EXAMPLES = examples(
    "motefit listen eight-words",
    "arecord -q -f S16_LE -r 16000 | motefit listen up-down --input -",
    "motefit listen --check",
)


def listen_command(
    model: Annotated[
        Path | None,
        typer.Argument(
            autocompletion=complete_model,
            help="Name of a shipped model, bundle (.zip), or .tflite with its card; not needed "
            "for --check.",
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="SOURCE",
            help="arecord or arecord:DEVICE; sounddevice or sounddevice:DEVICE; - for 16-bit PCM "
            "or WAV on standard input; or a WAV file. Default: the default microphone.",
        ),
    ] = "",
    rate: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="HZ",
            help="Sampling rate in Hz of a microphone, or of PCM without a header; any rate works. "
            "0: the model's own.",
        ),
    ] = 0,
    channels: Annotated[
        int, typer.Option(min=1, help="Channels of PCM without a header, or to record.")
    ] = 1,
    channel: Annotated[str, typer.Option(metavar="CHANNEL", help=CHANNEL_HELP)] = "auto",
    seconds: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Stop after this many seconds of sound; 0: never, with --check: 5.",
        ),
    ] = 0,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="PROBABILITY",
            help="Least probability of a word to report it. Default: as the model's card says.",
        ),
    ] = None,
    hop_ms: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="MS", help="Milliseconds between two evaluated windows. Default: 100."
        ),
    ] = None,
    ignore: Annotated[
        str, typer.Option(metavar="LABELS", help="Comma-separated labels that are not reported.")
    ] = "",
    wait: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="Seconds without sound after which to fail. Default: 5.",
        ),
    ] = None,
    retries: Annotated[
        int | None,
        typer.Option(min=0, help="Attempts to reopen a lost microphone. Default: 5."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Do not listen for words: measure level, noise, clipping, offset and dropouts "
            "while you speak, and say what to change.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per word.")] = False,
) -> None:
    """Listen, and report each keyword once, with its time.

    Ends when the sound ends: exit code 0, or 2 if it was lost for good. With --check: 0: the
    input is fine; 1: there is something to change; 2: there is no sound.
    """
    announce(f"opening {model or 'the microphone'}")
    if check:
        found = motefit.check_microphone(
            model,
            source=source,
            rate_hz=rate,
            channels=channels,
            channel=channel,
            tell=tell,
            **given(seconds=seconds or None, wait_s=wait),
        )
        if as_json:
            print_json(found)
        else:
            show(found)
        raise typer.Exit(1 if found.advice else 0)
    if model is None:
        raise RecipeError("name a model, e.g. motefit listen eight-words; or --check the input")
    words = motefit.listen(
        model,
        source=source,
        rate_hz=rate,
        channels=channels,
        channel=channel,
        seconds=seconds,
        ignore=ignore,
        tell=tell,
        **given(threshold=threshold, hop_ms=hop_ms, wait_s=wait, retries=retries),
    )
    for word in words:
        if as_json:
            sys.stdout.write(json.dumps(encode(word)) + "\n")
        else:
            out.out(f"{word.time_s:9.2f} s  {word.word:12s} {100 * word.probability:6.2f} %")
        sys.stdout.flush()


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("listen", epilog=EXAMPLES)(listen_command)
