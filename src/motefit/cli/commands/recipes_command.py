"""``motefit recipes``: the recipes shipped in the package."""

from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_recipe
from motefit.cli.output import examples, out, print_json, show
from motefit.spec.tables import ResultTable

EXAMPLES = examples(
    "motefit recipes",
    "motefit recipes up-down > mine.toml",
)


def recipes(
    name: Annotated[
        str,
        typer.Argument(autocompletion=complete_recipe, help="Print this recipe, as TOML."),
    ] = "",
    full: Annotated[
        bool, typer.Option("--full", help="Print every key of the recipe, with its default.")
    ] = False,
    published: Annotated[
        bool, typer.Option("--published", help="List the published systems instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the shipped recipes, or print one to start your own from."""
    if name:
        if as_json:
            print_json(motefit.find_recipe(name).to_table())
        else:
            out.out(motefit.recipe_text(name, full=full), end="")
        return
    names = motefit.published_names() if published else motefit.recipe_names()
    found = [motefit.find_recipe(name) for name in names]
    if as_json:
        print_json([{"name": r.name, "task": r.task, "description": r.description} for r in found])
        return
    rows = [(recipe.name, recipe.task, recipe.description) for recipe in found]
    show(ResultTable(titles=("recipe", "task", "description"), align="lll", rows=rows))
    if not published:
        count = len(motefit.published_names())
        out.print(f"\n{count} published systems: [bold]motefit recipes --published[/]")
    out.print(
        "\nRun one with [bold]motefit fit RECIPE --data DATA[/]; copy one with "
        "[bold]motefit recipes RECIPE > mine.toml[/]."
    )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("recipes", epilog=EXAMPLES)(recipes)
