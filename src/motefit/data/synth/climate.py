"""A simulated weather station: temperature, humidity and pressure every 10 minutes.

The constants were fitted by hand to the Jena station (Max Planck Institute for Biogeochemistry,
gap-free runs of 2009, 2020 and 2021, 78 393 rows). Over those rows the mean absolute error of
persistence 1..3, 1..6 and 1..9 steps ahead is .295, .465 and .626 degC and 1.42, 2.17 and 2.87 %;
``tests/data/test_synth_climate.py`` compares a synthetic year with these and other statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.spec.errors import RecipeError
from motefit.spec.files import write_atomic
from motefit.spec.tables import Item, Printable

Series = npt.NDArray[np.float64]

COLUMNS = ("Date Time", "T (degC)", "rh (%)", "p (mbar)")
STEP_MINUTES = 10
_STEPS_A_DAY = 24 * 60 // STEP_MINUTES
_HOUR = 60 // STEP_MINUTES
_GAP_HOURS = (2.0, 24.0)


@dataclass(frozen=True, kw_only=True, repr=False)
class ClimateReport(Printable):
    """Result of a synthesis.

    Attributes:
        path: the CSV file.
        rows: data rows.
        gaps: places where the step is longer than 10 minutes.
        first: time of the first row.
        last: time of the last row.
    """

    path: Path
    rows: int
    gaps: int
    first: datetime
    last: datetime

    def content(self) -> list[Item]:
        """Say how many rows and gaps there are, and where."""
        return [f"{self.rows} rows with {self.gaps} gaps in {self.path}"]


def synthesize_climate(
    out_csv: Path,
    *,
    days: int,
    rng: np.random.Generator,
    start: datetime = datetime(2009, 1, 1, 0, 10),  # noqa: DTZ001  # the station's own clock
    gaps: int = 2,
) -> ClimateReport:
    """Write a CSV in the format of the Jena file: ``Date Time,T (degC),rh (%),p (mbar)``.

    The same seed gives the same bytes. An existing file is replaced.

    Args:
        out_csv: file to write; its folder is created if absent.
        days: length, 1 or more, gaps included.
        rng: source of all choices.
        start: time of the first row.
        gaps: stretches of 2..24 hours left out, at random places.

    Raises:
        RecipeError: for numbers out of range.
        OutputError: if the file cannot be written; previous contents stay.
    """
    if days < 1 or not 0 <= gaps <= days:
        raise RecipeError(
            f"days must be at least 1 and gaps 0..days, got {days} days and {gaps} gaps"
        )
    count = days * _STEPS_A_DAY
    weather = simulate(count, start=start, rng=rng)
    kept = _kept(count, gaps, rng=rng)
    times = [start + timedelta(minutes=STEP_MINUTES * int(index)) for index in kept]
    values = (weather[name][kept].tolist() for name in COLUMNS[1:])
    lines = [",".join(COLUMNS)]
    lines += [
        f"{time:%d.%m.%Y %H:%M:%S},{celsius:.2f},{percent:.1f},{mbar:.2f}"
        for time, celsius, percent, mbar in zip(times, *values, strict=True)
    ]
    write_atomic(out_csv, "\n".join(lines) + "\n")
    return ClimateReport(
        path=out_csv,
        rows=len(kept),
        gaps=int(np.count_nonzero(np.diff(kept) > 1)),
        first=times[0],
        last=times[-1],
    )


def simulate(count: int, *, start: datetime, rng: np.random.Generator) -> Mapping[str, Series]:
    """Simulate gap-free weather: for each of ``COLUMNS[1:]`` a float64 series [count].

    Temperature is season + fronts + weather + a diurnal cycle that clouds flatten + turbulence.
    Humidity follows from temperature and a dew point that moves with the air mass but not with the
    time of day (Magnus formula), and stops at 100 %.

    Args:
        count: steps of 10 minutes.
        start: time of the first.
        rng: source of all choices.
    """
    step = np.arange(count)
    first = start.timetuple().tm_yday - 1 + (start.hour + start.minute / 60) / 24
    year_day = first + step / _STEPS_A_DAY
    hour = (year_day % 1) * 24
    summer = 0.5 - 0.5 * np.cos(2 * np.pi * (year_day - 20) / 365.25)
    clear = 1 / (1 + np.exp(-1.5 * _memory(count, 36 * _HOUR, rng=rng)))
    weather = _memory(count, 72 * _HOUR, smooth=8 * _HOUR, rng=rng)
    air_mass = 0.5 + 19.5 * summer + 4.0 * weather + _fronts(count, rng=rng)
    swing = (1.4 + 7.0 * summer) * (0.25 + 1.0 * clear)
    cycle = np.cos(2 * np.pi * (hour - 15) / 24) + 0.2 * np.cos(4 * np.pi * (hour - 13) / 24)
    restless = (0.35 + 0.65 * clear) * (0.6 + 0.8 * summer) * (1 + 0.35 * cycle)
    eddies = restless * (
        1.05 * _memory(count, 3 * _HOUR, smooth=2, rng=rng)
        + 0.30 * _memory(count, 3, smooth=1, rng=rng)
    )
    celsius = air_mass + swing * cycle + eddies + rng.normal(0, 0.02, count)
    dryness = (
        2.0 + 5.0 * summer * (0.4 + clear) + 2.4 * _memory(count, 40 * _HOUR, smooth=3, rng=rng)
    )
    moisture = 0.6 * restless * _memory(count, 2 * _HOUR, smooth=2, rng=rng)
    dew_point = air_mass - np.maximum(dryness, -1.5) + 0.15 * swing * cycle + moisture
    percent = 100 * np.exp(_magnus(dew_point) - _magnus(celsius)) + rng.normal(0, 0.15, count)
    mbar = 989 + 9.5 * _memory(count, 60 * _HOUR, smooth=7 * _HOUR, rng=rng)
    return {
        COLUMNS[1]: celsius,
        COLUMNS[2]: np.clip(percent, 10, 100),
        COLUMNS[3]: mbar + rng.normal(0, 0.03, count),
    }


def _magnus(celsius: Series) -> Series:
    """Compute the log of the saturation vapor pressure over water, up to a constant (Magnus)."""
    return np.asarray(17.62 * celsius / (243.12 + celsius))


def _memory(
    count: int, time_constant: float, *, smooth: float = 0, rng: np.random.Generator
) -> Series:
    """Draw a first-order autoregression of unit variance [count], smoothed by another if asked."""
    keep = float(np.exp(-1 / time_constant))
    out = _decaying_sum(rng.standard_normal(count) * np.sqrt(1 - keep * keep), keep)
    if smooth == 0:
        return out
    keep = float(np.exp(-1 / smooth))
    return _decaying_sum(out * (1 - keep), keep)


def _decaying_sum(values: Series, keep: float) -> Series:
    sums = accumulate(values.tolist(), lambda state, value: keep * state + value)
    return np.fromiter(sums, dtype=np.float64, count=len(values))


def _fronts(count: int, *, rng: np.random.Generator) -> Series:
    """Draw cold fronts, one in five days: 1..6 degC within 1..3 hours, decaying in about a day."""
    out = np.zeros(count)
    for first in np.flatnonzero(rng.random(count) < 1 / (5 * _STEPS_A_DAY)).tolist():
        steps = np.arange(min(count - first, 4 * _STEPS_A_DAY))
        passage = 1 / (1 + np.exp(-(steps / rng.uniform(2, 6) - 4)))
        out[first : first + len(steps)] -= (
            rng.uniform(1, 6) * passage * np.exp(-steps / (20 * _HOUR))
        )
    return out


def _kept(count: int, gaps: int, *, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the indices of the rows that are not in a gap."""
    keep = np.ones(count, dtype=np.bool_)
    for part in range(gaps):
        low, high = count * part // gaps, count * (part + 1) // gaps
        length = min(int(rng.uniform(*_GAP_HOURS) * _HOUR), (high - low) // 4)
        first = int(rng.integers(low + 1, high - length))
        keep[first : first + length] = False
    return np.flatnonzero(keep)
