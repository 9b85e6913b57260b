"""Release at the end of a run: measure the chosen files on the test set, and certify them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from motefit.certify.certify import CertifiedModel, certify_file
from motefit.certify.facts import Evaluation, Facts, is_quality, is_summary, measure_file
from motefit.certify.provenance import fit_command, provenance
from motefit.fitting.finalists import Finalist, FinalistMaker, spread
from motefit.fitting.measured_run import MeasuredRelease, Release, write_outputs
from motefit.fitting.run_dir import RunDir
from motefit.search.trial import Trial, rejected_by
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS, AnyTask, load_dataset

MOST_ROWS = 300
"""Number of candidates in a report; rejected ones come last."""


def release(
    recipe: Recipe,
    data: Path | None,
    folder: RunDir,
    *,
    maker: FinalistMaker,
    chosen: Mapping[str, str],
    records: Sequence[Trial],
) -> Mapping[str, Release]:
    """Measure the chosen files and their repeats on the test set, opened once, and write bundles.

    Args:
        recipe: recipe of the run.
        data: folder or file of the data.
        folder: folder of the run.
        maker: has the finished files.
        chosen: key of the chosen candidate by name of the bundle.
        records: trials of the study.

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
    searched = _searched(recipe, records)
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
        measured[name] = MeasuredRelease(
            key=key,
            card=shipped.card,
            certificate=shipped.certificate,
            rows=_rows(records, maker, key),
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


def _searched(recipe: Recipe, records: Sequence[Trial]) -> Mapping[str, object]:
    """Summarize the search, for a card."""
    return {
        "strategy": recipe.search.strategy,
        "rounds": len({record.round for record in records}),
        "candidates": len(records),
        **Counter(r.status for r in records),
        "rejected_by": rejected_by(r.excess for r in records if r.status == "rejected"),
        "epochs": sum(record.epochs for record in records),
    }


def _rows(
    records: Sequence[Trial], maker: FinalistMaker, chosen: str
) -> tuple[Mapping[str, object], ...]:
    rows = [
        _row(_values(f), f.candidate.seed, f.facts, "chosen" if k == chosen else "trained")
        for k, f in maker.finished.items()
    ]
    for record in records:
        if record.key not in maker.finished:
            values = {k: v for k, v in record.point.items() if k != "seed"}
            status = record.status if record.status in {"rejected", "trained"} else "not trained"
            reason = record.reason or ("stopped at a rung" if record.status == "stopped" else "")
            rows.append(_row(values, record.point["seed"], record.facts, status, reason))
    rows.sort(key=lambda row: row["status"] == "rejected")
    return tuple(rows[:MOST_ROWS])


def _values(finished: Finalist) -> Mapping[str, object]:
    """Return the values of a candidate, and whether it is a refit."""
    values = finished.candidate.values
    return {**values, "refit": True} if finished.candidate.refit else values


def _row(
    values: Mapping[str, object],
    seed: object,
    facts: Mapping[str, float],
    status: str,
    reason: str = "",
) -> dict[str, object]:
    return {
        "values": {**values, "seed": seed},
        "status": status,
        "reason": reason,
        "tflite_bytes": facts.get("size.tflite_bytes"),
        "macs": facts.get("macs"),
        "validation": {k: v for k, v in facts.items() if is_summary(k)},
    }
