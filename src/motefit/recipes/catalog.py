"""Catalog of the shipped recipes, the recipes of the published systems, and recipe files."""

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from motefit.recipes.published import published_names, published_row, published_table
from motefit.spec.codec import nearest
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe


@cache
def recipe_names() -> tuple[str, ...]:
    """List the names of the shipped recipes, sorted."""
    folder = resources.files("motefit") / "recipes"
    return tuple(
        sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))
    )


def find_recipe(recipe: str | Path | Recipe) -> Recipe:
    """Find a shipped recipe or a published row by name, or a recipe file by path.

    >>> find_recipe("yes-no").task
    'keyword-spotting'

    Args:
        recipe: name or path; a Recipe is returned unchanged.

    Raises:
        RecipeError: if there is no such recipe or file, or the recipe is invalid.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str | Path):
        raise RecipeError(
            f"a recipe is a name, a path or a Recipe, got {type(recipe).__name__}; "
            "Recipe.from_table makes one of a dict"
        )
    name, names, published = str(recipe), recipe_names(), published_names()
    if name in names or name in published:
        return _known(name)
    path = Path(name)
    if path.is_file():
        return Recipe.load(path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise RecipeError(f"there is no recipe file {name}")
    hint = nearest(name, (*names, *published))
    raise RecipeError(
        f"there is no recipe {name!r}{hint}; shipped: {', '.join(names)}, and those listed by "
        "motefit recipes --published; or give the path of a .toml file"
    )


@cache
def _known(name: str) -> Recipe:
    return Recipe.from_table(recipe_table(name), name=name)


def recipe_text(name: str, *, full: bool = False) -> str:
    """Return a recipe as TOML, as it is shipped; keys that are left out have their defaults.

    >>> recipe_text("yes-no").splitlines()[-2]
    'latency.total_ms = "< 8 ms"'

    Args:
        name: shipped recipe, or row of a published system, whose choices become comments.
        full: whether every key is written, with its default.

    Raises:
        RecipeError: if there is no such recipe.
    """
    if name in recipe_names() and not full:
        return _source(name)
    choices = published_row(name)[0].choices if name in published_names() else ()
    return "".join(f"# {choice}\n" for choice in choices) + find_recipe(name).to_toml()


def _source(name: str) -> str:
    return (resources.files("motefit") / "recipes" / f"{name}.toml").read_text("utf-8")


def recipe_table(name: str) -> dict[str, Any]:
    """Return a shipped recipe or a published row as a plain table, without its defaults.

    Raises:
        RecipeError: if there is no such recipe.
    """
    if name in published_names():
        return published_table(name)
    if name in recipe_names():
        return tomllib.loads(_source(name))
    raise RecipeError(f"there is no recipe {name!r}")
