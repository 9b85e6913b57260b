"""Writing arrays whole or not at all."""

import secrets
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

DAMAGE = (OSError, TypeError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What numpy raises for .npy and .npz files that are not what they should be."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file beside ``path`` that takes its place if the block ends well, else is removed.

    Yields:
        the open file.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with beside.open("xb") as file:
        try:
            yield file
            file.close()
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
