"""``motefit forecast``: forecasts from the newest row of a CSV file."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.output import out, print_json


def forecast_command(
    model: Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")],
    series: Annotated[Path, typer.Argument(help="CSV whose newest rows are the window.")],
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Forecast from the row of this time, not from the newest one; ISO 8601 or the "
            "recipe's format, by the file's clock.",
        ),
    ] = "",
    stale_ok: Annotated[
        bool,
        typer.Option(
            "--stale-ok", help="Where that row cannot be used, forecast from the last one that can."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Forecast the steps that follow the newest row of a CSV file."""
    found = motefit.forecast(model, series, at=at, stale_ok=stale_ok)
    if not as_json:
        out.out(str(found))
        return
    origin = {
        "input_end": found.written(found.input_end),
        "zone": found.zone,
        "filled_inputs": found.filled_inputs,
    }
    print_json(
        [
            {
                "time": found.written(time),
                **dict(zip(found.targets, map(float, row), strict=True)),
                **origin,
            }
            for time, row in zip(found.times, found.values, strict=True)
        ]
    )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("forecast")(forecast_command)
