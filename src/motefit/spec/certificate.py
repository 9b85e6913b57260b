"""The certificate: measured facts against a budget. Pure: reads no file and measures nothing."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from motefit.spec.binomial import Confidence, clips_to_show, interval, shows
from motefit.spec.budget import Bound, Budget
from motefit.spec.card import Card
from motefit.spec.codec import decode, dumps_json
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.evidence import agrees, implied, table, why_absent
from motefit.spec.metrics import format_value, is_estimate
from motefit.spec.stream_evidence import StreamEvidence
from motefit.spec.weakness import Weakness, statements, weaknesses

Verdict = Literal["pass", "fail", "not measured", "not judged"]


BUSY = 3.0
"""Median over 25th percentile above which a latency is not judged."""
WAITED = 1.5
"""Median over processor time above which a latency is not judged; alone they are equal."""
_JUDGED_BY = {
    "latency.frontend_ms": (("xnnpack", "frontend"),),
    "latency.inference_ms": (("xnnpack", "inference"),),
    "latency.total_ms": (("xnnpack", "total"),),
    "latency.saving_percent": (("xnnpack", "total"), ("reference", "total")),
}
"""The runs and stages that a latency metric consists of."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One bound of the budget and what was measured.

    Attributes:
        metric: name of the metric.
        bound: as displayed, e.g. ``"> 98.00 %"``.
        value: measured, in the metric's unit; None if it is absent or not a finite number.
        verdict: ``"pass"``, ``"fail"``, ``"not measured"``, which is not a pass, or ``"not
            judged"``, which is neither pass nor fail: the machine was too busy for a latency.
        reason: why it is not a pass, if the numbers alone do not tell; otherwise empty.
    """

    metric: str
    bound: str
    value: float | None = None
    verdict: Verdict
    reason: str = ""

    @property
    def measured(self) -> str:
        """The value as displayed; a dash if there is none, and a word if it is an estimate."""
        if self.value is None:
            return "-"
        text = format_value(self.metric, self.value)
        return f"{text}, estimated" if is_estimate(self.metric) else text


@dataclass(frozen=True, kw_only=True)
class UnseenSpeakers:
    """The accuracy on test clips of speakers who are not in training.

    Attributes:
        n: number of such clips; may be 0.
        correct: number classified correctly.
        low: lower limit of the exact 95 % binomial interval, a fraction; 0 without clips.
        high: upper limit; 1 without clips.
    """

    n: int
    correct: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class AccuracyEvidence:
    """Evidence for the accuracy: counts, interval, and confidence in the bound.

    Attributes:
        n: test clips.
        correct: number classified correctly.
        low: lower limit of the exact 95 % binomial interval, a fraction.
        high: upper limit.
        confidence: ``"shown"`` when the interval lies inside the bound; ``"met, not shown at
            95 %"`` when only the value does; ``"missed"``; None without a bound.
        clips_to_show: clips that would show the bound at this accuracy; None if no number would.
        unseen_speakers: of the test clips of speakers who are not in training; None if speakers are
            unknown.
    """

    n: int
    correct: int
    low: float
    high: float
    confidence: Confidence | None = None
    clips_to_show: int | None = None
    unseen_speakers: UnseenSpeakers | None = None


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """Facts about the data that can flatter a figure; None if not known.

    Attributes:
        test_examples: clips or windows of the test set.
        unknown_speakers: clips whose speaker is not known.
        shared_speakers: speakers in both the training and the test set.
        test_clips_shared: test clips of those speakers.
        duplicates_across: clips that are also, bit for bit, in another set.
        filled_inputs_percent: percentage of the input values of the test windows that were missing
            and are held from earlier rows.
    """

    test_examples: int | None = None
    unknown_speakers: int | None = None
    shared_speakers: int | None = None
    test_clips_shared: int | None = None
    duplicates_across: int | None = None
    filled_inputs_percent: float | None = None


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The verdict on one model file.

    Attributes:
        met: whether every line of the budget passes.
        lines: one per bound, sorted by metric: a card does not keep the recipe's order.
        objective: metric that was optimized.
        objective_value: its value; None if it was not measured.
        accuracy: of a classifier with counted test clips.
        stream: false accepts and misses in a stream, with their limits; None if not measured.
        data: facts about the data behind the figures.
        weaknesses: of the model, whether the budget is met or not: naive baselines that it does not
            beat, and words that it never recognizes. They do not affect ``met``.
        model_sha256: of the model file, if known.
    """

    met: bool
    lines: tuple[Line, ...]
    objective: str
    objective_value: float | None = None
    accuracy: AccuracyEvidence | None = None
    stream: StreamEvidence | None = None
    data: DataFacts = DataFacts()
    weaknesses: tuple[Weakness, ...] = ()
    model_sha256: str = ""

    def __post_init__(self) -> None:
        if self.met != all(line.verdict == "pass" for line in self.lines):
            raise RecipeError("a certificate is met exactly when all its lines pass")

    @property
    def reservations(self) -> tuple[str, ...]:
        """The weaknesses in words, e.g. ``no better than persistence (T 0.41 against 0.33)``."""
        return statements(self.weaknesses)

    def to_json(self) -> str:
        """Serialize the certificate to JSON with sorted keys."""
        return dumps_json(self)

    @classmethod
    def from_json(cls, text: str, *, where: str = "certificate") -> "Certificate":
        """Read a certificate.

        Raises:
            ModelFileError: for damaged text, unknown keys, or a ``met`` that contradicts its own
                lines.
        """
        try:
            return decode(cls, json.loads(text), where=where)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"{where}: {error}") from None


