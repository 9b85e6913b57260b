"""What a file seems to be, where a recipe does not fit it: long layout, split times, clocks."""

import re
from collections.abc import Sequence

import numpy as np

from motefit.data.stamps import Times
from motefit.spec.codec import nearest
from motefit.spec.tasks.series_spec import SeriesData

_SERIES = ("entity_id", "_field", "metric", "sensor", "sensor_id", "variable", "parameter",
           "quantity", "channel", "topic", "series", "name", "key", "tag")  # fmt: skip
_VALUES = ("state", "_value", "value", "reading", "payload", "result", "measure", "val")
_CLOCK = re.compile(r"\s*\d{1,2}:\d\d(:\d\d)?([.,]\d+)?\s*([ap]\.?m\.?)?\s*\Z", re.IGNORECASE)
_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})\s*\Z")
_HOUR = re.compile(r"(hour|hr|hh|stunde|heure|hora|time|zeit|uhrzeit|utc)\b", re.IGNORECASE)
_YEAR, _MONTH, _DAY = ("year", "yr"), ("month", "mon", "mo"), ("day", "dom", "dy")
_DAY_OF_YEAR = ("doy", "day_of_year", "dayofyear", "yday", "julian_day", "jday")
_CLOCK_PARTS = (("hour", "hr"), ("minute", "min"), ("second", "sec"))
_SHOWN = 8
_MANY, _LONG = 40, 80
"""Columns, and characters of a name, that a message lists."""
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)
_STARTS_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}", re.ASCII)
GROUP_NAMES = frozenset(
    {"station", "device", "device_id", "node", "sensor", "sensor_id", "site", "location", "room",
     "id", "station_id", "stations_id", "mac", "stationid", "sensorid", "deviceid", "box_id", "stn"}
)  # fmt: skip
"""Names of columns that may name the station of a row, in lower case."""


OWN_COLUMNS = (
    "set time, inputs and targets in [data] of the recipe to columns of this file; a trained model "
    "needs those it was trained on"
)


