"""Readings published over MQTT: ``mqtt://[USER@]BROKER[:PORT][/TOPIC]``, ``mqtts://`` with TLS.

Each message is a SenML pack (RFC 8428) as JSON. QoS 1 delivers each at least once; a subscriber
that stores by name and time (``n`` and ``t``) keeps each reading once.
"""

import functools
import json
import ssl
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from motefit.deploy.reading import Reading
from motefit.deploy.sinks import SINKS, TIMEOUT_S, SinkAddress, SinkError, password_of
from motefit.spec.errors import DataError
from motefit.spec.extras import require

if TYPE_CHECKING:
    from paho.mqtt.client import Client

if TYPE_CHECKING:
    pass

TOPIC = "motefit/readings"
PACK = 100
"""Readings in one message: about 8 kB."""


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
        self._tls = _trusted(address.options.get("ca")) if tls else None
        self._client: Client | None = None
        self._answered, self._refusal = threading.Event(), ""

    def write(self, readings: Sequence[Reading]) -> None:
        """Publish readings, and wait until the broker has acknowledged them."""
        try:
            self._publish(self._connect(), readings)
        except (OSError, ValueError, RuntimeError, SinkError) as error:
            self.close()
            raise SinkError(f"{self._address.host}:{self._port}: {error}") from None

    def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _connect(self) -> "Client":
        from paho.mqtt.client import Client  # noqa: PLC0415 - of an extra
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415 - of an extra

        if self._client is not None and self._client.is_connected():
            return self._client
        self.close()
        self._client = client = Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = self._timeout_s
        client.on_connect = self._on_connect
        if self._address.user:
            client.username_pw_set(self._address.user, password_of(self._address))
        if self._tls is not None:
            client.tls_set_context(self._tls)
        self._answered.clear()
        self._refusal = ""
        client.connect(self._address.host, self._port)
        client.loop_start()
        if not self._answered.wait(self._timeout_s):
            raise SinkError("the broker accepted the connection, but did not answer")
        if self._refusal:
            raise SinkError(f"the broker refused the connection: {self._refusal}")
        return client

    def _publish(self, client: "Client", readings: Sequence[Reading]) -> None:
        sent = [
            client.publish(self._topic, senml(readings[start : start + PACK]), qos=1)
            for start in range(0, len(readings), PACK)
        ]
        for message in sent:
            message.wait_for_publish(self._timeout_s)
            if not message.is_published():
                raise SinkError("the broker did not acknowledge in time")

    def _on_connect(self, *arguments: object) -> None:
        reason = arguments[3]  # client, userdata, flags, reason, properties
        self._refusal = str(reason) if getattr(reason, "is_failure", False) else ""
        self._answered.set()


def _trusted(path: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise DataError(f"ca={path}: no certificates can be read: {error}") from None


def _open(address: SinkAddress, *, tls: bool) -> MqttSink:
    address.allow("ca")
    if not address.host:
        raise DataError(f"{address.kind} needs a broker, e.g. {address.kind}://broker.local")
    return MqttSink(address, tls=tls)


SINKS.register("mqtt", functools.partial(_open, tls=False))
SINKS.register("mqtts", functools.partial(_open, tls=True))
