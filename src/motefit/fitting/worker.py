"""Do a job in a worker: train up to some epoch, or make a file; resumable at any moment."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from motefit.fitting.distillation import distilled
from motefit.fitting.jobs import (
    CHECKPOINT,
    DIVERGED,
    HISTORY,
    MODEL,
    RESULT,
    CandidateJob,
    TrainJob,
    candidate_folder,
    diverged,
    outcome_of,
    standing_of,
    standing_path,
    training_folder,
    untrained,
)
from motefit.measure.size import quick_size
from motefit.runtime.bundle import sha256
from motefit.runtime.quiet import silence_litert
from motefit.spec.codec import encode
from motefit.spec.errors import OutputError
from motefit.spec.files import write_atomic, write_sealed
from motefit.spec.recipe import Recipe, TrainSpec
from motefit.tasks import AnyTask, Parts, find_task, load_dataset
from motefit.tflite.model import ModelFile
from motefit.tflite.write.precision import export
from motefit.train.compressors import compress
from motefit.train.finetune.finetuner import FineTuner
from motefit.train.finetune.trained_model import Model
from motefit.train.loop import DivergedError, EpochReport, Source, Trained, train
from motefit.train.stacked.train import train_stacked, worth_stacking

STANDING_EXAMPLES = 128
"""Training examples that calibrate the file of a candidate that is still in training."""


class Examples(Source, Parts, Protocol):
    """What a task's ``source`` returns."""


@dataclass(frozen=True, kw_only=True)
class _JobContext:
    """What a candidate is trained and measured with."""

    job: TrainJob
    work: CandidateJob
    recipe: Recipe
    task: AnyTask
    dataset: Any
    source: Examples

    @property
    def loss(self) -> str:
        return self.task.loss(self.recipe)

    @property
    def settings(self) -> TrainSpec:
        """The training's; what a teacher says is smooth already."""
        settings = self.recipe.train
        return settings if settings.teacher is None else replace(settings, label_smoothing=0.0)

    @cached_property
    def examples(self) -> Source:
        """The examples as the training sees them: with a teacher's targets, where there is one."""
        if self.recipe.train.teacher is None:
            return self.source
        teacher_data = self.task.teacher_data(self.recipe, self.dataset, self.source, self.job.data)
        return distilled(
            self.recipe, self.source, teacher_data=teacher_data, device=self.job.device
        )


def run_job(job: TrainJob) -> None:
    """Do what a job asks; what is there already is not done again.

    Raises:
        MotefitError: for anything the user can fix, e.g. a full disk.
    """
    if job.done:
        return
    silence_litert()
    if job.epochs is None:
        for work in job.works:
            _finish(job, work)
    else:
        _train(job, job.epochs)


def _context_of(job: TrainJob, work: CandidateJob) -> _JobContext:
    recipe = work.recipe()
    task = find_task(recipe.task)
    dataset = load_dataset(task, recipe, job.data)
    source = task.source(recipe, dataset)
    return _JobContext(job=job, work=work, recipe=recipe, task=task, dataset=dataset, source=source)


def _train(job: TrainJob, epochs: int) -> None:
    benches = [_context_of(job, work) for work in job.works]
    first = {bench.work.training_key: bench for bench in reversed(benches)}
    trainings = [b for k, b in first.items() if diverged(job.folder, k) is None]
    results = dict(
        zip(
            (b.work.training_key for b in trainings),
            _trained(job, trainings, epochs),
            strict=True,
        )
    )
    for bench in benches:
        result = results.get(bench.work.training_key)
        if isinstance(result, DivergedError):
            path = training_folder(job.folder, bench.work.training_key) / DIVERGED
            write_sealed(path, {"reason": str(result)})
        elif result is not None and standing_of(job.folder, bench.work.key, epochs) is None:
            path = standing_path(job.folder, bench.work.key, epochs)
            write_sealed(path, {"facts": _standing(bench, result)})


