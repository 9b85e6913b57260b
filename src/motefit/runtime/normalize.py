"""Standardization with the statistics in the card."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motefit.spec.errors import ModelFileError
from motefit.spec.normalization import Normalization

Float32Array = NDArray[np.float32]
Precision = type[np.float32] | type[np.float64]


class Normalizer:
    """``(x - mean) / std`` along the last axis.

    Args:
        normalization: one mean and std for all columns, or one per column.
        columns: length of the last axis.
        precision: precision of the arithmetic. Features of a front end are computed in float32;
            columns of a series need float64, since float32 rounds 20,000,001 to 20,000,000 before
            the mean is subtracted.

    Raises:
        ModelFileError: if there are neither 1 nor ``columns`` values.
    """

    def __init__(
        self, normalization: Normalization, *, columns: int, precision: Precision = np.float32
    ) -> None:
        if len(normalization.mean) not in {1, columns}:
            raise ModelFileError(
                f"the card has {len(normalization.mean)} means for {columns} columns; "
                f"1 or {columns} are needed"
            )
        self._precision = precision
        self._mean: NDArray[Any] = np.asarray(normalization.mean, precision)
        self._std: NDArray[Any] = np.asarray(normalization.std, precision)

    def apply(self, values: np.ndarray) -> Float32Array:
        """Standardize (..., columns) real numbers; the result is float32."""
        exact: NDArray[Any] = np.asarray(values, self._precision)
        return np.asarray((exact - self._mean) / self._std, np.float32)
