"""Jobs as a worker runs them: train up to an epoch, or make a file; resumable at any time."""

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
    rung_facts,
    rung_facts_path,
    training_folder,
    untrained,
)
from motefit.measure import quantization_noise
from motefit.measure.size import quick_size
from motefit.runtime.bundle import sha256
from motefit.runtime.quiet import silence_litert
from motefit.spec.codec import encode
from motefit.spec.errors import OutputError
from motefit.spec.files import write_atomic, write_sealed
from motefit.spec.recipe import Recipe, TrainSpec
from motefit.tasks import TASKS, AnyTask, Subsets, load_dataset
from motefit.tflite.model import ModelFile
from motefit.tflite.write.precision import export
from motefit.train.compressors import compress
from motefit.train.finetune.finetuner import FineTuner
from motefit.train.finetune.trained_model import Model
from motefit.train.loop import DivergedError, EpochReport, Source, Trained, train
from motefit.train.stacked.train import train_stacked, worth_stacking

RUNG_EXAMPLES = 128
"""Number of training examples that calibrate the file of a candidate still in training."""

NOISE_EXAMPLES = 64
"""Number of validation examples on which the noise of quantization is measured."""

MINING_EPOCHS, MINING_RATE = 0.2, 0.3
"""Epochs and learning rate of a round with hard negatives, relative to those of the training."""


class Examples(Source, Subsets, Protocol):
    """Training examples as a task's ``source`` returns them."""


@dataclass(frozen=True, kw_only=True)
class _JobContext:
    """Recipe, task and data with which a candidate is trained and measured.

    ``taught`` are the examples that a teacher is trained on: those without hard negatives.
    """

    job: TrainJob
    work: CandidateJob
    recipe: Recipe
    task: AnyTask
    dataset: Any
    source: Examples
    taught: Examples

    @property
    def loss(self) -> str:
        return self.task.loss(self.recipe)

    @property
    def settings(self) -> TrainSpec:
        """Settings of the training; without label smoothing if a teacher gives the targets."""
        settings = self.recipe.train
        return settings if settings.teacher is None else replace(settings, label_smoothing=0.0)

    @cached_property
    def examples(self) -> Source:
        """Examples for training, with a teacher's targets if there is one."""
        if self.recipe.train.teacher is None:
            return self.source
        teacher_data = self.task.teacher_data(self.recipe, self.dataset, self.taught, self.job.data)
        return distilled(
            self.recipe, self.source, teacher_data=teacher_data, device=self.job.device
        )


def run_job(job: TrainJob) -> None:
    """Run a job, except for what is already done.

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
    task = TASKS.find(recipe.task)
    dataset = load_dataset(task, recipe, job.data)
    if work.refit:
        dataset = task.refitting(recipe, dataset)
    source = task.source(recipe, dataset)
    return _JobContext(
        job=job,
        work=work,
        recipe=recipe,
        task=task,
        dataset=dataset,
        source=source,
        taught=source,
    )


def _train(job: TrainJob, epochs: int) -> None:
    contexts = [_context_of(job, work) for work in job.works]
    first = {context.work.training_key: context for context in reversed(contexts)}
    trainings = [c for k, c in first.items() if diverged(job.folder, k) is None]
    results = dict(
        zip(
            (c.work.training_key for c in trainings),
            _trained(job, trainings, epochs),
            strict=True,
        )
    )
    for context in contexts:
        result = results.get(context.work.training_key)
        if isinstance(result, DivergedError):
            path = training_folder(job.folder, context.work.training_key) / DIVERGED
            write_sealed(path, {"reason": str(result)})
        elif result is not None and rung_facts(job.folder, context.work.key, epochs) is None:
            path = rung_facts_path(job.folder, context.work.key, epochs)
            write_sealed(path, {"facts": _rung_facts(context, result)})


def _trained(
    job: TrainJob, contexts: Sequence[_JobContext], epochs: int
) -> Sequence[Trained | DivergedError]:
    """Train the networks of all contexts up to an epoch, as one if there are several."""
    if not contexts:
        return []
    folders = [training_folder(job.folder, c.work.training_key) for c in contexts]
    for folder in folders:
        _make_clean(folder)
    graphs = [
        untrained(c.recipe, c.work.seed, c.task.problem(c.recipe, c.dataset)) for c in contexts
    ]
    logs = [_log(folder / HISTORY) for folder in folders]
    first = contexts[0].recipe
    if job.device == "cpu" and first.search.stack > 1 and worth_stacking(graphs[0], first.train):
        # even a single one: bytes depend on the method of training, but not on the other members
        return train_stacked(
            graphs,
            contexts[0].source,
            [c.recipe.train for c in contexts],
            loss=contexts[0].loss,
            seeds=[c.work.seed for c in contexts],
            checkpoints=[folder / CHECKPOINT for folder in folders],
            progress=lambda index, report: logs[index](report),
            until=epochs,
        )
    try:
        trained = train(
            graphs[0],
            contexts[0].examples,
            contexts[0].settings,
            loss=contexts[0].loss,
            seed=contexts[0].work.seed,
            checkpoint=folders[0] / CHECKPOINT,
            progress=logs[0],
            device=job.device,
            until=epochs,
        )
    except DivergedError as error:
        return [error]
    return [trained]


def _rung_facts(context: _JobContext, trained: Trained) -> dict[str, float]:
    """Measure the file that a network would make at this rung, without the recipe's steps."""
    model = _quick_file(context, trained)
    io = context.task.io(context.recipe, context.dataset, context.source)
    measured = context.task.measure(model, io, context.dataset, "validation").facts
    return {**quick_size(ModelFile(data=model)).facts, **measured}