def certify(
    facts: Mapping[str, float],
    budget: Budget,
    *,
    evidence: Mapping[str, Any] | None = None,
    model_sha256: str = "",
) -> Certificate:
    """Compare measured facts with a budget.

    A value that is missing or not finite never passes. An accuracy that contradicts the clip counts
    in the evidence fails, and so does a recall or a skill that the evidence contradicts.

    Args:
        facts: value by metric name, in the metrics' base units.
        budget: the bounds.
        evidence: of the card: ``"accuracy"`` with ``n``, ``correct`` and ``recall``, ``"errors"``
            with ``mae``, ``"baselines"`` with the same of each naive baseline, ``"stream"`` with
            the counts of recordings, ``"data"`` with the facts of an audit (:class:`DataFacts`,
            and clips by set and word); other topics are ignored.
        model_sha256: of the model file the facts belong to.
    """
    evidence = evidence or {}
    counts = _counts(evidence)
    bounds = sorted(budget.bounds, key=lambda bound: bound.metric)
    lines = tuple(_unless_busy(_line(bound, facts, evidence, counts), evidence) for bound in bounds)
    return Certificate(
        met=all(line.verdict == "pass" for line in lines),
        lines=lines,
        objective=budget.objective,
        objective_value=_finite(facts.get(budget.objective)),
        accuracy=_accuracy(counts, budget, evidence) if counts else None,
        stream=StreamEvidence.read(table(evidence, "stream"), budget),
        data=_data_facts(evidence, counts),
        weaknesses=weaknesses(facts, evidence, counts),
        model_sha256=model_sha256,
    )


def recheck(card: Card) -> Certificate:
    """Recompute the certificate from the facts, evidence and recipe that a card stores.

    It trusts the card's facts; ``motefit check`` measures them again on the model's bytes.

    Raises:
        ModelFileError: if the card's recipe has no readable budget.
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
        verdict, reason = "not measured", why_absent(bound.metric, evidence)
    elif value is None:
        reason = f"measured as {facts[bound.metric]}"
    elif bound.metric == "accuracy" and counts and not _agree(value, counts):
        reason = (
            f"the evidence counts {counts[0]} of {counts[1]} clips, which is a different accuracy"
        )
    elif not agrees(value, implied(bound.metric, evidence)):
        reason = "the evidence gives a different value"
    elif bound.holds(value):
        verdict = "pass"
    return Line(metric=bound.metric, bound=str(bound), value=value, verdict=verdict, reason=reason)


def _unless_busy(line: Line, evidence: Mapping[str, Any]) -> Line:
    """Mark a line as not judged if its latency was measured on a machine that was too busy."""
    timed = evidence.get("latency")
    if line.value is None or not isinstance(timed, Mapping):
        return line
    for run, stage in _JUDGED_BY.get(line.metric, ()):
        found = timed.get(run)
        reason = too_busy(found, stage) if isinstance(found, Mapping) else ""
        if reason:
            return replace(line, verdict="not judged", reason=reason)
    return line


def too_busy(latency: Mapping[str, Any], stage: str) -> str:
    """Explain why a measured latency says nothing about the model; empty if it is valid.

    If the median is more than :data:`BUSY` times the 25th percentile, something else used the cores
    half of the time. A computation longer than a time slice is interrupted every time, so its
    quartiles are similar, but it takes more than :data:`WAITED` times its processor time.

    Args:
        latency: of a run, as ``measure.latency.paired.Latency`` has it.
        stage: ``"frontend"``, ``"inference"`` or ``"total"``.
    """
    median = latency.get(f"{stage}_ms")
    limits = (
        ("25th percentile", latency.get(f"{stage}_p25_ms"), BUSY),
        ("processor time", latency.get("total_cpu_ms"), WAITED),
    )
    for name, value, times in limits:
        if isinstance(median, float) and isinstance(value, float) and 0 < times * value < median:
            return (
                f"machine too busy to judge: median {median:.3g} ms, {name} {value:.3g} ms; "
                "run again on a quiet machine"
            )
    return ""


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _agree(accuracy: float, counts: tuple[int, int]) -> bool:
    return abs(accuracy - counts[0] / counts[1]) < 1e-9  # both are ratios of the same integers


def _counts(evidence: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the correct clips and all clips, if the evidence counts them."""
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
    """Recompute the interval from counts consistent with those of all clips; None otherwise."""
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
    filled = audit.get("filled_inputs_percent")
    share = filled.get("test") if isinstance(filled, Mapping) else None
    names = ("unknown_speakers", "shared_speakers", "test_clips_shared", "duplicates_across")
    return DataFacts(
        test_examples=counts[1] if counts else test if isinstance(test, int) else None,
        filled_inputs_percent=_finite(share) if isinstance(share, int | float) else None,
        **{name: audit[name] for name in names if isinstance(audit.get(name), int)},
    )
