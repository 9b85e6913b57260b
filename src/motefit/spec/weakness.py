"""Weaknesses of a model: naive baselines that it does not beat, words that it never recognizes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from motefit.spec.binomial import interval
from motefit.spec.codec import check_fields
from motefit.spec.evidence import (
    IN_HINDSIGHT,
    MAJORITY,
    PERSISTENCE,
    Evidence,
    numbers,
    quoted,
    table,
    words_without,
)
from motefit.spec.metrics import MAE_PREFIX, RECALL_PREFIX, format_value

Claim = Literal[
    "no better than",
    "not shown to be better than",
    "never recognizes",
    "no training clip of",
    "no test clip of",
]
DIGITS = 4
"""Significant digits to which two errors are compared, and printed."""


@dataclass(frozen=True, kw_only=True)
class Weakness:
    """A reason why a model is of little use, whether it meets its budget or not.

    Attributes:
        claim: the statement about a baseline or a word.
        metric: that was compared, e.g. ``"mae.T (degC)"``.
        value: the model's value; None if there is none.
        baseline: name of the naive baseline; empty for a claim about a word.
        baseline_value: the baseline's value of the metric.
        word: the baseline's constant answer, or the word that the claim is about.
        clips: of the word in the test set, if they are counted.
    """

    claim: Claim
    metric: str
    value: float | None = None
    baseline: str = ""
    baseline_value: float | None = None
    word: str = ""
    clips: int | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def statement(self) -> str:
        """Claim without figures: ``no better than persistence`` or ``never recognizes 'left'``."""
        if self.baseline == MAJORITY:
            said = quoted(self.word) if self.word else "the most frequent word"
            return f"{self.claim} always saying {said}"
        return f"{self.claim} {self.baseline or quoted(self.word)}"

    @property
    def figures(self) -> str:
        """Figures behind the statement; empty if it needs none."""
        if self.value is not None and self.baseline_value is not None:
            column = self.metric.partition(MAE_PREFIX)[2]  # none of an accuracy
            own, naive = (format_value(self.metric, v) for v in (self.value, self.baseline_value))
            return f"{column} {own} against {naive}".lstrip()
        if self.clips is None:
            return ""
        return f"none of its {self.clips} test clips" if self.clips > 1 else "not in its test clip"


def weaknesses(
    facts: Mapping[str, float], evidence: Evidence, counts: tuple[int, int] | None
) -> tuple[Weakness, ...]:
    """List the weaknesses of a model, from the facts and evidence of its card.

    Args:
        facts: value by metric name; anything that is not a finite number is ignored.
        evidence: of the card: ``"baselines"`` with ``mae`` by column, or ``accuracy`` and
            ``recall``, of each naive baseline; ``"accuracy"`` with ``recall`` by word; ``"data"``
            with ``clips`` by set (training, validation, test) and word.
        counts: correct clips and all clips, where they are counted.
    """
    own = numbers(facts)
    return (
        *_weak_forecasts(own, evidence),
        *_weak_answers(own, evidence, counts),
        *_weak_words(evidence),
    )


def statements(found: Iterable[Weakness]) -> tuple[str, ...]:
    """Format weaknesses in words, e.g. ``no better than persistence (T 0.41 against 0.33)``."""
    figures: dict[str, list[str]] = {}
    for weakness in found:
        figures.setdefault(weakness.statement, []).append(weakness.figures)
    return tuple(
        f"{statement} ({', '.join(filter(None, own))})" if any(own) else statement
        for statement, own in figures.items()
    )


def _weak_forecasts(facts: Mapping[str, float], evidence: Evidence) -> tuple[Weakness, ...]:
    """Find the naive forecasts that a model does not beat, column by column."""
    return tuple(
        Weakness(
            claim="no better than",
            metric=f"{MAE_PREFIX}{column}",
            value=value,
            baseline=name,
            baseline_value=error,
        )
        for name in _baselines(evidence)
        for column, error in numbers(evidence, "baselines", name, "mae").items()
        if (value := facts.get(f"{MAE_PREFIX}{column}")) is not None
        and not _rounded(value) < _rounded(error)
    )


def _weak_answers(
    facts: Mapping[str, float], evidence: Evidence, counts: tuple[int, int] | None
) -> tuple[Weakness, ...]:
    """Find the naive guesses that a classifier does not beat, or is not shown to beat."""
    value = counts[0] / counts[1] if counts else facts.get("accuracy")
    if value is None:
        return ()
    shown = interval(*counts)[0] if counts else value
    return tuple(
        Weakness(
            claim="not shown to be better than" if value > guess else "no better than",
            metric="accuracy",
            value=value,
            baseline=name,
            baseline_value=guess,
            word=_only_answer(evidence, name),
        )
        for name in _baselines(evidence)
        if (guess := numbers(evidence, "baselines", name).get("accuracy")) is not None
        and shown <= guess
    )


def _only_answer(evidence: Evidence, baseline: str) -> str:
    """Return the word that a guess always answers: the one it always gets right; empty if none."""
    recalls = numbers(evidence, "baselines", baseline, "recall")
    return next((word for word, recall in recalls.items() if recall == 1), "")


def _weak_words(evidence: Evidence) -> tuple[Weakness, ...]:
    """Find words that are never recognized, or that have no clips."""
    clips = numbers(evidence, "data", "clips", "test")
    deaf = tuple(
        Weakness(
            claim="never recognizes",
            metric=f"{RECALL_PREFIX}{word}",
            value=0.0,
            word=word,
            clips=int(clips[word]) if word in clips else None,
        )
        for word, recall in numbers(evidence, "accuracy", "recall").items()
        if recall == 0
    )
    parts: tuple[tuple[str, Claim], ...] = (
        ("train", "no training clip of"),
        ("test", "no test clip of"),
    )
    return deaf + tuple(
        Weakness(claim=claim, metric=f"{RECALL_PREFIX}{word}", word=word)
        for part, claim in parts
        for word in words_without(evidence, part)
    )


def _baselines(evidence: Evidence) -> list[str]:
    """Return the names of the naive baselines: persistence first, then sorted by name."""
    names = (name for name in table(evidence, "baselines") if name != IN_HINDSIGHT)
    return sorted(names, key=lambda name: (name != PERSISTENCE, name))


def _rounded(error: float) -> float:
    """Round an error as it is printed: values that look equal are not better."""
    return float(f"{error:.{DIGITS}g}")
