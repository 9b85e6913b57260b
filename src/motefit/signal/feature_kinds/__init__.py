"""Kinds of features that a front end can compute; one file per kind.

A file in this folder says which settings its kind accepts, how many features a frame has and how
magnitudes become features, and registers it in ``FEATURE_KINDS``.

What a kind does is a short list of matrix products and logarithms (:class:`Stage`), so that numpy,
the model file and any other implementation use one definition.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.signal.threads import ONE_THREAD
from motefit.spec.frontend import FrontEnd

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
    """Settings of one kind, and what it does with the magnitude spectrum of each frame.

    Attributes:
        check: raises RecipeError for settings the kind does not accept.
        features: number of features in a frame.
        bins: first and one-past-last DFT bin it reads, of ``frame_length // 2 + 1``.
        stages: what it does with them, one stage after the other.
    """

    check: Callable[[FrontEnd], None]
    features: Callable[[FrontEnd], int]
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
