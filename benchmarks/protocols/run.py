"""The published protocols compared with ``motefit bench``, in one run.

Usage: python benchmarks/protocols/run.py [--loops N] [--out FOLDER]

Writes results.json and results.md beside this file. Models are those of the zoo and an untrained
network of the size for which the protocols were made. In each loop a model runs once by the
protocol of 2020, once by that of 2024 and once as in ``bench``, so that whatever slows the machine
slows all of them. The noise is how far bench's odd loops are from its even ones.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from motefit.certify.provenance import machine
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.measure.latency.protocols import (
    PAUSE_S,
    Iteration,
    interleave,
    iteration_2020,
    iteration_2024,
)
from motefit.runtime import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.spec.files import write_atomic, write_json
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.write import write

HERE = Path(__file__).parent
ZOO = HERE.parent.parent / "zoo"
BUNDLES = ("eight-words", "up-down", "yes-no")
LARGE = "cnn, 3 x 256 filters, float32"
SEED = 0


def large() -> KeywordSpotter:
    """Build the network that R0 and R4 start from, with random weights."""
    rng, frontend = np.random.default_rng(SEED), FrontEnd()
    problem = Problem(input_shape=frontend.shape, outputs=8)
    graph = build("cnn", {"filters": (256, 256, 256)}, problem=problem, rng=rng)
    labels = tuple("abcdefgh")
    io = SpeechIO(labels=labels, frontend=frontend, normalization=Normalization())
    return KeywordSpotter(write(fold(graph)), io)


def turn_bench(spotter: KeywordSpotter) -> Iteration:
    """Run one loop as ``bench`` times it: nanoseconds of front end, model and both."""
    noise = np.random.default_rng(SEED).normal(0.0, 1000.0, (1, spotter.io.frontend.clip_samples))
    clip = noise.astype(np.int16)

    def turn() -> tuple[int, int, int]:
        start = time.perf_counter_ns()
        inputs = spotter.inputs(clip)
        middle = time.perf_counter_ns()
        spotter.infer(inputs)
        end = time.perf_counter_ns()
        return middle - start, end - middle, end - start

    return turn


def quarter(times: np.ndarray) -> np.ndarray:
    """Compute 25th percentiles of the stages, the most repeatable figure on a busy machine."""
    return np.percentile(times, 25, axis=0)


def measure(name: str, spotter: KeywordSpotter, loops: int, pause_s: float) -> dict[str, Any]:
    """Measure milliseconds and ratios of one model."""
    rng = np.random.default_rng(SEED)
    given = spotter.inputs, spotter.interpreter, spotter.io.frontend
    turns = {
        "2020": iteration_2020(*given, rng=rng),
        "2024": iteration_2024(*given, rng=rng),
        "bench": turn_bench(spotter),
    }
    interleave(turns, loops=20, pause_s=0)
    times = {name: t / 1e6 for name, t in interleave(turns, loops=loops, pause_s=pause_s).items()}
    model_2020, _ = quarter(times["2020"])
    _, model_2024, total_2024 = quarter(times["2024"])
    _, model, total = quarter(times["bench"])
    halves = [quarter(times["bench"][part::2]) for part in (0, 1)]
    _, model_noise, total_noise = np.abs(halves[0] / halves[1] - 1)
    return {
        "model": name,
        "pause_s": pause_s,
        "bench_model_ms": model,
        "2020_model_ms": model_2020,
        "2024_model_ms": model_2024,
        "bench_less_2020_us": 1e3 * (model - model_2020),
        "bench_less_2024_us": 1e3 * (model - model_2024),
        "2024_model_over_bench": model_2024 / model,
        "model_noise": model_noise,
        "bench_total_ms": total,
        "2024_total_ms": total_2024,
        "2024_total_over_bench": total_2024 / total,
        "total_noise": total_noise,
    }


def markdown(facts: dict[str, Any]) -> str:
    """Render the results as a page."""
    text = f"""# The published protocols beside `motefit bench`, in one run

Made by `python benchmarks/protocols/run.py` on
{facts["machine"]}, one thread, XNNPACK. 25th percentiles of
{facts["loops"]} loops in which all three take turns; noise: how far apart those of bench's even and
odd loops are. Each times a model in its own way: bench from checked real numbers to probabilities,
2024 without reading the output, 2020 without setting the input instead. What they leave out costs
some tens of microseconds a call ("bench less"): half of what the smallest models take, a few
percent of a large one.

| model | pause s | bench: model ms | 2020 | 2024 | bench less 2020, us | bench less 2024, us \
| 2024 / bench | noise | bench: total ms | 2024 | 2024 / bench | noise |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""
    for row in facts["results"]:
        cells = [row["model"], f"{row['pause_s']:g}"]
        cells += [f"{row[f'{name}_model_ms']:.3f}" for name in ("bench", "2020", "2024")]
        cells += [f"{row[f'bench_less_{name}_us']:.0f}" for name in ("2020", "2024")]
        cells += [f"{row['2024_model_over_bench']:.2f}", f"{row['model_noise']:.1%}"]
        cells += [f"{row[f'{name}_total_ms']:.3f}" for name in ("bench", "2024")]
        cells += [f"{row['2024_total_over_bench']:.2f}", f"{row['total_noise']:.1%}"]
        text += f"| {' | '.join(cells)} |\n"
    return text


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loops", type=int, default=200, help="of each setting (default 200)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of results.json and .md")
    options = parser.parse_args()
    silence_litert()
    models = {name: KeywordSpotter.load(ZOO / f"{name}.zip") for name in BUNDLES}
    models[LARGE] = large()
    rows = [
        measure(name, spotter, options.loops, pause_s)
        for name, spotter in models.items()
        for pause_s in (0, PAUSE_S)
    ]
    facts = {"machine": machine(), "loops": options.loops, "results": rows}
    write_json(options.out / "results.json", facts)
    write_atomic(options.out / "results.md", markdown(facts))
    print(markdown(facts))


if __name__ == "__main__":
    main()
