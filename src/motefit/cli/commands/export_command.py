"""``motefit export``: the same network in another form of file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import motefit
from motefit.cli.json_tables import form_json
from motefit.cli.output import print_json, show
from motefit.spec.errors import RecipeError


def export_command(
    model: Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")],
    frontend: Annotated[
        Literal["in-graph"] | None,
        typer.Option(help="in-graph: raw samples in, scores out, one .tflite."),
    ] = None,
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming",
            help="The network as a step in a stream: new frames in, its past as states. It must "
            'not look ahead in time: padding = "valid" or "causal" in [model].',
        ),
    ] = False,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Bundle to write. Default: MODEL.in-graph.zip, or MODEL.stream.zip."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of words: accuracy is measured and the budget certified. Left out: size, "
            "latency, and agreement with the plain form on generated sound."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring a keyword model into another form, and measure what ships.

    Either its front end goes into its file, or the network becomes a step in a stream.

    Exit code 0: written, equal to the plain form, and with --data the budget is met; 1: not so; 2:
    something to fix.
    """
    if (frontend is None) is not streaming:
        raise RecipeError("one form is needed: --frontend in-graph, or --streaming")
    done = motefit.export(model, frontend or "streaming", out=out_file, data=data)
    if as_json:
        print_json(form_json(done))
    else:
        show(done)
    raise typer.Exit(0 if done.met else 1)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("export")(export_command)
