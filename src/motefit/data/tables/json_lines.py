"""JSON lines: an object per line; also one JSON list of objects."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from motefit.data.tables import FORMS, Form, RawTable, Wanted, chunked
from motefit.data.text_files import text_lines
from motefit.spec.codec import unique_keys
from motefit.spec.column_names import column_name
from motefit.spec.errors import DataError

_LOOK_AHEAD = 1000
"""Objects whose keys make the header."""
_MANY = 100
"""Keys, or characters of a list, of a file's only object from which on it holds more than a row."""
_HELP = "write one object per line, or one list of objects (jq -c '.data[]' makes lines of a list)"
_ONE_OBJECT = f"the file seems to be one object for all rows; {_HELP}"
_MANY_VALUES = "several values in a line; write one object per line: jq -c . FILE"
_STARTS = re.compile(rb"\{\s*(\"|\}|\Z)|\[\s*([\[{\]\"tfn-]|\Z|\d+(\.\d+)?\s*[,\]])")
"""An object, or a list; not the time in brackets of a log, nor the braces of RTF."""
_BLANK = b"\xef\xbb\xbf\xff\xfe \t\r\n"
"""Byte order marks and white space; zero bytes are those of UTF-16."""


def open_json(path: Path, wanted: Wanted) -> RawTable:
    """Open a file of JSON objects; nested ones have keys with dots, as ``sensor.t``.

    An object per line, one list of objects, or a list of such lists, as Home Assistant's history
    is.

    Raises:
        DataError: for a line that is no JSON object.
    """
    del wanted
    notes: list[str] = []
    lines = text_lines(path, notes)
    objects = _objects(path, lines)
    first = list(islice(objects, _LOOK_AHEAD))
    header = tuple(dict.fromkeys(key for _, found in first for key in found))
    if not header:
        raise DataError(f"{path}: the file is empty; expected a JSON object per line")
    if len(first) == 1 and _holds_table(first[0][1]):
        raise DataError(f"{path}: {_one_object(first[0][1])}")

    def rows() -> Iterator[tuple[int, Sequence[str]]]:
        for line, found in chain(first, objects):
            yield line, [found.get(name, "") for name in header]

    return RawTable(header=header, chunks=chunked(rows()), notes=notes)


def _holds_table(row: Mapping[str, str]) -> bool:
    """Tell whether an object seems to be a whole table instead of a row."""
    lists = (text for text in row.values() if text.startswith("["))
    return len(row) > _MANY or any(len(text) > _MANY for text in lists)


def _one_object(row: Mapping[str, str]) -> str:
    """Say that an object holds the whole table, and where, if a list of objects is in it."""
    places = [name for name, text in row.items() if text.startswith("[{")]
    if not places:
        return _ONE_OBJECT
    return f"the rows are in {places[0]!r} of one object; jq -c '.{places[0]}[]' makes lines of it"


def _objects(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, dict[str, str]]]:
    first = True
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if first and line.lstrip().startswith("["):
            yield from _list(path, line + "".join(lines))
            return
        if first and line.strip() == "{":
            raise DataError(f"{path}, line {number}: {_ONE_OBJECT}")
        first = False
        yield number, _object(path, f"line {number}", _parsed(path, f"line {number}", line))


def _list(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    found = _parsed(path, "line 1", text)
    if found and all(isinstance(item, list) for item in found):
        found = chain.from_iterable(found)
    for number, item in enumerate(found, 1):
        yield number, _object(path, f"object {number}", item)


def _parsed(path: Path, place: str, text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text, parse_float=str, parse_int=str, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        if getattr(error, "msg", "") == "Extra data":
            raise DataError(f"{path}, {place}: {_MANY_VALUES}") from None
        raise DataError(f"{path}, {place}: not JSON ({error}); correct or remove it") from None


def _object(path: Path, place: str, found: object) -> dict[str, str]:
    if not isinstance(found, Mapping):
        raise DataError(
            f"{path}, {place}: expected a JSON object per row, got {str(found)[:40]!r}; {_HELP}"
        )
    flat: dict[str, str] = {}
    for key, value in found.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{k}": text for k, text in _object(path, place, value).items()}
        elif value is None:
            flat[column_name(key)] = ""
        else:
            flat[column_name(key)] = str(value)
    return flat


FORMS.register(
    "JSON lines",
    Form(
        starts=lambda head: bool(_STARTS.match(head[:200].replace(b"\0", b"").lstrip(_BLANK))),
        open=open_json,
    ),
)
