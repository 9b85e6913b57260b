"""Where the status page listens, and the token that it asks for."""

import ipaddress
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from motefit.spec.errors import DataError, RecipeError

LOOPBACK = "127.0.0.1"
TOKEN = "MOTEFIT_STATUS_TOKEN"  # noqa: S105 - the name of the variable
SHORTEST_TOKEN = 16
_TOKEN = re.compile(rf"[\x21-\x7e]{{{SHORTEST_TOKEN},200}}\Z")


@dataclass(frozen=True, kw_only=True)
class StatusAddress:
    """Address of the status page.

    Attributes:
        host: name, or address without brackets.
        port: 0 for any free one.
    """

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether a name or address is that of this machine for itself.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("::1"), is_loopback("::")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def status_address(text: str) -> StatusAddress:
    """Read an address as a user writes it: ``[HOST:]PORT``.

    >>> status_address("8080")
    StatusAddress(host='127.0.0.1', port=8080)
    >>> status_address("[::1]:8080").host
    '::1'

    Raises:
        RecipeError: if the text is no such address.
    """
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    valid = re.fullmatch(r"[0-9]{1,5}", port) is not None and int(port) < 65_536
    if not valid or (bare == host and ":" in host) or not re.fullmatch(r"[A-Za-z0-9.:_%\-]*", bare):
        raise RecipeError(
            "status is a port, or host and port, e.g. 8080, 0.0.0.0:8080 or [::]:8080; got "
            f"{text!r}"
        )
    return StatusAddress(host=bare if colon and bare else LOOPBACK, port=int(port))


def status_token(file: str) -> str:
    """Read the token from the environment, or from a file; empty if there is neither.

    Args:
        file: path; empty: none.

    Raises:
        DataError: if the token is too short, or the file cannot be read or others can read it.
    """
    token, where = os.environ.get(TOKEN, ""), TOKEN
    if not token and file:
        token, where = _of_file(Path(file)), file
    if token and not _TOKEN.match(token):
        raise DataError(
            f"{where}: a token is {SHORTEST_TOKEN} to 200 letters, digits and signs without "
            "spaces; make one with: openssl rand -hex 16"
        )
    return token


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IROTH:
                raise DataError(f"{path}: anyone can read this token; run: chmod 600 {path}")
            text = file.read(4096).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no token can be read: {error}") from None
    if not text:
        raise DataError(f"{path}: no token can be read: the file is empty")
    return text
