"""``motefit recipes``: what is shipped in the package."""

from typing import Annotated

import typer
from rich.table import Table

from motefit.cli.output import out, print_json
from motefit.pipeline.recipes import find_recipe, recipe_names


def recipes(
    name: Annotated[str, typer.Argument(help="Print this recipe whole, as TOML.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the shipped recipes, or print one to start your own from."""
    if name:
        recipe = find_recipe(name)
        if as_json:
            print_json(recipe.to_table())
        else:
            out.out(recipe.to_toml(), end="")
        return
    found = [find_recipe(n) for n in recipe_names()]
    if as_json:
        print_json([{"name": r.name, "task": r.task, "description": r.description} for r in found])
        return
    table = Table(box=None, pad_edge=False)
    for title in ("recipe", "task", "what it asks for"):
        table.add_column(title, overflow="fold")
    for recipe in found:
        table.add_row(recipe.name, recipe.task, recipe.description)
    out.print(table)
    out.print(
        "\nRun one with [bold]motefit fit RECIPE --data DIR[/]; copy one with "
        "[bold]motefit recipes RECIPE > mine.toml[/]."
    )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(recipes)
