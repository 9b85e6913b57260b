"""``motefit reproduce``: the published systems retrained and compared with motefit's answers."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.output import announce, examples, fail, print_json, show, tell
from motefit.spec.errors import DataError

EXAMPLES = examples(
    "motefit reproduce --data DATA --only R4.final",
)


def reproduce_command(
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Row, budget or model, or the start of a name: R1.climate, R4.final, "
            "climate-6. Can be given several times. Default: everything.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="MOTEFIT_DATA",
            metavar="FOLDER",
            help="Folder that contains speech/ and climate/. Default: the environment variable "
            "MOTEFIT_DATA.",
        ),
    ] = None,
    out_dir: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder for the runs.")
    ] = Path("runs/reproduce"),
    results: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Folder of results.md and results.json, which are updated."
        ),
    ] = Path("docs"),
    workers: Annotated[
        int, typer.Option(min=0, help="Training processes; 0: one per usable core.")
    ] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue interrupted rows, which otherwise start over."),
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="PYTHON",
            help="Time the rows with words against the published pipelines in TensorFlow, run by "
            "this Python, which needs TensorFlow and SciPy; python tools/tensorflow_env.py creates "
            "one.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Train the published systems and motefit's own models for their budgets; compare them.

    Rows that are already trained are kept. Exit code 0: motefit's models meet all requested
    budgets; 1: they do not, or a row failed; 2: a mistake to fix.
    """
    if data is None:
        raise DataError(
            "no data: --data DIR, or the environment variable MOTEFIT_DATA, must name the folder "
            "that contains speech/ and climate/"
        )
    announce("reading the plan and what is already trained")
    result = motefit.reproduce_published(
        data,
        out=out_dir,
        results=results,
        only=only or (),
        workers=workers,
        resume=resume,
        reference=reference,
        tell=tell,
    )
    if as_json:
        print_json(result.table)
    else:
        for name, reason in result.failed.items():
            fail(f"{name}: {reason}")
        show(result)
    raise typer.Exit(0 if result.met else 1)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("reproduce", epilog=EXAMPLES)(reproduce_command)
