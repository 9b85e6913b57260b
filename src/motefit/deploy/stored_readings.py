"""Readings read back from a sink."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from motefit.deploy.reading import Reading, reading_of
from motefit.deploy.sinks import TIMEOUT_S, SinkAddress, sink_address
from motefit.deploy.sinks.csv_sink import csv_readings
from motefit.deploy.sinks.parquet_sink import parquet_readings
from motefit.deploy.sinks.redis_sink import redis_client
from motefit.spec.errors import DataError

READABLE = ("sqlite", "csv", "parquet", "redis", "rediss")


def stored_readings(url: str, *, key: str = "", last: int = 0) -> list[Reading]:
    """Read readings back.

    Args:
        url: of the sink, as it was written to; not MQTT, which keeps nothing.
        key: only those whose key is this or ends with ``:<key>``; empty: all.
        last: only the newest of each key; 0: all.

    Returns:
        By key, then time.

    Raises:
        DataError: if the sink cannot be read.
        MissingExtraError: if a library is not installed.
    """
    address = sink_address(url)
    readers = {
        "sqlite": _sqlite,
        "csv": _csv,
        "parquet": _parquet,
        "redis": _redis,
        "rediss": _redis,
    }
    if address.kind not in readers:
        raise DataError(
            f"readings cannot be read back from {address.kind}, only from {', '.join(READABLE)}"
        )
    chosen: dict[str, dict[int, Reading]] = {}
    for reading in readers[address.kind](address):
        if not key or reading.key == key or reading.key.endswith(f":{key}"):
            chosen.setdefault(reading.key, {})[reading.time_ms] = reading
    return [
        chosen[name][time_ms]
        for name in sorted(chosen)
        for time_ms in sorted(chosen[name])[-last if last else None :]
    ]


def _sqlite(address: SinkAddress) -> Iterator[Reading]:
    path = Path(address.path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    try:
        connection = sqlite3.connect(path, timeout=TIMEOUT_S)
        try:
            rows = connection.execute("SELECT key, time_ms, value, unit FROM readings").fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no readings can be read: {error}") from None
    for key, time_ms, value, unit in rows:
        yield reading_of(f"{path}", key, time_ms, value, unit)


def _csv(address: SinkAddress) -> Iterator[Reading]:
    return _files(address, {"readings-*.csv": csv_readings})


def _parquet(address: SinkAddress) -> Iterator[Reading]:
    return _files(address, {"readings-*.parquet": parquet_readings, "readings-*.csv": csv_readings})


def _files(
    address: SinkAddress, readers: Mapping[str, Callable[[Path], Iterator[Reading]]]
) -> Iterator[Reading]:
    folder = Path(address.path)
    found = [(reader, path) for names, reader in readers.items() for path in folder.glob(names)]
    if not found:
        raise DataError(f"{folder}: no files {' or '.join(readers)}")
    for reader, path in found:
        yield from reader(path)


def _redis(address: SinkAddress) -> Iterator[Reading]:
    redis = redis_client(address, tls=address.kind == "rediss", decode_responses=True)
    from redis.exceptions import RedisError  # noqa: PLC0415 - of an extra

    try:
        yield from _series(redis)
        yield from _sets(redis)
    except (RedisError, OSError) as error:
        raise DataError(f"Redis at {address.host}: {error}") from None
    finally:
        redis.close()


def _series(redis: Any) -> Iterator[Reading]:  # noqa: ANN401 - its stubs differ by version
    for key in sorted(redis.scan_iter(_type="TSDB-TYPE")):
        unit = dict(redis.execute_command("TS.INFO", key)["labels"]).get("unit", "")
        for time_ms, value in redis.execute_command("TS.RANGE", key, "-", "+"):
            yield reading_of("Redis", key, time_ms, value, "" if unit == "none" else unit)


def _sets(redis: Any) -> Iterator[Reading]:  # noqa: ANN401 - its stubs differ by version
    for key in sorted(redis.scan_iter(_type="zset")):
        for member in redis.zrange(key, 0, -1):
            time_ms, _, value = member.partition(" ")
            if time_ms.isdecimal() and value:
                yield reading_of("Redis", key, time_ms, value, "")
