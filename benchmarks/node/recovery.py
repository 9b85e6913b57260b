"""A node after kill -9: what its outbox has, and how soon it can be sent.

Usage: python benchmarks/node/recovery.py [--readings 1000 100000 1000000]

A process fills an outbox and is killed in the middle of a write, so that its write-ahead log is not
yet in the database. Another opens it as a node does at its start, and takes the first batch for the
sink: this time is printed, with that of Python's own start and import of motefit beside it.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILL = """
import sys
from pathlib import Path
from motefit.deploy.outbox import Outbox
from motefit.deploy.reading import Reading
with Outbox(Path(sys.argv[1]), most=10**7) as outbox:
    whole = int(sys.argv[2])
    for start in range(0, whole, 5000):
        outbox.put([Reading(key="n:x", time_ms=n, value=n) for n in range(start, start + 5000)])
    print("filled", flush=True)
    for n in range(10**8, 10**9):
        outbox.put([Reading(key="n:x", time_ms=n, value=n)])
        print(n, flush=True)
"""
OPEN = """
import sys, time
start = time.perf_counter()
from pathlib import Path
from motefit.deploy.outbox import Outbox
imported = time.perf_counter()
with Outbox(Path(sys.argv[1]), most=10**7) as outbox:
    batch = outbox.batch(500)
    ready = time.perf_counter()
    print(len(outbox), imported - start, ready - imported)
"""


def killed(path: Path, readings: int) -> int:
    """Fill an outbox and kill the process; return how many readings it had confirmed."""
    command = [sys.executable, "-c", FILL, str(path), str(readings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        output = process.stdout or sys.exit("no output")
        if output.readline() != "filled\n":
            sys.exit("the outbox could not be filled")
        confirmed = [output.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        confirmed += output.read().split("\n")[:-1]
    return -(-readings // 5000) * 5000 + len(confirmed)


def main() -> None:
    """Kill and recover with each number of readings; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, nargs="+", default=[1000, 100_000, 1_000_000])
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    print("| confirmed before the kill | found | import, s | outbox opened, first batch read, s |")
    print("|---:|---:|---:|---:|")
    for readings in options.readings:
        with tempfile.TemporaryDirectory() as folder:
            filled = Path(folder) / "filled"
            filled.mkdir()
            confirmed = killed(filled / "outbox.db", readings)
            found = []
            for number in range(options.times):
                copy = Path(folder) / str(number)
                shutil.copytree(filled, copy)
                start = time.perf_counter()
                command = [sys.executable, "-c", OPEN, str(copy / "outbox.db")]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found.append((*map(float, said.split()), time.perf_counter() - start))
                shutil.rmtree(copy)
            count, imported, ready, _ = sorted(found, key=lambda row: row[2])[len(found) // 2]
            print(f"| {confirmed} | {count:.0f} | {imported:.2f} | {ready:.3f} |")


if __name__ == "__main__":
    main()
