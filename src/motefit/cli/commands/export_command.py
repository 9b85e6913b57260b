"""``motefit export``: the same network in another form."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.json_tables import form_json
from motefit.cli.output import announce, examples, print_json, show
from motefit.spec.errors import RecipeError

EXAMPLES = examples(
    "motefit export up-down --frontend in-graph --out up-down-audio.zip",
)


def export_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model,
            help="Name of a shipped model, bundle (.zip), or .tflite with its card.",
        ),
    ],
    frontend: Annotated[
        Literal["in-graph"] | None,
        typer.Option(help="in-graph: raw samples in, scores out, one .tflite."),
    ] = None,
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming",
            help="The network as one step of a stream: new frames and past states in. It must not "
            'look ahead in time: padding = "valid" or "causal" in its model section.',
        ),
    ] = False,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Bundle to write. Default: MODEL.in-graph.zip, or MODEL.stream.zip.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of words, to measure accuracy and certify the budget. Default: only size, "
            "latency, and agreement with the plain form on generated sound.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Convert a keyword model to another form, and measure the file it ships.

    Either its front end moves into its file, or the network becomes one step of a stream.

    Exit code 0: written, equal to the plain form, and with --data the budget is met; 1: not; 2: a
    mistake to fix.
    """
    if (frontend is None) is not streaming:
        raise RecipeError("choose one form: --frontend in-graph, or --streaming")
    announce(f"{model}: converting it, then measuring the new file")
    done = motefit.export(model, frontend or "streaming", out=out_file, data=data)
    if as_json:
        print_json(form_json(done))
    else:
        show(done)
    raise typer.Exit(0 if done.met else 1)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("export", epilog=EXAMPLES)(export_command)
