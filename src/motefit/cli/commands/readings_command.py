"""``motefit readings``: what a node has stored."""

from typing import Annotated, Literal

import typer

import motefit
from motefit.cli.output import announce, print_json, show, write


def readings_command(
    sink: Annotated[
        str,
        typer.Argument(
            help="Where the node wrote: sqlite:FILE, csv:FOLDER, parquet:FOLDER or redis://HOST."
        ),
    ],
    key: Annotated[
        str, typer.Option(metavar="KEY", help="Only this key, or this quantity, e.g. temperature.")
    ] = "",
    last: Annotated[int, typer.Option(min=0, help="Only the newest N of each key; 0: all.")] = 0,
    form: Annotated[
        Literal["table", "csv", "plot"], typer.Option("--format", help="Form of the output.")
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the readings that a node has stored."""
    announce("reading the store")
    found = motefit.readings(sink, key=key, last=last)
    if as_json:
        print_json(found)
    elif form == "csv":
        write(found.csv())
    else:
        show(found.plot() if form == "plot" else found)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("readings")(readings_command)
