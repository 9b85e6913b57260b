"""Memory and time of `data audit` and `fit` on series of half a million to five million rows.

Writes `results.md` and `results.json` beside this file: ``python benchmarks/rows/run.py``, some
fifteen minutes. Each command runs by itself; the peak is that of its largest process, as
``resource.getrusage`` gives it for the children of a process that does nothing else, and the time
is that of the processor.
"""

import argparse
import contextlib
import ctypes
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROWS = (500_000, 1_000_000, 2_000_000, 5_000_000)
RECIPE = """\
task = "forecasting"
[data]
time = "time"
time_format = ""
inputs = ["T", "rh"]
targets = ["T", "rh"]
step_minutes = 1
[model]
family = "linear"
[train]
epochs = 1
batch_size = 4096
[search]
repeats = 1
[budget]
size.zip_bytes = "< 2 KB"
"""
SET_CHILD_SUBREAPER = 36
"""Of prctl(2): orphans among the descendants become children of this process."""
LIMITS_MB = {"audit": 1000, "fit": 2000}
NAMES = {"audit": ["data", "audit"], "fit": ["fit"]}


def write_series(path: Path, rows: int) -> None:
    """Temperature and humidity each minute: a walk, and a wave with noise."""
    rng = np.random.default_rng(0)
    celsius = 10 + rng.normal(0, 0.05, rows).cumsum()
    percent = 50 + 10 * np.sin(np.arange(rows) / 700) + rng.normal(0, 0.2, rows)
    times = np.datetime64("2010-01-01T00:00:00") + np.arange(rows) * np.timedelta64(60, "s")
    with path.open("w", encoding="utf-8") as file:
        file.write("time,T,rh\n")
        for start in range(0, rows, 100_000):
            part = slice(start, start + 100_000)
            found = zip(times[part], celsius[part], percent[part], strict=True)
            file.writelines(f"{str(t).replace('T', ' ')},{c:.2f},{p:.1f}\n" for t, c, p in found)


def cost(command: list[str], folder: str) -> tuple[float, float]:
    """Measure megabytes of the largest process of a command, and processor seconds of all of them.

    Training processes are forks of a server that outlives the command; this process adopts it and
    waits for it, since only processes that were waited for are counted.
    """
    if ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise RuntimeError("this process cannot adopt orphans; Linux 3.4 or later is needed")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MOTEFIT_CACHE": f"{folder}/cache"}
    done = subprocess.run(
        [sys.executable, "-c", "from motefit.cli import main; main()", *command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    with contextlib.suppress(ChildProcessError):  # none is left
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_maxrss / 1024, used.ru_utime + used.ru_stime


def measure(rows: int) -> list[dict[str, float | str]]:
    """Audit and fit one series."""
    found: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as folder:
        write_series(Path(folder, "series.csv"), rows)
        Path(folder, "recipe.toml").write_text(RECIPE, encoding="utf-8")
        for name, options in {
            "audit": ["series.csv", "--recipe", "recipe.toml"],
            "fit": ["recipe.toml", "--data", "series.csv", "--out", "run", "--workers", "1"],
        }.items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                megabytes, seconds = pool.apply(cost, ([*NAMES[name], *options], folder))
            found.append({"command": name, "rows": rows, "mb": megabytes, "seconds": seconds})
            print(found[-1], flush=True)
    return found


def table(found: list[dict[str, float | str]]) -> str:
    """A row per command and length."""
    lines = ["| command | rows | largest process | processor time | per million rows |",
             "|---|---:|---:|---:|---:|"]  # fmt: skip
    for row in found:
        rows, seconds = float(row["rows"]), float(row["seconds"])
        lines.append(
            f"| {row['command']} | {rows / 1e6:g} million | {float(row['mb']):.0f} MB "
            f"| {seconds:.1f} s | {seconds * 1e6 / rows:.1f} s |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure every length; 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS)
    found = [row for rows in parser.parse_args().rows for row in measure(rows)]
    limits = ", ".join(f"{name} below {limit} MB" for name, limit in LIMITS_MB.items())
    page = (
        "# Long series\n\n`python benchmarks/rows/run.py`: a CSV file of a time and two columns, "
        "step 1 minute; `fit` trains the family `linear` for one epoch and certifies it on the "
        f"last tenth. One run each, on {platform.processor() or platform.machine()}, one thread; "
        f"a busy machine does not change processor time much. Limits at 5 million rows: {limits}."
        f"\n\n{table(found)}\n"
    )
    (HERE / "results.md").write_text(page, encoding="utf-8")
    (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(any(float(row["mb"]) > LIMITS_MB[str(row["command"])] for row in found))


if __name__ == "__main__":
    sys.exit(main())
