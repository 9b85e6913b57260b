"""Operations of a front end inside the model, float32; see ``graph.frontend_graph``.

They are not trained: a front end is joined to a network in its released form. But ``Slice`` is also
used in networks, and both it and ``Concatenate``, which make up the streaming form
(``graph.streaming_form``), support int8 as well. Shapes omit the batch dimension, and so do axes:
axis 0 is the first one after the batch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from motefit.graph.ops import Broadcast, Elementwise, Op, Shape
from motefit.spec.errors import RecipeError

FunctionKind = Literal["square-root", "logarithm"]


@dataclass(frozen=True, kw_only=True)
class Reshape(Op):
    """The same numbers in the same order under another shape. Inputs: x."""

    shape: Shape

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return the new shape."""
        if math.prod(shapes[0]) != math.prod(self.shape):
            raise RecipeError(f"{self.output}: {shapes[0]} has a different size than {self.shape}")
        return self.shape


@dataclass(frozen=True, kw_only=True)
class Slice(Op):
    """Numbers ``start`` to ``stop`` (which is left out) along one axis. Inputs: x."""

    axis: int
    start: int
    stop: int

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return the input's shape with the axis shortened."""
        x = shapes[0]
        if not (0 <= self.axis < len(x) and 0 <= self.start < self.stop <= x[self.axis]):
            raise RecipeError(
                f"{self.output}: {self.start}..{self.stop} on axis {self.axis} is not in {x}"
            )
        return (*x[: self.axis], self.stop - self.start, *x[self.axis + 1 :])


@dataclass(frozen=True, kw_only=True)
class Concatenate(Op):
    """Tensors joined along one axis. Inputs: two or more."""

    axis: int

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return the first shape with the axis lengthened."""
        rest = {(*shape[: self.axis], *shape[self.axis + 1 :]) for shape in shapes}
        if len(rest) != 1 or not 0 <= self.axis < len(shapes[0]):
            raise RecipeError(f"{self.output}: cannot join {list(shapes)} along axis {self.axis}")
        total = sum(shape[self.axis] for shape in shapes)
        return (*shapes[0][: self.axis], total, *shapes[0][self.axis + 1 :])


@dataclass(frozen=True, kw_only=True)
class Multiply(Broadcast):
    """Elementwise product; a size of 1 is repeated. Inputs: a, b of equal rank."""


@dataclass(frozen=True, kw_only=True)
class MatMul(Op):
    """A constant matrix times the last two axes. Inputs: matrix (m, n), x (..., n, k)."""

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (..., m, k)."""
        matrix, x = shapes
        if len(matrix) != 2 or len(x) < 2 or x[-2] != matrix[1]:
            raise RecipeError(f"{self.output}: a matrix {matrix} does not fit an input {x}")
        return (*x[:-2], matrix[0], x[-1])


@dataclass(frozen=True, kw_only=True)
class Function(Elementwise):
    """Square root, or natural logarithm. Inputs: x."""

    kind: FunctionKind
