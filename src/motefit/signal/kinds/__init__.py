"""The kinds of features a front end can compute; one file a kind.

A file in this folder says how magnitudes become features and calls :func:`register`. The file of
the same name in ``motefit.spec.kinds`` says which settings it accepts and what shape it gives.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.spec.frontend import FrontEnd
from motefit.spec.registry import Registry

Float32Array = NDArray[np.float32]
Finish = Callable[[Float32Array], Float32Array]
"""Magnitudes (rows, bins) float32 -> features (rows, features) float32, row by row."""


@dataclass(frozen=True, kw_only=True)
class FeatureKind:
    """What one kind does with the magnitude spectrum of each frame.

    Attributes:
        name: as written in ``kind = "..."`` of the front end.
        bins: first and one-past-last DFT bin it reads, of ``frame_length // 2 + 1``.
        build: precomputes its tables and gives the function from magnitudes to features; that
            function must not keep state, so that batch and streaming are one definition.
    """

    name: str
    bins: Callable[[FrontEnd], tuple[int, int]]
    build: Callable[[FrontEnd], Finish]


_KINDS: Registry[FeatureKind] = Registry(__name__, "kind of features")


def register(kind: FeatureKind) -> None:
    """Add a kind; called once by each file of this folder."""
    _KINDS.register(kind.name, kind)


def feature_kind(name: str) -> FeatureKind:
    """Look a kind up by the name a checked FrontEnd has."""
    return _KINDS.find(name)


def feature_kinds() -> tuple[str, ...]:
    """Names of all registered kinds, sorted."""
    return tuple(_KINDS.all())
