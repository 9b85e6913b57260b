"""What all sinks promise, each over the real server; and what their addresses allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_readings import reading
from servers import find, mosquitto, redis, running, wait_until

from motefit.deploy.reading import Reading
from motefit.deploy.sinks import SINKS, SinkError, open_sink, sink_address
from motefit.deploy.sinks.mqtt_sink import MqttSink
from motefit.deploy.sinks.redis_sink import RedisSink, retention_days
from motefit.deploy.stored_readings import stored_readings
from motefit.spec.errors import DataError, RecipeError


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
    assert {"csv", "mqtt", "mqtts", "redis", "rediss", "sqlite"} <= set(SINKS.names())


@given(st.text(st.characters(max_codepoint=300), max_size=80))
def test_no_text_breaks_the_address_reader(url):
    try:
        sink_address(url)
    except DataError:
        return
    assert ":" in url


def test_a_memory_gives_a_retention():
    assert retention_days(16 * 2 * 43_200, keys=2, every_s=2.0) == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [{"value": float("nan")}, {"key": "a b"}, {"time_ms": -1}])
def test_a_reading_is_checked(wrong):
    with pytest.raises(DataError):
        Reading(**{"key": "node:x", "time_ms": 1, "value": 1.0, **wrong})
