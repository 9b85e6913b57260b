"""Rows in the order of time: repeated rows, and why a time is not later than the one before."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from motefit.data.layout_hints import GROUP_NAMES, clock_put_back, split_time
from motefit.data.sampling import step_of
from motefit.data.stamps import coarse
from motefit.data.table_reader import SeriesTable
from motefit.spec.errors import DataError
from motefit.spec.tasks.series_spec import SeriesData

_CLOCKS = np.datetime64("2001-01-01")
"""Loggers whose clock was never set start in 1970, 1980 or 2000."""


def in_order(table: SeriesTable, data: SeriesData) -> tuple[SeriesTable, int]:
    """Return the rows with times that increase in each group, and the repeated rows dropped.

    Raises:
        DataError: for a time that is not later than the one before, naming what may be the reason.
    """
    late = np.zeros(len(table.times), np.bool_)
    edges = np.flatnonzero(np.diff(table.groups, prepend=-1, append=-1))
    for start, stop in pairwise(edges.tolist()):
        latest = np.maximum.accumulate(table.times[start:stop])
        late[start + 1 : stop] = table.times[start + 1 : stop] <= latest[:-1]
    if not late.any():
        return table, 0
    kept = table.rows(~late)
    place = np.searchsorted(_sortable(kept), _sortable(table)[late])
    place = np.minimum(place, len(kept.times) - 1)
    same = np.isclose(kept.values[place], table.values[late], rtol=0, atol=0, equal_nan=True)
    repeats = (kept.times[place] == table.times[late]) & same.all(axis=1)
    repeats &= kept.groups[place] == table.groups[late]
    if data.repeated_rows == "drop" and repeats.all():
        return kept, int(late.sum())
    at = 0 if data.repeated_rows == "error" else int(np.argmin(repeats))
    row = int(np.flatnonzero(late)[at])
    raise _not_rising(table, row, data, repeats=bool(repeats[at]))


def _sortable(table: SeriesTable) -> npt.NDArray[np.void]:
    """Return rows as (group, time) pairs that sort as the table does."""
    pairs = np.empty(len(table.times), [("group", np.int32), ("time", table.times.dtype)])
    pairs["group"], pairs["time"] = table.groups, table.times
    return pairs


def _not_rising(table: SeriesTable, row: int, data: SeriesData, *, repeats: bool) -> DataError:
    stamp = coarse(table.times[row : row + 1])[0]
    group = table.groups == table.groups[row]
    earlier = np.flatnonzero((table.times[:row] == stamp) & group[:row])
    if len(earlier):
        found = f"the time {stamp} occurs twice (also in {_line(table, int(earlier[0]), row)})"
    else:
        before = coarse(table.times[row - 1 : row])[0]
        found = f"the time {stamp} is out of order ({_line(table, row - 1, row)}: {before})"
    return DataError(
        f"{table.place(row)}: {found}; {_order_remedy(table, row, data, earlier, repeats=repeats)}"
    )


def _line(table: SeriesTable, row: int, beside: int) -> str:
    """Name the line of a row, and its file where that is another than that of ``beside``."""
    if table.file_of[row] != table.file_of[beside]:
        return table.place(row)
    return f"{table.place_word} {table.lines[row]}"


def _order_remedy(
    table: SeriesTable, row: int, data: SeriesData, earlier: npt.NDArray[np.int64], *, repeats: bool
) -> str:
    """Say what to do about a time that does not increase."""
    step = step_of(data.step_minutes)
    dates_only = bool((table.times == table.times.astype("datetime64[D]")).all())
    if dates_only and step < np.timedelta64(1, "D"):
        split = split_time(table.header, [table.example])
        return split or f"the column {data.time_columns[0]!r} holds dates without a time of day"
    if table.zones is None and clock_put_back(table.times, row, step):
        return (
            "the clock seems to have been put back at the end of daylight-saving time: set [data] "
            'timezone to that of the clock, as "Europe/Berlin"'
        )
    if len(earlier) == 0 and table.times[row] < _CLOCKS < table.times[row - 1]:
        return "the clock seems to have been reset to its start; remove the rows until it was set"
    start = int(np.argmax(table.groups == table.groups[row]))
    if (
        data.time_format.startswith("epoch")
        and row - start > 1
        and _starts_again(table, start, row)
    ):
        return (
            "the count starts again, as after a restart; write times of a clock, or one file for "
            "each start, with a column that numbers them, and set [data] group to it"
        )
    remedy = "remove one of the lines" if len(earlier) else "sort the lines by time"
    if repeats:
        remedy += ', or set [data] repeated_rows = "drop", as the values are the same'
    elif many := _repeating_column(table, data):
        remedy = many
    return remedy


def _starts_again(table: SeriesTable, start: int, row: int) -> bool:
    """Tell whether a count from 1970 falls back to about where it began, within its first days."""
    begin, here, before = (table.times[at] for at in (start, row, row - 1))
    return bool(here - begin < (before - begin) / 10 and before < _CLOCKS)


def _repeating_column(table: SeriesTable, data: SeriesData) -> str:
    """Suggest a group where the file has a column that may name the station of a row."""
    names = [n for n in table.header if n.lower() in GROUP_NAMES and n != data.group]
    if not names:
        used = {data.group, *data.time_columns, *data.columns}
        pairs = zip(table.header, table.example, strict=False)
        names = [n for n, text in pairs if n and n not in used and text.strip()[:1].isalpha()]
    if not names:
        return ""
    return f'if {names[0]!r} names the station of a row, set [data] group = "{names[0]}"'
