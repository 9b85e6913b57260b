"""Values replayed from a CSV file, row by row."""

import csv
import re
from pathlib import Path

from motefit.deploy.reading import Quantity, SensorError
from motefit.deploy.sensors import SENSORS
from motefit.spec.errors import DataError

TIMES = {"time", "date", "date time", "datetime", "timestamp"}


class CsvReplay:
    """Columns of numbers of a CSV file; each reading is the next row, the first after the last.

    A column named time, date or timestamp is left out. An empty or unreadable cell is an error of
    the sensor at that moment, as it would be with the sensor that wrote the file.

    Args:
        path: of the file; UTF-8, comma-separated, with a header.

    Raises:
        DataError: if the file cannot be read or has no column of numbers.
    """

    least_interval_s = 0.0

    def __init__(self, path: Path) -> None:
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = [row for row in csv.reader(file) if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path}: cannot be replayed: {error}") from None
        if len(rows) < 2:
            raise DataError(f"{path}: needs a header and at least one row of values")
        header, self._rows = rows[0], rows[1:]
        names = [re.sub(r"[^A-Za-z0-9_.\-]+", "_", name.strip())[:64] for name in header]
        self._columns = {
            name: place
            for place, name in enumerate(names)
            if name and header[place].strip().lower() not in TIMES
        }
        if len(self._columns) == 0:
            raise DataError(f"{path}: no column besides the time; found: {', '.join(header)}")
        self.quantities = tuple(Quantity(name=name, unit="") for name in self._columns)
        self._path, self._next = path, 0

    def read(self, now_s: float) -> dict[str, float]:  # noqa: ARG002 - rows follow one another
        """Return the values of the next row."""
        row = self._rows[self._next]
        line = self._next + 2
        self._next = (self._next + 1) % len(self._rows)
        try:
            return {name: float(row[place]) for name, place in self._columns.items()}
        except (ValueError, IndexError):
            raise SensorError(f"{self._path}, row {line}: not all values are numbers") from None

    def close(self) -> None:
        """Do nothing: the file was read at once."""


def _open(argument: str) -> CsvReplay:
    if not argument:
        raise DataError("csv needs a file, e.g. csv:week.csv")
    return CsvReplay(Path(argument))


SENSORS.register("csv", _open)
