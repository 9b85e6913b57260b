"""Run ``make test`` alone, then next to busy processes; both must pass.

    python tools/busy_tests.py [--busy 8] [--only-busy] [-- PYTEST ARGUMENTS]

Prints the seconds of each run. The busy processes compute at normal priority, as another user's
would; they end with this script, however it ends.
"""

import argparse
import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def spin() -> None:
    """Compute until the parent process ends."""
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(1_000_000))


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep a number of processes computing."""
    running = [multiprocessing.Process(target=spin, daemon=True) for _ in range(count)]
    for process in running:
        process.start()
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.join()


def run(arguments: list[str], beside: int) -> int:
    """Run the tests next to busy processes; return the exit status of make."""
    environment = {**os.environ, "PYTEST_ARGS": " ".join(arguments)}
    start = time.perf_counter()
    with busy(beside):
        status = subprocess.run(["make", "test"], cwd=ROOT, env=environment, check=False).returncode
    outcome = "passed" if status == 0 else f"failed ({status})"
    seconds = time.perf_counter() - start
    print(f"make test beside {beside} busy processes: {outcome}, {seconds:.0f} s", flush=True)
    return status


def main() -> int:
    """Run both; return 1 if either fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--busy", type=int, default=8, help="busy processes in the second run")
    parser.add_argument("--only-busy", action="store_true", help="leave the first run out")
    parser.add_argument("arguments", nargs="*", help="of pytest")
    options = parser.parse_args()
    loads = [options.busy] if options.only_busy else [0, options.busy]
    statuses = [run(options.arguments, load) for load in loads]
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())
