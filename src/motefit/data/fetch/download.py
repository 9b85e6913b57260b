"""One file over HTTP: streamed, resumed, verified, and moved into place only if correct.

Bytes go to ``<file>.part``; ``<file>.part.json`` identifies the upstream file they belong to (its
ETag or date), so that an interrupted download resumes where it stopped, and starts over if the
upstream file has changed.
"""

import errno
import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from motefit.spec.errors import DataError, OutputError, RecipeError

Progress = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 18
_MOST_CONNECTIONS = 100
_LONGEST_PAUSE_S = 30.0
_NOT_FOUND = (400, 401, 403, 404, 405, 410, 451)
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL = 206


class _Headers(Protocol):
    def get(self, name: str) -> str | None: ...


class _Response(Protocol):
    status: int
    headers: _Headers

    def read(self, amount: int, /) -> bytes: ...


class _Interrupted(Exception):  # noqa: N818  # not an error yet: the next connection may go on
    """A connection failed in a way that a retry may fix."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Retry policy.

    Attributes:
        attempts: consecutive connections without progress before giving up.
        pause_s: pause before the second one; doubled each time, up to 30 s.
        timeout_s: longest silence on a connection.
    """

    attempts: int = 4
    pause_s: float = 1.0
    timeout_s: float = 30.0


