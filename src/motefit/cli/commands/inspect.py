"""``motefit inspect``: what is in a .tflite file, made here or elsewhere."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from motefit.cli.output import escape, out, print_json
from motefit.runtime.bundle import load_model
from motefit.spec.metrics import format_value
from motefit.tflite.inspect import inspect as inspect_bytes


def inspect(
    model: Annotated[Path, typer.Argument(help=".tflite file, or a zip that holds one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where the bytes of a model file go, its operations, and what it costs to run."""
    found = inspect_bytes(load_model(model))
    if as_json:
        print_json(found)
        return
    out.print(f"[bold]{escape(str(model))}[/]: {format_value('size.tflite_bytes', found.size)}")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(inspect)
