"""Judge a candidate before it is trained: sizes, counts and times need no training."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motefit.graph.counter import count
from motefit.graph.graph import Graph
from motefit.search.space import Candidate
from motefit.search.timing import TRIES, Timing
from motefit.search.untrained_file import Untrained, write_untrained
from motefit.spec.budget import Bound, Budget
from motefit.spec.metrics import TIMING_PREFIX, format_value

LOWER_BOUNDS = frozenset({"size.zip_bytes", "ram.arena_bytes"})
"""Facts that say what the trained candidate cannot fall below."""
FRONTEND_MS, INFERENCE_MS, TOTAL_MS = (
    f"{TIMING_PREFIX}{stage}_ms" for stage in ("frontend", "inference", "total")
)
NOISE = 1.25
"""A time rejects a candidate where it misses the bound by more than this factor, in every try."""


@dataclass(frozen=True, kw_only=True)
class Screened:
    """A candidate and what is known of it before training.

    Attributes:
        candidate: what was judged.
        facts: by metric name:

            * ``size.tflite_bytes``: written. The trained file may differ by some bytes, where
              pieces of it overlap because their numbers happen to be equal;
            * ``size.zip_bytes``: what the zip does not fall below, see
              :class:`~motefit.search.untrained_file.Untrained`; with any compression step, what it
              would be if the step made all weights equal;
            * ``macs``;
            * ``ram.arena_bytes``: a lower bound, the largest sum of activations alive at once;
            * where times were taken, ``latency.inference_ms`` of the untrained file,
              ``latency.frontend_ms`` where there is a front end, and ``latency.total_ms``, their
              sum: 25th percentiles.
        missed: the budget's bounds that it cannot meet.
    """

    candidate: Candidate
    facts: Mapping[str, float]
    missed: tuple[Bound, ...]

    @property
    def reason(self) -> str:
        """Why the candidate cannot meet the budget; empty when it may."""
        return "; ".join(
            f"{b.metric} is {'at least ' if b.metric in LOWER_BOUNDS else ''}"
            f"{format_value(b.metric, self.facts[b.metric])}, bound {b}"
            for b in self.missed
        )


def screen(
    candidate: Candidate,
    graph: Graph,
    budget: Budget,
    *,
    shrinks: bool = False,
    timing: Timing | None = None,
) -> Screened:
    """Write the untrained candidate and hold it against the bounds that do not need training.

    Args:
        candidate: to be judged.
        graph: its network in trained form, weights as drawn.
        budget: of the recipe.
        shrinks: whether a compression step will make it smaller than it is now, so that no bound
            is out of reach yet but the front end's.
        timing: measures latency; None leaves it out.

    Raises:
        RecipeError: for a precision that an operation of the graph does not have.
    """
    (screened,) = screen_all(candidate, graph, (budget,), shrinks=shrinks, timing=timing)
    return screened


def screen_all(
    candidate: Candidate,
    graph: Graph,
    budgets: Iterable[Budget],
    *,
    shrinks: bool = False,
    timing: Timing | None = None,
) -> tuple[Screened, ...]:
    """As :func:`screen`, against several budgets; the candidate is written and timed once."""
    compress = candidate.recipe.compress
    drawn = write_untrained(graph, compress, rng=np.random.default_rng(0))
    counts = count(drawn.form)
    facts = {
        "size.tflite_bytes": float(len(drawn.model)),
        "size.zip_bytes": float(
            drawn.zip_bytes_with_all_alike() if compress.steps else drawn.zip_bytes_at_least()
        ),
        "macs": float(counts.macs),
        "ram.arena_bytes": float(counts.activation_bytes),
    }
    judged = [budget.bounds for budget in budgets]
    if shrinks:
        judged = [tuple(b for b in bounds if b.metric == FRONTEND_MS) for bounds in judged]
    if timing is not None:
        facts |= _times(candidate, drawn, timing, [b for bounds in judged for b in bounds])
    return tuple(
        Screened(candidate=candidate, facts=facts, missed=tuple(_missed(bounds, facts)))
        for bounds in judged
    )


def _missed(bounds: Sequence[Bound], facts: Mapping[str, float]) -> list[Bound]:
    return [b for b in bounds if b.metric in facts and not _may_hold(b, facts[b.metric])]


def _may_hold(bound: Bound, value: float) -> bool:
    return bound.holds(value / NOISE if bound.metric.startswith(TIMING_PREFIX) else value)


def _times(
    candidate: Candidate, drawn: Untrained, timing: Timing, bounds: Sequence[Bound]
) -> dict[str, float]:
    """Times by metric name; the least of several tries before any of them is missed."""
    frontend = candidate.recipe.frontend
    before = {} if frontend is None else {FRONTEND_MS: timing.frontend_ms(frontend)}

    def times(inference: float) -> dict[str, float]:
        return {**before, INFERENCE_MS: inference, TOTAL_MS: sum(before.values()) + inference}

    retried = [b for b in bounds if b.metric in {INFERENCE_MS, TOTAL_MS}]
    found = times(timing.inference_ms(drawn.model))
    for _ in range(1, TRIES):
        if not _missed(retried, found):
            break
        found = times(min(found[INFERENCE_MS], timing.inference_ms(drawn.model)))
    return found


def nearest_miss(screened: Iterable[Screened]) -> Screened:
    """The rejected candidate whose worst bound is exceeded by the smallest factor."""

    def excess(item: Screened) -> float:
        return max(
            (item.facts[b.metric] / b.limit if b.limit else float("inf") for b in item.missed),
            default=0.0,
        )

    return min(screened, key=excess)
