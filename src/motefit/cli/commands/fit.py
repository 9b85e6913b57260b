"""``motefit fit``: a recipe in, a certified bundle out."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from motefit.cli.output import INTERRUPTED, fail, out, print_json
from motefit.cli.progress import LiveListener
from motefit.cli.verdict import print_obstacle, print_verdict, verdict_table
from motefit.pipeline.fit import FitOptions, FitResult, fit, resume
from motefit.pipeline.recipes import find_recipe
from motefit.pipeline.run_folder import RunFolder
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
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Keep the names of tensors in the file.")
    ] = False,
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
    folder = resume_dir or out_dir or Path("runs") / Path(recipe).stem
    try:
        with LiveListener() as listener:
            if resume_dir is not None:
                if recipe or data or out_dir or keep_names:
                    raise RecipeError("--resume takes recipe and data from the run: give it alone")
                result = resume(folder, options=options, listener=listener)
            elif recipe:
                found = find_recipe(recipe)
                if keep_names:
                    found = found.with_values({"compress.keep_names": True})
                result = fit(found, data, folder, options=options, listener=listener)
            else:
                raise RecipeError("which recipe? motefit recipes lists the shipped ones")
    except KeyboardInterrupt:
        if not RunFolder(folder).begun:
            raise
        fail(f"interrupted; go on with: motefit fit --resume {shlex.quote(str(folder))}")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(_table(result))
    elif result.obstacle is not None:
        print_obstacle(result.obstacle, len(result.rejected))
    elif result.certificate is not None and result.card is not None:
        print_verdict(result.card, result.certificate)
        out.print(f"\nbundle  {result.bundle}\nreport  {result.report}", soft_wrap=True)
    raise typer.Exit(0 if result.met else 1)


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
