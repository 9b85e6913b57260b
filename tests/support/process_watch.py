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


def children_of(pid: int) -> dict[int, bytes]:
    """Return the command lines of a process's children, by their pids."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in pids}


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
