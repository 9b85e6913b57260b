"""The grid of candidates and their keys."""

from dataclasses import replace

import pytest

from motefit.search.space import Candidate, Space, variants_of
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe
from motefit.spec.search import Range, SearchSpec

TEXT = """
task = "forecasting"
[model]
family = "mlp"
hidden = [4]
[train]
seeds = [5, 3]
[search]
space."train.epochs" = [1, 2]
space."model.hidden" = [[4], [8, 4]]
"""


def grid(recipe: Recipe) -> list[Candidate]:
    space = Space(recipe)
    return [space.candidate(point) for point in space.points()]


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.loads(TEXT, name="r")


def test_every_combination_once_per_seed_seeds_innermost(recipe):
    found = [(c.values["train.epochs"], c.values["model.hidden"], c.seed) for c in grid(recipe)]
    assert found == [(e, h, s) for e in (1, 2) for h in ((4,), (8, 4)) for s in (5, 3)]


def test_the_values_stand_in_the_candidates_recipe(recipe):
    last = grid(recipe)[-1]
    assert last.recipe.train.epochs == 2
    assert last.recipe.model.options["hidden"] == (8, 4)
    assert last.title == "train.epochs 2, hidden 8x4, seed 3"


def test_without_a_space_there_is_one_candidate_per_seed(recipe):
    plain = replace(recipe, search=SearchSpec())
    assert [(c.title, c.values) for c in grid(plain)] == [("seed 5", {}), ("seed 3", {})]


def test_an_unknown_key_is_named(recipe):
    wrong = replace(recipe, search=SearchSpec(space={"train.epoch": (1,)}))
    with pytest.raises(RecipeError, match="did you mean 'epochs'"):
        grid(wrong)


def test_keys_differ_with_the_work_and_not_otherwise(recipe):
    keys = {c.key for c in grid(recipe)}
    assert len(keys) == 8
    other = Recipe.loads(
        TEXT.replace("seeds = [5, 3]", "seeds = [3]")
        + '[budget]\n"size.zip_bytes" = "< 1 KB"\nobjective = "macs"\n',
        name="another",
    )
    described = replace(other, description="words")
    assert {c.key for c in grid(described)} < keys


@pytest.mark.parametrize(
    "change",
    [
        {"train.learning_rate": 0.5},
        {"compress.precision": "float32"},
        {"data.input_steps": 7},
        {"model.hidden": (5,)},
    ],
    ids=str,
)
def test_a_key_changes_with(recipe, change):
    before = Candidate(values={}, seed=0, recipe=recipe)
    after = Candidate(values={}, seed=0, recipe=recipe.with_values(change))
    assert before.key != after.key


def test_a_key_depends_on_neither_name_nor_labels(recipe):
    first = Candidate(values={}, seed=0, recipe=recipe)
    again = Candidate(values={"x": 1}, seed=0, recipe=Recipe.loads(TEXT, name="elsewhere"))
    assert first.key == again.key
    assert len(first.key) == 16


def test_ways_are_all_combinations_each_once(recipe):
    ways = {
        "compress.precision": ("int8", "float16", "int8"),
        "compress.per_channel": (True, False),
    }
    candidate = Candidate(
        values={"x": 1}, seed=4, recipe=replace(recipe, search=SearchSpec(variants=ways))
    )
    found = variants_of(candidate)
    assert len(found) == 4
    assert {c.training_key for c in found} == {candidate.training_key}
    assert {(c.recipe.compress.precision, c.recipe.compress.per_channel) for c in found} == {
        ("int8", True), ("int8", False), ("float16", True), ("float16", False),
    }  # fmt: skip
    assert all(c.seed == 4 and c.values["x"] == 1 for c in found)


def test_without_ways_a_candidate_is_itself(recipe):
    candidate = Candidate(values={}, seed=0, recipe=recipe)
    assert variants_of(candidate) == (candidate,)


def test_a_whole_network_may_be_a_value(recipe):
    nets = ({"family": "mlp", "hidden": (4,)}, {"family": "linear"})
    space = Space(replace(recipe, search=SearchSpec(space={"model": nets})))
    families = [space.candidate(p).recipe.model.family for p in space.points()]
    assert families == ["mlp", "mlp", "linear", "linear"]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (Range(low=1, high=7, step=3), (1, 4, 7)),
        (Range(low=1, high=3), (1, 2, 3)),
        (Range(low=0.0, high=1.0, step=0.25), (0.0, 0.25, 0.5, 0.75, 1.0)),
        (Range(low=0.1, high=0.3, step=0.1), (0.1, 0.2, 0.1 + 2 * 0.1)),
        (Range(low=0.1, high=1.0), None),
        (Range(low=0.1, high=1.0, log=True), None),
    ],
    ids=str,
)
def test_values_of_a_range(given, values):
    assert given.values() == values
