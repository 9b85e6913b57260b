"""Audit folders of many clips: time to decode, time afterwards, and memory that is not files.

    python benchmarks/clips/run.py [CLIPS ...]   # default: 2,000 and 8,000; 100,000 need 7 GB

Prints a table. Clips are noise bursts of 1 s at 16 kHz of ten words by 500 speakers.
"""

import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path

import numpy as np

RATE_HZ = 16_000
WORDS = 10
SPEAKERS = 500


def make(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    room = rng.normal(0, 20, RATE_HZ)
    for i in range(count):
        path = folder / f"word{i % WORDS}" / f"{i % SPEAKERS:08x}_nohash_{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        pcm = room.copy()
        start = int(rng.integers(0, RATE_HZ // 2))
        pcm[start : start + 6000] += rng.normal(0, 2000, 6000)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            file.writeframes(pcm.astype("<i2").tobytes())


def measured(folder: Path) -> None:
    """Audit in this process; print seconds and the most anonymous memory in MB."""
    import motefit  # noqa: PLC0415 - its memory counts

    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    most[0] = max(most[0], int(line.split()[1]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    found = motefit.audit(folder, progress="quiet")
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    assert not found.broken  # noqa: S101 - a benchmark that measures something else is worthless
    print(f"{seconds:.1f} {most[0] / 1024:.0f}")


def main() -> None:
    counts = [int(text) for text in sys.argv[1:]] or [2000, 8000]
    print("| clips | first audit (decodes) | later audits | memory, first | memory, later |")
    print("|---:|---:|---:|---:|---:|")
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            make(Path(place, "data"), count)
            rows = []
            for _ in range(2):
                done = subprocess.run(
                    [sys.executable, __file__, "--measure", str(Path(place, "data"))],
                    env={"MOTEFIT_CACHE": str(Path(place, "cache")), "OMP_NUM_THREADS": "1"},
                    check=True, capture_output=True, text=True,
                )  # fmt: skip
                rows.append(done.stdout.split())
        (first, memory), (later, memory_later) = rows
        print(f"| {count} | {first} s | {later} s | {memory} MB | {memory_later} MB |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measured(Path(sys.argv[2]))
    else:
        main()
