"""SQLite files: a table or a view."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from motefit.data.tables import FORMS, Form, RawTable, Wanted, chunked
from motefit.spec.codec import nearest
from motefit.spec.column_names import column_name
from motefit.spec.errors import DataError

FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""Exceptions of a damaged file; one may be in the text of another."""


def open_sqlite(path: Path, wanted: Wanted) -> RawTable:
    """Open a table or view of a database, which is not changed; rows have no order of their own.

    Raises:
        DataError: for a damaged file, or a table that is not in it.
    """
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        names = [
            name
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite_%' ORDER BY name"
            )
        ]
        name = _table(path, names, wanted.table).replace('"', '""')
        cursor = database.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - one of the names above
    except FAULTS as error:
        raise DataError(f"{path}: cannot be read as an SQLite file ({error})") from None
    header = tuple(column_name(column[0]) for column in cursor.description)

    def rows() -> Iterator[tuple[int, Sequence[str]]]:
        try:
            for number, row in enumerate(cursor, 1):
                yield number, ["" if value is None else str(value) for value in row]
        except FAULTS as error:
            raise DataError(f"{path}: cannot be read as an SQLite file ({error})") from None
        finally:
            database.close()

    return RawTable(header=header, chunks=chunked(rows()), place="row", ordered=False)


def _table(path: Path, names: list[str], wanted: str) -> str:
    if wanted in names:
        return wanted
    if wanted or len(names) != 1:
        given = f"there is no table {wanted!r}{nearest(wanted, names)}" if wanted else "which table"
        raise DataError(
            f"{path}: {given}; set [data] table to one of: {', '.join(names) or 'none'}"
        )
    return names[0]


FORMS.register(
    "SQLite", Form(starts=lambda head: head.startswith(b"SQLite format 3\0"), open=open_sqlite)
)
