"""Translation of a study to Optuna's distributions, directions and trials, and back."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from motefit.search.space import Point, Space
from motefit.search.trial import WORST, Trial
from motefit.spec.codec import decode, encode
from motefit.spec.metrics import metric
from motefit.spec.search import Range

optuna.logging.set_verbosity(optuna.logging.ERROR)  # motefit reports what matters
TRIAL = "motefit"
"""The user attribute that stores the :class:`Trial`."""
_GENERATION = "NSGAIISampler:generation"
_STATES = {
    "rejected": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
    "lost": TrialState.FAIL,
    "stopped": TrialState.COMPLETE,
    "trained": TrialState.COMPLETE,
}
"""A candidate stopped at a rung keeps its values at that time, which rank it among the worse
ones."""


class OptunaAdapter:
    """Translates between a search space and Optuna.

    Args:
        space: of the recipe.
    """

    def __init__(self, space: Space) -> None:
        recipe = space.recipe
        self.objectives = tuple(recipe.search.objectives) or (recipe.budget.objective,)
        self.directions = [
            StudyDirection.MAXIMIZE if metric(o).higher_is_better else StudyDirection.MINIMIZE
            for o in self.objectives
        ]
        self.distributions: dict[str, BaseDistribution] = {}
        self._meant: dict[str, Mapping[Any, object]] = {}
        for key, dimension in space.dimensions.items():
            if isinstance(dimension, Range):
                self.distributions[key] = _distribution(dimension)
            else:
                self._meant[key] = {_label(value): value for value in dimension}
                self.distributions[key] = CategoricalDistribution(list(self._meant[key]))

    def point(self, params: Mapping[str, Any]) -> Point:
        """Return the point of the parameters of one of Optuna's trials."""
        return {k: self._meant[k][v] if k in self._meant else v for k, v in params.items()}

    def frozen(self, trial: Trial) -> FrozenTrial:
        """Convert a trial to a finished one of Optuna, as the samplers learn from it."""
        params = {k: _label(v) if k in self._meant else v for k, v in trial.point.items()}
        state = _STATES[trial.status]
        signs = zip(self.objectives, self.directions, strict=True)
        return create_trial(
            state=state,
            values=[_finite(trial.facts.get(name, math.nan), d) for name, d in signs]
            if state is TrialState.COMPLETE
            else None,
            params=params,
            distributions=self.distributions,
            user_attrs={TRIAL: encode(trial), **_shown(trial)},
            system_attrs={_GENERATION: trial.round},
            constraints=dict(trial.violations),
        )

    def stored(self, trial: Trial, started: datetime) -> FrozenTrial:
        """Convert a trial as dashboards show it: with its time, and pruned if it was stopped.

        Args:
            trial: the trial.
            started: when its round started, by this machine's clock.
        """
        frozen = self.frozen(trial)
        if trial.status == "stopped":
            frozen.state = TrialState.PRUNED
        if frozen.values and len(frozen.values) == 1:
            frozen.intermediate_values = {trial.epochs: frozen.values[0]}
        if trial.status != "rejected":
            frozen.datetime_start = started
        return frozen


def trial_of(frozen: FrozenTrial) -> Trial | None:
    """Read the trial that one of Optuna stores; None if it is not motefit's."""
    table = frozen.user_attrs.get(TRIAL)
    return None if table is None else decode(Trial, table, where=f"trial {frozen.number}")


def _shown(trial: Trial) -> dict[str, Any]:
    """Make the user attributes shown in a dashboard."""
    shown = {"status": trial.status, "epochs": trial.epochs, "reason": trial.reason}
    return {k: v for k, v in {**shown, **trial.facts}.items() if v not in {"", 0}}


def _label(value: object) -> Any:  # noqa: ANN401 - whatever a recipe may hold
    """Encode a choice for Optuna: text and numbers unchanged, anything else as JSON."""
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(encode(value), sort_keys=True)


def _distribution(dimension: Range) -> BaseDistribution:
    if dimension.whole:
        step = 1 if dimension.step is None else int(dimension.step)
        return IntDistribution(
            int(dimension.low), int(dimension.high), log=dimension.log, step=step
        )
    return FloatDistribution(
        float(dimension.low), float(dimension.high), log=dimension.log, step=dimension.step
    )


def _finite(value: float, direction: StudyDirection) -> float:
    if math.isfinite(value):
        return value
    return -WORST if direction is StudyDirection.MAXIMIZE else WORST
