"""``motefit study``: list, show, compare and export studies."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_run
from motefit.cli.output import announce, encode, escape, out, print_json, show

study_app = typer.Typer(no_args_is_help=True, help="Inspect the studies of runs and storages.")

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        autocompletion=complete_run, help="Folders of runs, or URLs of storages. Default: runs."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@study_app.command("list")
def list_command(sources: Sources = None, as_json: AsJson = False) -> None:
    """List studies, with their best candidate and the number of candidates in each state."""
    announce("reading the studies")
    studies = motefit.find_studies(sources or ["runs"])
    if as_json:
        print_json([motefit.study_summary(study) for study in studies])
    else:
        show(motefit.studies_table(studies))


@study_app.command("show")
def show_command(
    source: Annotated[
        str,
        typer.Argument(autocompletion=complete_run, help="Folder of a run, or URL of a storage."),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the study, if there are several.")
    ] = "",
    top: Annotated[int, typer.Option(min=1, help="Number of candidates to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the candidates of a study, best first."""
    announce("reading the study")
    study = motefit.find_study(source, name=name)
    if as_json:
        trials = [encode(trial) for trial in motefit.ranked_trials(study)]
        print_json({**motefit.study_summary(study), "records": trials})
        return
    out.print(f"{escape(study.name)} in {escape(study.folder)}", soft_wrap=True)
    show(motefit.trials_table(study, top=top))
    count = len(study.trials)
    if count > top:
        out.print(f"and {count - top} more: --top {count} shows all")


@study_app.command()
def compare(
    sources: Annotated[
        list[str],
        typer.Argument(autocompletion=complete_run, help="Folders of runs, or URLs of storages."),
    ],
    as_json: AsJson = False,
) -> None:
    """Compare studies side by side: candidates, epochs, and the best file of each."""
    announce("reading the studies")
    studies = motefit.find_studies(sources)
    if as_json:
        print_json([motefit.study_summary(study) for study in studies])
    else:
        show(motefit.compare_studies(studies))


@study_app.command()
def export(
    source: Annotated[
        str,
        typer.Argument(autocompletion=complete_run, help="Folder of a run, or URL of a storage."),
    ],
    out_path: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="File to write, .csv or .json.")
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the study, if there are several.")
    ] = "",
) -> None:
    """Write all candidates of a study to a file, one per row."""
    announce("reading the study")
    study = motefit.find_study(source, name=name)
    motefit.export_study(study, out_path)
    out.print(f"{len(study.trials)} candidates: {out_path}", soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Register the group."""
    app.add_typer(study_app, name="study")
