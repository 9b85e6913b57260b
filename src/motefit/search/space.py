"""The candidates of a recipe: the grid of its search space, once per seed."""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from motefit.spec.codec import dumps_json
from motefit.spec.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One thing to train.

    Attributes:
        values: the dotted recipe keys that make it differ from the recipe.
        seed: of weights, order and augmentation.
        recipe: the recipe with the values in place.
    """

    values: Mapping[str, object]
    seed: int
    recipe: Recipe

    @property
    def key(self) -> str:
        """A name for files: equal for equal work, whatever the recipe's budget or name."""
        table = self.recipe.to_table()
        work = {k: table[k] for k in table if k not in {"description", "budget", "search"}}
        work["train"] = {k: v for k, v in work["train"].items() if k != "seeds"}
        text = dumps_json({**work, "seed": self.seed})
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """A short description for people."""
        parts = [f"{k.removeprefix('model.')} {_short(v)}" for k, v in self.values.items()]
        return ", ".join([*parts, f"seed {self.seed}"])


def _short(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def grid(recipe: Recipe) -> tuple[Candidate, ...]:
    """All candidates, seeds innermost; of candidates that are the same work, the first.

    Raises:
        RecipeError: when a value is not allowed at its key.
    """
    keys = tuple(recipe.search.space)
    candidates: dict[str, Candidate] = {}
    for combination in itertools.product(*(recipe.search.space[key] for key in keys)):
        values = dict(zip(keys, combination, strict=True))
        changed = recipe.with_values(values)
        for seed in recipe.train.seeds:
            candidate = Candidate(values=values, seed=seed, recipe=changed)
            candidates.setdefault(candidate.key, candidate)
    return tuple(candidates.values())
