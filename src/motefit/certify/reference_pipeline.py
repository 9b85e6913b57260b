"""The named reference pipeline of a latency saving: another recipe's front end and network.

Its weights do not matter for its time, so the network is written untrained, in float32, as the
published reference pipelines were.
"""

import numpy as np

from motefit.graph.families import Problem, build
from motefit.measure.latency.paired import BenchmarkCase
from motefit.recipes.catalog import find_recipe
from motefit.spec.errors import RecipeError
from motefit.spec.normalization import Normalization
from motefit.spec.recipe import CompressSpec
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tasks import find_task
from motefit.tflite.write.precision import export


def reference_subject(name: str) -> BenchmarkCase:
    """The reference pipeline a budget names, ready to be timed in motefit's runtime.

    Raises:
        RecipeError: as :func:`reference_model`.
    """
    model, io = reference_model(name)
    return find_task(find_recipe(name).task).benchmark_case(model, io)


def reference_model(name: str) -> tuple[bytes, SpeechIO]:
    """The model file of the reference pipeline a budget names, and what goes in and out.

    Args:
        name: of a keyword-spotting recipe that lists its words.

    Raises:
        RecipeError: for an unknown recipe, or one without front end or words.
    """
    recipe = find_recipe(name)
    if recipe.frontend is None or not recipe.data.words:
        raise RecipeError(
            f"the reference pipeline {name!r} must be a keyword-spotting recipe with its words"
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
