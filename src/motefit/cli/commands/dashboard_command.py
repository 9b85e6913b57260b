"""``motefit dashboard``: a study in the browser."""

from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_run
from motefit.cli.output import announce, examples

EXAMPLES = examples(
    "motefit dashboard runs/up-down",
)


def dashboard(
    source: Annotated[
        str,
        typer.Argument(autocompletion=complete_run, help="Folder of a run, or URL of a storage."),
    ],
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to serve on.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on.")] = 8080,
) -> None:
    """Open a study in optuna-dashboard (needs the extra dashboard). Ctrl-C ends it."""
    announce(f"opening the study in {source}")
    motefit.open_dashboard(source, host=host, port=port)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("dashboard", epilog=EXAMPLES)(dashboard)
