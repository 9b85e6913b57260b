"""Standardization of training data: statistics, and their application."""

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.normalize import Normalizer, Precision
from motefit.spec.normalization import Normalization

Floats = NDArray[np.float32]


def normalized(
    x: np.ndarray, normalization: Normalization, *, precision: Precision = np.float32
) -> Floats:
    """Compute ``(x - mean) / std`` along the last axis, float32, by the code of the runtime."""
    return Normalizer(normalization, columns=x.shape[-1], precision=precision).apply(x)


def feature_normalization(features: Floats) -> Normalization:
    """Compute mean and standard deviation of each feature column over clips and frames.

    Args:
        features: (n, frames, features), n at least 1. A constant column gets a deviation of 1.
    """
    rows = features.reshape(-1, features.shape[-1])
    mean = rows.mean(axis=0, dtype=np.float64)
    square = np.zeros_like(mean)
    for start in range(0, len(rows), 1 << 16):
        square += np.square(rows[start : start + (1 << 16)] - mean).sum(axis=0)
    std = np.sqrt(square / len(rows))
    std = np.where(std > 1e-6 * np.maximum(np.abs(mean), 1e-6), std, 1.0)
    return Normalization(mean=tuple(mean.tolist()), std=tuple(std.tolist()))
