"""``motefit forecast``: forecasts from the newest row of a table."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import examples, out, print_json, waiting, write

EXAMPLES = examples(
    "motefit forecast climate-6 today.csv",
    "motefit forecast climate-6 today.csv --format csv",
)


def forecast_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model,
            help="Name of a shipped model, bundle (.zip), or .tflite with its card.",
        ),
    ],
    series: Annotated[
        Path,
        typer.Argument(
            help="Table whose newest rows are the window: CSV or another form; or a folder, or a "
            "pattern in quotes."
        ),
    ],
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
            "--stale-ok", help="If that row cannot be used, forecast from the last one that can."
        ),
    ] = False,
    group: Annotated[
        str, typer.Option(metavar="NAME", help="Station to forecast for, in a file of several.")
    ] = "",
    form: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="Form of what is printed.")
    ] = "text",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; the same as --format json.")
    ] = False,
) -> None:
    """Forecast the steps that follow the newest row of a table."""
    with waiting(f"{series}: reading the newest rows"):
        found = motefit.forecast(model, series, at=at, group=group, stale_ok=stale_ok)
    if form == "csv" and not as_json:
        write(found.to_csv())
        return
    if form == "text" and not as_json:
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
                **_quantiles(found, step),
                **origin,
            }
            for step, (time, row) in enumerate(zip(found.times, found.values, strict=True))
        ]
    )


def _quantiles(found: "motefit.Forecast", step: int) -> dict[str, object]:
    """Return one step's quantiles by column and level; nothing for a model without."""
    if not found.levels:
        return {}
    levels = [f"{level:g}" for level in found.levels]
    columns = {
        column: dict(zip(levels, map(float, row), strict=True))
        for column, row in zip(found.targets, found.quantiles[step], strict=True)
    }
    return {"quantiles": columns}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("forecast", epilog=EXAMPLES)(forecast_command)
