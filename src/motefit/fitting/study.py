"""Studies: rounds of screened proposals, trained in parallel, the worst stopped at the rungs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from motefit.fitting.scheduler import Failure, Scheduler, epochs_of
from motefit.fitting.screener import Screener
from motefit.search.progress import Listener
from motefit.search.ranking import survivors
from motefit.search.rounds import Proposal, Round, Rounds
from motefit.search.space import Candidate, Space
from motefit.search.strategies import STRATEGIES
from motefit.search.trial import WORST, Status, Trial

if TYPE_CHECKING:
    from motefit.search.storage import TrialStore

ATTEMPTS = 200
"""Proposals per candidate of a round after which a sampling strategy is considered exhausted."""


def propose(space: Space, screener: Screener, history: Sequence[Trial], number: int) -> Round:
    """Propose a round: screened, without repeats, and no more candidates than the recipe wants.

    Raises:
        RecipeError: if a value is not allowed at its key.
    """
    search = space.recipe.search
    strategy = STRATEGIES.find(search.strategy)
    left = search.max_candidates - sum(t.status != "rejected" for t in history)
    wanted = min(left, search.round_size)
    keys = {trial.key for trial in history}
    proposals: list[Proposal] = []
    points = strategy.propose(space, history, number)
    asked, fitting = 0, 0
    point = next(points, None)
    while point is not None:
        asked += 1
        candidate = space.candidate(point)
        missed: Mapping[str, float] = {}
        if candidate.key not in keys:
            keys.add(candidate.key)
            proposals.append(screener(point, candidate))
            missed = proposals[-1].violations
            fitting += not missed
        if not strategy.whole and (fitting >= wanted or asked >= ATTEMPTS * wanted):
            points.close()
            break
        try:
            point = points.send(missed)
        except StopIteration:
            break
    last = asked == 0 or (not strategy.whole and fitting == 0)
    return Round(entries=tuple(_capped(proposals, left)), last=last)


def _capped(proposals: Sequence[Proposal], count: int) -> Iterable[Proposal]:
    """Leave out all but the smallest files that meet the bounds."""
    fitting = [i for i, proposal in enumerate(proposals) if proposal.trains]
    fitting.sort(key=lambda i: proposals[i].facts["size.tflite_bytes"])
    left_out = set(fitting[count:])
    return (replace(p, left_out=i in left_out) for i, p in enumerate(proposals))


@dataclass(frozen=True, kw_only=True)
class TrainedCandidate:
    """A candidate that was trained to the end of its epochs.

    Attributes:
        candidate: candidate of the search space.
        facts: facts of the file it would make, and of the screening.
    """

    candidate: Candidate
    facts: Mapping[str, float]


class Study:
    """The rounds of a recipe's search; it continues where an earlier run stopped.

    Args:
        space: search space of the recipe.
        screener: screens proposals.
        rounds: stores proposals.
        trial_store: stores trials when they are done.
        trainer: trains candidates.
        listener: receives progress.
    """

    def __init__(
        self,
        *,
        space: Space,
        screener: Screener,
        rounds: Rounds,
        trial_store: "TrialStore",
        trainer: Scheduler,
        listener: Listener,
    ) -> None:
        self._space, self._screener, self._rounds = space, screener, rounds
        self._trial_store, self._trainer, self._listener = trial_store, trainer, listener

    def run(self) -> tuple[TrainedCandidate, ...]:
        """Run all rounds; return the candidates trained to the end, in order.

        Raises:
            MotefitError: for anything the user can fix.
        """
        trained: list[TrainedCandidate] = []
        number = 0
        while True:
            current = self._round(number)
            if current.entries:
                trained += self._train(number, current)
            if current.last:
                return tuple(trained)
            number += 1

    def _round(self, number: int) -> Round:
        """Return the stored round of that number, or propose and store it."""
        stored = self._rounds.read(number)
        if stored is None:
            history = [t for t in self._trial_store.trials if t.round < number]
            stored = propose(self._space, self._screener, history, number)
            self._rounds.write(number, stored)
        return stored

    def _train(self, number: int, current: Round) -> list[TrainedCandidate]:
        """Train the candidates of a round, store all, and return those trained to the end."""
        search = self._space.recipe.search
        entered = current.candidates(self._space)
        self._listener.screened(number, current.entries)
        facts = {candidate.key: dict(proposal.facts) for _, proposal, candidate in entered}
        ends: dict[str, tuple[Status, int, str]] = {}
        training = [candidate for _, _, candidate in entered]
        for share in (*search.rungs, 1.0):
            results = self._trainer.train(training, share) if training else {}
            alive = []
            for candidate in training:
                result = results[candidate.key]
                epochs = epochs_of(candidate, share)
                if isinstance(result, Failure):
                    ends[candidate.key] = (result.status, epochs, result.reason)
                    continue
                facts[candidate.key] |= result
                ends[candidate.key] = ("stopped", epochs, "")
                alive.append(candidate)
            training = alive if share == 1.0 else self._survivors(alive, facts)
            self._listener.scored([facts[c.key] for c in alive])
        for candidate in training:
            ends[candidate.key] = ("trained", candidate.recipe.train.epochs, "")
        self._enter(number, current, facts, ends)
        return [TrainedCandidate(candidate=c, facts=facts[c.key]) for c in training]

    def _survivors(
        self, alive: Sequence[Candidate], facts: Mapping[str, Mapping[str, float]]
    ) -> list[Candidate]:
        if not alive:
            return []
        recipe = self._space.recipe
        keys = survivors(
            {c.key: facts[c.key] for c in alive},
            tuple(recipe.all_budgets.values()),
            recipe.search.objectives,
            max(1, math.ceil(recipe.search.keep * len(alive) - 1e-9)),
        )
        return [candidate for candidate in alive if candidate.key in keys]

    def _enter(
        self,
        number: int,
        current: Round,
        facts: Mapping[str, Mapping[str, float]],
        ends: Mapping[str, tuple[Status, int, str]],
    ) -> None:
        trials = []
        for index, proposal in enumerate(current.entries):
            key = self._space.candidate(proposal.point).key
            status, epochs, reason = ends.get(key, ("rejected", 0, proposal.reason))
            if proposal.left_out:
                continue
            known = facts.get(key, proposal.facts)
            trials.append(
                Trial(
                    round=number,
                    index=index,
                    point=proposal.point,
                    key=key,
                    status=status,
                    epochs=epochs,
                    facts=known,
                    violations=proposal.violations
                    if status == "rejected"
                    else self._violations(known),
                    reason=reason,
                )
            )
        self._trial_store.add(trials)
        self._listener.round_finished(trials)

    def _violations(self, facts: Mapping[str, float]) -> Mapping[str, float]:
        """Compute the relative violation of each bound, for the budget missed least."""
        sums = []
        for budget in self._space.recipe.all_budgets.values():
            bounds = [b for b in budget.bounds if b.metric in facts]
            sums.append({b.metric: min(b.violation(facts[b.metric]), WORST) for b in bounds})
        return min(sums, key=lambda violations: sum(violations.values()))
