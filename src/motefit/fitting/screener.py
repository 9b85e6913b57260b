"""Screening of proposals before training, against every budget of the recipe."""

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
    """Screens candidates and caches the results.

    Args:
        problem_of: returns the input and output shapes of a recipe's network.
        timing: measures latency.
    """

    def __init__(self, problem_of: ProblemOf, timing: Timing) -> None:
        self._problem_of, self._timing = problem_of, timing
        self._steps: dict[str, bool] = {}
        self._verdicts: dict[str, Screened] = {}
        self.screened: list[Screened] = []

    def __call__(self, point: Point, candidate: Candidate) -> Proposal:
        """Screen the candidate at a point: its facts, and the bounds it cannot meet.

        A candidate is rejected if none of its variants can meet any of the recipe's budgets.

        Raises:
            RecipeError: if an option of its family does not accept the value.
        """
        recipe = candidate.recipe
        # settings that only affect training do not change the result of screening
        key = dumps_json([recipe.data, recipe.frontend, recipe.model, recipe.compress])
        if key not in self._verdicts:
            self._verdicts[key] = self._verdict(candidate)
        verdict = replace(self._verdicts[key], candidate=candidate)
        self.screened.append(verdict)
        violations = {b.metric: b.violation(verdict.facts[b.metric]) for b in verdict.missed}
        return Proposal(
            point=point, facts=verdict.facts, violations=violations, reason=verdict.reason
        )

    def _verdict(self, candidate: Candidate) -> Screened:
        """Screen all variants of a candidate; return the one that misses its budget least."""
        recipe = candidate.recipe
        problem = self._problem_of(recipe)
        graph = untrained(recipe, candidate.seed, problem)
        verdicts = [
            verdict
            for variant in variants_of(candidate)
            for verdict in screen_all(
                variant,
                graph,
                recipe.all_budgets.values(),
                shrinks=self._shrinks(variant.recipe.compress.steps),
                timing=self._timing,
            )
        ]
        return min(verdicts, key=_distance)

    def _shrinks(self, steps: tuple[Mapping[str, object], ...]) -> bool:
        """Return whether a compression step can make the file smaller than the untrained one."""
        if not steps:
            return False
        if repr(steps) not in self._steps:
            # Imported here because it imports torch, which takes a second.
            from motefit.train.compressors import check_steps  # noqa: PLC0415 - see above

            found = check_steps(steps)
            self._steps[repr(steps)] = any(step.shrinks for step, _ in found)
        return self._steps[repr(steps)]


def _distance(screened: Screened) -> float:
    """Add up the relative violations of the missed bounds; 0 if it may fit."""
    return sum(b.violation(screened.facts[b.metric]) for b in screened.missed)
