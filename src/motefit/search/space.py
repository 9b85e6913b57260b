"""Candidates of a recipe: the points of its search space."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from motefit.spec.codec import dumps_json
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe
from motefit.spec.search import Dimension, Range

SEED = "seed"
"""The key of a point that is not a recipe key: which of ``train.seeds`` it is trained with."""
Point = Mapping[str, object]
"""A value for each dimension of a space."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One model to train.

    Attributes:
        values: the dotted recipe keys that make it differ from the recipe.
        seed: of weights, order and augmentation.
        recipe: the recipe with these values.
        refit: whether it is trained on training and validation set together.
    """

    values: Mapping[str, object]
    seed: int
    recipe: Recipe
    refit: bool = False

    @cached_property
    def key(self) -> str:
        """Name for files: equal for equal work, whatever the recipe's budget or name."""
        return self._digest("data", "frontend", "model", "train", "compress")

    @cached_property
    def training_key(self) -> str:
        """Like :attr:`key`, but for the training only: candidates may differ in compression."""
        return self._digest("data", "frontend", "model", "train")

    def _digest(self, *sections: str) -> str:
        table = self.recipe.to_table()
        work = {k: table[k] for k in ("task", *sections) if k in table}
        work["train"] = {k: v for k, v in work["train"].items() if k not in {"seeds", "refit"}}
        if self.refit:
            work["train"]["refit"] = True
        text = dumps_json({**work, SEED: self.seed})
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """Short description for display."""
        parts = [f"{k.removeprefix('model.')} {_short(v)}" for k, v in self.values.items()]
        refit = ["refitted"] if self.refit else []
        return ", ".join([*parts, f"seed {self.seed}", *refit])


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return " ".join(f"{k}={_short(v)}" for k, v in value.items())
    return "x".join(map(_short, value)) if isinstance(value, tuple) else str(value)


class Space:
    """The search space of a recipe, its seeds among the dimensions.

    Args:
        recipe: of the run.

    Raises:
        RecipeError: for a key that the recipe does not have.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.dimensions: Mapping[str, Dimension] = {
            **recipe.search.space,
            SEED: recipe.train.seeds,
        }

    def candidate(self, point: Point) -> Candidate:
        """Return the candidate at a point.

        Raises:
            RecipeError: if a value is not allowed for its key.
        """
        values = {key: point[key] for key in self.recipe.search.space}
        recipe = self.recipe.with_values(values) if values else self.recipe
        return Candidate(values=values, seed=int(str(point[SEED])), recipe=recipe)

    def points(self) -> Iterator[Point]:
        """Iterate over all points, the last dimension varying fastest.

        Yields:
            each point once.

        Raises:
            RecipeError: for a range with infinitely many values.
        """
        choices = [self.values(key) for key in self.dimensions]
        for combination in itertools.product(*choices):
            yield dict(zip(self.dimensions, combination, strict=True))

    def values(self, key: str) -> tuple[object, ...]:
        """List all values of a dimension.

        Raises:
            RecipeError: for a range with infinitely many values.
        """
        dimension = self.dimensions[key]
        values = dimension.values() if isinstance(dimension, Range) else dimension
        if values is None:
            raise RecipeError(
                f"[search]: space: {key!r} is a range without steps, which the strategy "
                f"{self.recipe.search.strategy!r} cannot enumerate; give a list of values or a "
                'step, or use strategy = "tpe"'
            )
        return values


def variants_of(candidate: Candidate) -> tuple[Candidate, ...]:
    """Return the variants of a candidate: all combinations of ``search.variants``, or itself.

    Raises:
        RecipeError: if a value is not allowed for its key.
    """
    values_by_key = candidate.recipe.search.variants
    found: dict[str, Candidate] = {}
    for combination in itertools.product(*values_by_key.values()):
        values = dict(zip(values_by_key, combination, strict=True))
        variant = Candidate(
            values={**candidate.values, **values},
            seed=candidate.seed,
            recipe=candidate.recipe.with_values(values) if values_by_key else candidate.recipe,
        )
        found.setdefault(variant.key, variant)
    return tuple(found.values())
