"""``motefit kws`` and ``motefit forecast``: run a bundle on real input."""

from pathlib import Path
from typing import Annotated

import typer

from motefit.cli.output import out, print_json
from motefit.pipeline.apply import forecast, hear

Model = Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def kws_command(
    model: Model,
    audio: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    as_json: AsJson = False,
) -> None:
    """Say which keyword each audio file holds."""
    rows = []
    for path, heard in hear(model, audio):
        rows.append({"file": str(path), "label": heard.label, "probability": heard.probability})
        if not as_json:
            out.out(f"{heard.label:12s} {100 * heard.probability:6.2f} %  {path}")
    if as_json:
        print_json(rows)


def forecast_command(
    model: Model,
    series: Annotated[Path, typer.Argument(help="CSV whose last rows are the window.")],
    as_json: AsJson = False,
) -> None:
    """Forecast the steps that follow the last rows of a CSV file."""
    found = forecast(model, series)
    times = [str(time).replace("T", " ") for time in found.times]
    if as_json:
        rows = [
            {"time": time, **dict(zip(found.targets, map(float, row), strict=True))}
            for time, row in zip(times, found.values, strict=True)
        ]
        print_json(rows)
        return
    out.out("  ".join(["time".ljust(len(times[0])), *found.targets]))
    for time, row in zip(times, found.values, strict=True):
        cells = (f"{v:{len(name)}.2f}" for name, v in zip(found.targets, row, strict=True))
        out.out("  ".join([time, *cells]))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("kws")(kws_command)
    app.command("forecast")(forecast_command)
