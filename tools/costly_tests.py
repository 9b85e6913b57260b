"""Print the CPU-seconds of tests, by folder and of the costliest, with their fixtures and children.

    python tools/costly_tests.py [--top 40] [PYTEST ARGUMENTS]

In one process, on Linux. Seconds of a busy machine tell little; CPU-seconds depend on it far less.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

TICKS = os.sysconf("SC_CLK_TCK")


def spent_s() -> float:
    """Return the CPU time of this process, of its ended children and of all that still run."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            parents[int(entry.name)] = int(fields[1])
            used[int(entry.name)] = sum(map(int, fields[11:15])) / TICKS
    ended = os.times()
    running = sum(used[pid] for pid in used if _is_below_this_process(pid, parents))
    return time.process_time() + ended.children_user + ended.children_system + running


def _is_below_this_process(pid: int, parents: dict[int, int]) -> bool:
    while (pid := parents.get(pid, 0)) > 0:
        if pid == os.getpid():
            return True
    return False


class Meter:
    """Plugin of pytest that charges each test for its setup, itself and its teardown."""

    def __init__(self) -> None:
        self.costs: Counter[str] = Counter()
        self.before_s = 0.0
        """Of the imports and the collection."""

    def pytest_collection_finish(self) -> None:
        """Note what happened before the first test."""
        self.before_s = spent_s()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Charge a test."""
        start = spent_s()
        try:
            return (yield)
        finally:
            self.costs[item.nodeid] += spent_s() - start


def main() -> int:
    """Run the tests; return pytest's exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--top", type=int, default=40, help="costliest tests to print")
    own, given = parser.parse_known_args()
    meter = Meter()
    status = pytest.main(["-q", *given], plugins=[meter])
    folders: Counter[str] = Counter()
    for name, seconds in meter.costs.items():
        folders["/".join(name.partition("::")[0].split("/")[:2])] += seconds
    print(f"\n{meter.before_s:8.1f} before the first test")
    for title, costs in (("folders", folders), ("tests", meter.costs)):
        print(f"{sum(costs.values()):8.1f} CPU-seconds of {len(costs)} {title}")
        for name, seconds in costs.most_common(own.top):
            print(f"{seconds:8.1f} {name}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
