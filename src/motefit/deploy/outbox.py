"""The outbox: readings on disk from the moment they are taken until the sink has them.

A SQLite file in which every commit is on the disk before :meth:`Outbox.put` returns. Sent readings
stay for a while: they make sure that no two readings of a key share a time, whatever the clock
does, and are the history that a status page shows.
"""

import contextlib
import fcntl
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal

from motefit.deploy.reading import Reading
from motefit.spec.errors import DataError, OutputError

WhenFull = Literal["oldest", "refuse"]
MOST = 1_000_000
"""Unsent readings kept by default: about 70 MB, 23 days of one reading every 2 s."""
HISTORY = 20_000
"""Sent readings kept."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, time_ms INTEGER NOT NULL,
  value REAL NOT NULL, unit TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0,
  UNIQUE (key, time_ms));
CREATE INDEX IF NOT EXISTS unsent ON readings (id) WHERE sent = 0;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


class Outbox:
    """Readings that wait for the sink.

    Args:
        path: of the SQLite file; created with its folders.
        most: unsent readings kept.
        when_full: ``"oldest"`` gives up the oldest unsent reading for each new one and counts it;
            ``"refuse"`` raises instead.

    Raises:
        DataError: if the file is no outbox, is damaged, or is in use by another monitor.
        OutputError: if it cannot be written.
    """

    def __init__(self, path: Path, *, most: int = MOST, when_full: WhenFull = "oldest") -> None:
        if most < 1:
            raise DataError(f"the outbox must hold at least one reading, got {most}")
        self.path, self._most, self._when_full = path, most, when_full
        self._lock = threading.RLock()
        self._guard = _guard(path)
        try:
            self._connection = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=5
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA cache_size = -256")  # KiB; by default 2 MB
            self._connection.executescript(_SCHEMA)
            self._waiting = self._count("SELECT count(*) FROM readings WHERE sent = 0")
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            self._guard.close()
            raise DataError(
                f"{path}: cannot be used as an outbox: {error}; move the file away to start a new "
                "one (its readings stay in the old file)"
            ) from None

    def __len__(self) -> int:
        """Return the number of unsent readings."""
        return self._waiting

    @property
    def given_up(self) -> int:
        """Readings given up since the file was created because the outbox was full."""
        return self._count("SELECT coalesce(sum(count), 0) FROM counters WHERE name = 'given up'")

    def put(self, readings: Sequence[Reading]) -> None:
        """Commit readings; they are on the disk when this returns.

        A reading whose key already has one at that time, as after a step of the clock, is stored
        at the next free millisecond.

        Raises:
            OutputError: if they cannot be written, or the outbox is full and refuses; then none is
                stored.
        """
        with self._lock:
            over = self._waiting + len(readings) - self._most
            if over > 0 and (self._when_full == "refuse" or len(readings) > self._most):
                raise OutputError(
                    f"{self.path}: the outbox is full ({self._waiting} unsent readings); make the "
                    "sink reachable, or allow more"
                )
            with self._transaction():
                for reading in readings:
                    self._insert(reading)
                if over > 0:
                    self._give_up(over)
            self._waiting += len(readings) - max(over, 0)

    def batch(self, most: int) -> list[tuple[int, Reading]]:
        """Return the oldest unsent readings with their numbers, in the order they were taken."""
        rows = self._rows(
            "SELECT id, key, time_ms, value, unit FROM readings WHERE sent = 0 ORDER BY id LIMIT ?",
            most,
        )
        return [
            (number, Reading(key=key, time_ms=time_ms, value=value, unit=unit))
            for number, key, time_ms, value, unit in rows
        ]

    def acknowledge(self, numbers: Sequence[int]) -> None:
        """Mark readings as safe in the sink, and forget the oldest ones sent before."""
        with self._lock:
            with self._transaction():
                changed = self._connection.executemany(
                    "UPDATE readings SET sent = 1 WHERE id = ? AND sent = 0",
                    [(number,) for number in numbers],
                ).rowcount
                self._connection.execute(
                    "DELETE FROM readings WHERE sent = 1 AND id <= "
                    "(SELECT max(id) FROM readings) - ?",
                    (HISTORY,),
                )
            self._waiting -= changed

    def newest(self, most: int) -> list[Reading]:
        """Return the newest readings, sent or not, oldest first."""
        rows = self._rows(
            "SELECT key, time_ms, value, unit FROM readings ORDER BY id DESC LIMIT ?", most
        )
        return [
            Reading(key=key, time_ms=time_ms, value=value, unit=unit)
            for key, time_ms, value, unit in reversed(rows)
        ]

    def close(self) -> None:
        """Close the file; it can be opened again."""
        with self._lock:
            self._connection.close()
            self._guard.close()

    def __enter__(self) -> "Outbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _insert(self, reading: Reading) -> None:
        time_ms = reading.time_ms
        while not self._connection.execute(
            "INSERT OR IGNORE INTO readings (key, time_ms, value, unit) VALUES (?, ?, ?, ?)",
            (reading.key, time_ms, reading.value, reading.unit),
        ).rowcount:
            time_ms += 1

    def _give_up(self, count: int) -> None:
        self._connection.execute(
            "DELETE FROM readings WHERE id IN "
            "(SELECT id FROM readings WHERE sent = 0 ORDER BY id LIMIT ?)",
            (count,),
        )
        self._connection.execute(
            "INSERT INTO counters VALUES ('given up', ?) "
            "ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
            (count,),
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what the block does, or nothing of it.

        Yields:
            Once.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise OutputError(f"{self.path}: cannot be written: {error}") from None

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise OutputError(f"{self.path}: cannot be read: {error}") from None

    def _count(self, query: str) -> int:
        with self._lock:
            return int(self._connection.execute(query).fetchone()[0])


def _guard(path: Path) -> IO[bytes]:
    """Lock the outbox for this process; the kernel releases the lock however the process ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        guard = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise OutputError(f"{path}: cannot be created: {error.strerror}") from None
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        guard.close()
        raise DataError(
            f"{path}: another monitor is using this outbox; stop it, or give this one its own"
        ) from None
    return guard
