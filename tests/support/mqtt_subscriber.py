"""A consumer of MQTT for tests."""

import json
import threading

from paho.mqtt.client import CallbackAPIVersion, Client
from servers import HANG_S


class Subscriber:
    """A consumer of MQTT that stores by name and time, as the documentation advises."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.stored: dict[tuple[str, int], float] = {}
        self.order: list[tuple[str, int]] = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="store", clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe("motefit/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._subscribed.wait(HANG_S)

    def _take(self, _client: object, _userdata: object, message: object) -> None:
        for record in json.loads(message.payload):
            name = (record["n"], round(1000 * record["t"]))
            if name not in self.stored:
                self.order.append(name)
            self.stored[name] = record["v"]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
