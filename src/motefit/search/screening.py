"""Screening of candidates before training: sizes, counts and times need no training."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motefit.codegen.estimate import estimated_facts
from motefit.graph.counter import count
from motefit.graph.graph import Graph
from motefit.search.space import Candidate
from motefit.search.timing import TRIES, Timing
from motefit.search.untrained_file import Untrained, write_untrained
from motefit.spec.budget import Bound, Budget
from motefit.spec.metrics import TIMING_PREFIX, format_value, is_estimate
from motefit.tflite.importer.read import read_graph

LOWER_BOUNDS = frozenset({"size.zip_bytes", "ram.arena_bytes"})
"""Facts that are lower bounds for the trained candidate."""
FRONTEND_MS, INFERENCE_MS, TOTAL_MS = (
    f"{TIMING_PREFIX}{stage}_ms" for stage in ("frontend", "inference", "total")
)
NOISE = 1.25
"""A latency rejects a candidate if it misses the bound by more than this factor in every try."""


@dataclass(frozen=True, kw_only=True)
class Screened:
    """A candidate and its facts before training.

    Attributes:
        candidate: that was screened.
        facts: by metric name:

            * ``size.tflite_bytes``: as written. The trained file may differ by a few bytes, where
              pieces of it are shared because their numbers happen to be equal;
            * ``size.zip_bytes``: a lower bound of the zip size, see
              :class:`~motefit.search.untrained_file.Untrained`; with a compression step, the size
              with all weights equal;
            * ``macs``;
            * ``ram.arena_bytes``: a lower bound, the largest sum of activations alive at once;
            * ``flash_bytes`` and ``estimate.<board>_ms`` where a budget bounds them, if the network
              has C source: as the card will have them;
            * if times were measured, ``latency.inference_ms`` of the untrained file,
              ``latency.frontend_ms`` if there is a front end, and ``latency.total_ms``, their sum:
              25th percentiles.
        missed: the budget's bounds that it cannot meet.
    """

    candidate: Candidate
    facts: Mapping[str, float]
    missed: tuple[Bound, ...]

    @property
    def reason(self) -> str:
        """Why the candidate cannot meet the budget; empty if it may."""
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
    """Write the untrained candidate and compare it with the bounds that do not need training.

    Args:
        candidate: to screen.
        graph: its network in trained form, with random weights.
        budget: of the recipe.
        shrinks: whether a compression step will make it smaller, so that only bounds on the front
            end are out of reach.
        timing: measures latency; None skips it.

    Raises:
        RecipeError: for a precision that an operation of the graph does not support.
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
    """Screen against several budgets; the candidate is written and timed once."""
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
    checked = [budget.bounds for budget in budgets]
    bounded = [b.metric for bounds in checked for b in bounds]
    if any(map(is_estimate, bounded)):
        shipped = read_graph(drawn.model)  # as the card's estimates read it
        facts |= estimated_facts(shipped, candidate.recipe.frontend, bounded)
    if shrinks:
        checked = [tuple(b for b in bounds if b.metric == FRONTEND_MS) for bounds in checked]
    if timing is not None:
        facts |= _times(candidate, drawn, timing, [b for bounds in checked for b in bounds])
    return tuple(
        Screened(candidate=candidate, facts=facts, missed=tuple(_missed(bounds, facts)))
        for bounds in checked
    )


def _missed(bounds: Sequence[Bound], facts: Mapping[str, float]) -> list[Bound]:
    return [b for b in bounds if b.metric in facts and not _may_hold(b, facts[b.metric])]


def _may_hold(bound: Bound, value: float) -> bool:
    return bound.holds(value / NOISE if bound.metric.startswith(TIMING_PREFIX) else value)


def _times(
    candidate: Candidate, drawn: Untrained, timing: Timing, bounds: Sequence[Bound]
) -> dict[str, float]:
    """Measure times by metric name; a bound counts as missed only after several tries."""
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
    """Find the rejected candidate whose worst violation is the smallest."""

    def worst(item: Screened) -> float:
        return max(
            (item.facts[b.metric] / b.limit if b.limit else float("inf") for b in item.missed),
            default=0.0,
        )

    return min(screened, key=worst)
