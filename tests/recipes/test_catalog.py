"""Recipes by name and by file."""

import pytest

from motefit.recipes.catalog import find_recipe, recipe_names
from motefit.spec.errors import RecipeError


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_describe_themselves_and_have_a_budget(name):
    recipe = find_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert recipe.budget.bounds


def test_recipes_can_be_files(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(find_recipe("climate-6").to_toml())
    assert find_recipe(str(path)).name == "mine"
    with pytest.raises(RecipeError, match="there is no recipe file"):
        find_recipe(str(tmp_path / "other.toml"))
