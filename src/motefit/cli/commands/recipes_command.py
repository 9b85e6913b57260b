"""``motefit recipes``: what is shipped in the package."""

from typing import Annotated

import typer
from rich.table import Table

from motefit.cli.output import out, print_json
from motefit.recipes.catalog import find_recipe, recipe_names
from motefit.recipes.published import published_names, published_row


def recipes(
    name: Annotated[str, typer.Argument(help="Print this recipe whole, as TOML.")] = "",
    published: Annotated[
        bool, typer.Option("--published", help="List the published systems instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the shipped recipes, or print one to start your own from."""
    if name:
        recipe = find_recipe(name)
        if as_json:
            print_json(recipe.to_table())
        else:
            choices = published_row(name)[0].choices if name in published_names() else ()
            out.out("".join(f"# {choice}\n" for choice in choices) + recipe.to_toml(), end="")
        return
    found = [find_recipe(n) for n in (published_names() if published else recipe_names())]
    if as_json:
        print_json([{"name": r.name, "task": r.task, "description": r.description} for r in found])
        return
    table = Table(box=None, pad_edge=False)
    for title in ("recipe", "task", "what it asks for"):
        table.add_column(title, overflow="fold")
    for recipe in found:
        table.add_row(recipe.name, recipe.task, recipe.description)
    out.print(table)
    if not published:
        count = len(published_names())
        out.print(f"\n{count} published systems more: [bold]motefit recipes --published[/]")
    out.print(
        "\nRun one with [bold]motefit fit RECIPE --data DIR[/]; copy one with "
        "[bold]motefit recipes RECIPE > mine.toml[/]."
    )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(recipes)
