"""Choice of the threshold at which a model reports a word, on validation recordings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from motefit.measure.stream_measurement import (
    CurvePoint,
    StreamCandidates,
    count,
    curve,
    point_at,
)
from motefit.spec.budget import Bound, Budget
from motefit.spec.codec import encode
from motefit.spec.decision import Decision
from motefit.spec.errors import DataError
from motefit.spec.metrics import FALSE_ACCEPTS
from motefit.spec.stream_evidence import RECORDINGS, SCRIPTED

TOLERATED = 0.02
"""Without a bound on false accepts, this share of the words may be missed to have fewer of them."""
USEFUL = 0.5
"""A threshold that misses more of the words than this is of no use."""
BOUND_RULE = "the fewest misses with false accepts of validation inside the bound"
FREE_RULE = "the fewest false accepts with at most two more misses in a hundred words"
UNREACHED = "no threshold keeps the bound on false accepts and finds half of the words; "


@dataclass(frozen=True, kw_only=True)
class ChosenDecision:
    """A decision and how it was chosen.

    Attributes:
        decision: with the threshold.
        rule: by which it was chosen, in words.
        curve: what the thresholds do on validation: misses of :attr:`words`, false accepts in
            :attr:`hours`.
        words: spoken in the validation recordings that count misses.
        hours: of the validation recordings that count false accepts.
    """

    decision: Decision
    rule: str
    curve: tuple[CurvePoint, ...]
    words: int
    hours: float

    @property
    def evidence(self) -> dict[str, object]:
        """The choice as a card states it; points are threshold, misses and false accepts."""
        return {
            "rule": self.rule,
            "threshold": self.decision.threshold,
            "words": self.words,
            "hours": self.hours,
            "curve": [list(encode(point).values()) for point in self.curve],
        }


def choose_decision(
    candidates: Mapping[str, StreamCandidates], budgets: Iterable[Budget] = ()
) -> ChosenDecision:
    """Choose a threshold on validation recordings.

    With a bound on false accepts per hour: of the thresholds inside it that find half of the words
    at least, the one with the fewest misses. Without a bound or such a threshold: the fewest false
    accepts with at most two misses in a hundred words more than at the best threshold. Ties: fewer
    false accepts, fewer misses, the higher threshold.

    Args:
        candidates: of the validation recordings, by kind; false accepts are counted in
            :data:`RECORDINGS` if there are any, and misses where words are spoken.
        budgets: of the recipe; the strictest bound counts.

    Raises:
        DataError: if no word is spoken in them.
    """
    for_misses, for_accepts = _sources(candidates)
    thresholds = [point.threshold for source in candidates.values() for point in curve(source)]
    points = tuple(
        CurvePoint(
            threshold=threshold,
            missed=point_at(for_misses, threshold).missed,
            false_accepts=point_at(for_accepts, threshold).false_accepts,
        )
        for threshold in sorted(set(thresholds))
    )
    words, hours = count(for_misses).words, count(for_accepts).seconds / 3600
    bound = _strictest(budgets)
    inside = [p for p in points if bound and bound.holds(p.false_accepts / hours)]
    useful = [p for p in inside if p.missed <= USEFUL * words]
    rule, chosen = BOUND_RULE, min(useful, key=_fewest_misses, default=None)
    if chosen is None:
        least = min((point.missed for point in points), default=0) + TOLERATED * words
        allowed = [p for p in points if p.missed <= least]
        rule, chosen = FREE_RULE, min(allowed, key=_fewest_accepts, default=None)
        rule = (UNREACHED if bound else "no bound on false accepts: ") + rule
    decision = for_misses.decision
    if chosen is not None:
        decision = replace(decision, threshold=chosen.threshold)
    return ChosenDecision(decision=decision, rule=rule, curve=points, words=words, hours=hours)


def _sources(
    candidates: Mapping[str, StreamCandidates],
) -> tuple[StreamCandidates, StreamCandidates]:
    """Return the recordings that count misses, and those that count false accepts."""
    kinds = [candidates[kind] for kind in (RECORDINGS, SCRIPTED) if kind in candidates]
    spoken = [found for found in kinds if any(one.words for one in found.recordings)]
    if not spoken:
        raise DataError("no word is spoken in the validation recordings: no decision can be chosen")
    return spoken[0], kinds[0]


def _strictest(budgets: Iterable[Budget]) -> Bound | None:
    bounds = [b for budget in budgets for b in budget.bounds if b.metric == FALSE_ACCEPTS]
    return min(bounds, key=lambda bound: bound.limit, default=None)


def _fewest_accepts(point: CurvePoint) -> tuple[float, ...]:
    return point.false_accepts, point.missed, -point.threshold


def _fewest_misses(point: CurvePoint) -> tuple[float, ...]:
    return point.missed, point.false_accepts, -point.threshold
