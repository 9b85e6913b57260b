"""Recipes of the published systems, with the figures of their reports."""

from collections import Counter

import numpy as np
import pytest

from motefit.graph.counter import count
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.recipes.catalog import find_recipe, recipe_names, recipe_table
from motefit.recipes.published import (
    PublishedRow,
    System,
    Target,
    published_figures,
    published_names,
    published_row,
    published_targets,
    systems,
)
from motefit.reproduce.plan import recipe_of
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe
from motefit.train.compressors import check_steps

ROWS = {
    "R0": 2 + 3 + 6,
    "R1.climate": 16 + 4,
    "R1.words": 3,
    "R2": 2,
    "R3.climate": 8,
    "R3.words": 5,
    "R4": 5,
}
"""Counted in the reports; R2's second row is its reference, R4's are the system, 25/26's, and its
narrowing and grid."""


def untrained(recipe):
    if recipe.frontend is not None:
        problem = Problem(input_shape=recipe.frontend.shape, outputs=len(recipe.data.words))
    else:
        problem = Problem(
            input_shape=(recipe.data.input_steps, 2), outputs=2 * recipe.data.output_steps
        )
    rng = np.random.default_rng(0)
    return build(recipe.model.family, recipe.model.options, problem=problem, rng=rng)


def test_every_row_is_there():
    assert {name: len(system.rows) for name, system in systems().items()} == ROWS
    assert len(set(published_names())) == sum(ROWS.values())
    assert not set(published_names()) & set(recipe_names())


@pytest.mark.parametrize("name", published_names())
def test_every_row_is_a_recipe_that_can_be_trained(name):
    recipe = find_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert Recipe.loads(recipe.to_toml(), name=name) == recipe
    assert fold(untrained(recipe)).ops
    assert len(check_steps(recipe.compress.steps)) == len(recipe.compress.steps)


def test_rows_differ():
    said = Counter(find_recipe(name).description for name in published_names())
    assert not [text for text, times in said.items() if times > 1]
    work = [recipe_table(n) | {"description": ""} for n in published_names()]
    assert all(a != b for i, a in enumerate(work) for b in work[:i])


@pytest.mark.parametrize("name", systems())
def test_every_system_states_the_choices_its_report_leaves_open(name):
    assert len(systems()[name].choices) >= 4
    assert all(choice.endswith(".") for choice in systems()[name].choices)


@pytest.mark.parametrize("name", published_targets())
def test_every_budget_has_a_winner_and_an_answer(name):
    winner, target, budget = published_targets()[name]
    assert winner in published_names()
    assert not published_row(winner)[1].on_request
    assert recipe_of(target.answer) in recipe_names()
    assert budget.bounds
    assert not budget.reference or budget.reference in published_names()


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("R3.words.cnn", "size.tflite_bytes"),
        ("R3.words.dscnn", "size.tflite_bytes"),
        ("R4.final", "size.tflite_bytes"),
        ("R3.climate.3-mlp", "size.zip_bytes"),
        ("R3.climate.9-mlp", "size.zip_bytes"),
        ("R3.climate.3-cnn", "size.zip_bytes"),
        ("R3.climate.9-cnn", "size.zip_bytes"),
    ],
)
def test_the_networks_chosen_have_the_published_float_sizes(name, metric):
    weights = 4 * count(fold(untrained(find_recipe(name)))).parameters
    assert find_recipe(name).compress.precision == "float32"
    assert weights == pytest.approx(published_figures(name)[metric], rel=0.1)


def test_the_winners_meet_their_budgets_by_the_figures_of_their_reports():
    held = 0
    for winner, _, budget in published_targets().values():
        figures = published_figures(winner)
        for bound in budget.bounds:
            if bound.metric in figures:
                assert bound.holds(figures[bound.metric]), (winner, bound)
                held += 1
    assert held > 20


def test_separable_blocks_have_the_published_cost():
    """(1 / C_out + 1 / k^2) of the convolution."""
    plain = count(fold(untrained(find_recipe("R0.baseline-mfcc"))))
    separable = count(fold(untrained(find_recipe("R0.only-separable"))))
    first, last = 30 * 4 * 256 * 9, 256 * 2
    assert separable.macs - first - last == pytest.approx(
        (plain.macs - first - last) * (1 / 256 + 1 / 9), rel=0.01
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"rows": (PublishedRow(name="a", note="n"), PublishedRow(name="a", note="n"))},
            "two rows",
        ),
        (
            {"rows": (PublishedRow(name="a", note="n", values={"widht": 1}),)},
            "did you mean 'width'",
        ),
        ({"rows": (PublishedRow(name="a", note="n", figures={"size": "1 KB"}),)}, "unknown 'size'"),
        ({"targets": {"t": Target(note="", winner="b", answer="", budget={})}}, "no row 'b'"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(change, message):
    table = {"rows": (PublishedRow(name="a", note="n"),), **change}
    with pytest.raises(RecipeError, match=message):
        System(
            title="t", choices=(), recipe={}, values={"width": "model.width_multiplier"}, **table
        )


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(RecipeError, match=r"did you mean 'R4\.final'"):
        published_row("R4.finall")
    with pytest.raises(RecipeError, match=r"did you mean 'R1\.climate\.w0\.05'"):
        find_recipe("R1.climate.w005")
