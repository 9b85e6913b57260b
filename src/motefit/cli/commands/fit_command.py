"""``motefit fit``: a recipe in, a certified bundle out."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import motefit
from motefit.cli.completion import complete_recipe, complete_run
from motefit.cli.json_tables import fit_json
from motefit.cli.output import INTERRUPTED, announce, examples, fail, print_json, show
from motefit.spec.errors import RecipeError

ProgressName = Literal["auto", "live", "plain", "json", "quiet"]

EXAMPLES = examples(
    "motefit fit quickstart",
    "motefit fit up-down --data FOLDER --workers 4",
    "motefit fit --resume runs/up-down",
)


def fit_command(
    recipe: Annotated[
        str,
        typer.Argument(
            autocompletion=complete_recipe,
            help="Name of a shipped recipe, or path of a .toml file.",
        ),
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder of words, or CSV file. Default: synthetic data are generated.",
        ),
    ] = None,
    words: Annotated[
        str,
        typer.Option(
            metavar="WORDS", help="Comma-separated words of your own in place of the recipe's."
        ),
    ] = "",
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder for the run. Default: runs/RECIPE."),
    ] = None,
    resume_dir: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            autocompletion=complete_run,
            metavar="FOLDER",
            help="Continue the interrupted run in this folder.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Training processes; 0: one per usable core.")
    ] = 0,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Keep tensor names in the file.")
    ] = False,
    frontend: Annotated[
        Literal["in-graph"] | None,
        typer.Option(help="in-graph: also write each model with its front end inside."),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="Device on which torch trains: cpu or cuda.")
    ] = "cpu",
    engine: Annotated[
        str, typer.Option(metavar="ENGINE", help="Where workers run: local or ray.")
    ] = "local",
    address: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address of the engine's cluster, e.g. auto or host:6379 for ray.",
        ),
    ] = "",
    storage: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="URL of an Optuna storage for the study. Default: a file in the run.",
        ),
    ] = "",
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Screen by latency on this device (written by motefit bench --profile).",
        ),
    ] = None,
    no_sound: Annotated[
        bool, typer.Option("--no-sound", help="Keep the sound of clips out of the report.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run that is in the folder.")
    ] = False,
    progress: Annotated[
        ProgressName,
        typer.Option(
            metavar="FORM",
            help="How progress is shown, on standard error: auto, live, plain, json or quiet.",
        ),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train the smallest model that meets a recipe's budget, and certify the file it ships.

    A finished run only prints its stored verdict; the test set is not opened again.

    Exit code 0: the budget is met; 1: it is not; 2: a mistake to fix.
    """
    options: dict[str, Any] = {
        "workers": workers,
        "device": device,
        "overwrite": overwrite,
        "engine": engine,
        "address": address,
        "storage": storage,
        "profile": profile,
        "in_graph": frontend is not None,
        "sound": not no_sound,
        "progress": progress,
    }
    folder = resume_dir or out_dir or Path("runs")
    if progress in {"auto", "live", "plain"}:
        announce(f"{recipe or folder}: opening the recipe and the data")
    try:
        if resume_dir is not None:
            if recipe or data or words or out_dir or keep_names:
                raise RecipeError("--resume takes recipe and data from the run; leave them out")
            result = motefit.resume(folder, **options)
        elif recipe:
            folder = out_dir or Path("runs") / motefit.find_recipe(recipe).name
            result = motefit.fit(
                recipe,
                data=data,
                words=words,
                out=folder,
                keep_names=keep_names,
                **options,
            )
        else:
            raise RecipeError("give a recipe; motefit recipes lists the shipped ones")
    except KeyboardInterrupt:
        if not motefit.can_resume(folder):
            raise
        fail(f"interrupted; continue with: motefit fit --resume {shlex.quote(str(folder))}")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(fit_json(result))
    else:
        show(result)
    raise typer.Exit(0 if result.met else 1)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("fit", epilog=EXAMPLES)(fit_command)
