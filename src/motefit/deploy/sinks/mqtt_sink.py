"""Readings published over MQTT: ``mqtt://[USER@]BROKER[:PORT][/TOPIC]``, ``mqtts://`` with TLS.

Each message is a SenML pack (RFC 8428) as JSON. QoS 1 delivers each at least once; a subscriber
that stores by name and time (``n`` and ``t``) keeps each reading once.

MQTT 5 is used where the broker knows it: a broker of version 3.1.1 acknowledges also what it drops,
because a message is too large or the user may not publish.
"""

import functools
import json
import math
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

TOPIC = "motefit/readings"
PACK = 100
"""Most readings in one message, about 8 kB; fewer for a broker that finds this too large."""
OVERHEAD_BYTES = 10
"""Of a message, besides topic and text."""
OLD_BROKER, TOO_LARGE = 132, {130, 149}
"""Reason codes of MQTT 5: unsupported protocol version; packet too large, or protocol error, which
paho says when mosquitto acknowledges a message as too large."""
LOST = 0
"""In place of the number of a message: the connection is lost. MQTT numbers messages from 1."""
OVERSIZED = "the broker takes no message as large as one reading"


class _OversizedError(SinkError):
    """A message that the broker finds too large."""


def senml(readings: Sequence[Reading]) -> str:
    """Write readings as a SenML pack in JSON.

    >>> senml([Reading(key="node:temperature", time_ms=1500, value=21.5, unit="Cel")])
    '[{"n":"node:temperature","u":"Cel","t":1.5,"v":21.5}]'
    """
    records = [
        {"n": r.key, **({"u": r.unit} if r.unit else {}), "t": r.time_ms / 1000, "v": r.value}
        for r in readings
    ]
    return json.dumps(records, separators=(",", ":"), allow_nan=False)


class MqttSink:
    """Publisher of one topic.

    Args:
        address: broker, port, user and topic; option ``ca``: file of certificates to trust.
        tls: encrypt, and verify the broker's certificate.
        timeout_s: longest wait for the broker.

    Raises:
        DataError: if the file of certificates cannot be used.
        MissingExtraError: without paho-mqtt.
    """

    def __init__(self, address: SinkAddress, *, tls: bool, timeout_s: float = TIMEOUT_S) -> None:
        require("paho", extra="monitor", purpose="sending readings over MQTT")
        self._address, self._timeout_s = address, timeout_s
        self._topic = address.path.strip("/") or TOPIC
        if any(sign in self._topic for sign in "+#\0"):
            raise DataError(f"the topic {self._topic!r} contains +, # or NUL; choose another one")
        self._port = address.port or (8883 if tls else 1883)
        self._tls = trusted(address) if tls else None
        self._client: Client | None = None
        self._version, self._pack, self._most_bytes = 5, PACK, math.inf
        self._acknowledgments: SimpleQueue[tuple[int, ReasonCode]] = SimpleQueue()

    def write(self, readings: Sequence[Reading]) -> None:
        """Publish readings, and wait until the broker has acknowledged them."""
        try:
            while not self._fits(readings):
                self._pack = min(self._pack, len(readings)) // 2
        except (OSError, ValueError, RuntimeError, SinkError) as error:
            self.close()
            raise SinkError(f"{self._address.host}:{self._port}: {explained(error)}") from None

    def _fits(self, readings: Sequence[Reading]) -> bool:
        """Publish readings; return False if there are too many in one message for the broker."""
        try:
            self._publish(self._connect(), readings)
        except _OversizedError:
            self.close()
            if self._pack == 1 or len(readings) == 1:
                raise
            return False
        return True

    def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _connect(self) -> "Client":
        if self._client is not None and self._client.is_connected():
            return self._client
        reason, properties = self._greet()
        if reason.value == OLD_BROKER and self._version == 5:
            self._version = 4
            reason, properties = self._greet()
        most: float = getattr(properties, "MaximumPacketSize", math.inf)
        self._most_bytes = most - len(self._topic.encode()) - OVERHEAD_BYTES
        if self._client is None or reason.is_failure:
            raise SinkError(f"the broker refused the connection: {reason}")
        return self._client

    def _greet(self) -> tuple["ReasonCode", object]:
        """Connect once; return the broker's answer and its properties."""
        from paho.mqtt.client import Client  # noqa: PLC0415 - of an extra
        from paho.mqtt.enums import (  # noqa: PLC0415 - of an extra
            CallbackAPIVersion,
            MQTTProtocolVersion,
        )

        self.close()
        self._client = client = Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion(self._version)
        )
        client.connect_timeout = self._timeout_s
        answers: SimpleQueue[tuple[ReasonCode, object]] = SimpleQueue()
        client.on_connect = lambda *given: answers.put((given[3], given[4]))
        client.on_publish = lambda *given: self._acknowledgments.put((given[2], given[3]))
        client.on_disconnect = lambda *given: self._acknowledgments.put((LOST, given[3]))
        if self._address.user:
            client.username_pw_set(self._address.user, password_of(self._address))
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.connect(self._address.host, self._port)
        client.loop_start()
        try:
            return answers.get(timeout=self._timeout_s)
        except Empty:
            raise SinkError("the broker accepted the connection, but did not answer") from None

    def _publish(self, client: "Client", readings: Sequence[Reading]) -> None:
        """Send message by message: while one is sent, no answer to another closes the socket."""
        for text in self._messages(readings):
            acknowledgments: SimpleQueue[tuple[int, ReasonCode]] = SimpleQueue()
            self._acknowledgments = acknowledgments
            client.publish(self._topic, text, qos=1)
            try:
                number, reason = acknowledgments.get(timeout=self._timeout_s)
            except Empty:
                raise SinkError("the broker did not acknowledge in time") from None
            if reason.value in TOO_LARGE:
                raise _OversizedError(OVERSIZED)
            if number == LOST:
                raise SinkError(f"the connection was lost: {reason}")
            if reason.is_failure:
                raise SinkError(f"the broker refused the readings: {reason}")

    def _messages(self, readings: Sequence[Reading]) -> list[str]:
        """Divide readings into messages that the broker takes, in order."""
        text = senml(readings)
        if len(readings) <= self._pack and len(text) <= self._most_bytes:
            return [text]
        if len(readings) == 1:
            raise _OversizedError(OVERSIZED)
        middle = len(readings) // 2
        return self._messages(readings[:middle]) + self._messages(readings[middle:])


def _open(address: SinkAddress, *, tls: bool) -> MqttSink:
    address.allow("ca")
    if not address.host:
        raise DataError(f"{address.kind} needs a broker, e.g. {address.kind}://broker.local")
    return MqttSink(address, tls=tls)


SINKS.register("mqtt", functools.partial(_open, tls=False))
SINKS.register("mqtts", functools.partial(_open, tls=True))
