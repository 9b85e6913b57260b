"""Read chosen columns of a CSV file: times and numbers, each problem with its line number."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motefit.spec.codec import nearest
from motefit.spec.errors import DataError

Times = npt.NDArray[np.datetime64]
Reader = Any  # what csv.reader returns has no public name before Python 3.13
_DELIMITERS = ",;\t"
_EXAMPLE = datetime(2009, 1, 31, 13, 50, tzinfo=UTC)
_DIRECTIVE_DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}


@dataclass(frozen=True, kw_only=True, eq=False)
class CsvTable:
    """The chosen columns of a CSV file, row by row in file order.

    Attributes:
        path: of the file; names it in errors.
        times: datetime64[s] (rows,).
        zones: int64 (rows,), seconds that each row's clock is ahead of UTC; None if the file states
            no zone.
        values: float64 (rows, columns); NaN where a field is empty, "NaN", "NA" or "null".
        lines: int64 (rows,), line number of each row in the file, from 1.
    """

    path: Path
    times: Times
    zones: npt.NDArray[np.int64] | None
    values: npt.NDArray[np.float64]
    lines: npt.NDArray[np.int64]

    def rows(self, chosen: npt.NDArray[np.bool_]) -> "CsvTable":
        """Return the table of some rows: where ``chosen`` (rows,) is true."""
        return CsvTable(
            path=self.path,
            times=self.times[chosen],
            zones=None if self.zones is None else self.zones[chosen],
            values=self.values[chosen],
            lines=self.lines[chosen],
        )


def read_table(path: Path, *, time: str, time_format: str, columns: Sequence[str]) -> CsvTable:
    """Read a time column and number columns of a CSV file with a header line.

    The delimiter is a comma, a semicolon or a tab, whichever the header uses; the text is UTF-8 or
    Latin-1; blank lines are ignored.

    Args:
        path: of the file.
        time: name of the time column.
        time_format: ``strptime`` format of times; empty means ISO 8601. Times with a zone become
            UTC, times without one stay as they are; a file must not mix both kinds.
        columns: names of the number columns.

    Raises:
        DataError: for anything that cannot be read, with file, line number, what was found and what
            to do.
    """
    lines = list(io.StringIO(_text(path), newline=None))
    header_at = next((i for i, line in enumerate(lines) if line.strip()), None)
    if header_at is None:
        raise DataError(f"{path}: the file is empty; expected a header line and rows below it")
    delimiter = _delimiter(lines[header_at], time)
    reader = csv.reader(islice(lines, header_at, None), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        wanted = [_index(path, header, name) for name in (time, *columns)]
        texts, numbers = _fields(path, reader, len(header), wanted, header_at)
    except csv.Error as error:
        line = header_at + reader.line_num
        raise DataError(f"{path}, line {line}: not a CSV row ({error})") from None
    if not numbers:
        raise DataError(f"{path}: there is a header, but no rows")
    values = np.empty((len(numbers), len(columns)))
    for column, name in enumerate(columns):
        values[:, column] = _floats(path, name, texts[column + 1], numbers)
    times, zones = _times(path, texts[0], time_format, numbers)
    lines_read = np.array(numbers, np.int64)
    return CsvTable(path=path, times=times, zones=zones, values=values, lines=lines_read)


def _fields(
    path: Path, reader: Reader, width: int, wanted: Sequence[int], lines_before: int
) -> tuple[list[list[str]], list[int]]:
    """Read the texts of each wanted column, and the line number of each row."""
    texts: list[list[str]] = [[] for _ in wanted]
    columns = list(zip(texts, wanted, strict=True))
    numbers: list[int] = []
    for row in reader:
        if len(row) != width:
            if not row:
                continue
            raise DataError(
                f"{path}, line {lines_before + reader.line_num}: {len(row)} fields, but the "
                f"header has {width}; correct or remove the line"
            )
        for column, index in columns:
            column.append(row[index])
        numbers.append(lines_before + reader.line_num)
    return texts, numbers


def _text(path: Path) -> str:
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give a CSV file")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; give a CSV file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if b"\0" in content:
        raise DataError(f"{path}: is not a text file (starts with {content[:8]!r}); give a CSV")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _delimiter(header: str, time: str) -> str:
    """Choose the delimiter that isolates the time column, else the most frequent one."""
    for delimiter in _DELIMITERS:
        names = next(csv.reader([header], delimiter=delimiter))
        if len(names) > 1 and time in (name.strip() for name in names):
            return delimiter
    return max(_DELIMITERS, key=header.count)


def _index(path: Path, header: list[str], name: str) -> int:
    if name not in header:
        raise DataError(
            f"{path}: there is no column {name!r}{nearest(name, header)}; "
            f"available columns: {', '.join(header)}"
        )
    if header.count(name) > 1:
        raise DataError(f"{path}: the column {name!r} occurs {header.count(name)} times; keep one")
    return header.index(name)


def _floats(path: Path, name: str, texts: list[str], numbers: list[int]) -> npt.NDArray[np.float64]:
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        values = np.array(
            [_float(path, name, text, line) for text, line in zip(texts, numbers, strict=True)]
        )
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise _not_a_number(path, name, texts[infinite[0]], numbers[infinite[0]])
    return values


def _float(path: Path, name: str, text: str, line: int) -> float:
    if text.strip().lower() in {"", "na", "null", "none"}:
        return np.nan
    try:
        return float(text)
    except ValueError:
        raise _not_a_number(path, name, text, line) from None


def _not_a_number(path: Path, name: str, text: str, line: int) -> DataError:
    return DataError(
        f"{path}, line {line}: {text!r} in the column {name!r} is not a finite number; write "
        "numbers with a decimal point, and missing values as an empty field, NaN or a sentinel "
        "named in [data] sentinels"
    )


def parse_time(text: str, time_format: str) -> datetime:
    """Read one time by a ``strptime`` format, or as ISO 8601 if that is empty.

    Raises:
        ValueError: for any other form.
    """
    if time_format:
        return datetime.strptime(text.strip(), time_format)  # noqa: DTZ007 - a zone is optional
    return datetime.fromisoformat(text.strip())


def _times(
    path: Path, texts: list[str], time_format: str, numbers: list[int]
) -> tuple[Times, npt.NDArray[np.int64] | None]:
    """Convert times with a zone to UTC, leave others as they are; and return the zones."""
    if time_format and (fast := _fixed_width_times(texts, time_format)) is not None:
        return fast, None
    stamps: list[datetime] = []
    for text, line in zip(texts, numbers, strict=True):
        try:
            stamps.append(parse_time(text, time_format))
        except ValueError:
            wanted = f"the format {time_format!r}" if time_format else "ISO 8601"
            example = _EXAMPLE.strftime(time_format or "%Y-%m-%d %H:%M:%S")
            raise DataError(
                f"{path}, line {line}: the time {text!r} is not in {wanted} (example: {example}); "
                "correct the line or [data] time_format"
            ) from None
    offsets = [stamp.utcoffset() for stamp in stamps]
    zoned = offsets[0] is not None
    odd = next((i for i, offset in enumerate(offsets) if (offset is not None) != zoned), None)
    if odd is not None:
        first, other = ("a zone", "none") if zoned else ("no zone", "one")
        raise DataError(
            f"{path}, line {numbers[odd]}: the time {texts[0]!r} of line {numbers[0]} has {first}, "
            f"{texts[odd]!r} has {other}; write all times with a zone, or all without"
        )
    clock = np.array([stamp.replace(tzinfo=None) for stamp in stamps], "datetime64[s]")
    if not zoned:
        return clock, None
    zones = np.array([round(o.total_seconds()) for o in offsets if o is not None], np.int64)
    return clock - zones.astype("timedelta64[s]"), zones


def _fixed_width_times(texts: list[str], time_format: str) -> Times | None:
    """Parse all times at once; None unless each text fits the format digit by digit.

    20 times faster than ``strptime``, which then handles (or rejects) everything else.
    """
    slots = _slots(time_format)
    if slots is None:
        return None
    fields, literals, width = slots
    if any(len(text) != width or not text.isascii() for text in texts):
        return None
    characters = np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), width)
    if any((characters[:, at] != ord(c)).any() for at, c in literals.items()):
        return None
    number: dict[str, npt.NDArray[np.int64]] = {}
    for name, at in fields.items():
        digits = characters[:, at : at + _DIRECTIVE_DIGITS[name]].astype(np.int64) - ord("0")
        if ((digits < 0) | (digits > 9)).any():
            return None
        number[name] = digits @ 10 ** np.arange(digits.shape[1])[::-1]
    months = (number["Y"] - 1970) * 12 + number["m"] - 1
    month = months.astype("datetime64[M]")
    day = month.astype("datetime64[D]") + (number["d"] - 1)
    hour, minute, second = (number.get(k, np.zeros(len(texts), np.int64)) for k in "HMS")
    in_range = (number["m"] >= 1) & (number["m"] <= 12) & (number["d"] >= 1) & (number["Y"] >= 1)
    in_range &= (day.astype("datetime64[M]") == month) & (hour < 24) & (minute < 60) & (second < 60)
    if not in_range.all():
        return None
    seconds = hour * 3600 + minute * 60 + second
    return np.asarray(day.astype("datetime64[s]") + seconds)


def _slots(time_format: str) -> tuple[dict[str, int], dict[int, str], int] | None:
    """Find the start of each directive, the literal characters and the width; None if unusual."""
    fields: dict[str, int] = {}
    literals: dict[int, str] = {}
    at, characters = 0, iter(time_format)
    for character in characters:
        if character != "%":
            literals[at] = character
            at += 1
            continue
        name = next(characters, "")
        if name not in _DIRECTIVE_DIGITS or name in fields:
            return None
        fields[name] = at
        at += _DIRECTIVE_DIGITS[name]
    return (fields, literals, at) if {"Y", "m", "d"} <= set(fields) else None
