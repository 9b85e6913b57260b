"""``motefit kws`` and ``motefit forecast``: run a bundle on real input."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from motefit.api.forecast import Forecast, forecast
from motefit.api.predict import classify_files
from motefit.cli.output import out, print_json

Model = Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def kws_command(
    model: Model,
    audio: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    as_json: AsJson = False,
) -> None:
    """Say which keyword each audio file holds."""
    rows = []
    for path, heard in classify_files(model, audio):
        rows.append({"file": str(path), "label": heard.label, "probability": heard.probability})
        if not as_json:
            out.out(f"{heard.label:12s} {100 * heard.probability:6.2f} %  {path}")
    if as_json:
        print_json(rows)


def forecast_command(
    model: Model,
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
    as_json: AsJson = False,
) -> None:
    """Forecast the steps that follow the newest row of a CSV file."""
    found = forecast(model, series, at=at, stale_ok=stale_ok)
    times = [_written(time, found) for time in found.times]
    if as_json:
        origin = {
            "input_end": _written(found.input_end, found),
            "zone": found.zone,
            "filled_inputs": found.filled_inputs,
        }
        rows = [
            {"time": time, **dict(zip(found.targets, map(float, row), strict=True)), **origin}
            for time, row in zip(times, found.values, strict=True)
        ]
        print_json(rows)
        return
    out.out(_origin(found))
    out.out("  ".join(["time".ljust(len(times[0])), *found.targets]))
    for time, row in zip(times, found.values, strict=True):
        cells = (f"{v:{len(name)}.2f}" for name, v in zip(found.targets, row, strict=True))
        out.out("  ".join([time, *cells]))


def _written(time: np.datetime64, found: Forecast) -> str:
    return str(time).replace("T", " ") + found.zone


def _origin(found: Forecast) -> str:
    """Where the input ends, by which clock, and what of it is filled."""
    text = f"input ends {_written(found.input_end, found)}, "
    if found.input_end == found.newest:
        text += "the newest row"
    else:
        text += f"not at the newest row, {_written(found.newest, found)}"
    if not found.zone:
        text += "; times as in the file, which states no zone"
    if found.filled_inputs:
        text += f"; {found.filled_inputs} missing input values held from earlier rows"
    return text


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("kws")(kws_command)
    app.command("forecast")(forecast_command)
