"""Finalists: files of the best candidates in all variants, chosen on validation, repeated."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from motefit.certify.facts import is_quality, is_summary, measure_cost
from motefit.fitting.jobs import TrainedFile
from motefit.fitting.scheduler import Scheduler
from motefit.fitting.study import TrainedCandidate
from motefit.search.progress import Listener
from motefit.search.ranking import choose, survivors
from motefit.search.space import Candidate, variants_of
from motefit.spec.codec import decode
from motefit.spec.recipe import Recipe
from motefit.spec.tasks import TASK_SPECS
from motefit.tasks import AnyTask


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """A candidate with its file.

    Attributes:
        candidate: the candidate, with its variant of compression.
        outcome: its file.
        facts: validation facts and costs, on which the choice is based; the validation facts of a
            refit are those of the candidate before it, since it has no validation set left.
    """

    candidate: Candidate
    outcome: TrainedFile
    facts: Mapping[str, float]

    @property
    def io(self) -> object:
        """The task's section of the card."""
        section: type[Any] = TASK_SPECS.find(self.candidate.recipe.task).io
        return decode(section, self.outcome.io, where="result.json: io")


class FinalistMaker:
    """Maker of the candidates' files, each made once.

    Args:
        recipe: recipe of the run.
        task: task of the recipe.
        trainer: makes the files.
        listener: receives progress.
    """

    def __init__(
        self, *, recipe: Recipe, task: AnyTask, trainer: Scheduler, listener: Listener
    ) -> None:
        self._recipe, self._task = recipe, task
        self._trainer, self._listener = trainer, listener
        self.finished: dict[str, Finalist] = {}

    def run(self, trained: Sequence[TrainedCandidate]) -> Mapping[str, str]:
        """Finish the best candidates, choose one for each budget, and repeat those on other seeds.

        With ``train.refit``, what ships is the chosen candidate and its repeats trained once more,
        on training and validation set together.

        Args:
            trained: candidates trained to the end; at least one.

        Returns:
            The key of the chosen candidate by name of the bundle.

        Raises:
            MotefitError: for anything the user can fix.
        """
        search, budgets = self._recipe.search, self._recipe.all_budgets
        best = survivors(
            {t.candidate.key: t.facts for t in trained},
            tuple(budgets.values()),
            search.objectives,
            search.finalists,
        )
        finalists = [t.candidate for t in trained if t.candidate.key in best]
        self._make(variant for candidate in finalists for variant in variants_of(candidate))
        first = self._choice()
        alike = [t.candidate for t in trained]
        for key in dict.fromkeys(first.values()):
            self._make(self._repeats(self.finished[key].candidate, alike))
        return self._refitted(self._choice())

    def _refitted(self, chosen: Mapping[str, str]) -> Mapping[str, str]:
        """Refit the chosen candidates and their repeats, where the recipe asks for it.

        Returns:
            The key of the refitted candidate by name of the bundle.
        """
        if not self._recipe.train.refit:
            return chosen
        keys = tuple(dict.fromkeys(chosen.values()))
        alike = {key: [f.candidate for f in self.seeds(key)] for key in keys}
        refits = {c.key: replace(c, refit=True) for together in alike.values() for c in together}
        validated = {refit.key: self.finished[key].facts for key, refit in refits.items()}
        self._make(refits.values())
        for key, facts in validated.items():
            refit = self.finished[key]
            quality = {name: value for name, value in facts.items() if is_quality(name)}
            self.finished[key] = replace(refit, facts={**refit.facts, **quality})
        return {name: refits[key].key for name, key in chosen.items()}

    def seeds(self, key: str) -> tuple[Finalist, ...]:
        """Return the files that differ from a chosen one only in their seed, including itself."""
        chosen = _without_seed(self.finished[key].candidate)
        alike = [f for f in self.finished.values() if _without_seed(f.candidate) == chosen]
        return tuple(sorted(alike, key=lambda f: f.candidate.seed))

    def _choice(self) -> dict[str, str]:
        facts = {key: finished.facts for key, finished in self.finished.items()}
        return {name: choose(facts, b) for name, b in self._recipe.all_budgets.items()}

    def _repeats(self, chosen: Candidate, trained: Sequence[Candidate]) -> list[Candidate]:
        """Return the chosen candidate on the seeds that the recipe still wants.

        Seeds that are already trained come first, then those of the recipe, then new ones.
        """
        have = [f.candidate.seed for f in self.seeds(chosen.key)]
        same_training = {
            c.seed for c in trained if _training_without_seed(c) == _training_without_seed(chosen)
        }
        recipe_seeds = self._recipe.train.seeds
        order = [*sorted(same_training), *recipe_seeds, *range(max(recipe_seeds) + 100)]
        wanted = [seed for seed in dict.fromkeys(order) if seed not in have]
        missing = max(self._recipe.search.repeats - len(have), 0)
        return [replace(chosen, seed=seed) for seed in wanted[:missing]]

    def _make(self, candidates: Iterable[Candidate]) -> None:
        new = {c.key: c for c in candidates if c.key not in self.finished}
        if not new:
            return
        outcomes = self._trainer.finish(tuple(new.values()))
        self._listener.measuring("size, latency and memory of the finished files")
        for key, candidate in new.items():
            finished = Finalist(candidate=candidate, outcome=outcomes[key], facts={})
            cost = measure_cost(self._task, self._recipe, outcomes[key].file, finished.io)
            facts = {**cost.values, **outcomes[key].facts}
            self.finished[key] = replace(finished, facts=facts)


def _without_seed(candidate: Candidate) -> str:
    return replace(candidate, seed=0).key


def _training_without_seed(candidate: Candidate) -> str:
    return replace(candidate, seed=0).training_key


def spread(
    seeds: Sequence[Finalist], test: Mapping[str, Mapping[str, float]]
) -> Mapping[str, object]:
    """Summarize mean and spread over seeds, for a card.

    Args:
        seeds: files, one per seed.
        test: facts on the test set, by the candidate's key.
    """
    subsets = {
        "validation": [f.facts for f in seeds],
        "test": [test[f.candidate.key] for f in seeds],
    }
    return {
        "n": len(seeds),
        "seeds": [f.candidate.seed for f in seeds],
        **{name: _moments(facts) for name, facts in subsets.items()},
    }


def _moments(facts: Sequence[Mapping[str, float]]) -> Mapping[str, object]:
    """Compute mean, standard deviation (n - 1), minimum and maximum of each quality and size."""
    names = [
        name
        for name in facts[0]
        if (is_summary(name) or name.startswith("size."))
        and all(math.isfinite(f.get(name, math.nan)) for f in facts)
    ]
    return {
        name: {
            "mean": statistics.fmean(f[name] for f in facts),
            "sd": statistics.stdev(f[name] for f in facts) if len(facts) > 1 else 0.0,
            "min": min(f[name] for f in facts),
            "max": max(f[name] for f in facts),
        }
        for name in names
    }
