"""Standard deviations of what models of differences and changes read and answer."""

import numpy as np

from motefit.data.windows import Windows
from motefit.spec.normalization import Normalization

BLOCK = 1 << 15
"""Windows summed up at a time, which bounds the memory."""


def difference_statistics(windows: Windows) -> Normalization | None:
    """Compute the standard deviation of each earlier row's difference to the last one.

    Args:
        windows: of the training set.

    Returns:
        per earlier row and input, with a mean of 0; None for windows of one row.
    """
    if windows.input_steps == 1:
        return None
    squares = np.zeros((windows.input_steps - 1) * windows.input_columns)
    for block in windows.blocks(BLOCK):
        rows = block.inputs
        earlier = rows[:, :-1] - rows[:, -1:]
        squares += np.square(earlier).reshape(len(rows), -1).sum(axis=0)
    return _around_zero(squares / len(windows))


def answer_statistics(windows: Windows, *, change: bool) -> Normalization:
    """Compute mean and standard deviation of the answers, per step and target.

    Args:
        windows: of the training set.
        change: of the changes from the last row, with a mean of 0; otherwise of the values.
    """
    columns = list(windows.target_columns)
    size = windows.output_steps * len(columns)
    sums, squares = np.zeros(size), np.zeros(size)
    origin = 0.0 if change else windows.rows[:, columns].mean(axis=0)
    for block in windows.blocks(BLOCK):
        before = block.last_values[:, np.newaxis] if change else origin
        values = (block.targets - before).reshape(len(block), -1)
        sums += values.sum(axis=0)
        squares += np.square(values).sum(axis=0)
    if change:
        return _around_zero(squares / len(windows))
    mean = sums / len(windows)
    variance = np.maximum(squares / len(windows) - mean**2, 0)
    center = np.tile(origin, windows.output_steps) + mean
    return Normalization(mean=tuple(center.tolist()), std=tuple(_positive(variance).tolist()))


def _around_zero(variance: np.ndarray) -> Normalization:
    return Normalization(mean=(0.0,) * len(variance), std=tuple(_positive(variance).tolist()))


def _positive(variance: np.ndarray) -> np.ndarray:
    """Standard deviations; 1 for what never changes."""
    deviation = np.sqrt(variance)
    return np.where(deviation > 0, deviation, 1.0)
