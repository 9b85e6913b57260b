"""Standardisation as the card states it, in float32."""

import numpy as np
from numpy.typing import NDArray

from motefit.spec.errors import ModelFileError
from motefit.spec.normalisation import Normalisation

Float32Array = NDArray[np.float32]


class Normaliser:
    """``(x - mean) / std`` along the last axis, and back.

    Args:
        normalisation: one mean and std for all columns, or one per column.
        columns: length of the last axis.

    Raises:
        ModelFileError: when there are other than 1 or ``columns`` values.
    """

    def __init__(self, normalisation: Normalisation, *, columns: int) -> None:
        if len(normalisation.mean) not in {1, columns}:
            raise ModelFileError(
                f"the card has {len(normalisation.mean)} means for {columns} columns; "
                f"1 or {columns} are needed"
            )
        self._mean = np.asarray(normalisation.mean, np.float32)
        self._std = np.asarray(normalisation.std, np.float32)

    def apply(self, values: Float32Array) -> Float32Array:
        """Standardise (..., columns) float32."""
        return (values - self._mean) / self._std

    def undo(self, values: Float32Array, columns: tuple[int, ...]) -> Float32Array:
        """Turn standardised values back.

        Args:
            values: (..., k) float32.
            columns: which of the normalised columns each of the k is.
        """
        if len(self._mean) == 1:
            return values * self._std + self._mean
        pick = list(columns)
        return values * self._std[pick] + self._mean[pick]
