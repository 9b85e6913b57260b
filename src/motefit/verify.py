"""Measured facts against a budget: the certificate. Pure: no file is read, nothing is measured."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from motefit.spec.binomial import clips_to_show, interval, shows
from motefit.spec.budget import Bound, Budget
from motefit.spec.card import Card
from motefit.spec.codec import decode, dumps_json
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.metrics import (
    MAE_PREFIX,
    RECALL_MIN,
    RECALL_PREFIX,
    SKILL_PREFIX,
    format_value,
)

Verdict = Literal["pass", "fail", "not measured"]
Confidence = Literal["shown", "met, not shown at 95 %", "missed"]
Claim = Literal[
    "no better than",
    "not shown to be better than",
    "never recognizes",
    "no training clip of",
    "no test clip of",
]
PERSISTENCE, MAJORITY = "persistence", "majority class"
"""Baselines that a card's evidence names, and that a sentence may say in other words."""
DIGITS = 4
"""Significant digits to which two errors are compared, and printed."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One bound of the budget and what was measured.

    Attributes:
        metric: name of the metric.
        bound: as written for people, e.g. ``"> 98.00 %"``.
        value: measured, in the metric's unit; None where it is absent or not a finite number.
        verdict: ``"pass"``, ``"fail"`` or ``"not measured"``, which is no pass.
        reason: why it is no pass, where the numbers alone do not say; otherwise empty.
    """

    metric: str
    bound: str
    value: float | None = None
    verdict: Verdict
    reason: str = ""

    @property
    def measured(self) -> str:
        """The value as written for people; a dash where there is none."""
        return "-" if self.value is None else format_value(self.metric, self.value)


@dataclass(frozen=True, kw_only=True)
class UnseenSpeakers:
    """The accuracy on test clips of speakers who are not in training.

    Attributes:
        n: such clips; may be 0.
        correct: of them classified correctly.
        low: lower limit of the exact 95 % binomial interval, a fraction; 0 without clips.
        high: upper limit; 1 without clips.
    """

    n: int
    correct: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class AccuracyEvidence:
    """How far the test clips carry the accuracy.

    Attributes:
        n: test clips.
        correct: of them classified correctly.
        low: lower limit of the exact 95 % binomial interval, a fraction.
        high: upper limit.
        confidence: ``"shown"`` when the interval lies inside the bound; ``"met, not shown at
            95 %"`` when only the value does; ``"missed"``; None without a bound.
        clips_to_show: clips that would show the bound at this accuracy; None: no number would.
        unseen_speakers: of the test clips of speakers who are not in training; None where speakers
            are unknown.
    """

    n: int
    correct: int
    low: float
    high: float
    confidence: Confidence | None = None
    clips_to_show: int | None = None
    unseen_speakers: UnseenSpeakers | None = None


