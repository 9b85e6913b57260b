"""Judge proposals before they are trained, against every budget of the recipe."""

from collections.abc import Mapping
from typing import Any

from motefit.pipeline.jobs import untrained
from motefit.pipeline.rounds import Entry
from motefit.pipeline.tasks import AnyTask
from motefit.search.screen import Screened, screen
from motefit.search.space import Candidate, Point


class Judge:
    """Screens candidates, and remembers the verdicts.

    Args:
        task: of the recipe.
        dataset: as the task loaded it.
    """

    def __init__(self, task: AnyTask, dataset: Any) -> None:
        self._task, self._dataset = task, dataset
        self._steps: dict[str, bool] = {}
        self.judged: list[Screened] = []

    def __call__(self, point: Point, candidate: Candidate) -> Entry:
        """What is known of the candidate at a point, and which bounds it cannot meet.

        With several budgets, a candidate is rejected when it can meet none of them.

        Raises:
            RecipeError: when a knob of its family does not take the value.
        """
        recipe = candidate.recipe
        graph = untrained(recipe, candidate.seed, self._task.problem(recipe, self._dataset))
        verdicts = [
            screen(candidate, graph, budget, shrinks=self._shrinks(candidate.recipe.compress.steps))
            for budget in recipe.all_budgets.values()
        ]
        best = min(verdicts, key=lambda v: sum(_excess(v).values()))
        self.judged.append(best)
        return Entry(point=point, facts=best.facts, excess=_excess(best), reason=best.reason)

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


def _excess(screened: Screened) -> Mapping[str, float]:
    return {b.metric: b.excess(screened.facts[b.metric]) for b in screened.missed}
