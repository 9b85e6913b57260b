"""Files written atomically: a reader sees the old file or the new one, never a mixture.

A *sealed* file is JSON that contains its own checksum, for data that a later run relies on.
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
from motefit.spec.sweeping import SUFFIX, held, sweep

SEAL = "sha256"
"""Key of the checksum in a sealed file."""
REMEDY = "free some space or choose another folder"


class DamagedFileError(ValueError):
    """A file whose contents are not as they were written."""


@contextlib.contextmanager
def replacing(path: Path, *, what: str = "", remedy: str = REMEDY) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces ``path`` if the block succeeds, and is removed otherwise.

    Only regular files are replaced, never a device, a pipe or a folder. A symbolic link is
    followed: it stays, and the file that it leads to is replaced.

    Missing folders are created, and what a killed process was writing there is removed. The bytes
    are on the disk before the file is renamed, so a power cut leaves either the old file or the new
    one. The block should only write: an OSError in it is reported as a failure to write.

    Args:
        path: of the file to create or replace.
        what: description of the file for the error's text, e.g. ``"the checkpoint"``.
        remedy: what the error's text tells the user to do.

    Yields:
        the open file.

    Raises:
        OutputError: if the file cannot be written, e.g. on a full disk; previous contents stay.
    """
    if "\0" in str(path):
        raise OutputError(f"cannot write {path}: no file has a zero byte in its name")
    target = Path(os.path.realpath(path))
    beside = target.parent / f".{secrets.token_hex(8)}{SUFFIX}"
    try:
        _require_replaceable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        with beside.open("xb") as file, held(beside):
            yield file
            file.flush()
            os.fsync(file.fileno())
            beside.replace(target)
    except OutputError:
        raise
    except OSError as error:
        named = f"{what} {path}" if what else path
        raise OutputError(
            f"cannot write {named}: {error.strerror or error}; {remedy} "
            "(previous contents are unchanged)"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _require_replaceable(path: Path) -> None:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OutputError(
            f"cannot write {path}: it is not a regular file but a device, a pipe or a socket, "
            "which would be replaced; choose another name"
        )


def write_atomic(path: Path, data: bytes | str, *, what: str = "", remedy: str = REMEDY) -> None:
    """Write a file completely or not at all; text as UTF-8.

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
    """Read a JSON object; None if the file is absent or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_sealed(path: Path, value: object) -> None:
    """Write a JSON object with its own checksum under ``"sha256"``, atomically.

    Raises:
        OutputError: as :func:`replacing`.
        ValueError: if the object already has such a key.
    """
    table = encode(value)
    if SEAL in table:
        raise ValueError(f"{path}: the key {SEAL!r} is reserved for the checksum")
    write_atomic(path, _sealed_text(table))


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Read what :func:`write_sealed` wrote, without the checksum; None if the file is absent.

    Raises:
        DamagedFileError: if any byte has changed since it was written, or the file cannot be read.
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
        raise DamagedFileError(f"{path} is damaged: its checksum does not match")
    return dict(table)


def _sealed_text(table: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(dumps_json(table).encode()).hexdigest()
    return dumps_json({**table, SEAL: digest})


def is_file_name(name: str) -> bool:
    """Return whether a name is that of a file in a folder, and leads nowhere else.

    >>> is_file_name("quickstart.zip"), is_file_name("../victim"), is_file_name("")
    (True, False, False)
    """
    return name not in {"", ".", ".."} and not set(name) & {"/", "\\", "\0"}


@contextlib.contextmanager
def leaves_no_empty(*folders: Path) -> Iterator[None]:
    """Remove folders that the block creates and leaves empty, with their new parents.

    A run that is refused after its folder was tested leaves nothing behind.
    """
    new = [p for folder in folders for p in (folder, *folder.parents) if not p.exists()]
    try:
        yield
    finally:
        for path in new:  # from the inside out
            with contextlib.suppress(OSError):  # it has files now, or was never created
                path.rmdir()


def require_writable(folder: Path) -> None:
    """Test by writing a temporary file that results can be written to a folder.

    A folder that does not exist is removed again: a run that is refused later leaves nothing.

    Raises:
        OutputError: if files cannot be written there.
    """
    try:
        with leaves_no_empty(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"motefit")
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --out"
        ) from None


def cache_folder(chosen: Path | None = None) -> Path:
    """Return the chosen folder, else ``$MOTEFIT_CACHE``, else ``~/.cache/motefit``."""
    if chosen is not None:
        return chosen
    return Path(os.environ.get("MOTEFIT_CACHE") or Path.home() / ".cache" / "motefit")
