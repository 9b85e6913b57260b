"""``motefit check``: measure a model file again and compare it with its card and budget."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.json_tables import check_json, stream_json
from motefit.cli.output import announce, examples, print_json, show

EXAMPLES = examples(
    "motefit check up-down --data FOLDER --out checked",
    "motefit check up-down --stream an-evening-of-radio",
    "motefit check any.tflite --recipe mine.toml --data FOLDER",
)


def check_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model,
            help="Name of a shipped model, or bundle (.zip); or any .tflite, with its card or "
            "--recipe.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder of words, or CSV file. Default: synthetic data are generated.",
        ),
    ] = None,
    stream: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of long recordings, with or without lists of the words in them: measures "
            "false accepts, misses and latency of a keyword spotter. Without --data, only these.",
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="RECIPE",
            help="Recipe whose budget and data section replace the card's; without a card, its "
            "front end is used too.",
        ),
    ] = "",
    labels: Annotated[
        str,
        typer.Option(
            metavar="LABELS",
            help="Labels of a keyword spotter without a card, in the order of its outputs: "
            "a,b,c, or a file with one per line. Default: a list in the model file, else "
            "alphabetical; the output says which.",
        ),
    ] = "",
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Folder for certificate and report. Default: MODEL-check.",
        ),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option("--all", help="Score a forecaster on the whole file, not on its last part."),
    ] = False,
    c_source: Annotated[
        bool,
        typer.Option(
            "--c",
            help="Also generate C source, compile it here, and compare it on the same data.",
        ),
    ] = False,
    fixed: Annotated[
        bool,
        typer.Option(
            "--fixed",
            help="The same, with the front end in fixed point, as on a processor without an FPU.",
        ),
    ] = False,
    no_sound: Annotated[
        bool, typer.Option("--no-sound", help="Keep the sound of clips out of the report.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model file on the test set of the data, from its bytes alone.

    Exit code 0: the budget is met, the card's figures are confirmed and the C source agrees; 1:
    not, or the machine is too busy to measure a latency; 2: a mistake to fix.
    """
    announce(f"checking {model}: opening the model and the data")
    if stream is not None and data is None:
        _check_stream(model, stream, recipe=recipe, as_json=as_json)
    result = motefit.check(
        model,
        data=data,
        stream=stream,
        recipe=recipe or None,
        labels=labels or None,
        out=out_dir,
        whole=whole,
        c_source="fixed" if fixed else c_source,
        sound=not no_sound,
    )
    if as_json:
        print_json(check_json(result))
    else:
        show(result)
    raise typer.Exit(0 if result.met else 1)


def _check_stream(model: Path, stream: Path, *, recipe: str, as_json: bool) -> NoReturn:
    result = motefit.check_stream(model, stream, recipe=recipe or None)
    if as_json:
        print_json(stream_json(result))
    else:
        show(result)
    raise typer.Exit(0 if result.met else 1)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("check", epilog=EXAMPLES)(check_command)