def _trained(
    job: TrainJob, benches: Sequence[_JobContext], epochs: int
) -> Sequence[Trained | DivergedError]:
    """Train each bench's network up to an epoch: as one where there are several."""
    if not benches:
        return []
    folders = [training_folder(job.folder, b.work.training_key) for b in benches]
    for folder in folders:
        _make_empty_of_leftovers(folder)
    graphs = [
        untrained(b.recipe, b.work.seed, b.task.problem(b.recipe, b.dataset)) for b in benches
    ]
    logs = [_log(folder / HISTORY) for folder in folders]
    first = benches[0].recipe
    if job.device == "cpu" and first.search.stack > 1 and worth_stacking(graphs[0], first.train):
        # alone too: the bytes do not depend on the company, but they do on the way of training
        return train_stacked(
            graphs,
            benches[0].source,
            [b.recipe.train for b in benches],
            loss=benches[0].loss,
            seeds=[b.work.seed for b in benches],
            checkpoints=[folder / CHECKPOINT for folder in folders],
            progress=lambda index, report: logs[index](report),
            until=epochs,
        )
    try:
        trained = train(
            graphs[0],
            benches[0].examples,
            benches[0].settings,
            loss=benches[0].loss,
            seed=benches[0].work.seed,
            checkpoint=folders[0] / CHECKPOINT,
            progress=logs[0],
            device=job.device,
            until=epochs,
        )
    except DivergedError as error:
        return [error]
    return [trained]


def _standing(bench: _JobContext, trained: Trained) -> dict[str, float]:
    """Facts of the file that a network would make now, without the recipe's steps."""
    quick = replace(bench.recipe.compress, rounding="nearest")
    examples = _sample(bench.source.part("train")[0], STANDING_EXAMPLES)
    model = export(trained.graph, quick, examples=examples)
    io = bench.task.io(bench.recipe, bench.dataset, bench.source)
    measured = bench.task.measure(model, io, bench.dataset, "validation").facts
    return {**quick_size(ModelFile(data=model)).facts, **measured}


def _finish(job: TrainJob, work: CandidateJob) -> None:
    if outcome_of(job.folder, work.key) is not None:
        return
    start = time.perf_counter()
    bench = _context_of(job, work)
    folder = candidate_folder(job.folder, work.key)
    _make_empty_of_leftovers(folder)
    (trained,) = _trained(job, [bench], bench.recipe.train.epochs)
    if isinstance(trained, DivergedError):
        raise trained
    model, tuning = _to_file(job, bench, trained)
    io = bench.task.io(bench.recipe, bench.dataset, bench.source)
    training = sum(report.seconds for report in trained.history)
    write_atomic(folder / MODEL, model)
    write_sealed(
        folder / RESULT,
        {
            "io": encode(io),
            "model_sha256": sha256(model),
            "facts": bench.task.measure(model, io, bench.dataset, "validation").facts,
            "history": [encode(report) for report in (*trained.history, *tuning)],
            "seconds": training + time.perf_counter() - start,
        },
    )
    for checkpoint in folder.glob("*.checkpoint"):
        checkpoint.unlink()


def _to_file(
    job: TrainJob, bench: _JobContext, trained: Trained
) -> tuple[bytes, tuple[EpochReport, ...]]:
    """The .tflite bytes, after the steps that the recipe asks for, and their epochs."""
    recipe, source = bench.recipe, bench.source
    tuner = FineTuner(
        bench.examples,
        bench.settings,
        recipe.compress,
        loss=bench.loss,
        examples=_sample(source.part("train")[0], recipe.compress.calibration_examples),
        seed=bench.work.seed,
        folder=candidate_folder(job.folder, bench.work.key),
        progress=_log(training_folder(job.folder, bench.work.training_key) / HISTORY),
        device=job.device,
    )
    model = compress(Model(graph=trained.graph), recipe.compress.steps, tuner)
    return tuner.file(model), tuner.history


def _sample(inputs: np.ndarray, count: int) -> np.ndarray:
    chosen = np.random.default_rng(0).permutation(len(inputs))[:count]
    return np.asarray(inputs[np.sort(chosen)], np.float32)


def _make_empty_of_leftovers(folder: Path) -> None:
    """Make a folder; half-written files of a killed process go."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(".*"):
            path.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None


def _log(path: Path) -> Callable[[EpochReport], None]:
    """Append one JSON line per epoch, for the progress display of the parent process."""

    def append(report: EpochReport) -> None:
        line = json.dumps(encode(report)) + "\n"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}; make room") from None

    return append
