"""Random candidates of 5 to 30 thousand parameters, typical of search spaces of both tasks."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from motefit.graph.counter import count
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.search.space import Candidate, Point, Space
from motefit.spec.recipe import Recipe

PARAMETERS = (5_000, 30_000)
WORDS = """
task = "keyword-spotting"
[data]
words = ["down", "go", "left", "no", "right", "stop", "up", "yes"]
[frontend]
upper_hz = 7600
[model]
family = "{family}"
[compress]
precision = "int8"
[search.space]
"frontend.coefficients" = [0, 10]
"""
SERIES = """
task = "forecasting"
[data]
time = "time"
inputs = ["T", "rh"]
targets = ["T", "rh"]
input_steps = 24
output_steps = 6
[model]
family = "{family}"
[compress]
precision = "int8"
[search.space]
"""
SPACES: dict[str, tuple[str, dict[str, list[Any]]]] = {
    "tcnet": (
        WORDS,
        {
            "model.width": [24, 28, 32, 36, 40, 48, 56],
            "model.blocks": [3, 4, 5, 6],
            "model.kernels": [[9], [15], [9, 9, 13, 13, 17]],
            "model.dropout": [0.0, 0.1],
        },
    ),
    "dscnn": (
        WORDS,
        {
            "model.width": [24, 32, 40, 48, 56, 64],
            "model.blocks": [3, 4, 5],
            "model.first_kernel": [[3, 3], [10, 4]],
            "model.norm_between": [True, False],
        },
    ),
    "bcresnet": (
        WORDS,
        {
            "model.channels": [[8, 12, 16, 20], [12, 16, 20, 24], [16, 24, 32, 40]],
            "model.blocks": [[1, 1, 2, 2], [1, 2, 2, 2], [2, 2, 4, 4]],
            "model.head_channels": [32, 64],
        },
    ),
    "mlp": (WORDS, {"model.units": [[8], [12], [16, 8], [24], [32, 16]]}),
    "conv1d": (
        SERIES,
        {
            "model.filters": [[16], [24], [32], [24, 24], [32, 32]],
            "model.kernels": [[3], [5]],
            "model.units": [[16], [24], [32], [16, 16]],
        },
    ),
}
MIX = {"tcnet": 0.5, "dscnn": 0.2, "bcresnet": 0.15, "mlp": 0.15}
"""Shares of the families in a space for words."""
SEED_SALT = 0x6D6F7465


def graph_of(candidate: Candidate) -> Graph:
    """Build the candidate's network in trained form."""
    recipe = candidate.recipe
    if recipe.frontend is None:
        steps, outputs = recipe.data.input_steps, recipe.data.output_steps * 2
        problem = Problem(input_shape=(steps, 2), outputs=outputs)
    else:
        problem = Problem(input_shape=recipe.frontend.shape, outputs=len(recipe.data.words))
    rng = np.random.default_rng([candidate.seed, SEED_SALT])
    return build(recipe.model.family, recipe.model.options, problem=problem, rng=rng)


def points(family: str, n: int, rng: np.random.Generator) -> Iterator[tuple[Space, Point]]:
    """Draw random points of a family's space whose networks have the wanted size.

    Yields:
        ``n`` points, each with its space.
    """
    head, knobs = SPACES[family]
    lines = "\n".join(f'"{key}" = {str(values).lower()}' for key, values in knobs.items())
    space = Space(Recipe.loads(head.format(family=family) + lines, name=family))
    found = 0
    while found < n:
        point = {
            key: space.values(key)[rng.integers(len(space.values(key)))] for key in space.dimensions
        }
        parameters = count(fold(graph_of(space.candidate(point)))).parameters
        if PARAMETERS[0] <= parameters <= PARAMETERS[1]:
            found += 1
            yield space, point
