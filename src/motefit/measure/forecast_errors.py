"""Errors of a released forecaster, window by window through the runtime."""

import math
from dataclasses import dataclass

import numpy as np

from motefit.data.windows import Windows
from motefit.runtime.forecaster import Forecaster
from motefit.spec.errors import DataError
from motefit.spec.metrics import COVERAGE_PREFIX, MAE_PREFIX, SKILL_PREFIX

BLOCK = 1 << 15
"""Windows copied at a time."""


@dataclass(frozen=True, kw_only=True)
class ForecastErrors:
    """Deviations of predictions from the true values; every number in its column's own unit.

    Attributes:
        columns: names of the predicted columns.
        n: windows.
        mae: per column, mean absolute error over all windows and steps.
        rmse: per column, root of the mean squared error.
        mae_per_step: per column, mean absolute error of each step ahead, nearest first.
    """

    columns: tuple[str, ...]
    n: int
    mae: tuple[float, ...]
    rmse: tuple[float, ...]
    mae_per_step: tuple[tuple[float, ...], ...]

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name: ``mae.<column>``."""
        return {f"{MAE_PREFIX}{c}": e for c, e in zip(self.columns, self.mae, strict=True)}

    def skill_facts(self, naive: "ForecastErrors") -> dict[str, float]:
        """Compute ``skill.<column>``: the fraction of a naive forecast's error that is avoided.

        That is ``1 - mae / mae of the naive forecast``; negative if the naive forecast is better. A
        column on which the naive forecast has no error has no skill.

        Args:
            naive: errors of the naive forecast on the same windows.
        """
        pairs = zip(self.columns, self.mae, naive.mae, strict=True)
        skills = {f"{SKILL_PREFIX}{c}": 1 - own / error for c, own, error in pairs if error > 0}
        return {name: skill for name, skill in skills.items() if math.isfinite(skill)}


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often the true value is between the quantiles that a forecaster gives.

    Attributes:
        columns: names of the predicted columns.
        quantiles: that the forecaster gives; fewer than two: there is nothing to cover.
        inside: per column, share of true values from the lowest to the highest quantile.
        below: per column and quantile, share of true values that are not above it.
    """

    columns: tuple[str, ...]
    quantiles: tuple[float, ...]
    inside: tuple[float, ...]
    below: tuple[tuple[float, ...], ...]

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name: ``coverage.<column>``; empty for fewer than two quantiles."""
        if len(self.quantiles) < 2:
            return {}
        return {
            f"{COVERAGE_PREFIX}{c}": share
            for c, share in zip(self.columns, self.inside, strict=True)
        }

    @property
    def evidence(self) -> dict[str, object]:
        """For the card: what was promised, and what was measured; empty without quantiles."""
        if not self.quantiles:
            return {}
        names = [f"{quantile:g}" for quantile in self.quantiles]
        below = {
            c: dict(zip(names, shares, strict=True))
            for c, shares in zip(self.columns, self.below, strict=True)
        }
        promised = self.quantiles[-1] - self.quantiles[0]
        inside = dict(zip(self.columns, self.inside, strict=True))
        return {"quantiles": {"promised": promised, "inside": inside, "below": below}}


def measure_errors(forecaster: Forecaster, windows: Windows) -> tuple[ForecastErrors, Coverage]:
    """Predict every window through the runtime and compare.

    Args:
        forecaster: the released model.
        windows: in the columns' own units, with the times of their newest rows.

    Returns:
        errors of the answers (the medians, where the model gives quantiles), and the coverage.

    Raises:
        DataError: for no windows, mismatched shapes, NaN or infinite values.
    """
    io, targets = forecaster.io, windows.targets
    values = predict_windows(forecaster, windows)
    errors = score_forecast(io.targets, forecaster.answer(values), targets)
    return errors, score_coverage(io.targets, io.quantiles, values, targets)


def predict_windows(forecaster: Forecaster, windows: Windows) -> np.ndarray:
    """Predict every window through the runtime: (n, output_steps, targets, quantiles) float64.

    Raises:
        DataError: for no windows.
    """
    if not len(windows):
        raise DataError("errors need at least one window")
    return np.concatenate(
        [forecaster.quantiles_batch(block.inputs, block.times) for block in windows.blocks(BLOCK)]
    )


def score_coverage(
    columns: tuple[str, ...],
    quantiles: tuple[float, ...],
    values: np.ndarray,
    targets: np.ndarray,
) -> Coverage:
    """Count how often true values are between and below the quantiles.

    Args:
        columns: names of the targets.
        quantiles: rising; may be empty.
        values: (n, output_steps, targets, quantiles), rising along the last axis.
        targets: (n, output_steps, targets).
    """
    true = targets[..., np.newaxis]
    inside = (values[..., :1] <= true) & (true <= values[..., -1:])
    below = (true <= values).mean(axis=(0, 1))
    return Coverage(
        columns=columns,
        quantiles=quantiles,
        inside=_floats(inside.mean(axis=(0, 1, 3))),
        below=tuple(_floats(row) for row in below),
    )


def score_forecast(
    columns: tuple[str, ...], predictions: np.ndarray, targets: np.ndarray
) -> ForecastErrors:
    """Compare predictions with the true values, in double precision.

    Args:
        columns: names of the last axis.
        predictions: (n, output_steps, targets).
        targets: of the same shape.

    Raises:
        DataError: for no windows, mismatched shapes, NaN or infinite values.
    """
    targets = np.asarray(targets)
    if targets.shape != predictions.shape or targets.shape[2:] != (len(columns),):
        raise DataError(
            f"predictions are (n, steps, {len(columns)} columns) like the targets; "
            f"got {predictions.shape} and {targets.shape}"
        )
    if not targets.size:
        raise DataError("errors need at least one window")
    errors = np.subtract(predictions, targets, dtype=np.float64)
    if not np.isfinite(errors).all():
        raise DataError("predictions and targets must be finite, got NaN or infinity")
    np.abs(errors, out=errors)
    mae = errors.mean(axis=(0, 1))
    per_step = errors.mean(axis=0).T
    np.square(errors, out=errors)
    return ForecastErrors(
        columns=columns,
        n=len(targets),
        mae=_floats(mae),
        rmse=_floats(np.sqrt(errors.mean(axis=(0, 1)))),
        mae_per_step=tuple(_floats(row) for row in per_step),
    )


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