def download(
    url: str,
    path: Path,
    *,
    size_bytes: int,
    sha256: str | None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> str:
    """Fetch ``url`` to ``path``; return the SHA-256 of the file.

    Args:
        url: http or https.
        path: file to create, in an existing folder; replaced at the end, in one step.
        size_bytes: expected size.
        sha256: expected hash; None: not checked.
        progress: called with the bytes received and ``size_bytes``.
        patience: retry policy.

    Raises:
        RecipeError: for a URL that is neither http nor https.
        DataError: if the server cannot be reached, or has no such file or a different one. Received
            data are kept for the next call, unless the file is the wrong one.
        OutputError: if the file cannot be written, for example on a full disk.
    """
    if not url.startswith(("http://", "https://")):
        raise RecipeError(f"the URL must start with http:// or https://, got {url!r}")
    patience = patience or Patience()
    transfer = _Transfer(url=url, path=path, size_bytes=size_bytes, timeout_s=patience.timeout_s)
    try:
        _persevere(transfer, patience, progress)
        digest = _sha256(transfer.part)
        if sha256 is not None and digest != sha256:
            transfer.discard()
            raise DataError(
                f"wrong file from {url}: its sha256 is {digest}, expected {sha256}; it was "
                "deleted. Try again, or name a mirror with --url"
            )
        transfer.part.replace(path)
        transfer.discard()
    except OSError as error:
        raise OutputError(_cannot_write(transfer.part, error)) from error
    return digest


def _persevere(transfer: "_Transfer", patience: Patience, progress: Progress | None) -> None:
    """Connect until the part file is complete."""
    failures, here = 0, transfer.here()
    for _ in range(_MOST_CONNECTIONS):
        try:
            if transfer.connect(progress):
                return
            reason = "the connection was cut"
        except _Interrupted as interruption:
            reason = str(interruption)
        failures = 0 if transfer.here() > here else failures + 1
        here = transfer.here()
        if failures >= patience.attempts:
            break
        time.sleep(min(patience.pause_s * 2 ** max(0, failures - 1), _LONGEST_PAUSE_S))
    else:
        reason = f"{_MOST_CONNECTIONS} connections were cut"
    raise DataError(
        f"cannot fetch {transfer.url}: {reason} after {here} of {transfer.size_bytes} bytes; "
        "check the network and try again (received data are kept), or name a mirror with --url"
    )


class _Transfer:
    """The part file of one download and the connections that fill it."""

    def __init__(self, *, url: str, path: Path, size_bytes: int, timeout_s: float) -> None:
        self.url = url
        self.part = path.with_name(path.name + ".part")
        self.size_bytes = size_bytes
        self._note = path.with_name(path.name + ".part.json")
        self._timeout_s = timeout_s

    def here(self) -> int:
        """Return the size of the part file in bytes."""
        return self.part.stat().st_size if self.part.exists() else 0

    def discard(self) -> None:
        """Delete the received data."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def connect(self, progress: Progress | None) -> bool:
        """Use one connection; return whether the part file is complete.

        Raises:
            _Interrupted: if another connection may help.
            DataError: if none will.
            OSError: if the part file cannot be written.
        """
        validator = self._validator()
        here = self.here() if validator else 0
        if here == self.size_bytes:
            return True
        request = urllib.request.Request(  # noqa: S310  # http or https, checked in download()
            self.url, headers={"User-Agent": "motefit", "Accept-Encoding": "identity"}
        )
        if here:
            request.add_header("Range", f"bytes={here}-")
            request.add_header("If-Range", validator)
        try:
            opened = urllib.request.urlopen(request, timeout=self._timeout_s)  # noqa: S310  # as above
        except urllib.error.HTTPError as error:
            error.close()
            raise self._refused(error.code, error.reason) from None
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(_reason(error)) from error
        with opened:
            return self._receive(cast("_Response", opened), here, progress)

    def _refused(self, status: int, reason: str) -> Exception:
        if status == _RANGE_NOT_SATISFIABLE:
            self.discard()
        if status in _NOT_FOUND:
            return DataError(
                f"{self.url} does not exist: the server answers {status} {reason}; "
                "name a mirror with --url"
            )
        return _Interrupted(f"the server answers {status} {reason}")

    def _receive(self, response: _Response, here: int, progress: Progress | None) -> bool:
        """Append one response to the part file, or start over if it is the whole file."""
        validator = _strong_validator(response.headers)
        if response.status == _PARTIAL:
            if not self._continues(response, here, validator):
                self.discard()
                raise _Interrupted("the server sent a different range than requested")
        else:
            here = 0
        announced = response.headers.get("Content-Length") or ""
        if announced.isdecimal() and here + int(announced) != self.size_bytes:
            self.discard()
            raise DataError(
                f"wrong file at {self.url}: the server announces {here + int(announced)} bytes, "
                f"expected {self.size_bytes}; name a mirror with --url"
            )
        if here == 0:
            self.discard()
            self._note.write_text(json.dumps({"url": self.url, "validator": validator}))
        with self.part.open("ab") as file:
            here = self._copy(response, file, here, progress)
        if here > self.size_bytes:
            self.discard()
            raise DataError(
                f"wrong file at {self.url}: more than the expected {self.size_bytes} bytes; "
                "name a mirror with --url"
            )
        return here == self.size_bytes

    def _copy(
        self, response: _Response, file: BinaryIO, here: int, progress: Progress | None
    ) -> int:
        while here <= self.size_bytes:
            try:
                chunk = response.read(_CHUNK_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise _Interrupted(_reason(error)) from error
            if not chunk:
                break
            file.write(chunk)
            here += len(chunk)
            if progress is not None:
                progress(min(here, self.size_bytes), self.size_bytes)
        return here

    def _continues(self, response: _Response, here: int, validator: str) -> bool:
        """Return whether a partial response continues the same file where the part file ends."""
        first = (response.headers.get("Content-Range") or "").removeprefix("bytes ").split("-")[0]
        return first == str(here) and validator in {"", self._validator()}

    def _validator(self) -> str:
        """Return the ETag or date of the upstream file of the part file; empty if unknown."""
        try:
            note = json.loads(self._note.read_text())
            return str(note["validator"]) if note["url"] == self.url else ""
        except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
            return ""


def _strong_validator(headers: _Headers) -> str:
    """Return what identifies a version of an upstream file: its ETag or date; may be empty."""
    etag = headers.get("ETag") or ""
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified") or ""


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "")) or str(error) or type(error).__name__


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cannot_write(path: Path, error: OSError) -> str:
    hint = ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        hint = "; free some space and try again: received data are kept"
    return f"cannot write {path}: {error.strerror or error}{hint}"
