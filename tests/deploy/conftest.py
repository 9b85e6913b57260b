"""Sinks over real servers, each with a function that reads back what it stored."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from mqtt_subscriber import Subscriber
from servers import TIME_SERIES, Server, find, mosquitto, redis, running

from motefit.deploy.stored_readings import stored_readings

KINDS = ("sqlite", "csv", "parquet", "mqtt", "redis", "redis time series")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A sink's URL, what it has stored by key and time, and its server if it has one."""

    url: str
    stored: Callable[[], dict[tuple[str, int], float]]
    server: Server | None = None


def _read_back(url: str) -> Callable[[], dict[tuple[str, int], float]]:
    return lambda: {(r.key, r.time_ms): r.value for r in stored_readings(url)}


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Give each kind of sink, over a real server where it needs one."""
    kind = request.param
    if kind == "sqlite":
        url = f"sqlite:{tmp_path}/sink/readings.db"
        yield Place(url=url, stored=_read_back(url))
    elif kind in {"csv", "parquet"}:
        if kind == "parquet" and not find_spec("pyarrow"):
            pytest.skip("pyarrow is not installed")
        url = f"{kind}:{tmp_path}/sink"
        yield Place(url=url, stored=_read_back(url))
    elif kind == "mqtt":
        if not find("mosquitto"):
            pytest.skip("mosquitto is not installed")
        with running(mosquitto(tmp_path)) as server:
            subscriber = Subscriber(server.port)
            url = f"mqtt://127.0.0.1:{server.port}"
            yield Place(url=url, stored=lambda: subscriber.stored, server=server)
            subscriber.close()
    else:
        series = kind == "redis time series"
        if not find("redis-server"):
            pytest.skip("redis-server is not installed")
        if series and not (TIME_SERIES / "redistimeseries.so").exists():
            pytest.skip("RedisTimeSeries is not there: tools/redis_timeseries.sh fetches it")
        with running(redis(tmp_path, time_series=series)) as server:
            url = f"redis://127.0.0.1:{server.port}"
            yield Place(url=url, stored=_read_back(url), server=server)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give the port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
