"""Time of one answer next to eight busy processes, for every model of the zoo.

Usage: python benchmarks/busy/run.py

``KeywordSpotter.classify`` and ``Forecaster.predict`` are called in a process whose environment
sets no number of threads, alternating: alone, and next to processes that only compute. *BLAS
left alone* is the same without limiting the runtime's matrix products to one thread. Writes
results.json and results.md beside this file. Exit code 1: a median next to busy processes is more
than three times the one alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from motefit.certify.provenance import machine
from motefit.runtime import Forecaster, KeywordSpotter
from motefit.runtime.bundle import load_bundle
from motefit.signal.threads import ONE_THREAD
from motefit.spec.files import write_atomic, write_json

HERE = Path(__file__).parent
ZOO = sorted((HERE.parents[1] / "zoo").glob("*.zip"))
PROMISE = 3.0
PROCESSES = 8
CALLS, WARM_UP_CALLS = 100, 10
TURNS = {"one": 5, "left": 1}
MODES = {"one": "one thread", "left": "BLAS left alone"}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GOTO_NUM_THREADS")


def answers() -> dict[str, Callable[[], object]]:
    """Return the timed calls by the model's name, on a second of noise or a window at the mean."""
    rng, found = np.random.default_rng(0), {}
    for path in ZOO:
        io = load_bundle(path).card.io
        if hasattr(io, "frontend"):
            spotter, rate_hz = KeywordSpotter.load(path), io.frontend.rate_hz
            pcm = rng.normal(0, 1000, io.frontend.clip_samples).astype(np.int16)
            found[path.stem] = lambda s=spotter, p=pcm, r=rate_hz: s.classify(p, r)
        else:
            forecaster = Forecaster.load(path)
            window = np.tile(np.asarray(io.normalization.mean, np.float32), (io.input_steps, 1))
            time_of = np.datetime64("2026-06-01T12:00") if io.calendar else None
            found[path.stem] = lambda f=forecaster, w=window, t=time_of: f.predict(w, time=t)
    return found


def serve(mode: str) -> None:
    """Answer each line on standard input with the milliseconds of so many calls of each model."""
    if mode == "left":
        ONE_THREAD.__init__(lambda: 1, lambda _count: None)  # nothing to lower
    called = answers()
    for _ in sys.stdin:
        times = {}
        for name, answer in called.items():
            row = []
            for _ in range(WARM_UP_CALLS + CALLS):
                start = time.perf_counter_ns()
                answer()
                row.append((time.perf_counter_ns() - start) / 1e6)
            times[name] = row[WARM_UP_CALLS:]
        print(json.dumps(times), flush=True)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Start a number of processes that only compute."""
    command = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(command) for _ in range(processes)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure(mode: str) -> dict[str, dict[str, list[float]]]:
    """Measure the times of all calls by model and by ``alone`` or ``beside``."""
    environment = {k: v for k, v in os.environ.items() if k not in THREADS}
    timed: dict[str, dict[str, list[float]]] = {p.stem: {"alone": [], "beside": []} for p in ZOO}
    with subprocess.Popen(
        [sys.executable, __file__, "--serve", mode],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip

        def turn(state: str) -> None:
            print("go", file=process.stdin, flush=True)
            for name, row in json.loads(process.stdout.readline()).items():
                timed[name][state] += row

        for number in range(TURNS[mode]):
            turn("alone")
            with busy(PROCESSES):
                turn("beside")
            print(f"{mode}: turn {number + 1} of {TURNS[mode]}", file=sys.stderr)
        process.stdin.close()
    return timed


def summary(timed: dict[str, list[float]]) -> dict[str, float]:
    """Compute medians, their ratio, and the mean and 25th percentile next to busy processes."""
    alone, beside = (statistics.median(timed[state]) for state in ("alone", "beside"))
    return {
        "alone_ms": alone,
        "beside_ms": beside,
        "ratio": beside / alone,
        "beside_p25_ms": statistics.quantiles(timed["beside"], n=4)[0],
        "beside_mean_ms": statistics.fmean(timed["beside"]),
    }


def markdown(facts: dict[str, Any]) -> str:
    """Render the results as a page."""
    ratios = [row["ratio"] for row in facts["results"]["one"].values()]
    n = facts["n"]
    kept = "kept" if max(ratios) <= PROMISE else "missed"
    text = f"""# One answer beside {facts["processes"]} busy processes

`python benchmarks/busy/run.py`, on {facts["machine"]}, load {facts["load"]:.1f} before;
alone and beside {facts["processes"]} processes that only compute, in turns of {CALLS} calls;
n = {n["one"]} calls of each model ({n["left"]} with BLAS left alone). The environment names no
number of threads. Milliseconds are medians of `KeywordSpotter.classify` or `Forecaster.predict`.
*BLAS left alone*: without what keeps the runtime's matrix products to one thread
([decision 14](../../docs/decisions/0014-latency-on-a-busy-machine.md)); a forecaster has none.

Promise: at most {PROMISE:g} times the quiet median. Greatest: {max(ratios):.2f} ({kept}).

| model | alone ms | beside ms | ratio | alone ms, BLAS left alone | beside ms | ratio |
|---|---:|---:|---:|---:|---:|---:|
"""
    for name in facts["results"]["one"]:
        cells = [name]
        for mode in MODES:
            row = facts["results"][mode][name]
            cells += [f"{row['alone_ms']:.3f}", f"{row['beside_ms']:.3f}", f"{row['ratio']:.2f}"]
        text += f"| {' | '.join(cells)} |\n"
    return text


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", choices=MODES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=HERE, help="folder of results.json and .md")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    load = os.getloadavg()[0]
    timed = {mode: measure(mode) for mode in MODES}
    results = {
        mode: {name: summary(row) for name, row in found.items()} for mode, found in timed.items()
    }
    facts = {
        "machine": machine(),
        "processes": PROCESSES,
        "load": load,
        "turns": TURNS,
        "n": {mode: turns * CALLS for mode, turns in TURNS.items()},
        "results": results,
    }
    write_json(options.out / "results.json", facts)
    write_atomic(options.out / "results.md", markdown(facts))
    print(markdown(facts))
    sys.exit(any(row["ratio"] > PROMISE for row in results["one"].values()))


if __name__ == "__main__":
    main()
