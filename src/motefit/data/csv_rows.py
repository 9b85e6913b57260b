"""Rows of small CSV tables whose header names the columns; what separates fields, and numbers."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from motefit.data.text_files import text_lines
from motefit.spec.errors import DataError

SEPARATORS = "\t;|,"
_QUOTED = re.compile(r'"[^"]*"')


def separator_of(line: str) -> str:
    """Return what separates the fields of a line: what makes most of them, else a comma.

    A comma within quotation marks, or beside as many others, separates nothing.

    >>> separator_of("path;label"), separator_of('path,"a;b;c;d"'), separator_of("1,25;1,80;up")
    (';', ',', ';')
    """
    outside = _QUOTED.sub("", line)
    best = max(SEPARATORS, key=outside.count)
    return best if best in outside else ","


def stated_separator(line: str) -> str:
    r"""Return the separator that a spreadsheet's first line states; empty if it is another line.

    >>> stated_separator("sep=;\n"), stated_separator('"sep=,"'), stated_separator("sep=\t\n")
    (';', ',', '\t')
    >>> stated_separator("separator,label")
    ''
    """
    text = line.rstrip("\r\n").strip(' "')
    if text.lower().strip() == "sep=":
        return "\t"
    return text[4:] if text.lower().startswith("sep=") and len(text) == 5 else ""


def csv_rows(path: Path, *, once: Collection[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Read the numbered rows of a table; the header says which separator it has.

    Args:
        path: of the table.
        once: columns, in lower case, that must not occur twice.

    Yields:
        Line number, and the values by column.

    Raises:
        DataError: for a file that is no table, or a column that occurs twice.
    """
    text = "".join(text_lines(path, []))
    header, _, rest = text.partition("\n")
    before, separator = 1, stated_separator(header)
    if separator and rest:
        header, text, before = rest.partition("\n")[0], rest, 2
    separator = separator or separator_of(header)
    # Tabs as Common Voice writes them: quotation marks are part of a sentence.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    file = io.StringIO(text, newline="")
    reader = csv.DictReader(file, delimiter=separator, quoting=quoting,
                            skipinitialspace=separator != "\t")  # fmt: skip
    names = [str(name).strip() for name in reader.fieldnames or ()]
    if twice := next((n for n in names if names.count(n) > 1 and n.casefold() in once), ""):
        raise DataError(f"{path}: the column {twice!r} occurs {names.count(twice)} times; keep one")
    try:
        for row in reader:
            found = {str(k).strip(): v or "" for k, v in row.items() if k is not None}
            yield reader.line_num + before - 1, found
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num + before - 1}: {error}") from None


def text_of(value: object) -> str:
    """Return the value of a field as text; empty for none."""
    return "" if value is None else str(value).strip()


def number_of(text: str) -> float:
    """Return a number with a decimal point or comma.

    >>> number_of("1,25"), number_of("0.5")
    (1.25, 0.5)

    Raises:
        ValueError: for anything else.
    """
    return float(text.strip().replace(",", "."))
