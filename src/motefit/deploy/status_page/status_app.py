"""Routes of the status page, and what is refused before they are reached."""

import base64
import binascii
import hmac
import json
import math
import secrets
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motefit.deploy.node_state import NodeState, Observed
from motefit.deploy.status_address import is_loopback
from motefit.deploy.status_page.metrics_text import CONTENT_TYPE, metrics_text
from motefit.spec.codec import encode
from motefit.spec.errors import RecipeError
from motefit.spec.visible import visible

ASSETS: Mapping[str, tuple[str, str]] = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
LARGEST_BODY = 4096
FRESH_S = 0.5
"""The state is looked at no more often than this, however many ask."""


class Guard:
    """Refuses what has no business here, before anything else looks at a request.

    Without a token, only names of this machine are answered: a page elsewhere whose name resolves
    to the loopback address is refused. With one, each request but that for the health needs it, as
    ``Authorization: Bearer TOKEN`` or as the password of HTTP Basic, which browsers ask for.

    Args:
        app: what is guarded.
        token: empty if none is needed.
    """

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(Headers(scope=scope), scope["path"])
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, headers: Headers, path: str) -> Response | None:
        if not self._token and not is_loopback(_host(headers.get("host", ""))):
            return PlainTextResponse(
                "This page answers to localhost only; ask for http://localhost:PORT/\n", 421
            )
        if self._token and path != "/healthz" and not self._has_token(headers):
            return PlainTextResponse(
                "This page needs the token of the node, as the password.\n",
                401,
                {"www-authenticate": 'Basic realm="motefit node", charset="UTF-8"'},
            )
        return None

    def _has_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif kind.lower() != "bearer":
            return False
        return hmac.compare_digest(given.encode(), self._token.encode())


def _host(text: str) -> str:
    """Return a Host header's name, without port and brackets.

    >>> _host("[::1]:8080"), _host("localhost:80"), _host("a.example")
    ('::1', 'localhost', 'a.example')
    """
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


class StatusRoutes:
    """Answers about a node.

    Args:
        node: what is shown.
    """

    def __init__(self, node: Observed) -> None:
        self._node = node
        self._csrf = secrets.token_urlsafe(24)
        self._state: NodeState | None = None
        self._body = b""
        self._until_s = -math.inf
        folder = files("motefit.deploy.status_page") / "assets"
        self._assets = {
            path: ((folder / name).read_bytes(), kind) for path, (name, kind) in ASSETS.items()
        }

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            *(Route(path, self._asset, methods=["GET"]) for path in ASSETS),
            Route("/state", self._show_state, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
            Route("/healthz", self._health, methods=["GET"]),
            Route("/settings", self._adjust, methods=["POST"]),
        ]

    def _now(self) -> NodeState:
        now_s = time.monotonic()
        if self._state is None or now_s >= self._until_s:
            self._state, self._until_s = self._node.state(), now_s + FRESH_S
            self._body = b""
        return self._state

    async def _asset(self, request: Request) -> Response:
        content, kind = self._assets[request.url.path]
        return Response(content, media_type=kind)

    async def _show_state(self, _: Request) -> Response:
        state = self._now()
        self._body = self._body or json.dumps(
            {**_harmless(encode(state)), "csrf": self._csrf}, allow_nan=False
        ).encode("ascii")
        return Response(self._body, media_type="application/json")

    async def _metrics(self, _: Request) -> Response:
        return Response(metrics_text(self._now()), headers={"content-type": CONTENT_TYPE})

    async def _health(self, _: Request) -> Response:
        problem = self._node.problem()
        return PlainTextResponse("unhealthy\n" if problem else "ok\n", 503 if problem else 200)

    async def _adjust(self, request: Request) -> Response:
        if not self._is_ours(request.headers):
            return JSONResponse({"error": "settings are changed from this page only"}, 403)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST_BODY:
                return JSONResponse({"error": f"more than {LARGEST_BODY} bytes"}, 413)
        try:
            changes: Any = json.loads(body)
        except (ValueError, RecursionError):
            return JSONResponse({"error": "no valid JSON"}, 400)
        if not isinstance(changes, dict):
            return JSONResponse({"error": "expected an object of settings"}, 400)
        try:
            self._node.adjust(changes)
        except RecipeError as error:
            return JSONResponse({"error": visible(str(error))}, 400)
        self._until_s = -math.inf
        return JSONResponse(encode(self._now().adjustable))

    def _is_ours(self, headers: Headers) -> bool:
        """Return whether a change comes from our own page, which alone can read the secret."""
        origin = headers.get("origin", "")
        given = headers.get("x-motefit-csrf", "")
        return (
            headers.get("content-type", "").partition(";")[0].strip() == "application/json"
            and headers.get("sec-fetch-site", "same-origin") == "same-origin"
            and (not origin or origin.partition("://")[2] == headers.get("host"))
            and hmac.compare_digest(given.encode(), self._csrf.encode())
        )


def _harmless(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Replace what names of files and labels may contain to deceive a reader."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(name): _harmless(item) for name, item in value.items()}
    return [_harmless(item) for item in value] if isinstance(value, list) else value


def status_app(node: Observed, *, token: str) -> ASGIApp:
    """Return the application of a node's status page.

    Args:
        node: what is shown.
        token: needed by each request; empty: none, and only this machine is answered.
    """
    return Guard(Starlette(routes=StatusRoutes(node).routes()), token=token)
