"""Missing values filled from the past: a column's last known value is held for a few steps."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Segment = tuple[int, int]
"""First row, and the row after the last one."""


def hold(values: Floats, runs: tuple[Segment, ...], *, steps: int) -> tuple[Floats, Mask]:
    """Repeat each column's last known value where values are missing.

    The value filled in at a row depends only on the rows up to it: later rows never change it.

    Args:
        values: (rows, columns); NaN where missing.
        runs: stretches of rows one step apart, which together contain every row; nothing is held
            from one to the next.
        steps: number of rows to fill after a known one.

    Returns:
        the values, NaN where there is none to hold; and a mask of the same shape, where they were
        filled.
    """
    rows = np.arange(len(values))[:, np.newaxis]
    first = np.repeat([start for start, _ in runs], [stop - start for start, stop in runs])
    known = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(known, rows, -1), axis=0)
    filled = ~known & (last >= first[:, np.newaxis]) & (rows - last <= steps)
    return np.where(filled, np.take_along_axis(values, np.maximum(last, 0), axis=0), values), filled


def without_outside_values(segment: Segment, filled: Mask) -> Segment:
    """Cut the start of a stretch where a column still holds a value from before the stretch.

    Args:
        segment: of rows that have a value, known or filled, in every column.
        filled: (rows, columns), of the whole series.
    """
    start, stop = segment
    known = ~filled[start:stop]
    if not known.any(axis=0).all():
        return stop, stop
    return start + int(known.argmax(axis=0).max()), stop
