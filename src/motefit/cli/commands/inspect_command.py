"""``motefit inspect``: the content of a .tflite file of any origin."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import encode, examples, print_json, show, waiting

DIFFERS = 1

EXAMPLES = examples(
    "motefit inspect up-down",
    "motefit inspect any.tflite --parity random",
)


def inspect_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model,
            help=".tflite file, zip of one, or name of a shipped model.",
        ),
    ],
    parity: Annotated[
        str,
        typer.Option(
            metavar="DATA|random",
            help="Compare each layer with LiteRT's builtin kernels: on random inputs, a .npy file "
            "of inputs, or the data of a model with its card. Exit code 1 if one differs.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where the bytes of a model file go, what is in it, and what one run costs."""
    with waiting(f"{model}: reading it{', then comparing its layers' if parity else ''}"):
        found = motefit.inspect(model, parity=parity)
    if as_json:
        print_json(
            {
                **encode(found.file),
                "claims": encode(found.claims),
                "arena": encode(found.arena),
                "problem": found.problem,
                **({} if found.parity is None else {"parity": encode(found.parity)}),
            }
        )
    else:
        show(found)
    if not found.agrees:
        raise typer.Exit(DIFFERS)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("inspect", epilog=EXAMPLES)(inspect_command)
