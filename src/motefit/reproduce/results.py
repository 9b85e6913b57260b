"""Results of ``reproduce`` as one JSON table: facts, figures and certificates.

Certificates of published budgets are made from the stored facts of the runs: no test set is opened
here.
"""

import json
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from motefit.fitting.run_dir import RunDir
from motefit.measure.workers.pinned import pinned_latency
from motefit.recipes.catalog import find_recipe
from motefit.recipes.published import (
    published_figures,
    published_names,
    published_row,
    published_targets,
    systems,
)
from motefit.reproduce.latency_runs import (
    SAVING,
    SAVING_PROTOCOL,
    answer_of,
    kept,
    savings,
    words_of,
)
from motefit.reproduce.plan import digest, is_done, recipe_of
from motefit.runtime.bundle import Bundle, load_bundle
from motefit.spec.budget import Budget
from motefit.spec.certificate import certify
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError
from motefit.spec.metrics import TIMING_PREFIX
from motefit.tasks import TASKS

Table = dict[str, Any]
SIDES = ("rebuilt", "answer")
"""The two systems compared with a published budget: the row that won it, and motefit's answer."""


def collect(out: Path, stored: Mapping[str, Any]) -> Table:
    """Collect all results of all rows and budgets, in the order of the reports, as for JSON.

    Args:
        out: folder of the runs.
        stored: an earlier table; it supplies the runs that are not in ``out``, if their recipes
            have not changed since.

    Raises:
        ModelFileError: if a run opened its test set more than once, or a bundle is damaged.
    """
    targets = published_targets()
    before = {n: row["run"] for n, row in stored.get("rows", {}).items()} | stored.get(
        "answers", {}
    )
    rows = {name: _run(name, name, out, before) for name in published_names()}
    answers = {
        target.answer: _run(recipe_of(target.answer), target.answer, out, before)
        for _, target, _ in targets.values()
    }
    shipped = {n: run["model_sha256"] for n, run in (rows | answers).items() if run is not None}
    latency = kept(stored.get("latency", {}), shipped)
    table = {
        "systems": {
            n: {"title": s.title, "choices": list(s.choices)} for n, s in systems().items()
        },
        "rows": {name: {**_described(name), "run": run} for name, run in rows.items()},
        "answers": answers,
        "latency": latency,
        "targets": {
            name: {
                "note": target.note,
                "winner": winner,
                "answer": target.answer,
                "budget": budget.to_table(),
                **_certificates(
                    budget,
                    dict(zip(SIDES, (rows[winner], answers[target.answer]), strict=True)),
                    _bundles(out, winner, target.answer),
                    stored.get("targets", {}).get(name, {}),
                    _saved(latency, winner, budget.reference),
                ),
            }
            for name, (winner, target, budget) in targets.items()
        },
    }
    plain: Table = json.loads(json.dumps(table, allow_nan=False))
    return plain


def _described(name: str) -> Table:
    _, row = published_row(name)
    return {
        "note": row.note,
        "on_request": row.on_request,
        "words": len(words_of(name)),
        "answer": answer_of(name),
        "figures": published_figures(name),
    }


def _run(recipe: str, bundle: str, out: Path, before: Mapping[str, Any]) -> Table | None:
    """Return the facts of a bundle, from the run's folder or else from the earlier table."""
    folder = out / recipe
    if is_done(folder, find_recipe(recipe)):
        return _facts(recipe, load_bundle(RunDir(folder).bundle_path(bundle)), folder)
    run: Table | None = before.get(bundle)
    return run if run is not None and run["recipe"] == digest(recipe) else None


