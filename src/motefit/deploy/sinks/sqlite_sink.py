"""Readings in a SQLite file: ``sqlite:PATH``."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from motefit.deploy.reading import Reading
from motefit.deploy.sinks import SINKS, SinkAddress, SinkError
from motefit.spec.errors import DataError

SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (
  key TEXT NOT NULL, time_ms INTEGER NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL,
  PRIMARY KEY (key, time_ms)) WITHOUT ROWID
"""


class SqliteSink:
    """Table ``readings`` (key, time_ms, value, unit) of a SQLite file.

    Args:
        path: of the file; created with its folders.

    Raises:
        DataError: if the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA cache_size = -256")  # KiB; by default 2 MB
            with self._connection:
                self._connection.execute(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise DataError(f"{path}: cannot be used as a sink: {error}") from None

    def write(self, readings: Sequence[Reading]) -> None:
        """Insert readings in one transaction."""
        rows = [(r.key, r.time_ms, r.value, r.unit) for r in readings]
        try:
            with self._connection:
                self._connection.executemany(
                    "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?)", rows
                )
        except sqlite3.Error as error:
            raise SinkError(f"{self._path}: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _open(address: SinkAddress) -> SqliteSink:
    address.allow()
    if not address.path:
        raise DataError("sqlite needs a file, e.g. sqlite:readings.db")
    return SqliteSink(Path(address.path))


SINKS.register("sqlite", _open)
