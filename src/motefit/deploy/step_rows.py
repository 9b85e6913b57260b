"""Rows of a series, one per step, made of readings as they arrive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motefit.deploy.reading import Reading


@dataclass(frozen=True, kw_only=True, eq=False)
class StepRow:
    """One row of a series.

    Attributes:
        end_ms: its time, the end of its step; milliseconds since 1970.
        values: (columns,) float64, NaN where there was no reading.
    """

    end_ms: int
    values: NDArray[np.float64]


class StepRows:
    """Makes one row of the readings of each step, as a model's training data were read.

    Steps end at multiples of the step since 1970 in UTC. A row is complete once a reading of
    another step arrives; a step without any reading has no row.

    Args:
        columns: index of the column, by key of the reading; other keys are ignored.
        step_ms: length of a step in milliseconds.
        rule: ``"mean"`` or ``"last"`` of the step's readings; empty: the last one, if it is no
            older than ``fresh_ms`` at the end of the step, since the model was trained on the
            values at that time.
        fresh_ms: milliseconds.
    """

    def __init__(
        self,
        columns: Mapping[str, int],
        *,
        step_ms: int,
        rule: Literal["", "mean", "last"],
        fresh_ms: float,
    ) -> None:
        self._columns, self._step_ms, self._rule = columns, step_ms, rule
        self._fresh_ms = fresh_ms
        self._end_ms: int | None = None
        self._width = max(columns.values()) + 1
        self._start()

    def add(self, reading: Reading) -> StepRow | None:
        """Take a reading; return the row that it completes, of the step before."""
        place = self._columns.get(reading.key)
        if place is None:
            return None
        end_ms = -(-reading.time_ms // self._step_ms) * self._step_ms
        done = None
        if end_ms != self._end_ms:
            done = self._row()
            self._end_ms = end_ms
            self._start()
        self._sums[place] += reading.value
        self._counts[place] += 1
        self._last[place] = reading.value
        self._ages[place] = end_ms - reading.time_ms
        return done

    def _start(self) -> None:
        self._sums, self._counts = np.zeros(self._width), np.zeros(self._width)
        self._last, self._ages = np.full(self._width, np.nan), np.full(self._width, np.inf)

    def _row(self) -> StepRow | None:
        if self._end_ms is None:
            return None
        if self._rule == "mean":
            values = np.where(self._counts > 0, self._sums / np.maximum(self._counts, 1), np.nan)
        elif self._rule == "last":
            values = self._last
        else:
            values = np.where(self._ages <= self._fresh_ms, self._last, np.nan)
        return StepRow(end_ms=self._end_ms, values=values)
