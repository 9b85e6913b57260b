"""The ``[search]`` section of a recipe: the candidates and the strategy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import metric

SEARCHED = ("frontend", "model", "train", "compress")
"""Sections of a recipe whose keys can be searched."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """A range of numbers; whole ones when both ends and the step are whole.

    Attributes:
        low: smallest value.
        high: largest value, included if a step reaches it.
        step: distance between values; None: 1 for whole numbers, any value for others.
        log: whether equal ratios, not equal differences, are equally likely; without a step.
    """

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if self.low >= self.high:
            raise RecipeError(f"low must be less than high, got {self.low} and {self.high}")
        if self.step is not None and (self.step <= 0 or self.log):
            raise RecipeError(
                f"step must be positive and cannot be combined with log, got {self.step}"
            )
        if self.log and self.low <= 0:
            raise RecipeError(f"log needs a positive low, got {self.low}")

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step) if v is not None)

    def values(self) -> tuple[int | float, ...] | None:
        """List all values from low to high; None if there are infinitely many."""
        if self.log and not self.whole:
            return None
        if self.step is None and not self.whole:
            return None
        step = self.step or 1
        count = int((self.high - self.low) / step + 1e-9) + 1
        return tuple(self.low + index * step for index in range(count))


Dimension = tuple[object, ...] | Range


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """The ``[search]`` section.

    Attributes:
        space: dotted recipe keys with the values to try: a list, e.g.
            ``"model.width" = [16, 24]``, or a range, e.g.
            ``"train.learning_rate" = {low = 1e-3, high = 0.1, log = true}``. The key ``"model"``
            with a list of tables tries whole networks.
        strategy: name of a registered strategy: ``"grid"`` all combinations; ``"narrowing"`` one
            key at a time, the others at their best value so far; ``"random"``; ``"tpe"`` and
            ``"nsga2"`` learn from finished training (Optuna's samplers).
        seed: of the strategy's random numbers.
        max_candidates: most candidates to train; of a grid, those with the smallest files that fit.
        round_candidates: candidates trained in parallel before the strategy learns from them; 0
            means 8. A grid is one round; so is each key of a narrowing.
        rungs: fractions of the epochs after which the worse candidates of a round stop, e.g.
            ``[0.1, 0.3]``; the others continue. Empty: all train to the end.
        keep: fraction of a round's candidates that continues at each rung, at least one.
        objectives: metrics of a multi-objective search; empty: the budget's objective alone.
        finalists: number of best candidates, after training, that are written to files with all
            compression steps; the best file is chosen.
        variants: ``compress.`` keys with values: each finalist is written in all combinations.
        repeats: number of seeds that the chosen candidate is trained with, for mean and spread.
        stack: most small networks of equal shape to train together; 1 trains each alone.
    """

    space: Mapping[str, Dimension] = field(default_factory=dict)
    strategy: str = "grid"
    seed: int = 0
    max_candidates: int = 8
    round_candidates: int = 0
    rungs: tuple[float, ...] = ()
    keep: float = 0.34
    objectives: tuple[str, ...] = ()
    finalists: int = 3
    variants: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    repeats: int = 3
    stack: int = 8

    def __post_init__(self) -> None:
        check_fields(self)
        _check_keys("space", self.space, SEARCHED)
        _check_keys("variants", self.variants, ("compress",))
        for name in ("max_candidates", "finalists", "repeats", "stack"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.seed < 0 or self.round_candidates < 0:
            raise RecipeError(
                "seed and round_candidates must not be negative, "
                f"got {self.seed} and {self.round_candidates}"
            )
        if list(self.rungs) != sorted(set(self.rungs)) or not all(0 < r < 1 for r in self.rungs):
            raise RecipeError(
                f"rungs must be increasing fractions between 0 and 1, got {self.rungs}"
            )
        if not 0 < self.keep < 1:
            raise RecipeError(f"keep must be between 0 and 1, got {self.keep}")
        for name in self.objectives:
            metric(name)

    @property
    def round_size(self) -> int:
        """Candidates per round of a strategy that samples them."""
        return self.round_candidates or 8


def _check_keys(name: str, table: Mapping[str, Dimension], sections: tuple[str, ...]) -> None:
    for key, values in table.items():
        if isinstance(values, tuple) and not values:
            raise RecipeError(f"{name}: {key!r} needs a list of values, got {list(values)!r}")
        if key.split(".")[0] not in sections:
            *others, last = (f"{section}." for section in sections)
            allowed = f"{', '.join(others)} or {last}" if others else last
            raise RecipeError(f"{name}: {key!r} must start with {allowed}")
