"""Local times of a zone as UTC: repeated and absent hours of daylight-saving time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from motefit.data.numbers import Place
from motefit.data.stamps import Times, Zones
from motefit.spec.codec import nearest
from motefit.spec.errors import DataError, RecipeError

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?\Z")
_DAY = np.timedelta64(1, "D")


def find_zone(name: str) -> tzinfo:
    """Return a zone by its name or offset.

    >>> find_zone("+05:30")
    datetime.timezone(datetime.timedelta(seconds=19800))

    Raises:
        RecipeError: for an unknown name.
    """
    if found := _OFFSET.match(name.strip()):
        sign, hours, minutes = found.groups()
        ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if ahead < timedelta(hours=24):
            return timezone(-ahead if sign == "-" else ahead)
    try:
        return ZoneInfo(name.strip())
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        without = "" if known else "; this system has no time zones: install tzdata"
        raise RecipeError(
            f"timezone {name!r}: no such zone{nearest(name, known)}{without}; write one as "
            '"Europe/Berlin" or "+01:00"'
        ) from None


def zones_at(times: Times, zone: tzinfo) -> Zones:
    """Return the seconds (rows,) that a zone's clock is ahead of UTC at some times in UTC."""
    return _offsets(times, lambda day: _ahead(_aware(day).astimezone(zone)))


def to_utc(clock: Times, zone: tzinfo, place: Place) -> tuple[Times, Zones]:
    """Convert times by a local clock to UTC.

    An hour that the clock shows twice, at the end of daylight-saving time, is the first one until
    the rows step back, and then the second one.

    Args:
        clock: datetime64[us] (rows,), in the order of the file.
        zone: of the clock.
        place: names the file and line of a row.

    Returns:
        the times in UTC, and the seconds (rows,) that the clock is ahead of it.

    Raises:
        DataError: for a time that the clock never shows.
    """
    first = _offsets(clock, lambda stamp: _ahead(stamp.replace(tzinfo=zone)))
    second = _offsets(clock, lambda stamp: _ahead(stamp.replace(tzinfo=zone, fold=1)))
    absent = np.flatnonzero(second > first)
    if len(absent):
        row = int(absent[0])
        raise DataError(
            f"{place(row)}: the time {_text(clock[row])} does not exist in {zone}: there the clock "
            "goes forward to daylight-saving time; if the file keeps standard time all year, set "
            f'[data] timezone to its offset, as "{_offset_text(int(first[row]))}"'
        )
    twice = second < first
    zones = first.copy()
    if twice.any():
        zones[_second_pass(clock, twice)] = second[_second_pass(clock, twice)]
    return clock - zones.astype("timedelta64[s]"), zones


def _second_pass(clock: Times, twice: np.ndarray) -> np.ndarray:
    """Mark the rows of hours shown twice that come after the clock has been put back."""
    rows = np.arange(len(clock))
    back = np.concatenate([[False], np.diff(clock) <= np.timedelta64(0)]) & twice
    entered = twice & ~np.concatenate([[False], twice[:-1]])
    jumped = np.concatenate([[False], np.diff(clock) > _DAY])
    start = np.maximum.accumulate(np.where(entered | (jumped & twice), rows, -1))
    latest = np.maximum.accumulate(np.where(back, rows, -1))
    return np.asarray(twice & (latest >= start) & (latest >= 0))


def _offsets(times: Times, ahead: Callable[[datetime], int]) -> Zones:
    """Call a function once per day where it is the same all day, else once per row."""
    days, place = np.unique(times.astype("datetime64[D]"), return_inverse=True)
    starts = np.array([ahead(day) for day in days.astype("datetime64[us]").tolist()], np.int64)
    ends = np.array(
        [ahead(day) for day in (days + _DAY).astype("datetime64[us]").tolist()], np.int64
    )
    found = starts[place]
    mixed = (starts != ends)[place]
    for row in np.flatnonzero(mixed).tolist():
        found[row] = ahead(times[row].astype("datetime64[us]").item())
    return found


def _ahead(stamp: datetime) -> int:
    offset = stamp.utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def _aware(stamp: datetime) -> datetime:
    return stamp.replace(tzinfo=UTC)


def _text(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("T", " ")


def _offset_text(seconds: int) -> str:
    sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"
