"""One row per reading turned into one row per time."""

import numpy as np
import numpy.typing as npt

from motefit.data.numbers import Place
from motefit.data.stamps import Times
from motefit.spec.errors import DataError


def pivoted(  # noqa: PLR0913 - the columns of the long table
    times: Times,
    groups: npt.NDArray[np.int32],
    series: npt.NDArray[np.int16],
    readings: npt.NDArray[np.float64],
    *,
    columns: tuple[str, ...],
    place: Place,
    resampled: bool,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Gather readings of the same group and time into one row.

    Args:
        times: datetime64[us] (readings,).
        groups: index of each reading's group, not decreasing.
        series: index of each reading's quantity.
        readings: NaN where missing.
        columns: names of the quantities.
        place: names the file and line of a reading.
        resampled: whether several readings of a quantity may have the same time; each then gets a
            row of its own.

    Returns:
        index (rows,) of a reading of each row, by group and time; and values (rows, columns), NaN
        where a quantity has no reading at that time.

    Raises:
        DataError: for two readings of a quantity that differ at the same time.
    """
    order = np.lexsort((series, times, groups))
    if resampled:
        values = np.full((len(order), len(columns)), np.nan)
        values[np.arange(len(order)), series[order]] = readings[order]
        return order, values
    ordered_times, ordered_groups = times[order], groups[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(ordered_times) != np.timedelta64(0)) | (np.diff(ordered_groups) != 0)
    row = np.cumsum(new) - 1
    same = ~new & (np.diff(series[order], prepend=-1) == 0)
    for at in np.flatnonzero(same).tolist():
        one, other = order[at - 1], order[at]
        if not np.array_equal(readings[one], readings[other], equal_nan=True):
            raise DataError(
                f"{place(int(other))}: {columns[series[other]]!r} has another value at "
                f"{times[other].astype('datetime64[s]')} ({place(int(one))}); remove one, or set "
                '[data] resample = "last" or "mean"'
            )
    values = np.full((int(row[-1]) + 1, len(columns)), np.nan)
    values[row, series[order]] = readings[order]
    return order[new], values
