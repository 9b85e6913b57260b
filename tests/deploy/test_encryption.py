"""TLS to real servers: a right certificate works, others are refused and nothing is lost."""

import contextlib
import threading

import pytest
from certificates import authority
from node_readings import reading
from servers import HANG_S, find, mosquitto, redis, running, wait_until

from motefit.deploy.node import Node
from motefit.deploy.node_settings import NodeSettings
from motefit.deploy.sinks import SinkError, open_sink, sink_address
from motefit.deploy.sinks.mqtt_sink import MqttSink
from motefit.deploy.sinks.redis_sink import RedisSink
from motefit.spec.errors import DataError

SERVERS = {"mqtts": "mosquitto", "rediss": "redis-server"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    made = authority(tmp_path_factory.mktemp("authority"))
    made.issue("right")
    made.issue("expired", days=-1)
    made.issue("of-another", names="DNS:store.example")
    return made


@pytest.fixture(params=SERVERS)
def serve(request, certificates, tmp_path):
    """Give a function that runs a server with a certificate, and the URL of its sink."""
    kind = request.param
    if not find(SERVERS[kind]):
        pytest.skip(f"{SERVERS[kind]} is not installed")

    @contextlib.contextmanager
    def with_certificate(name, *, like=None):
        pem, key = certificates.folder / f"{name}.pem", certificates.folder / f"{name}.key"
        if kind == "mqtts":
            lines = ("allow_anonymous true", f"certfile {pem}", f"keyfile {key}")
            server = mosquitto(tmp_path, *lines, port=like)
        else:
            tls = ("--tls-cert-file", pem, "--tls-key-file", key, "--tls-auth-clients", "no")
            trust = ("--tls-ca-cert-file", certificates.trusted)
            server = redis(tmp_path, *map(str, (*tls, *trust)), port=like, tls=True)
        with running(server):
            yield f"{kind}://127.0.0.1:{server.port}?ca={certificates.trusted}", server.port

    return with_certificate


def test_a_right_certificate_is_accepted(serve):
    with serve("right") as (url, _):
        sink = open_sink(url)
        sink.write([reading(n) for n in range(3)])
        sink.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("expired", "certificate is refused: certificate has expired"),
        ("of-another", "certificate is refused: IP address mismatch"),
    ],
)
def test_another_certificate_is_refused_in_words(serve, name, reason):
    with serve(name) as (url, port):
        sink = open_sink(url)
        with pytest.raises(SinkError, match=rf"127.0.0.1:{port}: the server's {reason}"):
            sink.write([reading(1)])
        sink.close()


def test_an_authority_that_nobody_named_is_not_trusted(serve):
    with serve("right") as (url, _), pytest.raises(SinkError, match="certificate is refused"):
        open_sink(url.partition("?")[0]).write([reading(1)])


def test_readings_wait_until_the_certificate_is_right(serve, tmp_path):
    told = []
    with serve("expired") as (url, port):
        node = Node(
            NodeSettings(node="n", every_s=0.05, sink=url, outbox=f"{tmp_path}/outbox.db"),
            tell=told.append,
        )
        thread = threading.Thread(target=node.run)
        thread.start()
        wait_until(lambda: "has expired" in node.forwarder.problem, "the certificate is refused")
        wait_until(lambda: len(node.outbox) > 6, "readings wait")
        assert node.forwarder.sent == 0
    with serve("right", like=port):
        wait_until(lambda: node.forwarder.sent > 6, "they are sent")
        node.stop()
        thread.join(HANG_S)
    assert any("has expired; readings wait" in text for text in told)
    assert any("the sink is back" in text for text in told)


@pytest.mark.parametrize(("kind", "sink"), [("mqtts", MqttSink), ("rediss", RedisSink)])
def test_a_server_that_never_shakes_hands_is_given_up(silent_port, kind, sink):
    opened = sink(sink_address(f"{kind}://127.0.0.1:{silent_port}"), tls=True, timeout_s=0.2)
    with pytest.raises(SinkError, match=r"(?i)time"):
        opened.write([reading(1)])


@pytest.mark.parametrize("kind", SERVERS)
def test_a_missing_file_of_certificates_is_refused_at_once(kind, tmp_path):
    with pytest.raises(DataError, match="no certificates can be read"):
        open_sink(f"{kind}://host?ca={tmp_path}/none.pem")
