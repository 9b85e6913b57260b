"""Readings in Parquet files, one per finished day: ``parquet:FOLDER``.

A Parquet file cannot be appended to, so the day in progress is a CSV file, as of ``csv:FOLDER``,
in which a reading is safe at once. When readings of another day arrive, the file becomes
``readings-YYYY-MM-DD.parquet`` with the columns time, key, value and unit, and is removed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from motefit.deploy.reading import Reading
from motefit.deploy.sinks import SINKS, SinkAddress, SinkError
from motefit.deploy.sinks.csv_sink import CsvSink, csv_readings, time_text
from motefit.spec.errors import DataError, OutputError
from motefit.spec.extras import require
from motefit.spec.files import replacing

if TYPE_CHECKING:
    from pyarrow import Table

NAMES = "readings-*.parquet"


class ParquetSink:
    """Parquet files of finished days (UTC) and the CSV file of the last one.

    Late readings of a finished day are merged into its file, each (key, time) once.

    Args:
        folder: of the files; created if missing.

    Raises:
        DataError: if the folder cannot be created.
        MissingExtraError: without pyarrow.
    """

    def __init__(self, folder: Path) -> None:
        require("pyarrow", extra="tables", purpose="writing Parquet files")
        self._folder = folder
        self._days = CsvSink(folder)

    def write(self, readings: Sequence[Reading]) -> None:
        """Append readings to the files of their days, and convert the days before the last."""
        self._days.write(readings)
        last = time_text(max(reading.time_ms for reading in readings))[:10]
        for path in sorted(self._folder.glob("readings-*.csv")):
            if path.stem != f"readings-{last}":
                self._convert(path)

    def close(self) -> None:
        """Close the CSV file; its day stays one until readings of another day arrive."""
        self._days.close()

    def _convert(self, path: Path) -> None:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - of an extra

        target = path.with_suffix(".parquet")
        try:
            before = parquet_readings(target) if target.exists() else ()
            found = {(r.key, r.time_ms): r for r in (*before, *csv_readings(path))}
            with replacing(target) as file:
                parquet.write_table(_table([found[name] for name in sorted(found)]), file)
            path.unlink()
        except (OutputError, DataError, ArrowException, OSError) as error:
            raise SinkError(f"{target}: {error}") from None


def parquet_readings(path: Path) -> Iterator[Reading]:
    """Read a file back.

    Yields:
        Each reading, by key and time.

    Raises:
        DataError: if it is no such file.
        MissingExtraError: without pyarrow.
    """
    require("pyarrow", extra="tables", purpose="reading a Parquet file")
    import pyarrow  # noqa: PLC0415 - of an extra
    from pyarrow import parquet  # noqa: PLC0415 - of an extra

    try:
        table = parquet.read_table(path, columns=["time", "key", "value", "unit"])
        columns = table.set_column(0, "time", table["time"].cast(pyarrow.int64())).to_pydict()
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise DataError(f"{path}: no readings can be read: {error}") from None
    for time_ms, key, value, unit in zip(*columns.values(), strict=True):
        yield Reading(key=key, time_ms=time_ms, value=value, unit=unit)


def _table(readings: Sequence[Reading]) -> "Table":
    import pyarrow  # noqa: PLC0415 - of an extra

    name = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    moment = pyarrow.timestamp("ms", tz="UTC")
    return pyarrow.table(
        {
            "time": pyarrow.array([r.time_ms for r in readings]).cast(moment),
            "key": pyarrow.array([r.key for r in readings]).cast(name),
            "value": pyarrow.array([r.value for r in readings], pyarrow.float64()),
            "unit": pyarrow.array([r.unit for r in readings]).cast(name),
        }
    )


def _open(address: SinkAddress) -> ParquetSink:
    address.allow()
    if not address.path:
        raise DataError("parquet needs a folder, e.g. parquet:readings")
    return ParquetSink(Path(address.path))


SINKS.register("parquet", _open)
