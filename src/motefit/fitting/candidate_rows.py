"""Rows of a report's table of candidates: values, state, costs, qualities, learning curve."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from motefit.certify.facts import is_summary
from motefit.fitting.finalists import Finalist
from motefit.fitting.jobs import HISTORY, training_folder
from motefit.search.space import SEED, Candidate, Space
from motefit.search.trial import Trial
from motefit.spec.metrics import COSTS
from motefit.spec.recipe import Recipe

MOST_ROWS = 1000
"""Maximum number of candidates in a report; rejected ones come last."""


def candidate_rows(
    recipe: Recipe,
    run: Path,
    trials: Sequence[Trial],
    finished: Mapping[str, Finalist],
    chosen: str,
) -> tuple[Mapping[str, object], ...]:
    """Make a row for each candidate: finished files first, rejected candidates last.

    Args:
        recipe: recipe of the run.
        run: its folder, which has the learning curves.
        trials: trials of the study.
        finished: finished files by key.
        chosen: key of the file that ships.
    """
    space = Space(recipe)
    ends = {trial.key: trial for trial in trials}
    rows = []
    for key, file in finished.items():
        own = file.candidate
        values = {**own.values, "refit": True} if own.refit else own.values
        row = _row(values, own.seed, file.facts, "chosen" if key == chosen else "trained")
        epochs = ends[key].epochs if key in ends else own.recipe.train.epochs
        rows.append({**row, "epochs": epochs, "curve": _curve(run, own)})
    trained_first = sorted(trials, key=lambda trial: trial.status == "rejected")
    for trial in trained_first[:MOST_ROWS]:
        if trial.key in finished:
            continue
        values = {key: value for key, value in trial.point.items() if key != SEED}
        row = _row(values, trial.point[SEED], trial.facts, trial.status, trial.reason)
        curve = _curve(run, space.candidate(trial.point)) if trial.epochs else ()
        rows.append({**row, "epochs": trial.epochs, "curve": curve})
    rows.sort(key=lambda row: row["status"] == "rejected")
    return tuple(rows[:MOST_ROWS])


def _row(
    values: Mapping[str, object],
    seed: object,
    facts: Mapping[str, float],
    status: str,
    reason: str = "",
) -> dict[str, object]:
    return {
        "values": {**values, SEED: seed},
        "status": status,
        "reason": reason,
        **{name: facts.get(metric) for name, metric in COSTS.items()},
        "validation": {name: value for name, value in facts.items() if is_summary(name)},
    }


def _curve(run: Path, candidate: Candidate) -> tuple[float, ...]:
    """Read the validation score after each epoch; empty if the training's log is missing."""
    path = training_folder(run, candidate.training_key) / HISTORY
    entries: dict[int, float] = {}
    try:
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            entries.setdefault(int(line["epoch"]), float(line["score"]))  # before any fine-tuning
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    scores = [entries.get(epoch, math.nan) for epoch in range(len(entries))]
    return tuple(float(f"{v:.5g}") for v in scores) if all(map(math.isfinite, scores)) else ()
