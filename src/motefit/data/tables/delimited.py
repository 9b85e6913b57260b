"""CSV and its relatives: any separator, header below comments, R row names, power cuts."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from motefit.data import csv_rows
from motefit.data.tables import (
    CHUNK_ROWS,
    FALLBACK,
    FORMS,
    Chunk,
    Form,
    RawTable,
    Wanted,
)
from motefit.data.text_files import text_lines
from motefit.spec.column_names import column_name
from motefit.spec.errors import DataError

CsvReader = Any  # what csv.reader returns has no public name before Python 3.13
SEPARATORS = f"{csv_rows.SEPARATORS} "
"""The last one only where no other isolates the named columns, as R's ``write.table`` does."""
_HEADER_LINES = 60
"""Lines among which the header is looked for."""
ROW_NAME = "row name"
"""Column that R writes without a name."""
_ANNOTATIONS = ("#group", "#datatype", "#default")
"""Lines that InfluxDB puts above each header."""


def open_delimited(path: Path, wanted: Wanted) -> RawTable:
    """Open a text file of fields with separators, below a header line.

    The header is the first of 60 lines that has every wanted column, else the first line that is
    not blank. A line ``sep=;`` names the separator. A header that is one name short is R's: the
    first column holds row names. Empty fields beyond the header are dropped. A later line with
    every wanted column is the header of the rows below it, whose columns may have another order.

    Raises:
        DataError: for an empty file, or a row whose fields do not fit the header.
    """
    notes: list[str] = []
    lines = text_lines(path, notes)
    first = list(islice(lines, _HEADER_LINES))
    at, separator = _find_header(path, first, wanted)
    start = first[at:]
    start[0] = start[0].lstrip("#") if not _fits(start[0], separator, wanted) else start[0]
    reader = csv.reader(
        chain(start, lines), delimiter=separator, skipinitialspace=True, strict=True
    )
    body = _Body(path, reader, wanted, lines_before=at, notes=notes)
    header = body.header
    body.skip(wanted.skip_lines)
    opening = body.some(1)
    if (
        opening[1]
        and len(opening[1][0]) == len(header) + 1
        and _has_row_names(header, opening[1], wanted)
    ):
        header = body.header = body.current = (ROW_NAME, *header)
    return RawTable(header=header, chunks=body.chunks(opening), notes=notes)


class _Body:
    """Rows below the header of a file, fitted to it.

    Attributes:
        header: names of the columns.
        current: names of the columns of the rows that are being read; another order or other
            columns than the header's only below a later header.
    """

    def __init__(
        self,
        path: Path,
        reader: CsvReader,
        wanted: Wanted,
        *,
        lines_before: int,
        notes: list[str],
    ) -> None:
        self._path, self._reader, self._before, self._notes = path, reader, lines_before, notes
        self._wanted = wanted
        self._repeated = self._comments = self._good = 0
        with self._named():
            self.header = tuple(map(column_name, next(reader, [])))
        self.current = self.header

    def skip(self, count: int) -> None:
        """Drop rows that are no data."""
        with self._named():
            for _ in islice(self._reader, count):
                pass

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the line that is no row of a table.

        Yields:
            Once.
        """
        try:
            yield
        except csv.Error as error:
            line = self._before + self._reader.line_num
            remedy = "correct the line"
            if "unexpected end" in str(error):
                remedy = (
                    f"a quotation mark in or after line {self._before + self._good + 1} is never "
                    'closed: remove it, or write two ("")'
                )
            raise DataError(
                f"{self._path}, line {line}: not a CSV row ({error}); {remedy}"
            ) from None

    def some(self, count: int) -> tuple[list[int], list[list[str]]]:
        """Read rows that are not blank, as they are written, with the numbers of their lines."""
        reader, before = self._reader, self._before
        numbers: list[int] = []
        rows: list[list[str]] = []
        with self._named():
            for row in reader:
                self._good = reader.line_num
                if row:
                    rows.append(row)
                    numbers.append(before + reader.line_num)
                    if len(rows) == count:
                        break
        return numbers, rows

    def chunks(self, start: tuple[list[int], list[list[str]]]) -> Iterator[Chunk]:
        """Yield chunks of fitted rows, the first rows being read already."""
        numbers, rows = start
        while rows:
            more = self.some(CHUNK_ROWS - len(rows))
            found = self._fitted([*numbers, *more[0]], [*rows, *more[1]])
            if found[1]:
                yield found
            numbers, rows = self.some(1)
        for count, what in (
            (self._repeated, "repeat the header"),
            (self._comments, "start with #"),
        ):
            if count:
                self._notes.append(f"{self._path}: {count} lines that {what} are left out")

    def _fitted(self, numbers: list[int], rows: list[list[str]]) -> Chunk:
        """Give all rows the header's columns, and leave out headers, annotations and comments."""
        width, time, last = len(self.header), self._wanted.time[0], self.header[-1]
        if self.current == self.header and all(
            len(row) == width
            and row[-1] != last
            and row[0][:1] not in {"", "#"}
            and time not in row
            for row in rows
        ):
            return numbers, rows
        kept: tuple[list[int], list[list[str]]] = [], []
        for number, row in zip(numbers, rows, strict=True):
            if row[0].startswith(_ANNOTATIONS) or not any(map(str.strip, row)):
                continue
            if self._starts_table(number, row):
                continue
            timed = self.current[0] in self._wanted.time  # and no time starts with #
            if row[0].startswith("#") and (timed or len(row) != len(self.current)):
                self._comments += 1
                continue
            fitted = row
            if len(row) != len(self.current):
                fitted = _fitted(self._path, number, row, self.current)
            if self.current != self.header:
                by_name = dict(zip(self.current, fitted, strict=True))
                fitted = [by_name.get(name, "") for name in self.header]
            kept[0].append(number)
            kept[1].append(fitted)
        return kept

    def _starts_table(self, number: int, row: list[str]) -> bool:
        """Tell whether a row is a header, and use it for the rows below."""
        names = tuple(map(column_name, row))
        unnamed = self.header[0] == ROW_NAME and names == self.header[1:]
        while len(names) > len(self.header) and not names[-1]:
            names = names[:-1]
        if unnamed or names == self.header:
            self._repeated += 1
            self.current = self.header
            return True
        if not self._wanted.columns or not set(self._wanted.columns) <= set(names):
            if set(self._wanted.time) <= set(names):
                lacking = [n for n in self._wanted.columns if n not in names]
                raise DataError(
                    f"{self._path}, line {number}: another table begins, without the column "
                    f"{lacking[0]!r}; write it to a file of its own"
                )
            return False
        twice = next((name for name in self._wanted.columns if names.count(name) > 1), None)
        if twice is not None:
            raise DataError(
                f"{self._path}, line {number}: the column {twice!r} occurs "
                f"{names.count(twice)} times; keep one"
            )
        self._notes.append(
            f"{self._path}, line {number}: another header; the rows below it are read by it"
        )
        self.current = names
        return True


