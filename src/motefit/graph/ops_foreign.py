"""Operations of other programs' files, which motefit reads and executes but does not write.

Both executors run them, so ``inspect --parity`` compares them with LiteRT. No family has any.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from motefit.graph.ops import ActivationKind, Elementwise, Op, Pair, Shape, TimePadding, Windowed
from motefit.spec.errors import RecipeError

STATE = ".state"
"""Follows the name of an :class:`SVDF`'s output in that of the int16 numbers that it keeps."""


@dataclass(frozen=True, kw_only=True)
class MaxPool2D(Windowed):
    """Maximum over a window; padding does not count. Inputs: x (h, w, c)."""

    window: Pair
    padding: TimePadding = "valid"
    activation: ActivationKind = "none"

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (h', w', c)."""
        return (*self.slide(shapes[0], self.window), shapes[0][2])


@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Elementwise):
    """A rectifier that multiplies negative numbers by ``alpha``, at least 0. Inputs: x."""

    alpha: float


@dataclass(frozen=True, kw_only=True)
class Logistic(Elementwise):
    """The logistic function, 1 / (1 + exp(-x)). Inputs: x."""


@dataclass(frozen=True, kw_only=True)
class SVDF(Op):
    """A dense layer over a window of time, as ``rank`` products of two vectors for each unit.

    Nakkiran et al. 2015, "Compressing deep neural networks using a rank-constrained topology". Each
    filter reduces the input to a number and keeps the last m of them; a unit is the sum of its
    filters over them. Examples of a batch are successive steps; the first one has no past.

    Inputs: x (i,), weight over the input (units * rank, i), weight over time (units * rank, m), and
    a bias (units,).
    """

    rank: int
    activation: ActivationKind = "none"

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (units,)."""
        x, weight, time = shapes[:3]
        fits = len(weight) == len(time) == 2 and weight == (time[0], math.prod(x)) and time[1] > 0
        if not fits or self.rank < 1 or weight[0] % self.rank:
            raise RecipeError(
                f"{self.output}: weights {weight} and {time} of rank {self.rank} do not fit an "
                f"input {x}"
            )
        units = weight[0] // self.rank
        if shapes[3:] not in ([], [(units,)]):
            raise RecipeError(f"{self.output}: a bias {shapes[3]} does not fit {units} units")
        return (units,)
