"""Strategies that enumerate values: all combinations, or one key at a time."""

from collections.abc import Sequence

from motefit.search.ranking import survivors
from motefit.search.space import SEED, Point, Space
from motefit.search.strategies import Proposals, strategy
from motefit.search.trial import Trial


@strategy("grid", whole=True)
def grid(space: Space, history: Sequence[Trial], number: int) -> Proposals:
    """Propose all combinations in one round.

    Yields:
        points.
    """
    del history
    if number == 0:
        yield from space.points()


@strategy("narrowing", whole=True)
def narrowing(space: Space, history: Sequence[Trial], number: int) -> Proposals:
    """Vary one key at a time, in the order of the space; the others keep their best value so far.

    The first round has the first key; each key starts at its first value.

    Yields:
        points.
    """
    keys = [key for key in space.dimensions if key != SEED or len(space.values(key)) > 1]
    if number >= max(len(keys), 1):
        return
    base = _best(space, history) or {k: space.values(k)[0] for k in space.dimensions}
    if not keys:
        yield base
        return
    for value in space.values(keys[number]):
        yield {**base, keys[number]: value}


def _best(space: Space, history: Sequence[Trial]) -> Point | None:
    trained = {record.place: record for record in history if record.status == "trained"}
    if not trained:
        return None
    search, budgets = space.recipe.search, tuple(space.recipe.all_budgets.values())
    facts = {place: record.facts for place, record in trained.items()}
    (place,) = survivors(facts, budgets, search.objectives, 1)
    return trained[place].point
