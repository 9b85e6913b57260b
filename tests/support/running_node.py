"""A node with its status page, run in a thread for the length of a block."""

import contextlib
import http.client
import json
import threading
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from servers import HANG_S

from motefit.deploy.node import Node
from motefit.deploy.node_settings import NodeSettings
from motefit.deploy.outbox import Outbox
from motefit.deploy.reading import Reading
from motefit.deploy.stored_readings import stored_readings


def silence(path: Path, seconds: float) -> Path:
    """Write a recording of silence, for a node whose time is that of its sound."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * round(seconds * 16_000)))
    return path


@contextlib.contextmanager
def running_node(folder: Path, **settings: Any) -> Iterator[Node]:
    """Run a node whose files are in a folder; its page is on a free port of the loopback.

    Attribute ``told`` of the node is the list of sentences that it has told.
    """
    told: list[str] = []
    given = {
        "node": "node",
        "every_s": 0.05,
        "outbox": str(folder / "outbox.db"),
        "sink": f"sqlite:{folder / 'stored.db'}",
        "status": "0",
        **settings,
    }
    node = Node(NodeSettings(**given), tell=told.append)
    node.told = told  # type: ignore[attr-defined]
    thread = threading.Thread(target=node.run)
    thread.start()
    try:
        yield node
    finally:
        node.stop()
        thread.join(HANG_S)


class Answer:
    """What a server has answered."""

    def __init__(self, found: http.client.HTTPResponse) -> None:
        self.status, self.headers = found.status, found.headers
        self.text = found.read().decode()

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.text)


def ask(
    node: Node,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Send one request to a node's status page."""
    assert node.page is not None
    where = urlsplit(node.page.url)
    assert where.hostname is not None
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=HANG_S)
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=dict(headers or {}))
        return Answer(connection.getresponse())


def kept_readings(sink: str, outbox: Path) -> list[Reading]:
    """Return what a node measured: stored by its sink, or still in the outbox of a busy machine."""
    waiting = Outbox(outbox)
    try:
        return [*stored_readings(sink), *waiting.newest(100_000)]
    finally:
        waiting.close()
