"""``motefit kws``: classification of audio files."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import CHANNEL_HELP, examples, out, print_json

EXAMPLES = examples(
    "motefit kws up-down clip.wav",
    "motefit kws eight-words recordings --json",
)

NO_WORD = "no word"


def kws_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model,
            help="Name of a shipped model, bundle (.zip), or .tflite with its card.",
        ),
    ],
    audio: Annotated[
        list[Path],
        typer.Argument(help="Audio files, or folders of them, except their background noise."),
    ],
    channel: Annotated[str, typer.Option(metavar="CHANNEL", help=CHANNEL_HELP)] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the keyword in each audio file, or "no word" if the model is not certain enough.

    Of a long file, that is the keyword of its loudest stretch: `motefit listen MODEL --input FILE`
    finds every word of a long WAV file.
    """
    rows = []
    for path, found in motefit.classify_files(model, audio, channel=channel):
        row = {"file": str(path), "label": found.label, "probability": found.probability}
        row["rejected"] = found.rejected
        place = ""
        if found.length_s is not None:
            row |= {"start_s": found.start_s, "length_s": found.length_s}
            place = f" (the loudest part, from {found.start_s:.2f} s, of {found.length_s:.2f} s)"
        if found.channel is not None:
            row["channel"] = found.channel
            place += f" (channel {found.channel}: the other one is silent)"
        rows.append(row)
        if not as_json:
            out.out(f"{_shown(found)}  {path}{place}")
    if as_json:
        print_json(rows)


def _shown(found: "motefit.Classification") -> str:
    """Format the word, or that there is none: ``no word (unknown 93 %)``."""
    if found.rejected:
        return f"no word ({found.label.strip('_')} {100 * found.probability:.0f} %)"
    return f"{found.label:12s} {100 * found.probability:6.2f} %"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("kws", epilog=EXAMPLES)(kws_command)
