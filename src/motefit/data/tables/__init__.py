"""Forms of tables: one file a form, each turning a file into rows of text.

A form opens a file and gives its column names and an iterator of rows; numbers and times are read
from the texts by one code for all forms, :mod:`motefit.data.table_reader`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from motefit.data.text_files import COMPRESSED, UNPACKING, open_bytes, unreadable
from motefit.spec.errors import DataError
from motefit.spec.lfs_pointer import is_pointer, pointer_message
from motefit.spec.registry import Registry

SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".dat", ".log", ".jsonl", ".ndjson", ".json"),
    *(".parquet", ".pq", ".sqlite", ".sqlite3", ".db"),
)
"""Of files that are read as tables where a folder is given."""
_OF_SYSTEMS = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
"""Files that Windows makes, in lower case."""
HEAD_BYTES = 1 << 16
_PICKLE = "is a pickle, which is not read, as it may run programs; in pandas: DataFrame.to_csv"
_REFUSED = {
    b"PK\x03\x04": "is not a text file but a zip archive or a workbook; unpack it, or save the "
    "sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV",
    b"\x89HDF": "is an HDF5 file; write the columns as CSV or Parquet",
    b"CDF": "is a NetCDF file; write the columns as CSV or Parquet",
    b"ARROW1": "is a Feather file; write it as Parquet",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd, which is not read; unpack it with: zstd -d",
    b"7z\xbc\xaf": "is a 7z archive; unpack it",
    b"Rar!": "is a RAR archive; unpack it",
    b"%PDF": "is a PDF; write its table as CSV",
    b"\x89PNG": "is a picture; give the table that it was drawn from",
    b"\x1f\x8b": "is compressed twice by gzip; unpack it once: gunzip",
    b"\x1f\x9d": "is compressed by compress, which is not read; unpack it: uncompress",
    b"\x04\x22\x4d\x18": "is compressed by lz4, which is not read; unpack it with: lz4 -d",
    b"\x5d\x00\x00": "is compressed by LZMA without a header; unpack it with: unlzma",
    b"\x93NUMPY": "is an array of numpy; write its columns with their names as CSV or Parquet",
    b"MATLAB": "is a MATLAB file; write the columns as CSV, in MATLAB: writetable",
    b"\x80\x02": _PICKLE, b"\x80\x03": _PICKLE, b"\x80\x04": _PICKLE, b"\x80\x05": _PICKLE,
    b"{\\rtf": "is a text document; save it as plain text",
    b"RIFF": "is a sound, not a table; motefit data audit FOLDER reads folders of sounds",
}  # fmt: skip
_MARKUP = re.compile(
    rb"[\xef\xbb\xbf\s]*<(!doctype|html|\?xml|table|workbook|gpx|kml)", re.IGNORECASE
)


CHUNK_ROWS = 1 << 16
Chunk = tuple[Sequence[int], Sequence[Sequence[str]]]
"""Numbers of some rows, and their fields."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a reader looks for in a table.

    Attributes:
        columns: names that the table should have.
        time_of: time of a row, from one text per column of ``time``; None if they give none.
        time: names of the time columns; the first of ``columns``.
        separator: of a CSV file; empty: found in the header.
        skip_lines: lines below a CSV file's header that are not data.
        table: of an SQLite file; empty: its only one.
    """

    columns: tuple[str, ...]
    time_of: Callable[[Sequence[str]], np.datetime64 | None]
    time: tuple[str, ...]
    separator: str = ""
    skip_lines: int = 0
    table: str = ""


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """Rows of a file as text.

    Attributes:
        header: names of the columns, stripped.
        chunks: numbers (from 1) and fields of some thousand rows at a time; a row has as many
            fields as the header has names.
        place: what the numbers count: ``"line"`` or ``"row"``.
        ordered: whether the order of the rows means anything; a database has none.
        notes: sentences on what was left out, complete once the rows are read.
    """

    header: tuple[str, ...]
    chunks: Iterator[Chunk]
    place: str = "line"
    ordered: bool = True
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Form:
    """A kind of file.

    Attributes:
        starts: whether a file is of this kind, from its first 64 KiB, uncompressed.
        open: opens one; raises DataError for a file that cannot be used.
    """

    starts: Callable[[bytes], bool]
    open: Callable[[Path, Wanted], RawTable]


FORMS: Registry[Form] = Registry(__name__, "form of table")
FALLBACK = "csv"
"""Form of a file that starts like no other."""


def open_table(path: Path, wanted: Wanted) -> RawTable:
    """Open a file with the form that it starts like.

    Raises:
        DataError: for a file that cannot be used.
    """
    try:
        with open_bytes(path) as file:
            head = file.read(HEAD_BYTES)
    except UNPACKING as error:
        raise unreadable(path, error) from None
    if is_pointer(head):
        raise DataError(pointer_message(path))
    if head[257:262] == b"ustar":
        raise DataError(f"{path}: is a tar archive; unpack it with: tar -xf {path.name}")
    for magic, problem in _REFUSED.items():
        if head.startswith(magic):
            raise DataError(f"{path}: {problem}")
    if _MARKUP.match(head):
        raise DataError(
            f"{path}: is a web page or XML, not a table of rows; save or export the data as CSV"
        )
    forms = FORMS.all()
    name = next((name for name, form in forms.items() if form.starts(head)), FALLBACK)
    return forms[name].open(path, wanted)


def chunked(rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Chunk]:
    """Gather numbered rows into chunks.

    Yields:
        chunks of at least one row.
    """
    remaining = iter(rows)
    while found := list(islice(remaining, CHUNK_ROWS)):
        numbers, fields = zip(*found, strict=True)
        yield numbers, fields


def table_files(path: Path) -> tuple[Path, ...]:
    """Return the files that a path names: itself, those of a folder, or those of a pattern.

    Args:
        path: a file; a folder, whose files with a table's suffix count; or a pattern with ``*``.

    Raises:
        DataError: for a folder or pattern without files.
    """
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if is_table(file) and file.is_file())
        if not found:
            inner = sorted(p.parent.name for p in path.glob("*/*") if is_table(p) and p.is_file())
            deeper = f"; there are tables one level down, as in {inner[0]}" if inner else ""
            raise DataError(
                f"{path}: is a folder; give a CSV file, or a folder of some "
                f"({', '.join(SUFFIXES)}, also compressed){deeper}"
            )
        return tuple(found)
    if not path.exists() and any(c in path.name for c in "*?["):
        found = sorted(file for file in path.parent.glob(path.name) if file.is_file())
        if not found:
            raise DataError(f"{path}: no file matches; give a CSV file, a folder or a pattern")
        return tuple(found)
    return (path,)


def is_table(path: Path) -> bool:
    """Tell whether a file has the suffix of a table; the file need not exist.

    >>> is_table(Path("log.csv.gz")), is_table(Path("clip.wav"))
    (True, False)
    """
    name = path.name.lower()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return name.endswith(SUFFIXES) and not name.startswith(".") and name not in _OF_SYSTEMS
