"""Judge a candidate before it is trained: the exact file size and the counts need no training."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from motefit.graph.counter import count
from motefit.graph.graph import Graph
from motefit.search.space import Candidate
from motefit.spec.budget import Bound, Budget
from motefit.spec.metrics import format_value
from motefit.tflite.export import file_of, shipped_graph

PROBES = 4


@dataclass(frozen=True, kw_only=True)
class Screened:
    """A candidate and what is known of it before training.

    Attributes:
        candidate: what was judged.
        facts: ``size.tflite_bytes`` (written; training may move it by some bytes, where pieces of
            the file overlap because their numbers happen to be equal), ``macs``, and
            ``ram.arena_bytes`` (a lower bound: the largest sum of activations alive at once).
        missed: the budget's bounds that it cannot meet.
    """

    candidate: Candidate
    facts: Mapping[str, float]
    missed: tuple[Bound, ...]

    @property
    def reason(self) -> str:
        """Why the candidate cannot meet the budget; empty when it may."""
        return "; ".join(
            f"{b.metric} is {format_value(b.metric, self.facts[b.metric])}, bound {b}"
            for b in self.missed
        )


def screen(
    candidate: Candidate, graph: Graph, budget: Budget, *, shrinks: bool = False
) -> Screened:
    """Write the untrained candidate and hold it against the bounds that do not need training.

    Args:
        candidate: to be judged.
        graph: its network in trained form, weights as drawn.
        budget: of the recipe.
        shrinks: whether a compression step will make it smaller than it is now, so that no bound
            is out of reach yet.
    """
    rng = np.random.default_rng(0)
    examples = rng.normal(size=(PROBES, *graph.input_shape)).astype(np.float32)
    drawn = _with_random_constants(graph, rng=rng)
    # the nearest integers take as many bytes as well-chosen ones, and no time
    compress = replace(candidate.recipe.compress, rounding="nearest")
    form = shipped_graph(drawn, compress, examples=examples)
    counts = count(form)
    facts = {
        "size.tflite_bytes": float(len(file_of(form, compress))),
        "macs": float(counts.macs),
        "ram.arena_bytes": float(counts.activation_bytes),
    }
    judged = () if shrinks else budget.bounds
    missed = tuple(b for b in judged if b.metric in facts and not b.holds(facts[b.metric]))
    return Screened(candidate=candidate, facts=facts, missed=missed)


def _with_random_constants(graph: Graph, *, rng: np.random.Generator) -> Graph:
    """The graph as training could leave it: no two biases or statistics alike.

    Fresh graphs have equal (zero) biases, which the writer would store once; a screened size has
    to be the size of the trained file.
    """
    drawn = {
        name: (a * rng.uniform(0.5, 1.5, a.shape) + rng.uniform(0.0, 0.1, a.shape)).astype(a.dtype)
        for name, a in graph.constants.items()
    }
    return graph.with_constants(drawn)


def nearest_miss(screened: tuple[Screened, ...]) -> Screened:
    """The rejected candidate whose worst bound is exceeded by the smallest factor."""

    def excess(item: Screened) -> float:
        return max(
            (item.facts[b.metric] / b.limit if b.limit else float("inf") for b in item.missed),
            default=0.0,
        )

    return min(screened, key=excess)
