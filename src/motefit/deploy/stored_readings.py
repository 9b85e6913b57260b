"""Readings read back from a sink."""

import csv
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from motefit.deploy.reading import Reading
from motefit.deploy.sinks import TIMEOUT_S, SinkAddress, sink_address
from motefit.deploy.sinks.redis_sink import redis_client
from motefit.spec.errors import DataError

READABLE = ("sqlite", "csv", "redis", "rediss")


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
    readers = {"sqlite": _sqlite, "csv": _csv, "redis": _redis, "rediss": _redis}
    if address.kind not in readers:
        raise DataError(
            f"readings cannot be read back from {address.kind}; from {', '.join(READABLE)} they can"
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
        yield _reading(f"{path}", key, time_ms, value, unit)


def _csv(address: SinkAddress) -> Iterator[Reading]:
    folder = Path(address.path)
    files = sorted(folder.glob("readings-*.csv"))
    if not files:
        raise DataError(f"{folder}: no files readings-YYYY-MM-DD.csv")
    for path in files:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.DictReader(file):
                where = f"{path}"
                if None in row or None in row.values():
                    continue  # a last line that is being written
                moment = _milliseconds(where, row.get("time", ""))
                yield _reading(where, row.get("key"), moment, row.get("value"), row.get("unit"))


def _milliseconds(where: str, text: str) -> int:
    try:
        return round(1000 * datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise DataError(f"{where}: {text!r} is no time") from None


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
            yield _reading("Redis", key, time_ms, value, "" if unit == "none" else unit)


def _sets(redis: Any) -> Iterator[Reading]:  # noqa: ANN401 - its stubs differ by version
    for key in sorted(redis.scan_iter(_type="zset")):
        for member in redis.zrange(key, 0, -1):
            time_ms, _, value = member.partition(" ")
            if time_ms.isdecimal() and value:
                yield _reading("Redis", key, time_ms, value, "")


def _reading(where: str, key: Any, time_ms: Any, value: Any, unit: Any) -> Reading:  # noqa: ANN401
    try:
        return Reading(key=key, time_ms=int(time_ms), value=float(value), unit=unit or "")
    except (ValueError, TypeError, DataError) as error:
        raise DataError(f"{where}: not a reading: {error}") from None
