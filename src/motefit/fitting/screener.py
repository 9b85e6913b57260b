"""Judge proposals before they are trained, against every budget of the recipe."""

from collections.abc import Mapping
from dataclasses import replace

from motefit.fitting.jobs import untrained
from motefit.search.rounds import Proposal
from motefit.search.screening import Screened, screen_all
from motefit.search.space import Candidate, Point, variants_of
from motefit.search.timing import Timing
from motefit.spec.codec import dumps_json
from motefit.tasks import ProblemOf


class Screener:
    """Screens candidates, and remembers the verdicts.

    Args:
        problem_of: input and output of a recipe's network.
        timing: measures latency.
    """

    def __init__(self, problem_of: ProblemOf, timing: Timing) -> None:
        self._problem_of, self._timing = problem_of, timing
        self._steps: dict[str, bool] = {}
        self._verdicts: dict[str, Screened] = {}
        self.judged: list[Screened] = []

    def __call__(self, point: Point, candidate: Candidate) -> Proposal:
        """What is known of the candidate at a point, and which bounds it cannot meet.

        A candidate is rejected when it can meet none of the recipe's budgets in none of its ways.

        Raises:
            RecipeError: when a knob of its family does not take the value.
        """
        recipe = candidate.recipe
        # what only the training feels does not change what is judged
        key = dumps_json([recipe.data, recipe.frontend, recipe.model, recipe.compress])
        if key not in self._verdicts:
            self._verdicts[key] = self._verdict(candidate)
        verdict = replace(self._verdicts[key], candidate=candidate)
        self.judged.append(verdict)
        excess = {b.metric: b.excess(verdict.facts[b.metric]) for b in verdict.missed}
        return Proposal(point=point, facts=verdict.facts, excess=excess, reason=verdict.reason)

    def _verdict(self, candidate: Candidate) -> Screened:
        """The best way of a candidate for the budget it serves best."""
        recipe = candidate.recipe
        problem = self._problem_of(recipe)
        graph = untrained(recipe, candidate.seed, problem)
        verdicts = [
            verdict
            for way in variants_of(candidate)
            for verdict in screen_all(
                way,
                graph,
                recipe.all_budgets.values(),
                shrinks=self._shrinks(way.recipe.compress.steps),
                timing=self._timing,
            )
        ]
        return min(verdicts, key=_distance)

    def _shrinks(self, steps: tuple[Mapping[str, object], ...]) -> bool:
        """Whether a compression step makes the file smaller than it begins."""
        if not steps:
            return False
        if repr(steps) not in self._steps:
            # Here, because it imports torch, which takes a second.
            from motefit.train.compressors import check_steps  # noqa: PLC0415 - see above

            found = check_steps(steps)
            self._steps[repr(steps)] = any(step.shrinks for step, _ in found)
        return self._steps[repr(steps)]


def _distance(screened: Screened) -> float:
    """Sum of the excesses over the missed bounds; 0 where it may fit."""
    return sum(b.excess(screened.facts[b.metric]) for b in screened.missed)
