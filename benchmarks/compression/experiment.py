"""One trial: train the plain network (once per seed), compress it, measure the file that ships."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from techniques import Trial

from motefit.fitting.jobs import untrained
from motefit.graph.families import Problem
from motefit.graph.graph import Graph
from motefit.measure.claims import read_claims
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.quiet import silence_litert
from motefit.search.space import Candidate
from motefit.spec.errors import MotefitError
from motefit.spec.files import write_atomic, write_json
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS
from motefit.tflite.archive import zip_bytes
from motefit.tflite.model import ModelFile
from motefit.train.compressors import compress
from motefit.train.finetune.finetuner import FineTuner
from motefit.train.finetune.trained_model import Model
from motefit.train.loop import Source, train

ROUNDS = 400


@dataclass(frozen=True, kw_only=True)
class Job:
    """One trial of one network and seed as plain values, so that it can be sent to a process.

    Attributes:
        net: name of the network in the table.
        table: its recipe; trials replace sections of it.
        half: dotted recipe keys that halve its width.
        data: folder or file; None synthesizes.
        trial: the techniques applied to it.
        seed: seed of weights and training.
        cache: folder of finished work.
    """

    net: str
    table: Mapping[str, Any]
    half: Mapping[str, Any]
    data: Path | None
    trial: Trial
    seed: int
    cache: Path

    @property
    def path(self) -> Path:
        """Return the path of the result, named by everything it depends on."""
        told = [self.net, self.table, self.half, str(self.data), self.seed]
        trial = [self.trial.compress, list(self.trial.steps), self.trial.half]
        text = json.dumps([told, trial], sort_keys=True, default=dict)
        return self.cache / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"


def run(job: Job) -> dict[str, Any]:
    """Run a trial, or read the result of an earlier run."""
    if job.path.is_file():
        stored: dict[str, Any] = json.loads(job.path.read_text(encoding="utf-8"))
        return {**stored, "name": job.trial.name, "parts": list(job.trial.parts)}
    silence_litert()
    row: dict[str, Any] = {"net": job.net, "seed": job.seed, **_named(job.trial)}
    start = time.perf_counter()
    try:
        row |= _measured(job)
    except MotefitError as error:
        row["refused"] = str(error)
    row["seconds"] = round(time.perf_counter() - start, 1)
    write_json(job.path, row)
    return row


def _named(trial: Trial) -> dict[str, Any]:
    return {
        "name": trial.name,
        "parts": list(trial.parts),
        "precision": trial.compress["precision"],
    }


def _measured(job: Job) -> dict[str, Any]:
    values = job.half if job.trial.half else {}
    recipe = Recipe.from_table(job.table, name=job.net).with_values(values)
    recipe = replace(recipe, compress=replace(recipe.compress, **job.trial.compress))
    task = TASKS.find(recipe.task)
    dataset, source, examples = _data(json.dumps(job.table), job.net, job.data)
    problem = task.problem(recipe, dataset)
    plain = _plain(job, recipe, problem, source)
    tuner = FineTuner(
        source,
        recipe.train,
        recipe.compress,
        loss=task.loss(recipe),
        examples=examples,
        seed=job.seed,
    )
    model = tuner.file(compress(Model(graph=plain), job.trial.steps, tuner))
    write_atomic(job.path.with_suffix(".tflite"), model)
    io = task.io(recipe, dataset, source)
    claims = read_claims(ModelFile(data=model))
    return {
        "raw_bytes": len(model),
        "zip_bytes": len(zip_bytes(model)),
        "validation": dict(task.measure(model, io, dataset, "validation").facts),
        "test": dict(task.measure(model, io, dataset, "test").facts),
        "precision": claims.precision,
        "sparsity": claims.sparsity,
        "techniques": list(claims.techniques),
    }


@cache
def _data(table: str, net: str, data: Path | None) -> tuple[Any, Any, np.ndarray]:
    """Load dataset, training source and calibration examples, kept for trials in one process."""
    recipe = Recipe.from_table(json.loads(table), name=net)
    task = TASKS.find(recipe.task)
    dataset = task.load(recipe, data)
    source = task.source(recipe, dataset)
    inputs = source.subset("train")[0]
    chosen = np.random.default_rng(0).permutation(len(inputs))
    chosen = np.sort(chosen[: recipe.compress.calibration_examples])
    return dataset, source, np.asarray(inputs[chosen], np.float32)


def _plain(job: Job, recipe: Recipe, problem: Problem, source: Source) -> Graph:
    """Train the float network; its checkpoint is kept, so that only the first trial trains."""
    task = TASKS.find(recipe.task)
    told = json.dumps([job.table, job.seed, job.trial.half, job.half, str(job.data)], default=dict)
    name = hashlib.sha256(told.encode()).hexdigest()[:16]
    candidate = Candidate(values={}, seed=job.seed, recipe=recipe)
    trained = train(
        untrained(candidate.recipe, candidate.seed, problem),
        source,
        recipe.train,
        loss=task.loss(recipe),
        seed=job.seed,
        checkpoint=job.cache / f"plain-{name}.checkpoint",
    )
    return trained.graph


def latency_ratios(plain: bytes, model: bytes) -> dict[str, float]:
    """Time one inference relative to the plain network's, interleaved; 25th percentiles."""
    ratios = {}
    for resolver, xnnpack in (("xnnpack", True), ("builtin", False)):
        runners = [_runner(data, xnnpack=xnnpack) for data in (plain, model)]
        spent = np.empty((ROUNDS, 2))
        for turn in range(-ROUNDS // 10, ROUNDS):
            for place in (turn % 2, 1 - turn % 2):
                start = time.perf_counter_ns()
                runners[place]()
                spent[max(turn, 0), place] = time.perf_counter_ns() - start
        quartiles = np.percentile(spent, 25, axis=0)
        ratios[resolver] = float(quartiles[1] / quartiles[0])
    return ratios


def _runner(model: bytes, *, xnnpack: bool) -> Callable[[], object]:
    interpreter = Interpreter(model, xnnpack=xnnpack)
    example = np.zeros(interpreter.input_shape, interpreter.input_dtype)
    return lambda: interpreter.run_raw(example)
