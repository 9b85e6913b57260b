"""``motefit kws``: classification of audio files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import examples, out, print_json

EXAMPLES = examples(
    "motefit kws up-down clip.wav",
    "motefit kws eight-words recordings --json",
)

if TYPE_CHECKING:
    from motefit.runtime.keyword_spotter import Classification

NO_WORD = "no word"


def kws_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model, help="Bundle (.zip), or .tflite with its card."
        ),
    ],
    audio: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the keyword in each audio file, or "no word" if the model is not certain enough."""
    rows = []
    for path, heard in motefit.classify_files(model, audio):
        row = {"file": str(path), "label": heard.label, "probability": heard.probability}
        rows.append({**row, "rejected": heard.rejected})
        if not as_json:
            out.out(f"{_shown(heard)}  {path}")
    if as_json:
        print_json(rows)


def _shown(heard: "Classification") -> str:
    """Format the word, or that there is none: ``no word (unknown 93 %)``."""
    if heard.rejected:
        return f"no word ({heard.label.strip('_')} {100 * heard.probability:.0f} %)"
    return f"{heard.label:12s} {100 * heard.probability:6.2f} %"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("kws", epilog=EXAMPLES)(kws_command)
