"""``motefit shrink``: a smaller .tflite file with the same outputs."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import examples, print_json, show, waiting

EXAMPLES = examples(
    "motefit shrink any.tflite",
)


def shrink_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model,
            help=".tflite file, zip of one, or name of a shipped model.",
        ),
    ],
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="File to write. Default: MODEL.min.tflite."),
    ] = None,
    keep_signatures: Annotated[
        bool, typer.Option("--keep-signatures", help="Keep the names that signature runners need.")
    ] = False,
    keep_metadata: Annotated[
        bool,
        typer.Option("--keep-metadata", help="Keep description and metadata, e.g. labels."),
    ] = False,
    inputs: Annotated[
        int, typer.Option(min=1, help="Random inputs per kernel set and input size.")
    ] = 16,
    unrun: Annotated[
        bool,
        typer.Option(
            "--unrun", help="Accept a model that cannot run here; only its tables are compared."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove what no runtime reads from a .tflite file of any origin; outputs stay identical.

    Both files are run on random inputs with and without XNNPACK before the result is written.
    """
    with waiting(f"{model}: rewriting it, then comparing both files on random inputs"):
        done = motefit.shrink(
            model,
            out=out_file,
            keep_signatures=keep_signatures,
            keep_metadata=keep_metadata,
            inputs=inputs,
            unrun=unrun,
        )
    if not as_json:
        show(done)
        return
    print_json(
        {
            "before_bytes": done.before_bytes,
            "after_bytes": done.after_bytes,
            "removed_bytes": done.removed_bytes,
            "signatures_needed": done.signatures_needed,
            "proof": done.proof,
            "written": None if done.written is None else str(done.written),
        }
    )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("shrink", epilog=EXAMPLES)(shrink_command)
