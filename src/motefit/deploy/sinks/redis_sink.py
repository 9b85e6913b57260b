"""Readings in Redis: ``redis://[USER@]HOST[:PORT][/DATABASE]``, ``rediss://`` with TLS.

With the module RedisTimeSeries each key is a time series; without it, a sorted set by time whose
members are ``"<time_ms> <value>"``. Options: ``average_minutes``, time series only: averages over
as many minutes in ``<key>:average``; ``retention_days``, older values are dropped, averages are
not; or ``memory_bytes`` with ``keys`` and ``every_s``, values and averages are dropped so that the
series of a node take at most so much memory.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from motefit.deploy.reading import Reading
from motefit.deploy.sinks import (
    SINKS,
    TIMEOUT_S,
    SinkAddress,
    SinkError,
    explained,
    password_of,
    trusted,
)
from motefit.spec.errors import DataError
from motefit.spec.extras import require

DAY_MS = 86_400_000
SERIES_BYTES, SET_BYTES = 16, 150
"""Memory for one value: the most that a time series takes, time and value of 8 bytes each, and what
a sorted set takes (measured: 144 bytes, with values of 15 digits)."""
AVERAGES_SHARE = 0.25
"""Of the memory, if there are averages."""


def retention_days(
    memory_bytes: float, *, keys: float, every_s: float, value_bytes: int = SERIES_BYTES
) -> float:
    """Compute how long values can be kept in a given memory.

    >>> round(retention_days(50_000_000, keys=2, every_s=2.0), 1)
    36.2

    Args:
        memory_bytes: for the values of all keys.
        keys: number of series.
        every_s: seconds between two values of a key.
        value_bytes: memory of one value.
    """
    return memory_bytes / value_bytes / keys * every_s / 86_400


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long a database keeps what, in milliseconds; 0: forever.

    Attributes:
        values_ms: for values.
        bucket_ms: that an average covers; 0: no averages.
        averages_ms: for averages.
    """

    values_ms: int
    bucket_ms: int
    averages_ms: int

    @classmethod
    def of(cls, address: SinkAddress, *, series: bool) -> "Retention":
        """Compute what a sink's options say, for time series or for sorted sets.

        Raises:
            DataError: for a wrong option.
        """
        days, memory = (address.number(name, 0.0) for name in ("retention_days", "memory_bytes"))
        keys, every_s = (address.number(name, 0.0) for name in ("keys", "every_s"))
        minutes = address.number("average_minutes", 0.0) if series else 0.0
        if memory and not (keys and every_s):
            raise DataError("memory_bytes needs keys and every_s: how much there is to keep")
        if memory and days:
            raise DataError("retention_days and memory_bytes contradict each other; give one")
        averages_days = 0.0
        if memory:
            share = AVERAGES_SHARE if minutes else 0.0
            size = SERIES_BYTES if series else SET_BYTES
            days = retention_days(
                (1 - share) * memory, keys=keys, every_s=every_s, value_bytes=size
            )
            if minutes:
                averages_days = retention_days(share * memory, keys=keys, every_s=60 * minutes)
        return cls(
            values_ms=math.ceil(days * DAY_MS),
            bucket_ms=round(minutes * 60_000),
            averages_ms=math.ceil(averages_days * DAY_MS),
        )


def redis_client(
    address: SinkAddress, *, tls: bool, timeout_s: float = TIMEOUT_S, decode_responses: bool = False
) -> Any:  # noqa: ANN401 - its stubs differ by version
    """Make a client of one Redis database; it connects when it is first used, and never retries.

    Args:
        address: server, user and database; option ``ca``: file of certificates to trust.
        tls: encrypt, and verify the server's certificate.
        timeout_s: longest wait for the server.
        decode_responses: give text, not bytes.

    Raises:
        DataError: for a wrong database, or certificates that cannot be used.
        MissingExtraError: without the redis package.
    """
    require("redis", extra="monitor", purpose="readings in Redis")
    from redis import Redis  # noqa: PLC0415 - of an extra
    from redis.backoff import NoBackoff  # noqa: PLC0415 - of an extra
    from redis.retry import Retry  # noqa: PLC0415 - of an extra

    database = address.path.strip("/") or "0"
    if not database.isdecimal():
        raise DataError(f"the database of Redis is a number, as in redis://host/0: {database}")
    if tls:
        trusted(address)  # a wrong file now, not at each attempt to connect
    settings: dict[str, Any] = {
        "host": address.host,
        "port": address.port or 6379,
        "db": int(database),
        "username": address.user or None,
        "password": password_of(address),
        "ssl": tls,
        "ssl_ca_certs": address.options.get("ca"),
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "client_name": "motefit",
        "decode_responses": decode_responses,
        "retry": Retry(NoBackoff(), 0),
    }
    return Redis(**settings)