def _find_header(path: Path, first: list[str], wanted: Wanted) -> tuple[int, str]:
    """Find the header's index and the separator."""
    separator = wanted.separator
    for at, line in enumerate(first):
        if stated := csv_rows.stated_separator(line):
            separator = separator or stated
            continue
        for candidate in separator or SEPARATORS:
            if _fits(line, candidate, wanted) or _fits(line.lstrip("#"), candidate, wanted):
                return at, candidate
    lines = [i for i, line in enumerate(first) if _is_header(line)]
    if not lines:
        raise DataError(f"{path}: the file is empty; expected a header line and rows below it")
    at = _likely_header(first, lines, separator, wanted)
    return at, separator or _frequent(first[at], wanted)


def _likely_header(first: list[str], lines: list[int], separator: str, wanted: Wanted) -> int:
    """Choose the header where no line has every wanted column.

    The one with the time, and with most of them; else the first one that has as many fields as most
    lines have, or one fewer, as R writes it; else the first one.
    """

    def known(at: int) -> tuple[bool, int]:
        found = (set(_names(first[at], mark)) & set(wanted.columns) for mark in SEPARATORS)
        return max((not names.isdisjoint(wanted.time), len(names)) for names in found)

    best = max(lines, key=known)
    if any(known(best)):
        return best
    fitting = []
    for mark in separator or SEPARATORS.rstrip():
        widths = {at: len(_names(first[at], mark)) for at in lines}
        usual, count = Counter(widths.values()).most_common(1)[0]
        if usual > 1 and 2 * count > len(lines):
            fitting.append(
                (count, {at for at in lines if widths[at] in {usual, max(usual - 1, 2)}})
            )
    return min(max(fitting, key=itemgetter(0))[1]) if fitting else lines[0]


def _is_header(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.lower().strip('"').startswith(("sep=", *_ANNOTATIONS))


def _fits(line: str, separator: str, wanted: Wanted) -> bool:
    """Tell whether a line has every wanted column."""
    if separator not in line:
        return False
    return set(wanted.columns) <= set(_names(line, separator))


def _names(line: str, separator: str) -> list[str]:
    reader = csv.reader([line], delimiter=separator, skipinitialspace=True)
    try:
        return list(map(column_name, next(reader, [])))
    except csv.Error:  # no header: one of its fields is too long
        return []


def _frequent(header: str, wanted: Wanted) -> str:
    """Choose the separator that isolates a wanted column, else the most frequent one."""
    isolating = (
        separator
        for separator in SEPARATORS
        if len(names := _names(header, separator)) > 1 and set(names) & set(wanted.columns)
    )
    return next(isolating, None) or csv_rows.separator_of(header)


def _has_row_names(header: tuple[str, ...], start: list[list[str]], wanted: Wanted) -> bool:
    """Tell whether the first field has no name: the times are then right, or later (epochs)."""
    row = start[0]
    if not set(wanted.time) <= set(header):
        return bool(row[-1].strip())
    places = [header.index(name) for name in wanted.time]
    shifted, plain = ([row[place + shift] for place in places] for shift in (1, 0))
    named, unnamed = wanted.time_of(plain), wanted.time_of(shifted)
    return unnamed is not None and (named is None or bool(unnamed > named))


def _fitted(path: Path, line: int, row: list[str], header: tuple[str, ...]) -> list[str]:
    """Drop empty fields behind the last column, or add those that a trailing separator names."""
    width = len(header)
    if len(row) > width and not any(text.strip() for text in row[width:]):
        return row[:width]
    if len(row) < width and not any(header[len(row) :]):
        return [*row, *[""] * (width - len(row))]
    remedy = "correct or remove the line"
    if len(row) > width and all(map(str.isdigit, row[-2:])):
        remedy += '; if the comma is a decimal one, put ";" between the fields, or quote numbers'
    raise DataError(f"{path}, line {line}: {len(row)} fields, but the header has {width}; {remedy}")


FORMS.register(FALLBACK, Form(starts=lambda _: False, open=open_delimited))
