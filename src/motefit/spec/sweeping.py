"""Hidden temporary files and folders: locked while they are in use, swept when they are not.

A process that is killed leaves what it was writing. The next one that writes there removes it: the
kernel has released the lock, however the process ended.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".motefit.part"
GRACE_NS = 2 * 10**9
"""Younger ones are left alone: their process may not have locked them yet."""


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Lock a temporary file or folder that exists, for the length of a block.

    Where the file system knows no locks, nothing is locked.

    Yields:
        Once.

    Raises:
        OSError: if it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove temporary files and folders that no process holds; other files are left alone.

    Args:
        folder: in which ``.*.motefit.part`` are looked for: the names of no other program.
    """
    with contextlib.suppress(OSError):
        for path in folder.glob(f".*{SUFFIX}"):
            with contextlib.suppress(OSError):
                _remove_stale(path)


def _remove_stale(path: Path) -> None:
    age_ns = time.time_ns() - path.lstat().st_mtime_ns
    if 0 <= age_ns < GRACE_NS or path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(descriptor)