@dataclass(frozen=True, kw_only=True)
class Weakness:
    """What makes a model of little use, whether it meets its budget or not.

    Attributes:
        claim: what is said of it, of a baseline or of a word.
        metric: that was compared, e.g. ``"mae.T (degC)"``.
        value: the model's; None where there is none.
        baseline: name of the naive baseline; empty for a claim of a word alone.
        baseline_value: the baseline's value of the metric.
        word: what the baseline always says, or the word that the claim is of.
        clips: of the word in the test part, where they are counted.
    """

    claim: Claim
    metric: str
    value: float | None = None
    baseline: str = ""
    baseline_value: float | None = None
    word: str = ""
    clips: int | None = None

    @property
    def statement(self) -> str:
        """Without figures, e.g. ``no better than persistence``, ``never recognizes 'left'``."""
        if self.baseline == MAJORITY:
            said = _quoted(self.word) if self.word else "the most frequent word"
            return f"{self.claim} always saying {said}"
        return f"{self.claim} {self.baseline or _quoted(self.word)}"

    @property
    def figures(self) -> str:
        """What the statement rests on; empty where it says everything."""
        if self.value is not None and self.baseline_value is not None:
            column = (
                f"{self.metric.removeprefix(MAE_PREFIX)} "
                if self.metric.startswith(MAE_PREFIX)
                else ""
            )
            value, baseline = (
                format_value(self.metric, number) for number in (self.value, self.baseline_value)
            )
            return f"{column}{value} against {baseline}"
        if self.clips is None:
            return ""
        return (
            "not in its only test clip"
            if self.clips == 1
            else f"none of its {self.clips} test clips"
        )


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What about the data makes a figure better than it is; None: not known.

    Attributes:
        test_examples: clips or windows of the test part.
        unknown_speakers: clips whose speaker is not known.
        shared_speakers: speakers in both the training and the test part.
        test_clips_shared: test clips of those speakers.
        duplicates_across: clips that are, bit for bit, in another part too.
    """

    test_examples: int | None = None
    unknown_speakers: int | None = None
    shared_speakers: int | None = None
    test_clips_shared: int | None = None
    duplicates_across: int | None = None


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The verdict on one model file.

    Attributes:
        met: whether every line of the budget passes.
        lines: one per bound, sorted by metric: a card does not keep the recipe's order.
        objective: metric that was optimised.
        objective_value: its value; None where it was not measured.
        accuracy: of a classifier with counted test clips.
        data: facts of the data the figures come from.
        weaknesses: what speaks against the model, be the budget met or not: naive baselines that it
            does not beat, and words that it does not know. They decide nothing about ``met``.
        model_sha256: of the model file, where known.
    """

    met: bool
    lines: tuple[Line, ...]
    objective: str
    objective_value: float | None = None
    accuracy: AccuracyEvidence | None = None
    data: DataFacts = DataFacts()
    weaknesses: tuple[Weakness, ...] = ()
    model_sha256: str = ""

    def __post_init__(self) -> None:
        if self.met != all(line.verdict == "pass" for line in self.lines):
            raise RecipeError("a certificate is met exactly when all its lines pass")

    @property
    def reservations(self) -> tuple[str, ...]:
        """The weaknesses in words, e.g. ``no better than persistence (T 0.41 against 0.33)``."""
        figures: dict[str, list[str]] = {}
        for weakness in self.weaknesses:
            figures.setdefault(weakness.statement, []).append(weakness.figures)
        return tuple(
            f"{statement} ({', '.join(filter(None, found))})" if any(found) else statement
            for statement, found in figures.items()
        )

    def to_json(self) -> str:
        """The certificate as JSON with sorted keys."""
        return dumps_json(self)

    @classmethod
    def from_json(cls, text: str, *, where: str = "certificate") -> "Certificate":
        """Read a certificate.

        Raises:
            ModelFileError: for damaged text, unknown keys, or ``met`` against its own lines.
        """
        try:
            return decode(cls, json.loads(text), where=where)
        except ValueError as error:
            raise ModelFileError(f"{where}: {error}") from None


def certify(
    facts: Mapping[str, float],
    budget: Budget,
    *,
    evidence: Mapping[str, Any] | None = None,
    model_sha256: str = "",
) -> Certificate:
    """Hold measured facts against a budget.

    A value that is missing or not finite never passes. An accuracy whose evidence counts other
    clips than it claims fails, and so does a recall or a skill that the evidence contradicts.

    Args:
        facts: value by metric name, in the metrics' base units.
        budget: the bounds.
        evidence: of the card: ``"accuracy"`` with ``n``, ``correct`` and ``recall``, ``"errors"``
            with ``mae``, ``"baselines"`` with the same of each naive baseline, ``"data"`` with the
            facts of an audit (:class:`DataFacts`, and clips by part and word); other topics are not
            looked at.
        model_sha256: of the model file the facts belong to.
    """
    evidence = evidence or {}
    counts = _counts(evidence)
    bounds = sorted(budget.bounds, key=lambda bound: bound.metric)
    lines = tuple(_line(bound, facts, evidence, counts) for bound in bounds)
    return Certificate(
        met=all(line.verdict == "pass" for line in lines),
        lines=lines,
        objective=budget.objective,
        objective_value=_finite(facts.get(budget.objective)),
        accuracy=_accuracy(counts, budget, evidence) if counts else None,
        data=_data_facts(evidence, counts),
        weaknesses=(
            *_weak_forecasts(facts, evidence),
            *_weak_answers(facts, evidence, counts),
            *_weak_words(evidence),
        ),
        model_sha256=model_sha256,
    )


def recheck(card: Card) -> Certificate:
    """The certificate recomputed from what a card stores: its facts, evidence and recipe.

    It trusts the card's facts; ``motefit check`` measures them again on the model's bytes.

    Raises:
        ModelFileError: when the card's recipe has no readable budget.
    """
    table = card.recipe.get("budget", {})
    if not isinstance(table, Mapping):
        raise ModelFileError(f"the card's budget is not a table: {table!r}")
    try:
        budget = Budget.from_table(table, where="card.json: [budget]")
    except RecipeError as error:
        raise ModelFileError(str(error)) from None
    return certify(card.facts, budget, evidence=card.evidence, model_sha256=card.model_sha256)


