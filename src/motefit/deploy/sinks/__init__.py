"""Sinks: where readings end up; one file per kind, which registers a function that opens it.

A sink is named by a URL: ``sqlite:week.db``, ``csv:folder``, ``mqtts://user@broker/topic``,
``redis://host``. Passwords come from the environment variable ``MOTEFIT_SINK_PASSWORD`` or the
keyring, never from the URL, which ends up in process lists and logs.
"""

import contextlib
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from motefit.deploy.reading import Reading
from motefit.spec.codec import nearest
from motefit.spec.errors import DataError, MotefitError
from motefit.spec.registry import Registry

PASSWORD = "MOTEFIT_SINK_PASSWORD"  # noqa: S105 - the name of a variable
TIMEOUT_S = 5.0
"""Longest wait for an answer of a server."""


class SinkError(MotefitError):
    """A sink that did not take readings this time; they stay in the outbox."""


class Sink(Protocol):
    """A store of readings in which each (key, time) exists once, however often it is written."""

    def write(self, readings: Sequence[Reading]) -> None:
        """Store readings; they are safe when this returns.

        Writing readings again that are already stored changes nothing.

        Raises:
            SinkError: if it is not known that all of them are safe.
        """
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


@dataclass(frozen=True, kw_only=True)
class SinkAddress:
    """A sink's URL, taken apart.

    Attributes:
        kind: scheme of the URL.
        host: empty if there is none.
        port: None: the usual one.
        user: empty if there is none.
        path: behind the host, or the whole rest of a URL without a host.
        options: of the query, each at most once.
    """

    kind: str
    host: str
    port: int | None
    user: str
    path: str
    options: Mapping[str, str]

    def number(self, name: str, default: float) -> float:
        """Return an option as a positive number.

        Raises:
            DataError: if it is none.
        """
        text = self.options.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise DataError(f"{name}={text}: expected a positive number")
        return value

    def allow(self, *names: str) -> None:
        """Check the names of the options.

        Raises:
            DataError: for another one.
        """
        for name in self.options:
            if name not in names:
                raise DataError(
                    f"{self.kind}: unknown option {name!r}{nearest(name, names)}; allowed: "
                    f"{', '.join(names) or 'none'}"
                )


SINKS: Registry[Callable[[SinkAddress], Sink]] = Registry(__name__, "sink")
"""Functions that open a sink, by the scheme of its URL."""


def sink_address(url: str) -> SinkAddress:
    """Take a sink's URL apart.

    Raises:
        DataError: if it is no such URL, or contains a password.
    """
    kind, colon, rest = url.partition(":")
    if not colon or not rest:
        raise DataError(
            f"a sink is written as kind:place, e.g. sqlite:readings.db or mqtt://broker, got "
            f"{url!r}"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise DataError(f"the sink's URL cannot be read: {error}") from None
    if parts.password is not None:
        raise DataError(
            f"the sink's URL contains a password, which others can read in the process list; leave "
            f"it out and set the environment variable {PASSWORD}"
        )
    if rest.startswith("//") and "#" in rest:
        raise DataError(f"the sink's URL contains #, which such a URL cannot have: {url}")
    return SinkAddress(
        kind=kind,
        host=parts.hostname or "",
        port=port,
        user=unquote(parts.username or ""),
        path=_path(parts, rest),
        options=dict(parse_qsl(parts.query, keep_blank_values=True)),
    )


def _path(parts: SplitResult, rest: str) -> str:
    return parts.path if rest.startswith("//") else rest.partition("?")[0]


def open_sink(url: str) -> Sink:
    """Open a sink.

    Servers are contacted when readings are written, not here, so that a node starts without them.

    Raises:
        RecipeError: for an unknown kind.
        DataError: for a wrong URL, or a folder or file that cannot be used.
        MissingExtraError: if a library is not installed.
    """
    address = sink_address(url)
    return SINKS.find(address.kind)(address)


def explained(error: BaseException) -> str:
    """Say why a connection failed; that a certificate was refused is said in words.

    >>> explained(TimeoutError("timed out"))
    'timed out'
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = cause.verify_message.removesuffix(".")
            return f"the server's certificate is refused: {reason}"
        cause = cause.__cause__ or cause.__context__
    return str(error)


class _ClosingSocket(ssl.SSLSocket):
    """A socket that is closed if the handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as inherited
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def trusted(address: SinkAddress) -> ssl.SSLContext:
    """Return what verifies a server: the system's certificates, or those of the option ``ca``.

    Raises:
        DataError: if the file of certificates cannot be used.
    """
    path = address.options.get("ca")
    try:
        context = ssl.create_default_context(cafile=path)
    except OSError as error:
        raise DataError(f"ca={path}: no certificates can be read: {error}") from None
    context.sslsocket_class = _ClosingSocket
    return context


def password_of(address: SinkAddress) -> str | None:
    """Return the password of a sink, from the environment, else from the keyring of the system."""
    if password := os.environ.get(PASSWORD):
        return password
    if address.user and find_spec("keyring"):
        import keyring  # noqa: PLC0415 - optional

        with contextlib.suppress(keyring.errors.KeyringError):
            stored: str | None = keyring.get_password(f"motefit {address.host}", address.user)
            return stored
    return None
