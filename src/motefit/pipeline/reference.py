"""The named reference pipeline of a latency saving: another recipe's front end and network.

Its weights do not matter for its time, so the network is written untrained, in float32, as the
published reference pipelines were.
"""

import numpy as np

from motefit.graph.families import build
from motefit.graph.problem import Problem
from motefit.measure.latency import Subject
from motefit.pipeline.recipes import find_recipe
from motefit.pipeline.tasks import find_task
from motefit.spec.errors import RecipeError
from motefit.spec.normalisation import Normalisation
from motefit.spec.recipe import CompressSpec
from motefit.spec.tasks.keyword_spotting import SpeechIO
from motefit.tflite.export import export


def reference_subject(name: str) -> Subject:
    """The reference pipeline a budget names, ready to be timed in motefit's runtime.

    Raises:
        RecipeError: as :func:`reference_model`.
    """
    model, io = reference_model(name)
    return find_task(find_recipe(name).task).subject(model, io)


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
        normalisation=Normalisation(),
    )
    return model, io
