"""Knowledge distillation: train the teacher and mix its probabilities into the targets."""

import hashlib
from dataclasses import replace
from pathlib import Path

from motefit.data.cache import alone, read_entry
from motefit.fitting.jobs import untrained
from motefit.graph.graph import Graph
from motefit.spec.codec import dumps_json
from motefit.spec.files import cache_folder
from motefit.spec.recipe import ModelSpec, Recipe
from motefit.spec.teacher import TeacherSpec
from motefit.tasks import TeacherData
from motefit.train.checkpoint import SUFFIX
from motefit.train.distilled_source import DistilledSource
from motefit.train.loop import Source, train
from motefit.train.optimizer import CLASSIFICATION


def distilled(
    recipe: Recipe,
    source: Source,
    *,
    teacher_data: TeacherData,
    device: str = "cpu",
    cache: Path | None = None,
) -> Source:
    """Return training examples with the targets of the recipe's teacher.

    Args:
        recipe: recipe of the candidate, with a teacher.
        source: source of the candidate's examples.
        teacher_data: training data of the teacher.
        device: torch device.
        cache: folder of the cache; default ``$MOTEFIT_CACHE`` or ``~/.cache/motefit``.

    Raises:
        OutputError: if the cache cannot be written.
        MotefitError: as in ``train.loop.train``.
    """
    spec = recipe.train.teacher
    if spec is None:
        return source
    teacher = _teacher(recipe, spec, teacher_data, device=device, folder=cache_folder(cache))
    return DistilledSource(
        source,
        teacher,
        weight=spec.weight,
        classes=teacher_data.classes,
        view=teacher_data.view,
        device=device,
    )


def _teacher(
    recipe: Recipe, spec: TeacherSpec, teacher_data: TeacherData, *, device: str, folder: Path
) -> Graph:
    """Train the teacher in the first process that needs it, while others wait; return its graph."""
    settings = replace(
        recipe.train,
        epochs=spec.epochs,
        learning_rate=spec.learning_rate,
        seeds=(spec.seed,),
        teacher=None,
    )
    knobs = {key: value for key, value in spec.model.items() if key != "family"}
    model = ModelSpec(family=str(spec.model["family"]), options=knobs)
    graph = untrained(replace(recipe, model=model), spec.seed, teacher_data.problem)
    facts = dumps_json([settings, model, teacher_data.source.key, device])
    checkpoint = folder / "teachers" / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}{SUFFIX}"
    with alone(checkpoint):
        if read_entry(checkpoint) is None:
            checkpoint.unlink(missing_ok=True)  # damaged: it is trained again
        trained = train(
            graph,
            teacher_data.source,
            settings,
            loss=CLASSIFICATION,
            seed=spec.seed,
            checkpoint=checkpoint,
            device=device,
        )
    return trained.graph
