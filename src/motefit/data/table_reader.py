"""Read the time, the numbers and the group of each row from files of any form."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.data.layout_hints import other_group, split_time, unknown_column
from motefit.data.long_format import pivoted
from motefit.data.numbers import MISSING, NumberRule, read_numbers
from motefit.data.stamps import TimeRule, Times, Zones, mixed_zones, read_stamps
from motefit.data.tables import (
    CHUNK_ROWS,
    Chunk,
    RawTable,
    Wanted,
    open_table,
    table_files,
)
from motefit.data.zones import find_zone, to_utc, zones_at
from motefit.spec.column_names import column_name
from motefit.spec.errors import DataError
from motefit.spec.tasks.series_spec import SeriesData

Progress = Callable[[int, int], None]
_Arrays = tuple[
    Times,
    Zones | None,
    npt.NDArray[np.float64],
    npt.NDArray[np.int64],
    npt.NDArray[np.int16],
    npt.NDArray[np.int32],
]
"""Times, zones, values, line numbers, quantities and groups of a chunk of rows."""

_EXAMPLE_ROWS = 200
_UNIT_LINES = 4
"""Most lines of units below a header."""
_ASIDE = "; to leave the file out, move it away, or give a pattern, as 'FOLDER/2024*.csv'"
_MOSTLY = 0.9
"""Share of steps back in time from which on a file has its newest row first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesTable:
    """The chosen columns of one or several files, group by group, else in file order.

    Attributes:
        path: as given; names the data in errors.
        files: that were read.
        header: columns of the first file.
        example: its first row.
        place_word: what ``lines`` count: ``"line"`` or ``"row"``.
        times: datetime64[us] (rows,); UTC if a zone is known, else as written.
        zones: int64 (rows,), seconds that each row's clock is ahead of UTC; None if no zone is
            known.
        values: float64 (rows, columns); NaN where missing.
        lines: int64 (rows,), number of each row in its file, from 1.
        file_of: int32 (rows,), index of each row's file.
        groups: int32 (rows,), index of each row's group, not decreasing.
        group_names: of the groups; one empty name where there are no groups.
        outside: per column, values outside the valid range, which are missing.
        notes: sentences on what was left out or changed.
    """

    path: Path
    files: tuple[Path, ...]
    header: tuple[str, ...]
    example: tuple[str, ...]
    place_word: str
    times: Times
    zones: Zones | None
    values: npt.NDArray[np.float64]
    lines: npt.NDArray[np.int64]
    file_of: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    group_names: tuple[str, ...]
    outside: tuple[int, ...]
    notes: tuple[str, ...]

    def rows(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "SeriesTable":
        """Return the table of some rows, by a mask (rows,) or in the order of their indices."""
        return replace(
            self,
            times=self.times[chosen],
            zones=None if self.zones is None else self.zones[chosen],
            values=self.values[chosen],
            lines=self.lines[chosen],
            file_of=self.file_of[chosen],
            groups=self.groups[chosen],
        )

    def place(self, row: int) -> str:
        """Name the file and line of a row."""
        return f"{self.files[self.file_of[row]]}, {self.place_word} {self.lines[row]}"


@dataclass(frozen=True, kw_only=True, eq=False)
class _FilePart:
    """What one file holds; ``series`` is the index of each row's quantity in the long format."""

    raw: RawTable
    example: tuple[str, ...]
    times: Times
    zones: Zones | None
    values: npt.NDArray[np.float64]
    lines: npt.NDArray[np.int64]
    series: npt.NDArray[np.int16] | None
    groups: npt.NDArray[np.int32]
    outside: npt.NDArray[np.int64]


def read_table(path: Path, data: SeriesData, *, progress: Progress | None = None) -> SeriesTable:
    """Read the columns that a recipe names from a file, a folder of files, or a pattern.

    Args:
        path: see :func:`motefit.data.tables.table_files`.
        data: says how the files are read.
        progress: called with rows read and, as far as that can be told, rows in all.

    Raises:
        DataError: for anything that cannot be read, with file, line number, what was found and
            what to do.
    """
    groups: dict[str, int] = {}
    files = table_files(path)
    aside = _ASIDE if len(files) > 1 else ""
    parts = [_read_file(file, data, groups, progress, aside) for file in files]
    if len(parts) > 1:
        order = sorted(range(len(parts)), key=lambda i: parts[i].times[0])
        files, parts = tuple(files[i] for i in order), [parts[i] for i in order]
    table = _joined(path, files, parts, groups)
    series = [part.series for part in parts]
    codes = None if series[0] is None else np.concatenate([s for s in series if s is not None])
    table, codes = _by_group(table, codes, parts[0].raw, data)
    if data.timezone:
        table = _in_zone(table, codes, data.timezone)
    if codes is not None:
        table = pivoted_table(table, codes, data)
    return table


def pivoted_table(
    table: SeriesTable, codes: npt.NDArray[np.int16], data: SeriesData
) -> SeriesTable:
    """Return one row per time from one row per reading."""
    first, values = pivoted(
        table.times, table.groups, codes, table.values[:, 0],
        columns=data.columns, place=table.place, resampled=bool(data.resample),
    )  # fmt: skip
    return replace(table.rows(first), values=values)


def _read_file(
    path: Path, data: SeriesData, groups: dict[str, int], progress: Progress | None, aside: str
) -> _FilePart:
    """Read one file chunk by chunk; what to do if it is none of the tables is said by ``aside``."""
    rule = TimeRule(columns=data.time_columns, time_format=data.time_format)
    long = (data.series, data.value) if data.series else ()
    group = (data.group,) if data.group else ()
    names = (*rule.columns, *group, *(long or data.columns))
    wanted = Wanted(
        columns=names, time_of=rule.time_of, time=rule.columns, separator=data.separator,
        skip_lines=data.skip_lines, table=data.table,
    )  # fmt: skip
    try:
        raw = open_table(path, wanted)
        places = [_index(path, raw, name) for name in names]
    except DataError as error:
        raise DataError(f"{error}{aside}") from None
    reader = _ChunkReader(path=path, raw=raw, rule=rule, data=data, groups=groups)
    chunks = []
    example: tuple[str, ...] = ()
    counter = _RowCounter(path, progress)
    for chunk in raw.chunks:
        example = example or tuple(chunk[1][0])
        chunks.append(reader.read(chunk, places))
        counter.add(chunk)
    if not chunks:
        raise DataError(f"{path}: there is a header, but no rows{told(raw.notes)}{aside}")
    if not any(len(chunk[0]) for chunk in chunks):
        raise DataError(
            f"{path}: no row of {data.series!r} is one of the inputs, {', '.join(data.columns)}; "
            f"it has: {', '.join(sorted(reader.seen)[:20])}"
        )
    times, zones, values, lines, series, codes = zip(*chunks, strict=True)
    zoned = [zone for zone in zones if zone is not None]
    part = _FilePart(
        raw=raw,
        example=example,
        times=np.concatenate(times),
        zones=np.concatenate(zoned) if zoned else None,
        values=np.concatenate(values),
        lines=np.concatenate(lines),
        series=np.concatenate(series) if long else None,
        groups=np.concatenate(codes),
        outside=reader.outside,
    )
    return part if not _newest_first(part.times) else _backwards(path, part)


def _newest_first(times: Times) -> bool:
    """Tell whether times mostly fall; they rise from a group to the next, and repeat."""
    steps = np.diff(times)
    moved = steps[steps != np.timedelta64(0)]
    return len(moved) > 0 and bool((moved < np.timedelta64(0)).mean() > _MOSTLY)


def _backwards(path: Path, part: _FilePart) -> _FilePart:
    """Return the rows of a file from its last one to its first."""
    part.raw.notes.append(f"{path}: the newest row is the first one; it is read from its end")
    return replace(
        part,
        times=part.times[::-1],
        zones=None if part.zones is None else part.zones[::-1],
        values=part.values[::-1],
        lines=part.lines[::-1],
        series=None if part.series is None else part.series[::-1],
        groups=part.groups[::-1],
    )


class _RowCounter:
    """Reports how many rows are read, of how many that the size of the file suggests."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self._progress = progress
        self._bytes = path.stat().st_size
        self._done, self._row_bytes = 0, 0.0

    def add(self, chunk: Chunk) -> None:
        """Count the rows of a chunk."""
        rows = chunk[1]
        self._done += len(rows)
        if self._progress is None:
            return
        if not self._row_bytes:
            some = rows[:_EXAMPLE_ROWS]
            self._row_bytes = sum(len(",".join(row)) + 1 for row in some) / len(some)
        last = len(rows) < CHUNK_ROWS
        total = self._done if last else round(self._bytes / self._row_bytes)
        self._progress(self._done, max(self._done, total))


class _ChunkReader:
    """Turns chunks of rows into arrays.

    Attributes:
        seen: names of quantities in the long format.
        outside: per input, values outside the valid range.
    """

    def __init__(
        self, *, path: Path, raw: RawTable, rule: TimeRule, data: SeriesData, groups: dict[str, int]
    ) -> None:
        self._path, self._raw, self._rule, self._data = path, raw, rule, data
        self._groups = groups
        self._first: tuple[bool, str, str] | None = None
        self._other = other_group(raw.header, data)
        self._others: set[str] = set()
        missing = MISSING | {text.strip().lower() for text in data.missing_texts}
        self._rules = [
            NumberRule(
                name=name,
                decimal=data.decimal,
                thousands=data.thousands,
                missing=missing,
                sentinels=(*data.sentinels, *data.column_sentinels.get(name, ())),
                valid=data.valid_ranges.get(name),
            )
            for name in data.columns
        ]
        self._column = {name: column for column, name in enumerate(data.columns)}
        self.seen: set[str] = set()
        self.outside = np.zeros(len(data.columns), np.int64)

    def read(self, chunk: Chunk, places: Sequence[int]) -> _Arrays:
        """Read times, zones, values, line numbers, quantities and groups of a chunk."""
        numbers, rows = chunk
        if self._data.series:
            names = [column_name(row[places[-2]]) for row in rows]
            self.seen.update(names)
            ours = [name in self._column for name in names]
            numbers, rows = list(compress(numbers, ours)), list(compress(rows, ours))
            if not rows:
                return self._nothing()
        texts = [list(map(itemgetter(at), rows)) for at in places]

        def place(row: int) -> str:
            return f"{self._path}, {self._raw.place} {numbers[row]}"

        count = len(self._rule.columns)
        try:
            times, zones = read_stamps(texts[:count], self._rule, place)
        except DataError as error:
            hint = split_time(self._raw.header, rows[:1]) if count == 1 else ""
            hint = self._units(texts[:count]) or hint
            raise DataError(f"{error}; {hint}" if hint else str(error)) from None
        self._look_for_groups(rows)
        self._require_same_zones(zones is not None, texts[0][0], place(0))
        codes = np.zeros(len(rows), np.int32)
        if self._data.group:
            found = (text.strip() for text in texts[count])
            codes[:] = [self._groups.setdefault(name, len(self._groups)) for name in found]
            count += 1
        if self._data.series:
            series, values = self._readings(texts[-2], texts[-1], place)
        else:
            series = np.zeros(0, np.int16)
            values = self._columns(texts[count:], place)
        return times, zones, values, np.array(numbers, np.int64), series, codes

    def _units(self, texts: Sequence[Sequence[str]]) -> str:
        """Say that the first lines hold no data, if a later one does; empty otherwise."""
        if self._first is not None or self._raw.place != "line":
            return ""
        for count in range(min(_UNIT_LINES + 1, len(texts[0]))):
            if self._rule.time_of([column[count] for column in texts]) is not None:
                break
        else:
            return ""
        if not count:
            return ""
        lines = "line below the header holds" if count == 1 else f"{count} lines below it hold"
        return f"if the {lines} units, set [data] skip_lines = {count}"

    def _look_for_groups(self, rows: Sequence[Sequence[str]]) -> None:
        """Note a column that seems to tell series apart, once it has two values."""
        if not self._other or len(self._others) > 1:
            return
        at = self._raw.header.index(self._other)
        self._others |= {row[at].strip() for row in rows} - {""}
        if 1 < len(self._others) <= _EXAMPLE_ROWS and len(self._others) * 4 < len(rows):
            shown = ", ".join(sorted(self._others)[:3])
            self._raw.notes.append(
                f"{self._path}: the column {self._other!r} has {len(self._others)} values, e.g. "
                f'{shown}; if each is a series of its own, set [data] group = "{self._other}"'
            )

    def _nothing(self) -> _Arrays:
        rows = np.zeros(0, np.int64)
        zoned = self._first is not None and self._first[0]
        times, zones = rows.astype("datetime64[us]"), rows if zoned else None
        values = np.zeros((0, 1))
        return times, zones, values, rows, rows.astype(np.int16), rows.astype(np.int32)

    def _require_same_zones(self, zoned: bool, text: str, place: str) -> None:  # noqa: FBT001
        if self._first is None:
            self._first = zoned, text, place
        elif self._first[0] != zoned:
            raise mixed_zones((self._first[1], self._first[2]), (text, place), zoned=not zoned)

    def _columns(
        self, texts: Sequence[list[str]], place: Callable[[int], str]
    ) -> npt.NDArray[np.float64]:
        values = np.empty((len(texts[0]), len(texts)))
        for column, (rule, found) in enumerate(zip(self._rules, texts, strict=True)):
            values[:, column], outside = read_numbers(found, rule, place)
            self.outside[column] += outside
        return values

    def _readings(
        self, names: list[str], texts: list[str], place: Callable[[int], str]
    ) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float64]]:
        """Read the quantity and the value of each row of the long format."""
        series = np.array([self._column[column_name(name)] for name in names], np.int16)
        values = np.empty((len(names), 1))
        for column, rule in enumerate(self._rules):
            rows = np.flatnonzero(series == column)
            if len(rows):
                found = [texts[row] for row in rows.tolist()]

                def origin(at: int, rows: npt.NDArray[np.int64] = rows) -> str:
                    return place(int(rows[at]))

                values[rows, 0], outside = read_numbers(found, rule, origin)
                self.outside[column] += outside
        return series, values


def _index(path: Path, raw: RawTable, name: str) -> int:
    count = raw.header.count(name)
    if not count:
        _, rows = next(raw.chunks, ((), ()))
        raise DataError(f"{path}: {unknown_column(raw.header, rows[:_EXAMPLE_ROWS], name)}")
    if count > 1:
        raise DataError(f"{path}: the column {name!r} occurs {count} times; keep one")
    return raw.header.index(name)


def _joined(
    path: Path, files: tuple[Path, ...], parts: list[_FilePart], groups: dict[str, int]
) -> SeriesTable:
    """Put the rows of all files behind one another, in the order of their first times."""
    zoned = [part.zones is not None for part in parts]
    if len(set(zoned)) > 1:
        raise DataError(
            f"{path}: the times of {files[zoned.index(True)].name} have zones, those of "
            f"{files[zoned.index(False)].name} have none; write all with a zone, or all without"
        )
    rows = [len(part.times) for part in parts]
    count = len(groups)
    return SeriesTable(
        path=path,
        files=files,
        header=parts[0].raw.header,
        example=parts[0].example,
        place_word=parts[0].raw.place,
        times=np.concatenate([part.times for part in parts]),
        zones=np.concatenate([p.zones for p in parts if p.zones is not None]) if zoned[0] else None,
        values=np.concatenate([part.values for part in parts]),
        lines=np.concatenate([part.lines for part in parts]),
        file_of=np.repeat(np.arange(len(parts), dtype=np.int32), rows),
        groups=np.concatenate([part.groups for part in parts]),
        group_names=tuple(groups) if count else ("",),
        outside=tuple(np.sum([part.outside for part in parts], axis=0).tolist()),
        notes=tuple(note for part in parts for note in part.raw.notes),
    )


def _by_group(
    table: SeriesTable, codes: npt.NDArray[np.int16] | None, raw: RawTable, data: SeriesData
) -> tuple[SeriesTable, npt.NDArray[np.int16] | None]:
    """Sort the rows by group; and by time where their order means nothing."""
    unsorted = not raw.ordered or bool(data.resample)
    if unsorted:
        order = np.lexsort((table.times, table.groups))
    elif (np.diff(table.groups) < 0).any():
        order = np.argsort(table.groups, kind="stable")
    else:
        return table, codes
    return table.rows(order), None if codes is None else codes[order]


def _in_zone(table: SeriesTable, codes: npt.NDArray[np.int16] | None, name: str) -> SeriesTable:
    """Read times without a zone by a zone's clock; show those with one by that clock."""
    zone = find_zone(name)
    if table.zones is not None:
        return replace(table, zones=zones_at(table.times, zone))
    times, zones = table.times.copy(), np.zeros(len(table.times), np.int64)
    for rows in _series_rows(table.groups, codes):
        here = table.rows(rows)
        times[rows], zones[rows] = to_utc(here.times, zone, here.place)
    return replace(table, times=times, zones=zones)


def _series_rows(
    groups: npt.NDArray[np.int32], codes: npt.NDArray[np.int16] | None
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of each clock: of each quantity of each group."""
    whole = groups.astype(np.int64) if codes is None else groups.astype(np.int64) * 4096 + codes
    for code in np.unique(whole):
        yield np.flatnonzero(whole == code)


def told(notes: Sequence[str]) -> str:
    """Append what was left out of a file to an error about it."""
    return "".join(f"; {note}" for note in notes)
