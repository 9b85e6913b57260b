"""The kinds of features a front end can compute; one file a kind.

A file in this folder says how magnitudes become features and calls :func:`register`. The file of
the same name in ``motefit.spec.kinds`` says which settings it accepts and what shape it gives.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.spec.frontend import FrontEnd

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


_REGISTRY: dict[str, FeatureKind] = {}


def register(kind: FeatureKind) -> None:
    """Add a kind; called once by each file of this folder."""
    _REGISTRY[kind.name] = kind


def feature_kind(name: str) -> FeatureKind:
    """Look a kind up by the name a checked FrontEnd has."""
    if name not in _REGISTRY:
        _load()
    return _REGISTRY[name]


def feature_kinds() -> tuple[str, ...]:
    """Names of all registered kinds, sorted."""
    _load()
    return tuple(sorted(_REGISTRY))


def _load() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
