"""Operations of other programs' files, which motefit reads and executes but does not write.

Both executors run them, so ``inspect --parity`` compares them with LiteRT. No family has any.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from motefit.graph.ops import ActivationKind, Elementwise, Pair, Shape, TimePadding, Windowed


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
