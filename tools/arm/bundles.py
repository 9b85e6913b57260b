"""Bundles for the measurements: untrained networks of recipes, models with front end inside."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from motefit.exporting.exported_form import sounds
from motefit.exporting.in_graph import in_graph_file
from motefit.graph.families import Problem, build
from motefit.recipes.catalog import find_recipe
from motefit.runtime.bundle import load_bundle, sha256, write_bundle
from motefit.signal.features import features_of
from motefit.spec.card import Card
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.precision import export


def write_untrained(name: str, folder: Path) -> Path:
    """Write the bundle of a keyword-spotting recipe with random weights.

    Args:
        name: name of the recipe.
        folder: folder to write to.

    Returns:
        Path of the bundle.

    Raises:
        RecipeError: for an unknown recipe, or one without front end or words.
    """
    recipe, rng = find_recipe(name), np.random.default_rng(0)
    frontend, words = recipe.frontend, tuple(sorted(recipe.data.words))
    features = features_of(frontend).batch(sounds(frontend, 64, rng=rng))
    mean, std = features.mean(axis=(0, 1)), features.std(axis=(0, 1)) + 1e-3
    problem = Problem(input_shape=frontend.shape, outputs=len(words))
    graph = build(recipe.model.family, recipe.model.options, problem=problem, rng=rng)
    examples = ((features - mean) / std).astype(np.float32).reshape(-1, *graph.input_shape)
    model = export(graph, recipe.compress, examples=examples)
    io = SpeechIO(
        labels=words,
        frontend=frontend,
        normalization=Normalization(mean=tuple(map(float, mean)), std=tuple(map(float, std))),
    )
    table = {"name": recipe.name, **recipe.to_table()}
    card = Card(task=recipe.task, io=io, model_sha256=sha256(model), recipe=table)
    return write_bundle(folder / f"{name}.zip", model, card)


def write_in_graph(path: Path, folder: Path) -> Path:
    """Write the bundle of a keyword model with its front end inside.

    Args:
        path: path of the bundle that takes features.
        folder: folder to write to.

    Returns:
        Path of the new bundle.
    """
    plain = load_bundle(path)
    file, io = in_graph_file(plain.model, plain.card.io)
    card = replace(plain.card, io=io, model_sha256=sha256(file))
    return write_bundle(folder / f"{path.stem}-in-graph.zip", file, card)
