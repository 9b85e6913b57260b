"""Judging candidates before training."""

from dataclasses import replace

import numpy as np
import pytest

from motefit.graph.families import build
from motefit.graph.problem import Problem
from motefit.search.screen import Screened, nearest_miss, screen
from motefit.search.space import Candidate, grid
from motefit.spec.budget import Budget
from motefit.spec.recipe import Recipe
from motefit.tflite.export import export

PROBLEM = Problem(input_shape=(20, 8), outputs=3)


def candidate(precision: str = "int8", width: int = 8) -> Candidate:
    text = f"""
    task = "keyword-spotting"
    [model]
    family = "dscnn"
    width = {width}
    blocks = 2
    [compress]
    precision = "{precision}"
    """
    return grid(Recipe.loads(text, name="r"))[0]


def graph_of(found: Candidate, seed: int = 0):
    model = found.recipe.model
    rng = np.random.default_rng(seed)
    return build(model.family, model.options, problem=PROBLEM, rng=rng)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8", "int8-weights"])
@pytest.mark.parametrize("more", [{}, {"compress.keep_names": True}])
def test_the_screened_size_is_the_size_of_the_trained_file(precision, more):
    found = candidate(precision)
    found = replace(found, recipe=found.recipe.with_values(more))
    screened = screen(found, graph_of(found), Budget())
    rng = np.random.default_rng(9)
    graph = graph_of(found, seed=1)
    trained = graph.with_constants(
        {
            name: (np.abs(a) + rng.uniform(0.1, 1.0, a.shape)).astype(a.dtype)
            for name, a in graph.constants.items()
        }
    )
    examples = rng.normal(size=(16, 20, 8)).astype(np.float32)
    data = export(trained, found.recipe.compress, examples=examples)
    # pieces of a file overlap where numbers happen to be equal, which training decides
    assert abs(screened.facts["size.tflite_bytes"] - len(data)) <= (8 if more else 0)


def test_bounds_that_need_no_training_are_judged():
    budget = Budget.from_table(
        {"size.tflite_bytes": "< 100 B", "macs": "< 1 M", "accuracy": "> 99 %"}, where="b"
    )
    found = candidate()
    screened = screen(found, graph_of(found), budget)
    assert [b.metric for b in screened.missed] == ["size.tflite_bytes"]
    assert "bound < 100 B" in screened.reason
    assert not screen(found, graph_of(found), Budget()).reason
    assert not screen(found, graph_of(found), budget, shrinks=True).missed


def test_the_nearest_miss_is_the_smallest_excess():
    budget = Budget.from_table({"size.tflite_bytes": "< 100 B"}, where="b")
    judged = tuple(
        screen(c, graph_of(c), budget) for c in (candidate(width=w) for w in (16, 4, 32))
    )
    assert nearest_miss(judged).candidate.recipe.model.options["width"] == 4


def test_the_worst_bound_counts():
    budget = Budget.from_table({"size.tflite_bytes": "< 1000 B", "macs": "< 1000"}, where="b")

    def judged(size: float, macs: float) -> Screened:
        facts = {"size.tflite_bytes": size, "macs": macs, "ram.arena_bytes": 1.0}
        missed = tuple(b for b in budget.bounds if not b.holds(facts[b.metric]))
        return Screened(candidate=candidate(), facts=facts, missed=missed)

    even, uneven = judged(2000, 2000), judged(1100, 9000)
    assert nearest_miss((uneven, even)) is even
