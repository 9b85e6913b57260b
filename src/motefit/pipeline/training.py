"""Train one candidate to its file, in a process of its own; resumable at any moment."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from motefit.pipeline.candidate import HISTORY, MODEL, RESULT, Job, finished, untrained
from motefit.pipeline.quiet import silence_litert
from motefit.pipeline.tasks import Parts, find_task
from motefit.runtime.bundle import sha256
from motefit.spec.codec import encode
from motefit.spec.errors import OutputError
from motefit.spec.files import write_atomic, write_json
from motefit.train.coach import Coach
from motefit.train.compressors import compress
from motefit.train.loop import EpochReport, Source, Trained, train
from motefit.train.model import Model

Progress = Callable[[EpochReport], None]


class Examples(Source, Parts, Protocol):
    """What a task's ``source`` returns."""


def run_job(job: Job) -> None:
    """Train, export, measure on validation, store; picks up where an earlier run stopped.

    Raises:
        MotefitError: for anything the user can mend, e.g. a full disk.
    """
    if finished(job.folder) is not None:
        return
    start = time.perf_counter()
    silence_litert()
    recipe = job.candidate.recipe
    task = find_task(recipe.task)
    dataset = task.load(recipe, job.data)
    source = task.source(recipe, dataset)
    _make_empty_of_leftovers(job.folder)
    trained = train(
        untrained(job.candidate, task.problem(recipe, dataset)),
        source,
        recipe.train,
        loss=task.loss(recipe),
        seed=job.seed,
        checkpoint=job.folder / "training.npz",
        progress=_log(job.folder / HISTORY),
        device=job.device,
    )
    model, tuning = _to_file(job, trained, source, loss=task.loss(recipe))
    io = task.io(recipe, dataset, source)
    write_atomic(job.folder / MODEL, model)
    write_json(
        job.folder / RESULT,
        {
            "io": encode(io),
            "model_sha256": sha256(model),
            "facts": task.measure(model, io, dataset, "validation").facts,
            "history": [encode(report) for report in (*trained.history, *tuning)],
            "seconds": time.perf_counter() - start,
        },
    )
    for checkpoint in job.folder.glob("*.npz"):
        checkpoint.unlink()


def _to_file(
    job: Job, trained: Trained, source: Examples, *, loss: str
) -> tuple[bytes, tuple[EpochReport, ...]]:
    """The .tflite bytes, after the steps that the recipe asks for, and their epochs."""
    recipe = job.candidate.recipe
    coach = Coach(
        source,
        recipe.train,
        recipe.compress,
        loss=loss,
        examples=_sample(source.part("train")[0], recipe.compress.calibration_examples),
        seed=job.seed,
        folder=job.folder,
        progress=_log(job.folder / HISTORY),
        device=job.device,
    )
    model = compress(Model(graph=trained.graph), recipe.compress.steps, coach)
    return coach.file(model), coach.history


def _sample(inputs: np.ndarray, count: int) -> np.ndarray:
    chosen = np.random.default_rng(0).permutation(len(inputs))[:count]
    return np.asarray(inputs[np.sort(chosen)], np.float32)


def _make_empty_of_leftovers(folder: Path) -> None:
    """Make a candidate's folder; half-written files of a killed process go."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(".*"):
            path.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None


def _log(path: Path) -> Progress:
    """Append one JSON line per epoch, for the progress display of the parent process."""

    def append(report: EpochReport) -> None:
        line = json.dumps(encode(report)) + "\n"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}; make room") from None

    return append