def _facts(recipe: str, bundle: Bundle, folder: Path) -> Table:
    card = bundle.card
    reads = [json.loads(line) for line in _lines(RunDir(folder).reads_path)]
    opened = Counter(read["part"] for read in reads)
    if opened["test"] != 1:
        raise ModelFileError(
            f"{folder}: according to its log the test set was opened {opened['test']} times, not "
            "once; remove the folder, and the row is trained again"
        )
    return {
        "recipe": digest(recipe),
        "facts": dict(card.facts),
        "evidence": _evidence(card.evidence),
        "model_sha256": card.model_sha256,
        "provenance": {k: v for k, v in encode(card.provenance).items() if k != "command"},
        "seconds": _seconds(folder),
        "reads": reads,
    }


def _evidence(evidence: Mapping[str, Any]) -> Table:
    """Select the counts and intervals that accompany a figure, without matrices."""
    found: Table = {
        topic: {k: v for k, v in evidence[topic].items() if k in {"n", "correct", "low", "high"}}
        for topic in ("accuracy", "errors")
        if topic in evidence
    }
    baselines = evidence.get("baselines", {}).items()
    found["baselines"] = {name: facts["mae"] for name, facts in baselines if "mae" in facts}
    return found | ({"seeds": evidence["seeds"]} if "seeds" in evidence else {})


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _seconds(folder: Path) -> float:
    """Add up the time of all epochs of all candidates, even interrupted ones; one thread each."""
    histories = sorted(folder.rglob("history.jsonl"))
    epochs = [json.loads(line) for history in histories for line in _lines(history)]
    return round(sum(float(epoch["seconds"]) for epoch in epochs), 1)


def _bundles(out: Path, winner: str, answer: str) -> dict[str, Bundle]:
    """Load the bundles of a budget's two sides whose runs are in the folder."""
    runs = dict(zip(SIDES, ((winner, winner), (recipe_of(answer), answer)), strict=True))
    return {
        side: load_bundle(RunDir(out / recipe).bundle_path(bundle))
        for side, (recipe, bundle) in runs.items()
        if is_done(out / recipe, find_recipe(recipe))
    }


def _saved(latency: Mapping[str, Any], winner: str, reference: str) -> Table:
    """Return a budget's saving by side, and its reference; empty without a reference."""
    percent = savings(latency, winner, reference) if reference else {}
    if not percent:
        return {}
    run = latency["rows"][winner]["run"]
    return {"reference": reference, "protocol": SAVING_PROTOCOL, "run": run, "percent": percent}


def _certificates(
    budget: Budget,
    runs: Mapping[str, Table | None],
    bundles: Mapping[str, Bundle],
    before: Mapping[str, Any],
    saved: Mapping[str, Any],
) -> Table:
    """Certify both sides; if the budget bounds times, both are timed in the same run.

    Savings are relative to TensorFlow; a run's own saving does not count.
    """
    there = {side: run for side, run in runs.items() if run is not None}
    models = {side: run["model_sha256"] for side, run in there.items()}
    timed: Table = {}
    if any(name.startswith(TIMING_PREFIX) and name != SAVING for name in budget.metrics):
        if before.get("models") == models:
            timed = before["timed"]
        elif models and models.keys() <= bundles.keys():
            timed = timed_together(bundles)
    percent = saved.get("percent", {})
    facts = {
        side: {
            **{metric: value for metric, value in run["facts"].items() if metric != SAVING},
            **timed.get(side, {}),
            **({SAVING: percent[side]} if side in percent else {}),
        }
        for side, run in there.items()
    }
    certificates = {
        side: certify(
            facts[side], budget, evidence=run["evidence"], model_sha256=run["model_sha256"]
        )
        for side, run in there.items()
    }
    return {
        "models": models,
        "timed": timed,
        "saved": dict(saved),
        "certificates": encode(certificates),
    }


def timed_together(bundles: Mapping[str, Bundle]) -> Table:
    """Measure latency facts in one run, by name.

    Args:
        bundles: bundles by name.
    """
    subjects = {
        side: partial(TASKS.find(bundle.card.task).benchmark_case, bundle.model, bundle.card.io)
        for side, bundle in bundles.items()
    }
    return {side: dict(latency.facts) for side, latency in pinned_latency(subjects).items()}
