"""Lookups in a card's evidence; they never fail, whatever the evidence contains."""

import math
from collections.abc import Mapping
from typing import Any

from motefit.spec.metrics import (
    COVERAGE_PREFIX,
    RECALL_MIN,
    RECALL_PREFIX,
    SILENCE_ANSWERED,
    SKILL_PREFIX,
    STREAM_PREFIX,
    UNKNOWN_ANSWERED,
    WORDS_REJECTED,
)
from motefit.spec.stream_evidence import StreamEvidence

PERSISTENCE, MAJORITY = "persistence", "majority class"
LEAST_SQUARES = "least squares"
IN_HINDSIGHT = "least squares in hindsight"
"""Least squares fitted to the test windows themselves: it bounds every matrix, and nobody has it
before the fact, so no model is called worse for it."""
"""Names of naive baselines among the evidence."""
REJECTED = {
    WORDS_REJECTED: ("rejects", "words"),
    UNKNOWN_ANSWERED: ("rejects", "answered", "_unknown_"),
    SILENCE_ANSWERED: ("rejects", "answered", "_silence_"),
}
"""Where a card counts the clips behind a metric of the reject classes."""
Evidence = Mapping[str, Any]
"""Of a card: tables by topic."""


def table(evidence: Evidence, *path: str) -> Mapping[str, Any]:
    """Return a nested table; empty if there is none."""
    found: Any = evidence
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def numbers(evidence: Evidence, *path: str) -> dict[str, float]:
    """Return the finite numbers of a nested table, sorted by name."""
    return {
        str(name): value
        for name, value in sorted(table(evidence, *path).items())
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def why_absent(metric: str, evidence: Evidence) -> str:
    """Explain why a metric was not measured, if the evidence tells."""
    if metric.startswith(SKILL_PREFIX):
        if _naive_error(metric.removeprefix(SKILL_PREFIX), evidence) == 0:
            return "persistence has no error on these windows"
    elif metric.startswith(RECALL_PREFIX):
        missing = words_without(evidence, "test")
        if metric != RECALL_MIN:
            missing = [word for word in missing if metric == f"{RECALL_PREFIX}{word}"]
        if missing:
            return f"no test clip of {', '.join(map(quoted, missing))}"
    return "no measured value"


def implied(metric: str, evidence: Evidence) -> float | None:
    """Compute a metric from the counts or errors in the evidence; None if it has none."""
    if metric in REJECTED:
        counts = numbers(evidence, *REJECTED[metric])
        return counts.get("count", 0) / counts["n"] if counts.get("n") else None
    if metric.startswith(STREAM_PREFIX):
        stream = StreamEvidence.read(table(evidence, "stream"))
        return None if stream is None else stream.facts.get(metric)
    if metric.startswith(COVERAGE_PREFIX):
        return numbers(evidence, "quantiles", "inside").get(metric.removeprefix(COVERAGE_PREFIX))
    if metric.startswith(SKILL_PREFIX):
        column = metric.removeprefix(SKILL_PREFIX)
        own, naive = numbers(evidence, "errors", "mae").get(column), _naive_error(column, evidence)
        return None if own is None or not naive else 1 - own / naive
    recalls = numbers(evidence, "accuracy", "recall")
    if metric == RECALL_MIN:
        return min(recalls.values(), default=None)
    if metric == "balanced_accuracy":
        return sum(recalls.values()) / len(recalls) if recalls else None
    if metric.startswith(RECALL_PREFIX):
        return recalls.get(metric.removeprefix(RECALL_PREFIX))
    return None


def agrees(value: float, wanted: float | None) -> bool:
    """Return whether a value equals the one from the evidence, if there is one."""
    return wanted is None or math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9)


def _naive_error(column: str, evidence: Evidence) -> float | None:
    """Return the mean absolute error of persistence on a column."""
    return numbers(evidence, "baselines", PERSISTENCE, "mae").get(column)


def words_without(evidence: Evidence, subset: str) -> list[str]:
    """List the words without a clip in one of the sets, sorted."""
    clips = numbers(evidence, "data", "clips", subset)
    return sorted(word for word, count in clips.items() if count == 0)


def quoted(word: str) -> str:
    """Put a word in quotation marks."""
    return f"'{word}'"
