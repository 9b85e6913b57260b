"""Strategies that draw points with Optuna's samplers and learn from finished training.

Every round uses a new in-memory study that contains the earlier rounds. So a round depends only on
the seed, its number and the history, and can be repeated when a run is resumed.
"""

from collections.abc import Callable, Sequence

import numpy as np
from optuna import Study, create_study
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from motefit.search.optuna_adapter import OptunaAdapter
from motefit.search.space import Space
from motefit.search.strategies import Proposals, strategy
from motefit.search.trial import Trial

MakeSampler = Callable[[int, int], BaseSampler]
"""From a seed and the number of candidates in a round."""


def _propose(make: MakeSampler, space: Space, history: Sequence[Trial], number: int) -> Proposals:
    search, adapter = space.recipe.search, OptunaAdapter(space)
    if sum(trial.status != "rejected" for trial in history) >= search.max_candidates:
        return
    seed = int(np.random.default_rng([search.seed, number, 3]).integers(2**31))
    study: Study = create_study(
        directions=adapter.directions, sampler=make(seed, search.round_size)
    )
    study.add_trials([adapter.frozen(trial) for trial in history])
    distributions = adapter.distributions
    while True:
        asked = study.ask(distributions)
        missed = yield adapter.point(asked.params)
        for name, value in missed.items():
            asked.set_constraint(name, value)
        if missed:
            study.tell(asked, state=TrialState.PRUNED)


@strategy("random")
def random(space: Space, history: Sequence[Trial], number: int) -> Proposals:
    """Draw points at random."""
    return _propose(lambda seed, _: RandomSampler(seed=seed), space, history, number)


@strategy("tpe")
def tpe(space: Space, history: Sequence[Trial], number: int) -> Proposals:
    """Draw by a constrained tree-structured Parzen estimator (Bergstra et al. 2011, Optuna)."""
    return _propose(
        lambda seed, size: TPESampler(
            seed=seed, n_startup_trials=size, multivariate=True, constant_liar=True
        ),
        space,
        history,
        number,
    )


@strategy("nsga2")
def nsga2(space: Space, history: Sequence[Trial], number: int) -> Proposals:
    """Evolve by NSGA-II (Deb et al. 2002, Optuna); a round is a generation."""
    return _propose(
        lambda seed, size: NSGAIISampler(seed=seed, population_size=max(size, 2)),
        space,
        history,
        number,
    )
