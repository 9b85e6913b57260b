"""Naive baselines that a model must beat, scored like any model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.data.windows import Windows
from motefit.measure.accuracy import Accuracy, score
from motefit.measure.forecast_errors import ForecastErrors, score_forecast
from motefit.spec.errors import DataError
from motefit.spec.evidence import LEAST_SQUARES, PERSISTENCE

BLOCK = 1 << 17
"""Windows that least squares copies at a time."""


def persistence(last: np.ndarray, *, output_steps: int) -> np.ndarray:
    """Forecast that nothing changes: the last value of each target is repeated.

    Args:
        last: (n, targets), each target's value in the newest row of a window, whether or not the
            target is an input of the model: the file knows it, the model need not.
        output_steps: steps to predict.

    Returns:
        (n, output_steps, targets), of the same dtype.
    """
    return np.repeat(last[:, np.newaxis], output_steps, axis=1)


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

    @classmethod
    def fit_windows(cls, windows: Windows) -> "LeastSquares":
        """Fit to windows; very many are reduced block by block, to the same solution.

        Each block is put under the triangle of the QR decomposition of those before it, as in
        Golub and Van Loan, Matrix Computations, 4th ed., 5.3.6: least squares only need that.

        Raises:
            DataError: for no windows.
        """
        if len(windows) <= BLOCK:
            return cls.fit(windows.inputs, windows.targets)
        level, center = _means(windows)
        triangle: NDArray[np.float64] = np.empty((0, len(center) + len(level)))
        for block in windows.blocks(BLOCK):
            flat = block.inputs.reshape(len(block), -1) - center
            wanted = block.targets.reshape(len(block), -1) - level
            stacked = np.vstack([triangle, np.hstack([flat, wanted])])
            triangle = np.asarray(np.linalg.qr(stacked, mode="r"), np.float64)
        size = len(center)
        solved = np.linalg.lstsq(triangle[:size, :size], triangle[:size, size:], rcond=None)[0]
        weight = np.asarray(solved, np.float64)
        shape = (windows.output_steps, len(windows.target_columns))
        return cls(weight=weight, intercept=level - center @ weight, shape=shape)

    def predict(self, windows: np.ndarray) -> NDArray[np.float64]:
        """Predict (n, output_steps, targets) from windows (n, input_steps, inputs)."""
        flat = windows.reshape(len(windows), -1).astype(np.float64)
        return (flat @ self.weight + self.intercept).reshape(-1, *self.shape)


def _means(windows: Windows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the means of the flattened targets and inputs."""
    targets, inputs = zip(
        *(
            (block.targets.reshape(len(block), -1).sum(axis=0),
             block.inputs.reshape(len(block), -1).sum(axis=0))
            for block in windows.blocks(BLOCK)
        ),
        strict=True,
    )  # fmt: skip
    count = len(windows)
    return np.sum(targets, axis=0) / count, np.sum(inputs, axis=0) / count


def forecast_baselines(
    names: tuple[str, ...], *, train: Windows, test: Windows
) -> dict[str, ForecastErrors]:
    """Compute the errors of every naive forecast on the test set.

    Args:
        names: of the targets.
        train: windows of the training set.
        test: windows of the test set.
    """
    targets = test.targets
    predictions = {
        PERSISTENCE: persistence(test.last_values, output_steps=targets.shape[1]),
        LEAST_SQUARES: LeastSquares.fit_windows(train).predict(test.inputs),
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
