"""Files written atomically: a reader sees the old file or the new one, never half.

A *sealed* file is JSON that holds a checksum of itself, for what a later run trusts.
"""

import contextlib
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from motefit.spec.codec import dumps_json, encode
from motefit.spec.errors import OutputError

SEAL = "sha256"
"""Key of the checksum in a sealed file."""
REMEDY = "free some space or choose another folder"


class DamagedFileError(ValueError):
    """A file that is there, and is not as it was written."""


@contextlib.contextmanager
def replacing(path: Path, *, what: str = "", remedy: str = REMEDY) -> Iterator[BinaryIO]:
    """A new file beside ``path`` that takes its place if the block ends well, else is removed.

    The folder is made where absent. The bytes are on the disk before the name changes, so a power
    cut leaves the old file or the new one too. The block should only write: an OSError in it is
    taken for a failure to write.

    Args:
        path: of the file to make or replace.
        what: the file is, for the error's text, e.g. ``"the checkpoint"``.
        remedy: what the error's text tells the user to do.

    Yields:
        the open file.

    Raises:
        OutputError: when the file cannot be written, e.g. on a full disk; what was there stays.
    """
    beside = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OutputError:
        raise
    except OSError as error:
        named = f"{what} {path}" if what else path
        raise OutputError(
            f"cannot write {named}: {error.strerror or error}; {remedy} "
            "(what was there before is unchanged)"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes | str, *, what: str = "", remedy: str = REMEDY) -> None:
    """Write a file whole or not at all; text as UTF-8.

    Raises:
        OutputError: as :func:`replacing`.
    """
    with replacing(path, what=what, remedy=remedy) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, atomically.

    Raises:
        OutputError: as :func:`replacing`.
    """
    write_atomic(path, dumps_json(value))


def read_json(path: Path) -> Mapping[str, Any] | None:
    """Read a JSON object; None when the file is absent or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_sealed(path: Path, value: object) -> None:
    """Write a JSON object with a checksum of itself under ``"sha256"``, atomically.

    Raises:
        OutputError: as :func:`replacing`.
        ValueError: when the object has such a key already.
    """
    table = encode(value)
    if SEAL in table:
        raise ValueError(f"{path}: the key {SEAL!r} is for the checksum")
    write_atomic(path, _sealed_text(table))


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Read what :func:`write_sealed` wrote, without the checksum; None when the file is absent.

    Raises:
        DamagedFileError: when any byte is another than was written, or it cannot be read.
    """
    try:
        text = path.read_bytes()
        table = json.loads(text)
        del table[SEAL]
        whole = _sealed_text(table).encode() == text
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged: {error}") from None
    if not whole:
        raise DamagedFileError(f"{path} is damaged: it is not as it was written")
    return dict(table)


def _sealed_text(table: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(dumps_json(table).encode()).hexdigest()
    return dumps_json({**table, SEAL: digest})


def make_writable(folder: Path) -> None:
    """Make a folder, and try it with a file that vanishes.

    Raises:
        OutputError: when files cannot be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"motefit")
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --out"
        ) from None
