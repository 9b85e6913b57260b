"""The status page's server: a thread of its own that slow and idle clients cannot exhaust."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from motefit.deploy.node_state import Observed
from motefit.deploy.status_address import TOKEN, StatusAddress
from motefit.deploy.status_page.status_app import status_app
from motefit.spec.errors import DataError

MOST_CONNECTIONS = 64
REQUEST_S = 10.0
"""Time for a request and its answer, and the longest rest before the next one."""
HEADERS_BYTES = 16_384
CLOSING_S = 2.0


class StatusConnection(H11Protocol):
    """A connection that ends when its time is over, or when a newer one needs its place.

    uvicorn's own limit answers 503 to everybody while slow clients hold all connections. Here a new
    connection always has a place: the one that has waited longest for a request gives it up. A
    request from a browser is complete within milliseconds, so it is the slow ones that go.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **options)
        self._since_s = 0.0
        self._ending: Any = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's
        """Start the clock, and drop the slowest connection where there are too many."""
        super().connection_made(transport)
        self._restart()
        held = [
            other
            for other in self.connections
            if isinstance(other, StatusConnection) and not other.transport.is_closing()
        ]
        if len(held) > MOST_CONNECTIONS:
            waiting = [other for other in held if other.is_waiting and other is not self]
            min(waiting or held, key=lambda other: other._since_s).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._ending is not None:
            self._ending.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Give the next request its own time."""
        self._restart()
        super().on_response_complete()

    @property
    def is_waiting(self) -> bool:
        """Whether no complete request is being answered."""
        # None before the first request, though uvicorn does not say so
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def _restart(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._since_s = self.loop.time()
        self._ending = self.loop.call_later(REQUEST_S, self.transport.abort)


class StatusServer:
    """A status page that can be asked for.

    Args:
        node: what is shown.
        address: where to listen.
        token: needed beyond the loopback.
        tell: called with the page's address, and if the server fails.

    Raises:
        DataError: if the address cannot be used, or is not the loopback and there is no token.
    """

    def __init__(
        self, node: Observed, *, address: StatusAddress, token: str, tell: Callable[[str], None]
    ) -> None:
        if not token and not address.is_loopback:
            raise DataError(
                f"status: other machines reach {address.host}, so the page needs a token: set "
                f"{TOKEN} in the environment, or status_token_file in the settings file"
            )
        self._tell = tell
        self._socket = _listening(address)
        host = f"[{address.host}]" if ":" in address.host else address.host
        self.url = f"http://{host}:{self._socket.getsockname()[1]}/"
        config = uvicorn.Config(
            status_app(node, token=token),
            loop="asyncio",
            http=StatusConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(REQUEST_S),
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=HEADERS_BYTES,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="status page", daemon=True)

    @property
    def connections(self) -> int:
        """Number of connections that are open."""
        return sum(
            not connection.transport.is_closing()
            for connection in tuple(self._server.server_state.connections)
        )

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()
        self._tell(f"status page: {self.url}")

    def close(self) -> None:
        """Stop answering, and release the address."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(CLOSING_S)
        self._socket.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except Exception as error:  # noqa: BLE001 - the node goes on without its page
            self._tell(f"the status page has ended: {error}")


def _listening(address: StatusAddress) -> socket.socket:
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, *_, where = found[0]
        return socket.create_server(where[:2], family=family, backlog=128)
    except OSError as error:
        raise DataError(
            f"status: cannot listen at {address.host}, port {address.port}: "
            f"{error.strerror or error}; is another program using it?"
        ) from None