def _line(
    bound: Bound,
    facts: Mapping[str, float],
    evidence: Mapping[str, Any],
    counts: tuple[int, int] | None,
) -> Line:
    value = _finite(facts.get(bound.metric))
    verdict: Verdict = "fail"
    reason = ""
    if bound.metric not in facts:
        verdict, reason = "not measured", _why_absent(bound.metric, evidence)
    elif value is None:
        reason = f"measured as {facts[bound.metric]}"
    elif bound.metric == "accuracy" and counts and not _agree(value, counts):
        reason = f"the evidence counts {counts[0]} of {counts[1]} clips, which is another accuracy"
    elif not _near(value, _implied(bound.metric, evidence)):
        reason = "the evidence beside it gives another value"
    elif bound.holds(value):
        verdict = "pass"
    return Line(metric=bound.metric, bound=str(bound), value=value, verdict=verdict, reason=reason)


def _why_absent(metric: str, evidence: Mapping[str, Any]) -> str:
    """Why a metric was not measured, where the evidence tells."""
    if metric.startswith(SKILL_PREFIX):
        if _naive_error(metric.removeprefix(SKILL_PREFIX), evidence) == 0:
            return "persistence makes no error on these windows"
    elif metric.startswith(RECALL_PREFIX):
        missing = _words_without(evidence, "test")
        if metric != RECALL_MIN:
            missing = [word for word in missing if metric == f"{RECALL_PREFIX}{word}"]
        if missing:
            return f"no test clip of {', '.join(map(_quoted, missing))}"
    return "no measured value"


def _implied(metric: str, evidence: Mapping[str, Any]) -> float | None:
    """The value of a skill, a recall or the balanced accuracy that the evidence comes to."""
    if metric.startswith(SKILL_PREFIX):
        column = metric.removeprefix(SKILL_PREFIX)
        own, naive = _numbers(evidence, "errors", "mae").get(column), _naive_error(column, evidence)
        return None if own is None or not naive else 1 - own / naive
    recalls = _numbers(evidence, "accuracy", "recall")
    if metric == RECALL_MIN:
        return min(recalls.values(), default=None)
    if metric == "balanced_accuracy":
        return sum(recalls.values()) / len(recalls) if recalls else None
    return (
        recalls.get(metric.removeprefix(RECALL_PREFIX))
        if metric.startswith(RECALL_PREFIX)
        else None
    )


def _near(value: float, implied: float | None) -> bool:
    return implied is None or math.isclose(value, implied, rel_tol=1e-9, abs_tol=1e-9)


def _naive_error(column: str, evidence: Mapping[str, Any]) -> float | None:
    """Mean absolute error of persistence on a column."""
    return _numbers(evidence, "baselines", PERSISTENCE, "mae").get(column)


def _words_without(evidence: Mapping[str, Any], part: str) -> list[str]:
    """The words of which a part of the data has no clip, sorted."""
    clips = _numbers(evidence, "data", "clips", part)
    return sorted(word for word, count in clips.items() if count == 0)


def _weak_forecasts(
    facts: Mapping[str, float], evidence: Mapping[str, Any]
) -> tuple[Weakness, ...]:
    """The naive forecasts that a model does not beat, column by column."""
    return tuple(
        Weakness(
            claim="no better than",
            metric=f"{MAE_PREFIX}{column}",
            value=value,
            baseline=name,
            baseline_value=error,
        )
        for name in _baselines(evidence)
        for column, error in _numbers(evidence, "baselines", name, "mae").items()
        if (value := _finite(facts.get(f"{MAE_PREFIX}{column}"))) is not None
        and not _rounded(value) < _rounded(error)
    )


def _weak_answers(
    facts: Mapping[str, float], evidence: Mapping[str, Any], counts: tuple[int, int] | None
) -> tuple[Weakness, ...]:
    """The naive guesses that a classifier does not beat, or is not shown to beat."""
    value = counts[0] / counts[1] if counts else _finite(facts.get("accuracy"))
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
        if (guess := _numbers(evidence, "baselines", name).get("accuracy")) is not None
        and shown <= guess
    )


def _only_answer(evidence: Mapping[str, Any], baseline: str) -> str:
    """The word that a guess always says: the one it always gets right. Empty: it never does."""
    recalls = _numbers(evidence, "baselines", baseline, "recall")
    return next((word for word, recall in recalls.items() if recall == 1), "")


