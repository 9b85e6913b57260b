"""``motefit report``: a page, a sheet or a model card from stored facts; or a comparison."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import announce, examples, show
from motefit.spec.errors import RecipeError

EXAMPLES = examples(
    "motefit report runs/up-down            the page of a run",
    "motefit report up-down go-stop         two models side by side",
    "motefit report climate-6 --markdown    a card for a model hub",
)


def report_command(
    sources: Annotated[
        list[str],
        typer.Argument(
            autocompletion=complete_model,
            help="Folders of runs or checks, bundles (.zip), or shipped models; several are "
            "compared.",
        ),
    ],
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="File to write. Default: NAME.html, NAME.pdf or NAME.md."
        ),
    ] = None,
    pdf: Annotated[
        bool,
        typer.Option("--pdf", help="A summary on one sheet (needs Chromium or Chrome)."),
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A model card in Markdown, for a model hub.")
    ] = False,
    no_sound: Annotated[
        bool, typer.Option("--no-sound", help="Leave the sound of clips out of the page.")
    ] = False,
) -> None:
    """Write a report from stored facts; nothing is measured again.

    The page is one file that needs no network. Exit code 0: written; 2: a mistake to fix.
    """
    if pdf and markdown:
        raise RecipeError("choose one form: --pdf or --markdown")
    form: Literal["page", "pdf", "markdown"] = "pdf" if pdf else "markdown" if markdown else "page"
    announce(f"{', '.join(sources)}: reading the stored facts")
    show(motefit.make_report(*sources, out=out_file, form=form, sound=not no_sound))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("report", epilog=EXAMPLES)(report_command)
