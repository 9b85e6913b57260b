"""Reference pipeline of a latency saving: the front end and network of a named recipe.

The weights do not affect its latency, so the network is written untrained, in float32 like the
published reference pipelines.
"""

import numpy as np

from motefit.graph.families import Problem, build
from motefit.measure.latency.paired import BenchmarkCase
from motefit.recipes.catalog import find_recipe
from motefit.spec.errors import RecipeError
from motefit.spec.normalization import Normalization
from motefit.spec.recipe import CompressSpec
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tasks import TASKS
from motefit.tflite.write.precision import export


def reference_subject(name: str) -> BenchmarkCase:
    """Prepare a budget's reference pipeline for timing in motefit's runtime.

    Raises:
        RecipeError: as in :func:`reference_model`.
    """
    model, io = reference_model(name)
    return TASKS.find(find_recipe(name).task).benchmark_case(model, io)


def reference_model(name: str) -> tuple[bytes, SpeechIO]:
    """Build the model file of a budget's reference pipeline, and its section of a card.

    Args:
        name: name of a keyword-spotting recipe that lists its words.

    Raises:
        RecipeError: if the recipe is unknown, or has no front end or words.
    """
    recipe = find_recipe(name)
    if recipe.frontend is None or not recipe.data.words:
        raise RecipeError(
            f"the reference pipeline {name!r} must be a keyword-spotting recipe that lists words"
        )
    problem = Problem(input_shape=recipe.frontend.shape, outputs=len(recipe.data.words))
    rng = np.random.default_rng(0)
    graph = build(recipe.model.family, recipe.model.options, problem=problem, rng=rng)
    example = np.zeros((1, *graph.input_shape), np.float32)
    model = export(graph, CompressSpec(precision="float32"), examples=example)
    io = SpeechIO(
        labels=tuple(sorted(recipe.data.words)),
        frontend=recipe.frontend,
        normalization=Normalization(),
    )
    return model, io
