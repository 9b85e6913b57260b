"""What a broker refuses stays in the outbox: too large messages, no permission, an old protocol."""

import contextlib
import json
import socket
import threading

import pytest
from mqtt_subscriber import Subscriber
from node_readings import reading
from servers import find, mosquitto, running, wait_until

from motefit.deploy.sinks import SinkError, open_sink

needs_mosquitto = pytest.mark.skipif(not find("mosquitto"), reason="mosquitto is not installed")


@pytest.mark.proof
@needs_mosquitto
@pytest.mark.parametrize("limit", ["message_size_limit 300", "max_packet_size 400"])
def test_messages_too_large_for_the_broker_are_divided(tmp_path, limit):
    with running(mosquitto(tmp_path, "allow_anonymous true", limit)) as server:
        subscriber = Subscriber(server.port)
        sink = open_sink(f"mqtt://127.0.0.1:{server.port}")
        sent = [reading(n, n / 8) for n in range(150)]
        for start in (0, 75):
            sink.write(sent[start : start + 75])
        wait_until(lambda: len(subscriber.stored) == 150, "all have arrived")
        assert subscriber.order == [(r.key, r.time_ms) for r in sent]
        subscriber.close()
        sink.close()


@needs_mosquitto
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["message_size_limit 20"], "no message as large as one reading"),
        (["max_packet_size 60"], "no message as large as one reading"),
        (["acl_file {}/acl"], "refused the readings: Not authorized"),
    ],
    ids=["too large", "too large to read", "not allowed"],
)
def test_readings_that_the_broker_drops_are_not_taken_for_sent(tmp_path, lines, reason):
    """A broker acknowledges also what it drops; only the reason of MQTT 5 tells."""
    (tmp_path / "acl").write_text("topic read #\n")
    (tmp_path / "acl").chmod(0o644)
    lines = [line.format(tmp_path) for line in lines]
    with running(mosquitto(tmp_path, "allow_anonymous true", *lines)) as server:
        sink = open_sink(f"mqtt://127.0.0.1:{server.port}")
        with pytest.raises(SinkError, match=reason):
            sink.write([reading(n) for n in range(5)])


class OldBroker:
    """A broker that knows only MQTT 3.1.1: it refuses version 5, and acknowledges messages."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.versions, self.received = [], []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.server.accept()[0]
                with connection, connection.makefile("rb") as source:
                    self._talk(connection, source)

    def _talk(self, connection, source):
        while head := source.read(1):
            size, shift = 0, 0
            while (digit := source.read(1)[0]) & 128:
                size, shift = size | (digit & 127) << shift, shift + 7
            body = source.read(size | digit << shift)
            if head[0] >> 4 == 1:  # CONNECT
                self.versions.append(body[6])
                connection.sendall(bytes([0x20, 2, 0, int(body[6] != 4)]))
                if body[6] != 4:
                    return
            elif head[0] >> 4 == 3:  # PUBLISH
                after = 2 + int.from_bytes(body[:2], "big")
                self.received += json.loads(body[after + 2 :])
                connection.sendall(bytes([0x40, 2]) + body[after : after + 2])


def test_a_broker_of_the_version_before_is_spoken_to_in_its_version():
    broker = OldBroker()
    sink = open_sink(f"mqtt://127.0.0.1:{broker.port}")
    sink.write([reading(n, n) for n in range(250)])
    sink.close()
    broker.server.close()
    assert broker.versions == [5, 4]
    assert [record["v"] for record in broker.received] == list(range(250))
