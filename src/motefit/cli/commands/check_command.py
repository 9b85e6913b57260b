"""``motefit check``: measure a model file again and hold it against its card and budget."""

from pathlib import Path
from typing import Annotated

import typer

from motefit.certify.check import check
from motefit.cli.output import escape, out, print_json
from motefit.cli.progress_display import open_progress
from motefit.cli.verdict_table import print_differences, print_verdict, verdict_table
from motefit.recipes.catalog import find_recipe
from motefit.spec.codec import encode


def check_command(
    model: Annotated[
        Path, typer.Argument(help="Bundle (.zip); or any .tflite, with its card or with --recipe.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of words, or CSV file. Left out: synthetic data are made."),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="Budget and [data] section to use instead of the card's; without a card also the "
            "front end."
        ),
    ] = "",
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of certificate and report. Default: MODEL-check."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model file on the test set of the data, from its bytes alone.

    Exit code 0: the budget is met and the card told the truth; 1: not so, or the machine is too
    busy to judge a latency; 2: something to fix.
    """
    with open_progress() as listener:
        result = check(
            model,
            data,
            recipe=find_recipe(recipe) if recipe else None,
            out=out_dir,
            listener=listener,
        )
    if as_json:
        table = verdict_table(result.card, result.certificate)
        differences = None if result.differences is None else encode(result.differences)
        table |= {"met": result.met, "differences": differences, "same_data": result.same_data}
        print_json({**table, "report": None if result.report is None else str(result.report)})
    else:
        print_verdict(result.card, result.certificate)
        print_differences(result)
        report = result.report or "not written; it needs: pip install 'motefit[report]'"
        out.print(f"\nreport  {escape(str(report))}", soft_wrap=True)
    raise typer.Exit(0 if result.met else 1)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("check")(check_command)
