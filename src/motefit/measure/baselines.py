"""Naive baselines that a model must beat, scored like any model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.measure.accuracy import Accuracy, score
from motefit.measure.forecast_errors import ForecastErrors, score_forecast
from motefit.spec.errors import DataError


def persistence(windows: np.ndarray, *, columns: tuple[int, ...], output_steps: int) -> np.ndarray:
    """Forecast that nothing changes: the last value of each target is repeated.

    Args:
        windows: (n, input_steps, inputs).
        columns: index of each target among the inputs.
        output_steps: steps to predict.

    Returns:
        (n, output_steps, targets), of the same dtype.
    """
    last = windows[:, -1:, list(columns)]
    return np.repeat(last, output_steps, axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class LeastSquares:
    """Best linear map, with intercept, from a whole window to all its targets.

    Attributes:
        weight: (input_steps * inputs, output_steps * targets) float64.
        intercept: (output_steps * targets,) float64.
        shape: (output_steps, targets).
    """

    weight: NDArray[np.float64]
    intercept: NDArray[np.float64]
    shape: tuple[int, int]

    @classmethod
    def fit(cls, windows: np.ndarray, targets: np.ndarray) -> "LeastSquares":
        """Solve in closed form; directions that the data do not determine get weight zero.

        Args:
            windows: (n, input_steps, inputs) of the training set.
            targets: (n, output_steps, targets).

        Raises:
            DataError: for no windows.
        """
        if not len(windows):
            raise DataError("least squares needs at least one training window")
        flat = windows.reshape(len(windows), -1).astype(np.float64)
        wanted = targets.reshape(len(targets), -1).astype(np.float64)
        center, level = flat.mean(axis=0), wanted.mean(axis=0)
        weight = np.linalg.lstsq(flat - center, wanted - level, rcond=None)[0]
        shape = (targets.shape[1], targets.shape[2])
        return cls(weight=weight, intercept=level - center @ weight, shape=shape)

    def predict(self, windows: np.ndarray) -> NDArray[np.float64]:
        """Predict (n, output_steps, targets) from windows (n, input_steps, inputs)."""
        flat = windows.reshape(len(windows), -1).astype(np.float64)
        return (flat @ self.weight + self.intercept).reshape(-1, *self.shape)


def forecast_baselines(
    names: tuple[str, ...],
    columns: tuple[int, ...],
    *,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
) -> dict[str, ForecastErrors]:
    """Compute the errors of every naive forecast on the test set.

    Args:
        names: of the targets.
        columns: index of each target among the inputs.
        train: windows and targets of the training set.
        test: windows and targets of the test set.
    """
    windows, targets = test
    predictions = {
        "persistence": persistence(windows, columns=columns, output_steps=targets.shape[1]),
        "least squares": LeastSquares.fit(*train).predict(windows),
    }
    return {name: score_forecast(names, guess, targets) for name, guess in predictions.items()}


def majority_class(names: tuple[str, ...], *, train: np.ndarray, test: np.ndarray) -> Accuracy:
    """Compute the test accuracy of always answering with the most frequent training label.

    Args:
        names: of the labels.
        train: (n,) label indices of the training set; ties go to the first label.
        test: (m,) label indices of the test set.

    Raises:
        DataError: for no test labels, or invalid label indices.
    """
    guess = int(np.bincount(train, minlength=len(names)).argmax())
    return score(names, np.full(len(test), guess), test)
