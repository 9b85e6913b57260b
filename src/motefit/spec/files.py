"""Files written atomically: a reader sees the old file or the new one, never half."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motefit.spec.codec import dumps_json
from motefit.spec.errors import OutputError


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: when the folder cannot be written or the disk is full; what was there stays.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; choose another folder or make room "
            "(what was there before is unchanged)"
        ) from error


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, atomically.

    Raises:
        OutputError: as :func:`write_atomic`.
    """
    write_atomic(path, dumps_json(value))


def read_json(path: Path) -> Mapping[str, Any] | None:
    """Read a JSON object; None when the file is absent or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