def _quick_file(context: _JobContext, trained: Trained) -> bytes:
    """Make a file of a network as it is, without the recipe's steps."""
    quick = replace(context.recipe.compress, rounding="nearest")
    examples = _sample(context.source.subset("train")[0], RUNG_EXAMPLES)
    return export(trained.graph, quick, examples=examples)


def _with_hard_negatives(
    job: TrainJob, context: _JobContext, trained: Trained
) -> tuple[_JobContext, Trained]:
    """Continue training in rounds, each with what the previous file got wrong; resumable."""
    folder = candidate_folder(job.folder, context.work.key)
    log = _log(training_folder(job.folder, context.work.training_key) / HISTORY)
    for number in range(context.task.mining_rounds(context.recipe)):
        model = _quick_file(context, trained)
        harder = context.task.harder(context.recipe, context.dataset, context.source, model)
        context = replace(context, source=harder)
        settings = replace(
            context.settings,
            epochs=max(round(MINING_EPOCHS * context.settings.epochs), 1),
            learning_rate=MINING_RATE * context.settings.learning_rate,
        )
        more = train(
            trained.graph,
            context.examples,
            settings,
            loss=context.loss,
            seed=context.work.seed,
            checkpoint=folder / f"mined-{number}.checkpoint",
            progress=log,
            device=job.device,
        )
        trained = replace(more, history=(*trained.history, *more.history))
    return context, trained


def _finish(job: TrainJob, work: CandidateJob) -> None:
    if outcome_of(job.folder, work.key) is not None:
        return
    start = time.perf_counter()
    context = _context_of(job, work)
    folder = candidate_folder(job.folder, work.key)
    _make_clean(folder)
    (trained,) = _trained(job, [context], context.recipe.train.epochs)
    if isinstance(trained, DivergedError):
        raise trained
    context, trained = _with_hard_negatives(job, context, trained)
    tuner, compressed = _compressed(job, context, trained)
    model = tuner.file(compressed)
    io, decided = context.task.decide(
        model,
        context.task.io(context.recipe, context.dataset, context.source),
        context.dataset,
        context.recipe,
    )
    measured = context.task.measure(model, io, context.dataset, "validation")
    training = sum(report.seconds for report in trained.history)
    write_atomic(folder / MODEL, model)
    write_sealed(
        folder / RESULT,
        {
            "io": encode(io),
            "model_sha256": sha256(model),
            "facts": {**measured.facts, **decided.facts},
            "evidence": decided.evidence,
            "details": _details(context, compressed, ModelFile(data=model)),
            "history": [encode(report) for report in (*trained.history, *tuner.history)],
            "seconds": training + time.perf_counter() - start,
        },
    )
    for checkpoint in folder.glob("*.checkpoint"):
        checkpoint.unlink()


def _compressed(job: TrainJob, context: _JobContext, trained: Trained) -> tuple[FineTuner, Model]:
    """Apply the recipe's compression steps; return what makes the file, and the network."""
    recipe, source = context.recipe, context.source
    tuner = FineTuner(
        context.examples,
        context.settings,
        recipe.compress,
        loss=context.loss,
        examples=_sample(source.subset("train")[0], recipe.compress.calibration_examples),
        seed=context.work.seed,
        folder=candidate_folder(job.folder, context.work.key),
        progress=_log(training_folder(job.folder, context.work.training_key) / HISTORY),
        device=job.device,
    )
    return tuner, compress(Model(graph=trained.graph), recipe.compress.steps, tuner)


def _details(context: _JobContext, model: Model, file: ModelFile) -> dict[str, object]:
    """Measure what only a report shows: the noise of quantization, if the file has any."""
    windows = _sample(context.source.subset("validation")[0], NOISE_EXAMPLES)
    noise = quantization_noise.measure_noise(file, model.folded().graph, windows)
    return {} if noise is None else {quantization_noise.TOPIC: encode(noise)}


def _sample(inputs: np.ndarray, count: int) -> np.ndarray:
    chosen = np.random.default_rng(0).permutation(len(inputs))[:count]
    return np.asarray(inputs[np.sort(chosen)], np.float32)


def _make_clean(folder: Path) -> None:
    """Create a folder, and remove incomplete files of a killed process."""
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
            raise OutputError(f"cannot write {path}: {error.strerror}; free some space") from None

    return append
