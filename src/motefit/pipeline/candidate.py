"""Train one candidate to its file, in a process of its own; resumable at any moment."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motefit.graph.families import build
from motefit.graph.graph import Graph
from motefit.graph.problem import Problem
from motefit.pipeline.tasks import find_task
from motefit.search.space import Candidate
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError
from motefit.spec.files import read_json, write_atomic, write_json
from motefit.spec.recipe import Recipe
from motefit.tflite.export import export
from motefit.train.loop import EpochReport, train


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker process needs; plain values, so that it travels.

    Attributes:
        table: the candidate's recipe as a plain table.
        name: of the recipe.
        values: what makes the candidate differ from the recipe.
        seed: of the candidate.
        data: folder or file of the data; None for the synthetic default.
        folder: the candidate's own folder.
        device: torch device.
    """

    table: Mapping[str, Any]
    name: str
    values: Mapping[str, object]
    seed: int
    data: Path | None
    folder: Path
    device: str = "cpu"

    @property
    def candidate(self) -> Candidate:
        """The candidate the job trains."""
        recipe = Recipe.from_table(self.table, name=self.name)
        return Candidate(values=self.values, seed=self.seed, recipe=recipe)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A trained candidate: its file and what the validation part says of it.

    Attributes:
        model: the .tflite bytes.
        io: the task's section of the card, as a plain mapping.
        facts: validation facts by metric name.
        history: one mapping per epoch.
        seconds: spent on training and export, over all sittings of the last one.
    """

    model: bytes
    io: Mapping[str, Any]
    facts: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    seconds: float


MODEL, RESULT, HISTORY, CHECKPOINT = "model.tflite", "result.json", "history.jsonl", "state.npz"


def untrained(candidate: Candidate, problem: Problem) -> Graph:
    """The candidate's network with the weights its seed draws."""
    model = candidate.recipe.model
    rng = np.random.default_rng([candidate.seed, 0x6D6F7465])
    return build(model.family, model.options, problem=problem, rng=rng)


def finished(folder: Path) -> Outcome | None:
    """The outcome stored in a candidate's folder; None when it is not finished."""
    result = read_json(folder / RESULT)
    if result is None or not (folder / MODEL).is_file():
        return None
    return Outcome(
        model=(folder / MODEL).read_bytes(),
        io=result["io"],
        facts=result["facts"],
        history=tuple(result["history"]),
        seconds=result["seconds"],
    )


def load_outcome(folder: Path) -> Outcome:
    """The outcome of a candidate that must be finished by now.

    Raises:
        ModelFileError: when it is not there, e.g. because someone removed files of the run.
    """
    outcome = finished(folder)
    if outcome is None:
        raise ModelFileError(f"{folder} holds no finished candidate; run again to train it")
    return outcome


def run_job(job: Job) -> None:
    """Train, export, measure on validation, store; picks up where an earlier run stopped."""
    if finished(job.folder) is not None:
        return
    start = time.perf_counter()
    candidate = job.candidate
    recipe = candidate.recipe
    task = find_task(recipe.task)
    dataset = task.load(recipe, job.data)
    source = task.source(recipe, dataset)
    job.folder.mkdir(parents=True, exist_ok=True)
    trained = train(
        untrained(candidate, task.problem(recipe, dataset)),
        source,
        recipe.train,
        loss=task.loss(recipe),
        seed=job.seed,
        checkpoint=job.folder / CHECKPOINT,
        progress=_Log(job.folder / HISTORY),
        device=job.device,
    )
    examples = _sample(source.part("train")[0], recipe.compress.calibration_examples)
    model = export(trained.graph, recipe.compress, examples=examples)
    io = task.io(recipe, dataset, source)
    facts = task.measure(model, io, dataset, "validation").facts
    write_atomic(job.folder / MODEL, model)
    write_json(
        job.folder / RESULT,
        {
            "io": encode(io),
            "facts": facts,
            "history": [encode(r) for r in trained.history],
            "seconds": time.perf_counter() - start,
        },
    )
    (job.folder / CHECKPOINT).unlink(missing_ok=True)


def _sample(inputs: np.ndarray, count: int) -> np.ndarray:
    chosen = np.random.default_rng(0).permutation(len(inputs))[:count]
    return np.asarray(inputs[np.sort(chosen)], np.float32)


class _Log:
    """Appends one JSON line per epoch, for the progress display of the parent process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, report: EpochReport) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(encode(report)) + "\n")
