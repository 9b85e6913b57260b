"""The certificate in words: one line per bound, with a tone that sets mark and color."""

import re
from dataclasses import dataclass
from typing import Literal

from motefit.report.text import metric_name, metric_unit, percent
from motefit.spec.budget import Bound
from motefit.spec.certificate import AccuracyEvidence, Certificate, Line
from motefit.spec.metrics import grouped, metric

_GAP = re.compile(r"(?<=\d) (?=\d)")
Tone = Literal["good", "open", "bad"]


@dataclass(frozen=True, kw_only=True)
class VerdictLine:
    """One bound and its verdict.

    Attributes:
        metric: name of the metric.
        name: of the metric, in words.
        value: measured, for people; empty where it was not.
        bound: for people.
        tone: ``"good"``: holds; ``"open"``: holds but is not shown, or was not measured;
            ``"bad"``: missed.
        word: the verdict.
        note: what the verdict rests on.
        used: share of the bound that is used, in percent; of an accuracy, the errors made of the
            errors allowed. None if it was not measured or has no such share.
    """

    metric: str
    name: str
    value: str
    bound: str
    tone: Tone
    word: str
    note: str
    used: float | None


def verdict_lines(certificate: Certificate) -> tuple[VerdictLine, ...]:
    """Return the lines of the certificate, in its order."""
    return tuple(_line(line, certificate.accuracy) for line in certificate.lines)


def accuracy_bound(certificate: Certificate) -> float | None:
    """Return the budget's limit for the accuracy, a fraction."""
    texts = (line.bound for line in certificate.lines if line.metric == "accuracy")
    return next((Bound.parse("accuracy", text).limit for text in texts), None)


def _line(line: Line, accuracy: AccuracyEvidence | None) -> VerdictLine:
    unit = metric_unit(line.metric)
    tone: Tone = {"pass": "good", "fail": "bad"}.get(line.verdict, "open")  # type: ignore[assignment]  # the values are tones
    word = {"pass": "met", "fail": "missed"}.get(line.verdict, line.verdict)
    notes = [line.reason]
    if line.metric == "accuracy" and accuracy is not None and accuracy.confidence is not None:
        notes.append(_interval(accuracy))
        if line.verdict == "pass":
            word = accuracy.confidence
            tone = "good" if word == "shown" else "open"
    return VerdictLine(
        metric=line.metric,
        name=metric_name(line.metric),
        value="" if line.value is None else f"{line.measured} {unit}".strip(),
        bound=f"{line.bound} {unit}".strip(),
        tone=tone,
        word=word,
        note="; ".join(filter(None, notes)),
        used=None if line.value is None else used_percent(line.metric, line.bound, line.value),
    )


def used_percent(name: str, bound: str, value: float) -> float | None:
    """Return how much of a bound a value uses, in percent; None if that says nothing.

    >>> (
    ...     used_percent("size.zip_bytes", "<= 23.00 KB (23 552 B)", 5888),
    ...     used_percent("macs", "< 0", 1),
    ... )
    (25.0, None)
    >>> used_percent("accuracy", "> 92.00 %", 0.96)  # half of the errors that are allowed
    50.0...
    """
    relation, _, shown = bound.partition(" ")
    exact = shown.partition("(")[2].rstrip(")") or shown  # bytes, where kilobytes are rounded
    limit = Bound.parse(name, f"{relation} {_GAP.sub('', exact)}").limit
    if metric(name).unit == "fraction" and metric(name).higher_is_better:
        limit, value = 1 - limit, 1 - value
    elif metric(name).higher_is_better:
        return None
    return 100 * value / limit if limit > 0 else None


def _interval(accuracy: AccuracyEvidence) -> str:
    text = (
        f"{grouped(accuracy.correct)} of {grouped(accuracy.n)} clips, "
        f"95 % interval {percent(accuracy.low)} to {percent(accuracy.high)}"
    )
    if accuracy.confidence == "met, not shown at 95 %" and accuracy.clips_to_show is not None:
        text += f"; {grouped(accuracy.clips_to_show)} clips at this accuracy would show it"
    return text
