"""Watch processes."""

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 1200


def alive(pid: int) -> bool:
    """Whether a process runs; the dead that nobody asked after do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
