"""``motefit zoo``: the shipped models."""

from typing import Annotated

import typer

import motefit
from motefit.cli.output import examples, print_json, show

EXAMPLES = examples(
    "motefit zoo",
)


def zoo_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the shipped models, with their figures; every command takes their names.

    accuracy: on the test clips; strangers: on those of speakers who are not in training; bytes: of
    the .tflite file; zipped: of a zip of it alone; ms: front end and inference; MACs:
    multiply-accumulates. Forecasters are listed by their mean absolute error.
    """
    found = motefit.shipped_models()
    if not as_json:
        show(found)
        return
    print_json(
        [
            {
                "name": model.name,
                "task": model.card.task,
                "path": str(model.path),
                "met": model.certificate.met,
                "facts": dict(model.card.facts),
            }
            for model in found.models
        ]
    )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("zoo", epilog=EXAMPLES)(zoo_command)
