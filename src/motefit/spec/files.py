"""Files written atomically: a reader sees the old file or the new one, never half."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from motefit.spec.codec import dumps_json
from motefit.spec.errors import OutputError

REMEDY = "free some space or choose another folder"


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
