"""JSON lines: an object per line; also one JSON list of objects."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from motefit.data.tables import FORMS, Form, RawTable, Wanted, chunked
from motefit.data.text_files import text_lines
from motefit.spec.errors import DataError

_LOOK_AHEAD = 1000
"""Objects whose keys make the header."""
_BLANK = b"\xef\xbb\xbf\xff\xfe \t\r\n"
"""Byte order marks and white space; zero bytes are those of UTF-16."""


def open_json(path: Path, wanted: Wanted) -> RawTable:
    """Open a file of JSON objects; nested ones have keys with dots, as ``sensor.t``.

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

    def rows() -> Iterator[tuple[int, Sequence[str]]]:
        for line, found in chain(first, objects):
            yield line, [found.get(name, "") for name in header]

    return RawTable(header=header, chunks=chunked(rows()), notes=notes)


def _objects(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if number == 1 and line.lstrip().startswith("["):
            yield from _list(path, line + "".join(lines))
            return
        yield number, _object(path, f"line {number}", _parsed(path, f"line {number}", line))


def _list(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for number, found in enumerate(_parsed(path, "line 1", text), 1):
        yield number, _object(path, f"object {number}", found)


def _parsed(path: Path, place: str, text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}, {place}: not JSON ({error}); correct or remove it") from None


def _object(path: Path, place: str, found: object) -> dict[str, str]:
    if not isinstance(found, Mapping):
        raise DataError(f"{path}, {place}: expected a JSON object, got {str(found)[:40]!r}")
    flat: dict[str, str] = {}
    for key, value in found.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{k}": text for k, text in _object(path, place, value).items()}
        elif value is None:
            flat[str(key).strip()] = ""
        else:
            flat[str(key).strip()] = str(value)
    return flat


FORMS.register(
    "JSON lines",
    Form(
        starts=lambda head: head[:200].replace(b"\0", b"").lstrip(_BLANK).startswith((b"{", b"[")),
        open=open_json,
    ),
)
