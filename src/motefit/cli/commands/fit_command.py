"""``motefit fit``: a recipe in, a certified bundle out."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from motefit.cli.forms import forms_table, print_forms
from motefit.cli.output import INTERRUPTED, escape, fail, out, print_json
from motefit.cli.progress_display import Mode, open_progress
from motefit.cli.verdict_table import print_obstacle, print_verdict, verdict_table, verdict_words
from motefit.exporting.in_graph import InGraphExport
from motefit.fitting.fit import FitOptions, FitResult, fit, resume
from motefit.fitting.measured_run import Release
from motefit.fitting.run_dir import RunDir
from motefit.recipes.catalog import find_recipe
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
    frontend: Annotated[
        Literal["in-graph"] | None,
        typer.Option(help="in-graph: also deliver each model with its front end inside."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where torch trains: cpu or cuda.")] = "cpu",
    engine: Annotated[str, typer.Option(help="Where workers live: local or ray.")] = "local",
    address: Annotated[
        str, typer.Option(help="Of the engine's cluster, e.g. auto or host:6379 for ray.")
    ] = "",
    storage: Annotated[
        str,
        typer.Option(help="URL of an Optuna storage for the study. Default: a file in the run."),
    ] = "",
    profile: Annotated[
        Path | None,
        typer.Option(help="Screen by the latency of this device (motefit bench --profile)."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run that is in the folder.")
    ] = False,
    progress: Annotated[
        Mode, typer.Option(help="How progress is shown, on standard error.")
    ] = Mode.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train the smallest model that meets a recipe's budget, and certify the file it ships.

    A run that is finished answers with its stored verdict, and opens the test set no more.

    Exit code 0: the budget is met; 1: it is not; 2: a mistake to fix.
    """
    options = FitOptions(
        workers=workers,
        device=device,
        overwrite=overwrite,
        engine=engine,
        address=address,
        storage=storage,
        profile=profile,
        in_graph=frontend is not None,
    )
    folder = resume_dir or out_dir or Path("runs") / Path(recipe).name.removesuffix(".toml")
    try:
        with open_progress(progress, workers=workers) as listener:
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
        if not RunDir(folder).begun:
            raise
        fail(f"interrupted; go on with: motefit fit --resume {shlex.quote(str(folder))}")
        raise typer.Exit(INTERRUPTED) from None
    _print(result, as_json=as_json)
    raise typer.Exit(0 if result.met else 1)


def _print(result: FitResult, *, as_json: bool) -> None:
    if as_json:
        print_json(_table(result))
        return
    if result.already_done:
        out.print(
            f"already done: {escape(str(result.folder))} holds this run with its verdict; "
            "--overwrite replaces it",
            soft_wrap=True,
        )
    if result.obstacle is not None:
        print_obstacle(result.obstacle, result.rejected, judged=result.judged)
    for name, delivery in result.deliveries.items():
        if len(result.deliveries) > 1:
            out.print(f"\n[bold]{escape(name)}[/]")
        print_verdict(delivery.card, delivery.certificate)
        out.print(f"\nbundle  {delivery.bundle}\nreport  {delivery.report}", soft_wrap=True)
        if name in result.in_graph:
            _print_in_graph(result.in_graph[name])


def _print_in_graph(form: InGraphExport) -> None:
    out.print("\nwith its front end inside:")
    print_forms(form)
    if form.certificate is not None:
        missed = [line.metric for line in form.certificate.lines if line.verdict != "pass"]
        verdict = verdict_words(form.certificate)
        if missed:
            verdict = verdict.replace("budget not met", f"budget not met: {', '.join(missed)}", 1)
        out.print(f"certificate of this form: {escape(verdict)}", soft_wrap=True)


def _table(result: FitResult) -> dict[str, object]:
    table: dict[str, object] = {
        "met": result.met,
        "folder": str(result.folder),
        "already_done": result.already_done,
        "judged": result.judged,
        "rejected": dict(result.rejected),
    }
    tables = {name: _delivery(delivery) for name, delivery in result.deliveries.items()}
    for name, form in result.in_graph.items():
        tables[name]["in_graph"] = forms_table(form)
    if result.main is not None:
        table |= next(iter(tables.values()))
    if len(tables) > 1:
        table |= {"met": result.met, "budgets": tables}
    if result.obstacle is not None:
        table["nearest_miss"] = {
            "candidate": result.obstacle.candidate.title,
            "reason": result.obstacle.reason,
        }
    return table


def _delivery(delivery: Release) -> dict[str, object]:
    table = verdict_table(delivery.card, delivery.certificate)
    return {**table, "bundle": str(delivery.bundle), "report": str(delivery.report)}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("fit")(fit_command)