def unknown_column(header: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> str:
    """Say that a column is not in a file, and what the file's layout seems to be.

    Args:
        header: of the file.
        rows: its first rows.
        name: of the column.
    """
    named = ", ".join(text[:_LONG] for text in header[:_MANY])
    more = f", ... ({len(header)} in all)" if len(header) > _MANY else ""
    found = f"there is no column {name!r}{nearest(name, header)}; available columns: {named}{more}"
    hints = [long_layout(header, rows), split_time(header, rows), _no_header(header)]
    if any(name in map(str.strip, row) for row in rows[:2]):
        hints.append(
            f"{name!r} is in a line below: the names seem to be in several lines; write one header "
            "line, with a name of its own for each column"
        )
    if not any(hints):
        hints = [OWN_COLUMNS]
    return "; ".join(filter(None, [found, *hints]))


def _no_header(header: Sequence[str]) -> str:
    """Say that the first line looks like a row, where it has a time or numbers only."""
    texts = [name for name in header if name]
    numbers = sum(_NUMBER.fullmatch(text) is not None for text in texts)
    times = sum(bool(_STARTS_DATE.match(text)) for text in texts)
    if not texts or numbers + times <= len(texts) / 2:
        return ""
    if times > 1 and not _STARTS_DATE.match(texts[0]):
        return "each column seems to be a time: turn the table, so that each row is one"
    return "the first line looks like a row: write a header line with names of the columns above it"


def other_group(header: Sequence[str], data: SeriesData) -> str:
    """Name a column that may tell stations apart and that a recipe does not use; or nothing."""
    used = {data.group, data.series, data.value, *data.time_columns, *data.columns}
    names = (n for n in header if n.lower() in GROUP_NAMES and n not in used)
    return "" if data.group or data.series else next(names, "")


def long_layout(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Say which keys read a file with one row per reading; empty if it is not one."""
    lower = [name.lower() for name in header]
    series = next((lower.index(name) for name in _SERIES if name in lower), None)
    value = next((lower.index(name) for name in _VALUES if name in lower), None)
    if series is None or value is None or series == value:
        return ""
    names = list(dict.fromkeys(row[series] for row in rows))
    example = ", ".join(repr(name) for name in names[:_SHOWN])
    return (
        f'the file has one row per reading: set [data] series = "{header[series]}" and value = '
        f'"{header[value]}"; inputs and targets are then values of {header[series]}'
        + (f": {example}" if names else "")
    )


def split_time(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Say which columns together give the time; empty if no two do."""
    if not rows:
        return ""
    lower = [name.lower() for name in header]
    calendar = [next((n for n in part if n in lower), "") for part in (_YEAR, _MONTH, _DAY)]
    if all(calendar):
        clock = [next((n for n in part if n in lower), "") for part in _CLOCK_PARTS]
        return _several([header[lower.index(n)] for n in [*calendar, *filter(None, clock)]])
    yearly = next((n for n in _DAY_OF_YEAR if n in lower), "")
    if calendar[0] and yearly:
        hour = next((n for n in _CLOCK_PARTS[0] if n in lower), "")
        named = [header[lower.index(n)] for n in (calendar[0], yearly, hour) if n]
        return f'{_several(named)} and time_format = "%Y %j{" %H" * bool(hour)}"'
    row = rows[0]
    dates = [name for name, text in zip(header, row, strict=False) if _DATE.match(text)]
    clocks = [name for name, text in zip(header, row, strict=False) if _CLOCK.match(text)]
    if not dates:
        return ""
    hours = [
        name
        for name, text in zip(header, row, strict=False)
        if _HOUR.match(name) and text.strip().isdigit() and int(text) <= 24
    ]
    second = clocks or hours
    return _several([dates[0], second[0]]) if second else ""


def _several(names: Sequence[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f"the time is in several columns: set [data] time = [{listed}]"


def clock_put_back(times: Times, row: int, step: np.timedelta64) -> bool:
    """Tell whether a row is an hour or half an hour earlier than one step after the row before."""
    back = times[row - 1] + step - times[row]
    return bool(back in {np.timedelta64(60, "m"), np.timedelta64(30, "m")})


def swapped_days(times: Times, step: np.timedelta64) -> int:
    """Count the gaps, if each leads from a day to the same day of the next month.

    >>> days = np.array(["2024-01-05T23", "2024-02-05T00", "2024-03-06T01"], "datetime64[s]")
    >>> swapped_days(days[:2], np.timedelta64(1, "h")), swapped_days(days, np.timedelta64(1, "h"))
    (1, 0)
    """
    apart = np.diff(times)
    gaps = np.flatnonzero(apart > step)
    if not len(gaps) or step >= np.timedelta64(1, "D"):
        return 0
    months = times.astype("datetime64[M]")
    day = (times.astype("datetime64[D]") - months).astype(np.int64)
    fits = (np.diff(months.astype(np.int64))[gaps] == 1) & (np.diff(day)[gaps] == 0)
    fits &= (apart[gaps] - step) % np.timedelta64(1, "D") == np.timedelta64(0)
    return len(gaps) if fits.all() else 0


def rows_of_an_unset_clock(times: Times) -> int:
    """Count the rows before the first gap of five years, if they all are of one year.

    >>> rows_of_an_unset_clock(np.array(["1970-01-01", "1970-01-02", "2024-03-01"], "M8[s]"))
    2
    """
    gaps = np.flatnonzero(np.diff(times) > np.timedelta64(5 * 365, "D"))
    years = times[: gaps[0] + 1].astype("datetime64[Y]") if len(gaps) else times[:0]
    return len(years) if len(years) and years[0] == years[-1] else 0


def lost_hours(times: Times, step: np.timedelta64) -> int:
    """Count the hours that clocks skip when daylight-saving time begins: at night on Sundays."""
    skipped = np.flatnonzero(np.diff(times) == step + np.timedelta64(1, "h"))
    before = times[skipped]
    days = before.astype("datetime64[D]")
    sunday = (days.astype(np.int64) + 4) % 7 == 0
    night = before - days <= np.timedelta64(3, "h")
    month = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    return int((sunday & night & np.isin(month, (3, 4, 9, 10))).sum())
