"""``motefit estimate``: what a model would take on microcontroller boards."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import announce, encode, examples, print_json, show

EXAMPLES = examples(
    "motefit estimate yes-no",
    "motefit estimate yes-no --boards nano-33-ble,pico --linked",
)


def estimate_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model,
            help="Name of a shipped model, bundle (.zip), or .tflite with its card.",
        ),
    ],
    boards: Annotated[
        str,
        typer.Option(metavar="BOARDS", help="Names of boards, separated by commas. Default: all."),
    ] = "",
    linked: Annotated[
        bool, typer.Option("--linked", help="Also link for each core, with arm-none-eabi-gcc.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Estimate a model on microcontroller boards: time, energy, flash, RAM, and whether it fits.

    Nothing is measured: times are calibrated on public results of MLPerf Tiny's keyword spotting,
    and their error bars are what those results span.
    """
    announce(f"{model}: counting its work and planning its memory")
    found = motefit.estimate(model, boards=boards, linked=linked)
    if as_json:
        print_json(encode(found))
    else:
        show(found)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("estimate", epilog=EXAMPLES)(estimate_command)