class RedisSink:
    """Time series, or sorted sets, of one Redis database.

    Args:
        address: server, user and database; options as in the module's description, and ``ca``:
            file of certificates to trust.
        tls: encrypt, and verify the server's certificate.
        timeout_s: longest wait for the server.

    Raises:
        DataError: for a wrong database or option.
        MissingExtraError: without the redis package.
    """

    def __init__(self, address: SinkAddress, *, tls: bool, timeout_s: float = TIMEOUT_S) -> None:
        self._where = f"{address.host}:{address.port or 6379}"
        self._address, self._keep = address, Retention.of(address, series=True)
        self._series: bool | None = None
        self._created: set[str] = set()
        self._redis = redis_client(address, tls=tls, timeout_s=timeout_s, decode_responses=True)

    def write(self, readings: Sequence[Reading]) -> None:
        """Add readings in one round trip, and keep what the retention allows."""
        from redis.exceptions import RedisError  # noqa: PLC0415 - of an extra

        try:
            if self._series is None:
                self._series = self._has_module()
                self._keep = Retention.of(self._address, series=self._series)
            if self._series:
                self._add_to_series(readings)
            else:
                self._add_to_sets(readings)
        except (RedisError, OSError) as error:
            self._created.clear()
            self._series = None
            raise SinkError(f"Redis at {self._where}: {explained(error)}") from None

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _has_module(self) -> bool:
        from redis.exceptions import ResponseError  # noqa: PLC0415 - of an extra

        try:
            self._redis.execute_command("TS.MADD")
        except ResponseError as error:
            return "unknown command" not in str(error)
        return True

    def _add_to_series(self, readings: Sequence[Reading]) -> None:
        for key in {reading.key: None for reading in readings}:
            if key not in self._created:
                self._create(key, next(r.unit for r in readings if r.key == key))
                self._created.add(key)
        command: list[Any] = ["TS.MADD"]
        for reading in readings:
            command += [reading.key, reading.time_ms, repr(reading.value)]
        answers: Any = self._redis.execute_command(*command)
        failed = [str(answer) for answer in answers if isinstance(answer, Exception)]
        # older than the retention: the server would have dropped it anyway
        failed = [text for text in failed if "retention" not in text]
        if failed:
            raise SinkError(f"Redis at {self._where}: {failed[0]}")

    def _create(self, key: str, unit: str) -> None:
        self._create_series(key, unit, retention_ms=self._keep.values_ms)
        if not self._keep.bucket_ms:
            return
        average = f"{key}:average"
        self._create_series(average, unit, retention_ms=self._keep.averages_ms)
        rules: Any = self._redis.execute_command("TS.INFO", key)["rules"]
        # by destination: bucket, kind, alignment
        if average in rules and rules[average][0] == self._keep.bucket_ms:
            return
        if average in rules:
            self._redis.execute_command("TS.DELETERULE", key, average)
        self._redis.execute_command(
            "TS.CREATERULE", key, average, "AGGREGATION", "avg", self._keep.bucket_ms
        )

    def _create_series(self, key: str, unit: str, *, retention_ms: int) -> None:
        keep: list[Any] = ["RETENTION", retention_ms, "DUPLICATE_POLICY", "LAST"]
        if not self._redis.exists(key):
            self._redis.execute_command("TS.CREATE", key, *keep, "LABELS", "unit", unit or "none")
        else:
            self._redis.execute_command("TS.ALTER", key, *keep)

    def _add_to_sets(self, readings: Sequence[Reading]) -> None:
        steps = self._redis.pipeline(transaction=True)
        for reading in readings:
            member = f"{reading.time_ms} {reading.value!r}"
            steps.zadd(reading.key, {member: reading.time_ms})
        if self._keep.values_ms:
            for key in {reading.key for reading in readings}:
                newest = max(reading.time_ms for reading in readings if reading.key == key)
                steps.zremrangebyscore(key, "-inf", newest - self._keep.values_ms)
        steps.execute()


def _open(address: SinkAddress, *, tls: bool) -> RedisSink:
    address.allow("retention_days", "average_minutes", "memory_bytes", "keys", "every_s", "ca")
    if not address.host:
        raise DataError(f"{address.kind} needs a server, e.g. {address.kind}://localhost")
    return RedisSink(address, tls=tls)


SINKS.register("redis", functools.partial(_open, tls=False))
SINKS.register("rediss", functools.partial(_open, tls=True))
