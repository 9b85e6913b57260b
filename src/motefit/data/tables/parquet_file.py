"""Parquet files, read through pyarrow."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from motefit.data.tables import FORMS, Form, RawTable, Wanted, chunked
from motefit.spec.column_names import column_name
from motefit.spec.errors import DataError
from motefit.spec.extras import require


def open_parquet(path: Path, wanted: Wanted) -> RawTable:
    """Open a Parquet file; only the wanted columns are read.

    Raises:
        DataError: for a damaged file.
        MissingExtraError: without the extra ``tables``.
    """
    require("pyarrow", extra="tables", purpose="reading a Parquet file")
    import pyarrow  # noqa: PLC0415 - of the extra
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pyarrow.parquet.ParquetFile(path)
        header = tuple(file.schema_arrow.names)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a Parquet file ({error})") from None
    columns = [name for name in header if column_name(name) in wanted.columns]

    def rows() -> Iterator[tuple[int, Sequence[str]]]:
        number = 0
        try:
            for batch in file.iter_batches(columns=columns):
                texts = {name: map(_text, _values(batch[name])) for name in columns}
                empty = [""] * batch.num_rows
                for row in zip(*(texts.get(name, empty) for name in header), strict=True):
                    number += 1
                    yield number, row
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DataError(f"{path}: cannot be read as a Parquet file ({error})") from None

    return RawTable(header=tuple(map(column_name, header)), chunks=chunked(rows()), place="row")


def _values(column: Any) -> list[object]:  # noqa: ANN401 - an array of pyarrow
    """Return the values of a column; times in nanoseconds are cut to microseconds."""
    kind = column.type
    if str(kind).startswith("timestamp[ns"):
        import pyarrow  # noqa: PLC0415 - of the extra

        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)
    values: list[object] = column.to_pylist()
    return values


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


FORMS.register("Parquet", Form(starts=lambda head: head.startswith(b"PAR1"), open=open_parquet))
