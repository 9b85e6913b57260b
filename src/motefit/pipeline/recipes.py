"""Recipes shipped in the package, and recipes from files."""

from importlib import resources
from pathlib import Path

from motefit.spec.codec import nearest
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe


def recipe_names() -> tuple[str, ...]:
    """Names of the shipped recipes, sorted."""
    folder = resources.files("motefit") / "recipes"
    return tuple(
        sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))
    )


def find_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or a recipe file by path.

    Raises:
        RecipeError: when there is neither, or the recipe is wrong.
    """
    names = recipe_names()
    if name in names:
        text = (resources.files("motefit") / "recipes" / f"{name}.toml").read_text("utf-8")
        return Recipe.loads(text, name=name)
    path = Path(name)
    if path.is_file():
        return Recipe.load(path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise RecipeError(f"there is no recipe file {name}")
    raise RecipeError(
        f"there is no recipe {name!r}{nearest(name, names)}; shipped: {', '.join(names)}; "
        "or give the path of a .toml file"
    )
