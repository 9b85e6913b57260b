"""Strategies: which points of a search space to try next; one file per kind of strategy.

A file of this folder registers its strategies; a lookup imports every file. A strategy is
independent of training: it reads the results of earlier rounds, and proposes points.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from motefit.search.space import Point, Space
from motefit.search.trial import Trial
from motefit.spec.registry import Registry

Excess = Mapping[str, float]
"""Bounds that an untrained candidate misses, by metric name; empty if it may meet them all."""
Proposals = Generator[Point, Excess, None]


class Strategy(Protocol):
    """Proposes the points of one round, one after another.

    Each yield of a point is answered by the bounds that its untrained candidate misses, so that
    points that cannot fit cost milliseconds, and the strategy learns where they are. The generator
    is closed when the round is full; it ends by itself when there is nothing left to propose, and a
    round without a single point ends the study.

    Equal arguments and answers must give equal points: a resumed run asks again.
    """

    def __call__(self, space: Space, history: Sequence[Trial], number: int) -> Proposals:
        """Propose points.

        Args:
            space: of the recipe, whose ``search`` section has the settings.
            history: all candidates of the earlier rounds, in order.
            number: of this round, from 0.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class RegisteredStrategy:
    """A strategy by its name in a recipe.

    Attributes:
        propose: the strategy.
        whole: whether the strategy decides the length of a round, of which the smallest files that
            fit are trained; otherwise a round ends when it has enough candidates.
    """

    propose: Strategy
    whole: bool


STRATEGIES: Registry[RegisteredStrategy] = Registry(__name__, "strategy")
"""Every strategy by name; each file of this folder adds one."""


def strategy(name: str, *, whole: bool = False) -> Callable[[Strategy], Strategy]:
    """Register a strategy."""

    def wrap(propose: Strategy) -> Strategy:
        STRATEGIES.register(name, RegisteredStrategy(propose=propose, whole=whole))
        return propose

    return wrap
