"""Release at the end of a run: measure the chosen files on the test set, and certify them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from motefit.certify.certify import CertifiedModel, certify_file
from motefit.certify.facts import Evaluation, Facts, is_quality, measure_file
from motefit.certify.provenance import fit_command, provenance
from motefit.fitting.candidate_rows import candidate_rows
from motefit.fitting.finalists import Finalist, FinalistMaker, spread
from motefit.fitting.measured_run import MeasuredRelease, Release, write_outputs
from motefit.fitting.run_dir import RunDir
from motefit.measure.hardest_clips import without_sound
from motefit.search.trial import Trial, rejected_by
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS, AnyTask, load_dataset


def release(  # noqa: PLR0913 - all that a run has at its end
    recipe: Recipe,
    data: Path | None,
    folder: RunDir,
    *,
    maker: FinalistMaker,
    chosen: Mapping[str, str],
    trials: Sequence[Trial],
    sound: bool = True,
) -> Mapping[str, Release]:
    """Measure the chosen files and their repeats on the test set, opened once, and write bundles.

    Args:
        recipe: recipe of the run.
        data: folder or file of the data.
        folder: folder of the run.
        maker: has the finished files.
        chosen: key of the chosen candidate by name of the bundle.
        trials: trials of the study.
        sound: whether the reports have the sound of clips.

    Raises:
        OutputError: if something cannot be written.
    """
    task = TASKS.find(recipe.task)
    keys = tuple(dict.fromkeys(chosen.values()))
    repeats = {key: maker.seeds(key) for key in keys}
    folder.log_read("test", "final measurement of the chosen files and their repeats on all seeds")
    facts = {key: _test_facts(task, maker.finished[key], data) for key in keys}
    quality: dict[str, Mapping[str, float]] = {key: f.values for key, f in facts.items()}
    for finished in (f for alike in repeats.values() for f in alike):
        quality.setdefault(finished.candidate.key, _test_quality(task, finished, data))
    searched = _searched(recipe, trials)
    measured = {}
    for name, key in chosen.items():
        evidence = {
            **maker.finished[key].outcome.evidence,
            "search": searched,
            "seeds": spread(repeats[key], quality),
        }
        shipped = _shipped(
            replace(recipe, budget=recipe.all_budgets[name], name=name),
            task,
            maker.finished[key],
            data,
            facts=replace(facts[key], evidence={**facts[key].evidence, **evidence}),
            command=fit_command(recipe.name, data),
        )
        details = shipped.details if sound else without_sound(shipped.details)
        measured[name] = MeasuredRelease(
            key=key,
            card=shipped.card,
            certificate=shipped.certificate,
            rows=candidate_rows(recipe, folder.path, trials, maker.finished, key),
            details={**maker.finished[key].outcome.details, **details},
        )
    return write_outputs(folder, measured, {key: maker.finished[key].outcome for key in keys})


def _test_facts(task: AnyTask, finished: Finalist, data: Path | None) -> Facts:
    evaluation = _evaluation(finished.candidate.recipe, task, finished, data)
    return measure_file(evaluation, finished.outcome.file, "test")


def _evaluation(recipe: Recipe, task: AnyTask, finished: Finalist, data: Path | None) -> Evaluation:
    dataset = load_dataset(task, finished.candidate.recipe, data)
    return Evaluation(task=task, recipe=recipe, io=finished.io, dataset=dataset)


def _test_quality(task: AnyTask, finished: Finalist, data: Path | None) -> Mapping[str, float]:
    """Measure a repeat on the test set; return these facts and its sizes."""
    dataset = load_dataset(task, finished.candidate.recipe, data)
    measured = task.measure(finished.outcome.file.data, finished.io, dataset, "test").facts
    sizes = {k: v for k, v in finished.facts.items() if not is_quality(k)}
    return {**sizes, **measured}


def _shipped(
    recipe: Recipe,
    task: AnyTask,
    finished: Finalist,
    data: Path | None,
    *,
    facts: Facts,
    command: str,
) -> CertifiedModel:
    candidate = finished.candidate
    stated = replace(candidate.recipe, budget=recipe.budget, budgets={}, name=recipe.name)
    evaluation = _evaluation(stated, task, finished, data)
    return certify_file(
        evaluation,
        finished.outcome.file,
        provenance=provenance(
            seed=candidate.seed, data_sha256=task.data_key(evaluation.dataset), command=command
        ),
        facts=facts,
    )


def _searched(recipe: Recipe, trials: Sequence[Trial]) -> Mapping[str, object]:
    """Summarize the search, for a card."""
    return {
        "strategy": recipe.search.strategy,
        "rounds": len({trial.round for trial in trials}),
        "candidates": len(trials),
        **Counter(t.status for t in trials),
        "rejected_by": rejected_by(t.violations for t in trials if t.status == "rejected"),
        "epochs": sum(trial.epochs for trial in trials),
    }
