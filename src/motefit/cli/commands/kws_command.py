"""``motefit kws``: classification of audio files."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.output import out, print_json


def kws_command(
    model: Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")],
    audio: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the keyword in each audio file."""
    rows = []
    for path, heard in motefit.classify_files(model, audio):
        rows.append({"file": str(path), "label": heard.label, "probability": heard.probability})
        if not as_json:
            out.out(f"{heard.label:12s} {100 * heard.probability:6.2f} %  {path}")
    if as_json:
        print_json(rows)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("kws")(kws_command)
