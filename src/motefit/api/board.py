"""State of a run in progress, collected from its events for any display."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motefit.search.progress import InTraining
from motefit.search.ranking import choose
from motefit.search.rounds import Proposal
from motefit.search.trial import Trial
from motefit.spec.budget import Budget

UNREADABLE = (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError)
"""Exceptions raised for a line that is missing, incomplete or not a report."""


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """Progress of one training.

    Attributes:
        title: title of the candidate.
        done: epochs done.
        epochs: epochs up to which it currently trains.
        score: best validation score so far: accuracy, or minus the mean absolute error.
        seconds: average duration of its epochs.
    """

    title: str
    done: int
    epochs: int
    score: float | None
    seconds: float


class Board:
    """Counts, trainings and the best candidate of a run so far.

    Attributes:
        round: number of the round, from 0.
        stage: what the workers are doing, in words.
        counts: number of candidates by status, including ``left out``.
        rejected_by: number of rejected candidates by the bound they miss.
        best: facts of the best candidate for the recipe's own budget so far.
    """

    def __init__(self) -> None:
        self.round = 0
        self.stage = ""
        self.counts: Counter[str] = Counter()
        self.rejected_by: Counter[str] = Counter()
        self.best: Mapping[str, float] = {}
        self.budget = Budget()
        self._trainings: Sequence[InTraining] = ()

    def screened(self, number: int, proposals: Sequence[Proposal]) -> None:
        """Count the candidates of a screened round."""
        self.round = number
        self.counts["screened"] += len(proposals)
        self.counts["rejected"] += sum(bool(p.violations) for p in proposals)
        self.counts["left out"] += sum(p.left_out for p in proposals)
        self.rejected_by.update(name for p in proposals for name in p.violations)

    def training(self, stage: str, trainings: Sequence[InTraining]) -> None:
        """Record the trainings of a new stage."""
        self.stage, self._trainings = stage, trainings

    def trained(self) -> None:
        """Record the end of the stage."""
        self._trainings = ()

    def scored(self, facts: Sequence[Mapping[str, float]]) -> None:
        """Update the best candidate from the facts of candidates."""
        known = dict(enumerate([*([self.best] if self.best else []), *facts]))
        if known:
            self.best = known[choose(known, self.budget)]

    def round_finished(self, trials: Sequence[Trial]) -> None:
        """Count the candidates of a finished round by status."""
        self.counts.update(t.status for t in trials if t.status != "rejected")

    def trainings(self) -> list[TrainingProgress]:
        """Return the progress of the stage's trainings as logged by their workers."""
        return [_progress(training) for training in self._trainings]


def seconds_left(trainings: Sequence[TrainingProgress], workers: int) -> float | None:
    """Estimate the time left in a stage from its average epoch; None if nothing is known yet."""
    known = [t.seconds for t in trainings if t.seconds > 0]
    if not known:
        return None
    mean = sum(known) / len(known)
    left = [(t.epochs - t.done) * (t.seconds or mean) for t in trainings]
    return max(sum(left) / workers, *left)


def _progress(training: InTraining) -> TrainingProgress:
    try:
        last = _last_line(training.history)
        done = int(last["epoch"]) + 1
        return TrainingProgress(
            title=training.title,
            done=done,
            epochs=max(training.epochs, done),
            score=float(last["best_score"]),
            seconds=float(last["seconds"]),
        )
    except UNREADABLE:  # not written yet, or an incomplete line: the next update sees more
        return TrainingProgress(
            title=training.title, done=0, epochs=training.epochs, score=None, seconds=0
        )


def _last_line(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    return found
