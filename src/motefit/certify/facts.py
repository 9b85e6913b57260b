"""Measurement of a model file: the facts and evidence of its card."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from motefit.certify.estimated import estimates_of
from motefit.certify.reference_pipeline import reference_subject
from motefit.measure.claims import read_claims
from motefit.measure.latency.paired import saving_percent
from motefit.measure.ram import measure_ram
from motefit.measure.size import measure_size
from motefit.measure.stream_measurement import StreamProgress
from motefit.measure.workers.pinned import Opener, pinned_latency
from motefit.spec.codec import encode
from motefit.spec.metrics import (
    COVERAGE_PREFIX,
    RECALL_MIN,
    RECALL_PREFIX,
    SKILL_PREFIX,
    TIMING_PREFIX,
    metric,
)
from motefit.spec.recipe import Recipe
from motefit.tasks import AnyTask, Subset
from motefit.tflite.model import ModelFile


def is_quality(name: str) -> bool:
    """Return whether a metric measures how good a model is, as opposed to its costs."""
    return metric(name).quality


def is_summary(name: str) -> bool:
    """Return whether a metric is an overall quality, as tables of many models show it.

    The recall of a single word is not one, and a skill only restates an error.
    """
    single = name.startswith((SKILL_PREFIX, COVERAGE_PREFIX, RECALL_PREFIX)) and name != RECALL_MIN
    return is_quality(name) and not single


def is_timing(name: str) -> bool:
    """Return whether a metric is a time, which varies between machines and runs."""
    return name.startswith(TIMING_PREFIX)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Values by metric name, the evidence behind them by topic, and details for a report."""

    values: Mapping[str, float]
    evidence: Mapping[str, object]
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Task, recipe and data with which a model file is measured.

    Attributes:
        task: task of the recipe.
        recipe: recipe; its budget names what is measured.
        io: the task's section of the card.
        dataset: data as the task loaded them.
    """

    task: AnyTask
    recipe: Recipe
    io: Any
    dataset: Any


def measure_file(
    evaluation: Evaluation,
    model: ModelFile,
    subset: Subset,
    *,
    progress: StreamProgress | None = None,
) -> Facts:
    """Measure a model file: quality on one subset, sizes, latency, memory, operations.

    Args:
        evaluation: recipe and data to measure with.
        model: the .tflite file.
        subset: subset on which the quality is measured.
        progress: receives the progress in long recordings.
    """
    task, io, dataset = evaluation.task, evaluation.io, evaluation.dataset
    quality = task.measure(model.data, io, dataset, subset)
    stream = task.measure_stream(model.data, io, dataset, subset, progress)
    baselines = task.baselines(dataset, subset)
    cost = measure_cost(task, evaluation.recipe, model, io)
    return Facts(
        values={**cost.values, **quality.facts, **stream.facts},
        evidence={
            **cost.evidence,
            **quality.evidence,
            **stream.evidence,
            "baselines": {
                name: next(iter(row.evidence.values())) for name, row in baselines.items()
            },
            "data": {**task.audit(dataset), "part": subset},
        },
        details={**quality.details, **(cost.details if subset == "test" else {})},
    )


def measure_cost(task: AnyTask, recipe: Recipe, model: ModelFile, io: object) -> Facts:
    """Measure the costs of a model file: sizes, latency with both resolvers, memory, MACs."""
    size = measure_size(model)
    ram = measure_ram(model)
    subjects: dict[str, Opener] = {
        "xnnpack": partial(task.benchmark_case, model.data, io),
        "builtin": partial(task.benchmark_case, model.data, io, xnnpack=False),
    }
    if recipe.budget.reference:
        subjects["reference"] = partial(reference_subject, recipe.budget.reference)
    timed = pinned_latency(subjects, percentiles=True)
    values = {
        **size.facts,
        **ram.facts,
        **timed["xnnpack"].facts,
        "macs": float(model.inspection.macs),
    }
    if "reference" in timed:
        values["latency.saving_percent"] = saving_percent(timed["reference"], timed["xnnpack"])
    estimates, estimated = estimates_of(recipe, model, io)
    values |= estimates
    evidence = {
        "size": encode(size),
        "latency": encode({n: replace(t, total_percentiles_ms=None) for n, t in timed.items()}),
        "arena": encode(ram),
        "claims": encode(read_claims(model)),
        **estimated,
    }
    distributions = {name: latency.total_percentiles_ms for name, latency in timed.items()}
    return Facts(values=values, evidence=evidence, details={"latency": distributions})
