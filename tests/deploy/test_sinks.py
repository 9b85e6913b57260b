"""What all sinks promise, each over the real server; and what their addresses allow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from node_readings import reading
from servers import TIME_SERIES, find, mosquitto, redis, running, wait_until

from motefit.deploy.node_settings import NodeSettings
from motefit.deploy.reading import Reading
from motefit.deploy.sinks import SINKS, SinkError, open_sink, sink_address
from motefit.deploy.sinks.csv_sink import time_text
from motefit.deploy.sinks.mqtt_sink import MqttSink
from motefit.deploy.sinks.redis_sink import RedisSink, Retention, redis_client, retention_days
from motefit.deploy.stored_readings import stored_readings
from motefit.spec.errors import DataError, RecipeError

START_MS = reading(0).time_ms


def named(readings):
    return {(r.key, r.time_ms): r.value for r in readings}


def test_each_reading_is_stored_once_however_often_it_is_written(place):
    first = [reading(n, 20 + n / 8) for n in range(150)]
    first += [reading(n, 40 + n / 8, "humidity") for n in range(150)]
    sink = open_sink(place.url)
    sink.write(first)
    sink.write(first[100:])  # as after a lost acknowledgement
    sink.close()
    again = open_sink(place.url)  # as after a restart
    again.write([*first[-3:], reading(1000, -0.0625)])
    expected = named([*first, reading(1000, -0.0625)])
    wait_until(lambda: place.stored() == expected, "the sink has each reading")
    again.close()


def test_times_may_go_back(place):
    sink = open_sink(place.url)
    sink.write([reading(100, 1.0)])
    sink.write([reading(50, 2.0), reading(99, 3.0)])
    wait_until(lambda: len(place.stored()) == 3, "the sink has each reading")
    assert place.stored() == named([reading(100, 1.0), reading(50, 2.0), reading(99, 3.0)])
    sink.close()


def test_a_server_that_is_gone_is_an_error_and_its_return_is_noticed(place):
    if place.server is None:
        pytest.skip("not a server")
    sink = open_sink(place.url)
    sink.write([reading(1)])
    place.server.kill()
    with pytest.raises(SinkError, match=str(place.server.port)):
        sink.write([reading(2)])
    place.server.start()

    def returned():
        try:
            sink.write([reading(2)])
        except SinkError:
            return False
        return True

    wait_until(returned, "the sink takes readings again")
    wait_until(lambda: len(place.stored()) == 2, "both readings are stored")
    sink.close()


def test_a_line_cut_off_by_a_power_failure_is_replaced(tmp_path):
    url = f"csv:{tmp_path}"
    first = open_sink(url)
    first.write([reading(1), reading(2)])
    (file,) = tmp_path.glob("*.csv")
    file.write_bytes(file.read_bytes()[:-4])
    second = open_sink(url)
    second.write([reading(2), reading(3)])
    assert named(stored_readings(url)) == named([reading(1), reading(2), reading(3)])


@pytest.mark.skipif(not find("redis-server"), reason="redis-server is not installed")
def test_redis_drops_what_is_older_than_the_retention(tmp_path):
    with running(redis(tmp_path)) as server:
        url = f"redis://127.0.0.1:{server.port}"
        sink = open_sink(f"{url}?retention_days=1")
        sink.write([reading(0), reading(80_000), reading(90_000)])
        assert named(stored_readings(url)) == named([reading(80_000), reading(90_000)])
        sink.close()


DAY_S = 86_400
BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=4),
    min_size=1,
    max_size=5,
)


@settings(max_examples=6)
@given(batches=BATCHES, reopened=st.integers(0, 4))
def test_finished_days_are_parquet_files_with_each_reading_once(
    tmp_path_factory, batches, reopened
):
    """Days in any order, with late readings, repeated ones and a restart."""
    pyarrow = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path_factory.mktemp("parquet")
    sink, written = open_sink(f"parquet:{folder}"), {}
    for number, batch in enumerate(batches):
        readings = [reading(day * DAY_S + n, day + n / 8) for day, n in batch]
        sink.write(readings)
        written |= named(readings)
        if number == reopened:
            sink = open_sink(f"parquet:{folder}")
        stored = stored_readings(f"parquet:{folder}")
        assert named(stored) == written
    last = max(day for day, _ in batches[-1])
    newest = time_text(reading(last * DAY_S).time_ms)[:10]
    left = {path.name[9:19] for path in folder.glob("*.csv")}
    assert left <= {newest}  # no file if the last batch only repeated a finished day
    for path in folder.glob("*.parquet"):
        table = pyarrow.read_table(path)
        times = [1000 * round(moment.timestamp()) for moment in table["time"].to_pylist()]
        names = list(zip(table["key"].to_pylist(), times, strict=True))
        assert names == sorted(set(names))
        assert set(names) <= set(written)


def test_a_power_cut_while_a_day_is_converted_doubles_nothing(tmp_path):
    pytest.importorskip("pyarrow")
    url = f"parquet:{tmp_path}"
    sink = open_sink(url)
    first = [reading(n, n) for n in range(3)]
    sink.write(first)
    (day,) = tmp_path.glob("*.csv")
    text = day.read_text()
    sink.write([reading(DAY_S)])
    day.write_text(text)  # the Parquet file is there, the CSV file not yet removed
    sink = open_sink(url)
    sink.write([reading(DAY_S + 1)])
    assert named(stored_readings(url)) == named([*first, reading(DAY_S), reading(DAY_S + 1)])
    assert not day.exists()
    next(tmp_path.glob("*.parquet")).write_bytes(b"PAR1")
    with pytest.raises(DataError, match="no readings can be read"):
        stored_readings(url)
    day.write_text(text)
    with pytest.raises(SinkError, match="no readings can be read"):
        sink.write([reading(DAY_S + 2)])
    assert day.exists()


def time_series(folder):
    if not find("redis-server"):
        pytest.skip("redis-server is not installed")
    if not (TIME_SERIES / "redistimeseries.so").exists():
        pytest.skip("RedisTimeSeries is not there: tools/redis_timeseries.sh fetches it")
    return running(redis(folder, time_series=True))


def test_averages_follow_their_option(tmp_path):
    with time_series(tmp_path) as server:
        url = f"redis://127.0.0.1:{server.port}"
        for minutes, second in ((1, 0), (2, 240)):
            sink = open_sink(f"{url}?average_minutes={minutes}")
            sink.write([reading(second + n, n) for n in range(241)])
            sink.close()
        averages = stored_readings(url, key="node:temperature:average")
    found = [((r.time_ms - START_MS) // 60_000, r.value) for r in averages]
    assert found == [(0, 29.5), (1, 89.5), (2, 149.5), (3, 209.5), (4, 59.5), (6, 179.5)]


@pytest.mark.parametrize("series", [False, True], ids=["sorted sets", "time series"])
def test_readings_stay_within_the_memory_that_the_retention_allows(tmp_path, series):
    """Values of 15 digits at irregular times, the least compressible, for three times as long."""
    if not find("redis-server"):
        pytest.skip("redis-server is not installed")
    if series and not (TIME_SERIES / "redistimeseries.so").exists():
        pytest.skip("RedisTimeSeries is not there: tools/redis_timeseries.sh fetches it")
    memory, values = (200_000, 3 * 200_000 // 16) if series else (300_000, 3 * 300_000 // 150)
    node = NodeSettings(
        sink="redis://host?average_minutes=1", retention=f"{memory / 1024} kB", every_s=2.0
    )
    rng = np.random.default_rng(0)
    readings = [
        Reading(
            key="n:t", time_ms=START_MS + 2000 * n + int(rng.integers(900)), value=rng.normal(20)
        )
        for n in range(values)
    ]
    with running(redis(tmp_path, "--appendfsync", "no", time_series=series)) as server:
        url = node.sink_url(keys=1).replace("host", f"127.0.0.1:{server.port}")
        sink = open_sink(url)
        for start in range(0, values, 500):
            sink.write(readings[start : start + 500])
        asked = redis_client(sink_address(url), tls=False)
        used = sum(asked.memory_usage(key, samples=0) for key in asked.scan_iter())
        asked.close()
        stored = stored_readings(f"redis://127.0.0.1:{server.port}", key="n:t")
        sink.close()
    assert 0.3 * memory < used <= memory
    kept = len(stored)
    assert named(stored) == named(readings[-kept:])
    assert values / 5 < kept < values / 2


@pytest.mark.skipif(not find("redis-server"), reason="redis-server is not installed")
def test_the_password_comes_from_the_environment_and_is_never_told(tmp_path, monkeypatch):
    with running(redis(tmp_path, "--requirepass", "s3cret")) as server:
        url = f"redis://default@127.0.0.1:{server.port}"
        monkeypatch.setenv("MOTEFIT_SINK_PASSWORD", "wr0ng")
        with pytest.raises(SinkError) as refused:
            open_sink(url).write([reading(1)])
        assert "wr0ng" not in str(refused.value)
        monkeypatch.setenv("MOTEFIT_SINK_PASSWORD", "s3cret")
        open_sink(url).write([reading(1)])
        assert len(stored_readings(url)) == 1


@pytest.mark.skipif(not find("mosquitto"), reason="mosquitto is not installed")
def test_a_broker_that_refuses_the_user_is_named(tmp_path, monkeypatch):
    (tmp_path / "users").write_text("")
    lines = ("allow_anonymous false", f"password_file {tmp_path}/users")
    with running(mosquitto(tmp_path, *lines)) as server:
        monkeypatch.setenv("MOTEFIT_SINK_PASSWORD", "hunter2")
        sink = open_sink(f"mqtt://pi@127.0.0.1:{server.port}")
        with pytest.raises(SinkError, match="refused the connection: Not authorized") as refused:
            sink.write([reading(1)])
        assert "hunter2" not in str(refused.value)


def test_a_broker_that_accepts_and_never_answers_is_given_up(silent_port):
    sink = MqttSink(sink_address(f"mqtt://127.0.0.1:{silent_port}"), tls=False, timeout_s=0.2)
    with pytest.raises(SinkError, match="did not answer"):
        sink.write([reading(1)])


def test_a_redis_that_accepts_and_never_answers_is_given_up(silent_port):
    sink = RedisSink(sink_address(f"redis://127.0.0.1:{silent_port}"), tls=False, timeout_s=0.2)
    with pytest.raises(SinkError, match="Redis at"):
        sink.write([reading(1)])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("readings.db", "kind:place"),
        ("sqlite:", "kind:place"),
        ("mqtt://pi:secret@broker", "contains a password"),
        ("mqtt://", "needs a broker"),
        ("mqtt://broker/a/#", "contains #"),
        ("mqtt://broker/+/a", "the topic"),
        ("redis://host/one", "is a number"),
        ("redis://host?retention_days=-1", "positive number"),
        ("redis://host?retain=3", "retention_days"),
        ("redis://host?memory_bytes=3", "needs keys"),
        ("redis://host?memory_bytes=3&keys=1&every_s=1&retention_days=1", "contradict"),
        ("redis://host:99999", "cannot be read"),
        ("csv:/dev/null/x", "cannot be used"),
        ("sqlite:/dev/null/x", "cannot be used"),
    ],
)
def test_a_wrong_address_is_explained(url, message):
    with pytest.raises(DataError, match=message) as refused:
        open_sink(url)
    assert "secret" not in str(refused.value)


def test_an_unknown_sink_is_named():
    with pytest.raises(RecipeError, match="did you mean 'mqtt'"):
        open_sink("mqt://broker")
    assert {"csv", "mqtt", "mqtts", "parquet", "redis", "rediss", "sqlite"} <= set(SINKS.names())


@given(st.text(st.characters(max_codepoint=300), max_size=80))
def test_no_text_breaks_the_address_reader(url):
    try:
        sink_address(url)
    except DataError:
        return
    assert ":" in url


def test_a_memory_gives_a_retention():
    assert retention_days(16 * 2 * 43_200, keys=2, every_s=2.0) == pytest.approx(1.0)
    address = sink_address("redis://h?memory_bytes=921600&keys=2&every_s=2&average_minutes=1")
    assert Retention.of(address, series=True) == Retention(
        values_ms=12 * 3_600_000, bucket_ms=60_000, averages_ms=5 * 86_400_000
    )


def test_a_retention_without_redis_is_refused():
    with pytest.raises(RecipeError, match="is for Redis"):
        NodeSettings(sink="sqlite:r.db", retention="5 MB")
    with pytest.raises(RecipeError, match="amount of memory"):
        NodeSettings(sink="redis://h", retention="5 apples")


@pytest.mark.parametrize("wrong", [{"value": float("nan")}, {"key": "a b"}, {"time_ms": -1}])
def test_a_reading_is_checked(wrong):
    with pytest.raises(DataError):
        Reading(**{"key": "node:x", "time_ms": 1, "value": 1.0, **wrong})
