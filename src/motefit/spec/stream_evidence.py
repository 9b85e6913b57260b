"""What a card's evidence says about false accepts, misses and latency in a stream."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from motefit.spec.binomial import Confidence, interval, shows
from motefit.spec.budget import Bound, Budget
from motefit.spec.codec import check_fields
from motefit.spec.metrics import FALSE_ACCEPTS, MISS_RATE, STREAM_LATENCY
from motefit.spec.poisson import highest_rate, hours_to_show, rate_interval

RECORDINGS, SCRIPTED = "recordings", "scripted"
"""Kinds of streams in the evidence: recordings of the user, and words laid into noise by script."""

SHORTEST_S, LONGEST_S = 1e-6, 1e12
"""Evidence of a shorter or longer stream is not believed."""
MOST = 10_000_000
"""Evidence of more events is not believed; their limits would take long to compute."""


@dataclass(frozen=True, kw_only=True)
class FalseAcceptEvidence:
    """Evidence for the rate of false accepts.

    Attributes:
        count: false accepts.
        hours: of sound.
        low: lower limit of the exact 95 % Poisson interval, per hour.
        high: upper limit.
        highest: exact one-sided upper limit at 95 %, per hour.
        kind: of stream, :data:`RECORDINGS` or :data:`SCRIPTED`.
        confidence: ``"shown"`` when ``highest`` is inside the bound; ``"met, not shown at 95 %"``
            when only the value is; ``"missed"``; None without a bound.
        hours_to_show: hours that would show the bound with as many false accepts; None without one.
        unread: recordings that are left out, because they could not be read.
    """

    count: int
    hours: float
    low: float
    high: float
    highest: float
    kind: str
    confidence: Confidence | None = None
    hours_to_show: float | None = None
    unread: int = 0

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class MissEvidence:
    """Evidence for the rate of misses.

    Attributes:
        missed: words that were not reported as what they are.
        words: spoken.
        low: lower limit of the exact 95 % binomial interval, a fraction.
        high: upper limit.
        kind: of stream, :data:`RECORDINGS` or :data:`SCRIPTED`.
        confidence: as of :class:`FalseAcceptEvidence`, by the interval.
    """

    missed: int
    words: int
    low: float
    high: float
    kind: str
    confidence: Confidence | None = None

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class StreamEvidence:
    """Evidence for the stream metrics; None where nothing was measured.

    Attributes:
        false_accepts: in the recordings, or in the scripted stream if there are none.
        misses: of the words listed for the recordings, or of the scripted stream if none is.
        latency_ms: median from a word's end to its report, of the words that ``misses`` counts.
    """

    false_accepts: FalseAcceptEvidence | None = None
    misses: MissEvidence | None = None
    latency_ms: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def read(
        cls, evidence: Mapping[str, Any], budget: Budget | None = None
    ) -> "StreamEvidence | None":
        """Read the counts, and compute limits and confidence from them.

        Args:
            evidence: topic ``"stream"`` of a card; anything unreadable counts as not measured.
            budget: whose bounds to compare with.

        Returns:
            None if nothing was measured.
        """
        bounds = {bound.metric: bound for bound in budget.bounds} if budget else {}
        tables = {
            kind: table
            for kind in (RECORDINGS, SCRIPTED)
            if isinstance(table := evidence.get(kind), Mapping)
        }
        false = misses = latency = None
        for kind, table in tables.items():
            false = false or _false_accepts(table, kind, bounds.get(FALSE_ACCEPTS))
            if misses is None and (misses := _misses(table, kind, bounds.get(MISS_RATE))):
                latency = _latency(table)
        if false is None and misses is None:
            return None
        return cls(false_accepts=false, misses=misses, latency_ms=latency)

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name."""
        facts = {}
        if self.false_accepts is not None:
            facts[FALSE_ACCEPTS] = self.false_accepts.count / self.false_accepts.hours
        if self.misses is not None:
            facts[MISS_RATE] = self.misses.missed / self.misses.words
        if self.latency_ms is not None:
            facts[STREAM_LATENCY] = self.latency_ms
        return facts

    @property
    def sentences(self) -> tuple[str, ...]:
        """Counts, limits and confidence in words."""
        found = []
        if (rate := self.false_accepts) is not None:
            bound = "" if rate.confidence is None else f"; the bound is {rate.confidence}"
            if rate.confidence == "met, not shown at 95 %" and rate.hours_to_show is not None:
                bound += f" ({rate.hours_to_show:.1f} h with as many would show it)"
            if rate.unread:
                bound += f"; {rate.unread} recordings could not be read and are left out"
            found.append(
                f"false accepts: {rate.count} in {rate.hours:.2f} h of {_NAMES[rate.kind]}; 95 % "
                f"interval {rate.low:.2f}..{rate.high:.2f} per hour, at most {rate.highest:.2f} "
                f"at 95 %{bound}"
            )
        if (misses := self.misses) is not None:
            bound = "" if misses.confidence is None else f"; the bound is {misses.confidence}"
            found.append(
                f"misses: {misses.missed} of {misses.words} words in {_NAMES[misses.kind]}; 95 % "
                f"interval {100 * misses.low:.2f}..{100 * misses.high:.2f} %{bound}"
            )
        return tuple(found)


_NAMES = {RECORDINGS: "the recordings", SCRIPTED: "the scripted stream"}


def _false_accepts(
    table: Mapping[str, Any], kind: str, bound: Bound | None
) -> FalseAcceptEvidence | None:
    count, seconds = _count(table, "false_accepts"), table.get("seconds")
    if count is None or not isinstance(seconds, int | float):
        return None
    if not SHORTEST_S < seconds < LONGEST_S:
        return None
    hours = seconds / 3600
    low, high = rate_interval(count, hours)
    highest = highest_rate(count, hours)
    confidence: Confidence | None = None
    if bound is not None:
        met = bound.holds(count / hours)
        confidence = _confidence(met=met, shown=bound.holds(highest))
    return FalseAcceptEvidence(
        count=count,
        hours=hours,
        low=low,
        high=high,
        highest=highest,
        kind=kind,
        confidence=confidence,
        hours_to_show=None if bound is None else _hours_to_show(count, bound.limit),
        unread=_count(table, "unread") or 0,
    )


def _hours_to_show(count: int, limit: float) -> float | None:
    hours = hours_to_show(count, limit) if limit > 0 else math.inf
    return hours if math.isfinite(hours) else None


def _misses(table: Mapping[str, Any], kind: str, bound: Bound | None) -> MissEvidence | None:
    words, found = _count(table, "words"), _count(table, "found")
    if not words or found is None or found > words:
        return None
    low, high = interval(words - found, words)
    confidence: Confidence | None = None
    if bound is not None:
        met = bound.holds(1 - found / words)
        confidence = _confidence(met=met, shown=shows(found, words, 1 - bound.limit))
    return MissEvidence(
        missed=words - found, words=words, low=low, high=high, kind=kind, confidence=confidence
    )


def _latency(table: Mapping[str, Any]) -> float | None:
    times = table.get("latency_ms")
    median = times.get("median") if isinstance(times, Mapping) else None
    if not isinstance(median, int | float) or not math.isfinite(median):
        return None
    return float(median)


def _confidence(*, met: bool, shown: bool) -> Confidence:
    if not met:
        return "missed"
    return "shown" if shown else "met, not shown at 95 %"


def _count(table: Mapping[str, Any], name: str) -> int | None:
    value = table.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST else None
