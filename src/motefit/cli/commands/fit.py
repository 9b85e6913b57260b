"""``motefit fit``: a recipe in, a certified bundle out."""

from pathlib import Path
from typing import Annotated

import typer

from motefit.cli.output import err, out, print_json
from motefit.cli.progress import LiveListener
from motefit.cli.verdict import print_obstacle, print_verdict, verdict_table
from motefit.pipeline.events import Listener
from motefit.pipeline.fit import FitOptions, FitResult, fit, resume
from motefit.pipeline.recipes import find_recipe
from motefit.spec.errors import RecipeError


def fit_command(
    recipe: Annotated[
        str, typer.Argument(help="Name of a shipped recipe, or path of a .toml file.")
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of words, or CSV file. Left out: synthetic data are made."),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run. Default: runs/<recipe>.")
    ] = None,
    resume_dir: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the interrupted run in this folder.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Training processes; 0: one per usable core.")
    ] = 0,
    device: Annotated[str, typer.Option(help="Where torch trains: cpu or cuda.")] = "cpu",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run that is in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train the smallest model that meets a recipe's budget, and certify the file it ships.

    Exit code 0: the budget is met; 1: it is not; 2: something to mend, said in words.
    """
    options = FitOptions(workers=workers, device=device, overwrite=overwrite)
    listener = Listener() if as_json else LiveListener()
    try:
        result = _run(recipe, data, out_dir, resume_dir, options, listener)
    except KeyboardInterrupt:
        folder = resume_dir or out_dir or Path("runs") / Path(recipe).stem
        err.print(f"\ninterrupted; go on with: motefit fit --resume {folder}")
        raise typer.Exit(130) from None
    if as_json:
        print_json(_table(result))
    elif result.obstacle is not None:
        print_obstacle(result.obstacle, len(result.rejected))
    elif result.certificate is not None and result.card is not None:
        print_verdict(result.card, result.certificate)
        out.print(f"\nbundle  {result.bundle}\nreport  {result.report}", soft_wrap=True)
    raise typer.Exit(0 if result.met else 1)


def _run(
    recipe: str,
    data: Path | None,
    out_dir: Path | None,
    resume_dir: Path | None,
    options: FitOptions,
    listener: Listener,
) -> FitResult:
    if resume_dir is not None:
        if recipe or data or out_dir:
            raise RecipeError("--resume takes recipe and data from the run: give it alone")
        return resume(resume_dir, options=options, listener=listener)
    if not recipe:
        raise RecipeError("which recipe? motefit recipes lists the shipped ones")
    found = find_recipe(recipe)
    folder = out_dir or Path("runs") / found.name
    return fit(found, data, folder, options=options, listener=listener)


def _table(result: FitResult) -> dict[str, object]:
    table: dict[str, object] = {
        "met": result.met,
        "folder": str(result.folder),
        "rejected": [
            {"candidate": item.candidate.title, "reason": item.reason} for item in result.rejected
        ],
    }
    if result.card is not None and result.certificate is not None:
        table |= verdict_table(result.card, result.certificate)
        table |= {"bundle": str(result.bundle), "report": str(result.report)}
    if result.obstacle is not None:
        table["nearest_miss"] = {
            "candidate": result.obstacle.candidate.title,
            "reason": result.obstacle.reason,
        }
    return table


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("fit")(fit_command)