def _weak_words(evidence: Mapping[str, Any]) -> tuple[Weakness, ...]:
    """Words that are never heard as what they are, or that no clip was there for."""
    clips = _numbers(evidence, "data", "clips", "test")
    deaf = tuple(
        Weakness(
            claim="never recognizes",
            metric=f"{RECALL_PREFIX}{word}",
            value=0.0,
            word=word,
            clips=int(clips[word]) if word in clips else None,
        )
        for word, recall in _numbers(evidence, "accuracy", "recall").items()
        if recall == 0
    )
    parts: tuple[tuple[str, Claim], ...] = (
        ("train", "no training clip of"),
        ("test", "no test clip of"),
    )
    return deaf + tuple(
        Weakness(claim=claim, metric=f"{RECALL_PREFIX}{word}", word=word)
        for part, claim in parts
        for word in _words_without(evidence, part)
    )


def _baselines(evidence: Mapping[str, Any]) -> list[str]:
    """Names of the naive baselines: persistence, then by name, as a card is sorted by keys."""
    return sorted(_table(evidence, "baselines"), key=lambda name: (name != PERSISTENCE, name))


def _rounded(error: float) -> float:
    """An error as it is printed: what looks equal is no better."""
    return float(f"{error:.{DIGITS}g}")


def _quoted(word: str) -> str:
    """A word in quotation marks."""
    return f"'{word}'"


def _table(evidence: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """A table inside tables; empty where there is none."""
    found: Any = evidence
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _numbers(evidence: Mapping[str, Any], *path: str) -> dict[str, float]:
    """The finite numbers of a table inside tables, sorted by name."""
    return {
        str(name): value
        for name, value in sorted(_table(evidence, *path).items())
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _agree(accuracy: float, counts: tuple[int, int]) -> bool:
    return abs(accuracy - counts[0] / counts[1]) < 1e-9  # both are ratios of the same integers


def _counts(evidence: Mapping[str, Any]) -> tuple[int, int] | None:
    """Correct clips and all clips, where the evidence counts them."""
    table = evidence.get("accuracy")
    if not isinstance(table, Mapping):
        return None
    correct, n = table.get("correct"), table.get("n")
    if not isinstance(correct, int) or not isinstance(n, int) or not 0 <= correct <= n or n < 1:
        return None
    return correct, n


def _accuracy(
    counts: tuple[int, int], budget: Budget, evidence: Mapping[str, Any]
) -> AccuracyEvidence:
    correct, n = counts
    low, high = interval(correct, n)
    bound = next((b for b in budget.bounds if b.metric == "accuracy"), None)
    confidence: Confidence | None = None
    if bound is not None:
        confidence = "missed"
        if bound.holds(correct / n):
            shown = shows(correct, n, bound.limit)
            confidence = "shown" if shown else "met, not shown at 95 %"
    return AccuracyEvidence(
        n=n,
        correct=correct,
        low=low,
        high=high,
        confidence=confidence,
        clips_to_show=clips_to_show(correct, n, bound.limit) if bound else None,
        unseen_speakers=_unseen(evidence["accuracy"].get("unseen_speakers"), counts),
    )


def _unseen(table: object, counts: tuple[int, int]) -> UnseenSpeakers | None:
    """The interval recomputed from counts that fit those of all clips; else None."""
    if not isinstance(table, Mapping):
        return None
    correct, n = table.get("correct"), table.get("n")
    if not isinstance(correct, int) or not isinstance(n, int) or not 0 <= correct <= n:
        return None
    if correct > counts[0] or n - correct > counts[1] - counts[0]:
        return None
    low, high = interval(correct, n) if n else (0.0, 1.0)
    return UnseenSpeakers(n=n, correct=correct, low=low, high=high)


def _data_facts(evidence: Mapping[str, Any], counts: tuple[int, int] | None) -> DataFacts:
    audit = evidence.get("data")
    audit = audit if isinstance(audit, Mapping) else {}
    windows = audit.get("windows")
    test = windows.get("test") if isinstance(windows, Mapping) else None
    names = ("unknown_speakers", "shared_speakers", "test_clips_shared", "duplicates_across")
    return DataFacts(
        test_examples=counts[1] if counts else test if isinstance(test, int) else None,
        **{name: audit[name] for name in names if isinstance(audit.get(name), int)},
    )
