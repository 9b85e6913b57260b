"""Kinds of features that a front end can compute; one file per kind.

A file in this folder says how magnitudes become features and calls :func:`register`. The file of
the same name in ``motefit.spec.kinds`` says which settings it accepts and what shape it gives.

What a kind does is a short list of matrix products and logarithms (:class:`Stage`), so that numpy,
the model file and any other implementation use one definition.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.signal.threads import ONE_THREAD
from motefit.spec.frontend import FrontEnd
from motefit.spec.registry import Registry

Float32Array = NDArray[np.float32]
Finish = Callable[[Float32Array], Float32Array]
"""Magnitudes (rows, bins) float32 -> features (rows, features) float32, row by row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """``x @ matrix + offset`` for every frame, followed by the natural logarithm if wanted.

    Attributes:
        matrix: float32 (numbers in, numbers out), contiguous; None leaves the numbers unchanged.
        offset: added to every number, in float32, before the logarithm.
        logarithm: whether to take it.
    """

    matrix: Float32Array | None
    offset: float = 0.0
    logarithm: bool = False

    def __call__(self, x: Float32Array) -> Float32Array:
        """Map x (rows, numbers in) to a new array (rows, numbers out)."""
        out: Float32Array = x.copy() if self.matrix is None else x @ self.matrix
        if self.offset:
            out += self.offset
        return np.log(out, out=out) if self.logarithm else out


@dataclass(frozen=True, kw_only=True)
class FeatureKind:
    """Computation that one kind applies to the magnitude spectrum of each frame.

    Attributes:
        name: as written in ``kind = "..."`` of the front end.
        bins: first and one-past-last DFT bin that it reads, of ``frame_length // 2 + 1``.
        stages: computation on these bins, one stage after the other.
    """

    name: str
    bins: Callable[[FrontEnd], tuple[int, int]]
    stages: Callable[[FrontEnd], tuple[Stage, ...]]

    def build(self, frontend: FrontEnd) -> Finish:
        """Build the stateless function from magnitudes to features, with its tables precomputed."""
        stages = self.stages(frontend)

        def finish(magnitude: Float32Array) -> Float32Array:
            with ONE_THREAD:
                for stage in stages:
                    magnitude = stage(magnitude)
            return magnitude

        return finish


_KINDS: Registry[FeatureKind] = Registry(__name__, "kind of features")


def register(kind: FeatureKind) -> None:
    """Add a kind; called once by each file of this folder."""
    _KINDS.register(kind.name, kind)


def feature_kind(name: str) -> FeatureKind:
    """Look up a kind by the name that a checked FrontEnd has."""
    return _KINDS.find(name)


def feature_kinds() -> tuple[str, ...]:
    """Return the names of all registered kinds, sorted."""
    return tuple(_KINDS.all())
