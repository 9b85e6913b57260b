"""Readings in CSV files, one per day: ``csv:FOLDER``."""

import csv
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from motefit.deploy.reading import Reading, reading_of
from motefit.deploy.sinks import SINKS, SinkAddress, SinkError
from motefit.spec.errors import DataError

HEADER = "time,key,value,unit\n"


class CsvSink:
    """Files ``readings-YYYY-MM-DD.csv`` (UTC) with the columns time, key, value and unit.

    A line cut off by a power failure is removed before the next is written. Readings that a file
    already has are not written again.

    Args:
        folder: of the files; created if missing.

    Raises:
        DataError: if the folder cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._day, self._known = "", set[tuple[str, str]]()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: cannot be used as a sink: {error.strerror}") from None

    def write(self, readings: Sequence[Reading]) -> None:
        """Append readings to the files of their days."""
        days: dict[str, list[Reading]] = {}
        for reading in readings:
            days.setdefault(time_text(reading.time_ms)[:10], []).append(reading)
        try:
            for day, own in days.items():
                self._append(day, own)
        except OSError as error:
            self._day = ""
            raise SinkError(f"{self._folder}: {error.strerror or error}") from None

    def close(self) -> None:
        """Do nothing: files are closed after each write."""

    def _append(self, day: str, readings: Sequence[Reading]) -> None:
        path = self._folder / f"readings-{day}.csv"
        if day != self._day:
            self._known = _repair(path)
            self._day = day
        lines, added = [], set[tuple[str, str]]()
        for reading in readings:
            name = (time_text(reading.time_ms), reading.key)
            if name not in self._known and name not in added:
                lines.append(f"{name[0]},{name[1]},{reading.value!r},{reading.unit}\n")
                added.add(name)
        if not lines:
            return
        with path.open("ab") as file:
            if file.tell() == 0:
                lines.insert(0, HEADER)
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())
        self._known |= added


def _repair(path: Path) -> set[tuple[str, str]]:
    """Cut an incomplete last line off a file, and return time and key of all its readings."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return set()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    rows = (line.split(",") for line in content[:whole].decode(errors="replace").splitlines()[1:])
    return {(row[0], row[1]) for row in rows if len(row) >= 2}


def csv_readings(path: Path) -> Iterator[Reading]:
    """Read a file back, but for a last line that is being written.

    Yields:
        Each reading, in the order written.

    Raises:
        DataError: if it is no such file.
    """
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            if None in row or None in row.values():
                continue
            time_ms = _milliseconds(path, row.get("time", ""))
            yield reading_of(f"{path}", row.get("key"), time_ms, row.get("value"), row.get("unit"))


def _milliseconds(path: Path, text: str) -> int:
    try:
        return round(1000 * datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise DataError(f"{path}: {text!r} is not a time") from None


def time_text(time_ms: int) -> str:
    """Return a time as ISO 8601 in UTC, to the millisecond.

    >>> time_text(1_700_000_000_007)
    '2023-11-14T22:13:20.007Z'
    """
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


def _open(address: SinkAddress) -> CsvSink:
    address.allow()
    if not address.path:
        raise DataError("csv needs a folder, e.g. csv:readings")
    return CsvSink(Path(address.path))


SINKS.register("csv", _open)
