"""Screening: candidates per second on one core, and writing compared with TensorFlow's converter.

``python benchmarks/screening/run.py [--each N] [--pairs N]`` writes ``results.json`` and
``results.md`` beside this file. Both parts of a pair alternate in one run; TensorFlow has an
environment of its own (``tools/tensorflow_env.py``). Times are those of the working thread
(CPU time), so that other work on the machine matters less; wall times are next to them.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from candidates import MIX, SPACES, graph_of, points
from machine import made

from motefit.graph.counter import count
from motefit.graph.fold import fold
from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import BatchNorm, Conv2D, Dense, DepthwiseConv2D, Dropout
from motefit.graph.quantize.calibration import calibrate
from motefit.runtime.quiet import silence_litert
from motefit.search.screening import screen
from motefit.search.space import Candidate, Point, Space
from motefit.search.timing import Timing
from motefit.search.untrained_file import write_untrained
from motefit.spec.budget import Budget
from motefit.tflite.write.precision import export

HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / "tools" / "tensorflow_env.py"
BUDGET = Budget.from_table(
    {"size.zip_bytes": "< 25 KB", "latency.total_ms": "< 1 s", "accuracy": "> 92 %"}, where="bench"
)
WANTED_RATIO, WANTED_RATE = 200, 500
SEED = 11


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Measure milliseconds of wall clock and of this thread."""
    start, used = time.perf_counter(), time.thread_time()
    work()
    return 1000 * (time.perf_counter() - start), 1000 * (time.thread_time() - used)


def throughput(each: int) -> list[dict[str, Any]]:
    """Screen random candidates, from values to verdict, alternating between families."""
    rng = np.random.default_rng(SEED)
    timing = Timing()
    chosen = {family: list(points(family, each, rng)) for family in SPACES}
    rows = []
    for turn in range(-5, each):  # the first rounds are warm-up
        for family, found in chosen.items():
            space, point = found[max(turn, 0)]
            candidate = space.candidate(point)
            graph = graph_of(candidate)

            def whole(space: Space = space, point: Point = point) -> None:
                one = space.candidate(point)
                screen(one, graph_of(one), BUDGET, timing=timing)

            wall, cpu = timed(whole)
            _, untimed = timed(lambda c=candidate, g=graph: screen(c, g, BUDGET))
            _, timed_too = timed(lambda c=candidate, g=graph: screen(c, g, BUDGET, timing=timing))
            _, writing = timed(lambda c=candidate, g=graph: written(c, g))
            if turn >= 0:
                rows.append(
                    {
                        "family": family,
                        "parameters": count(graph).parameters,
                        "wall_ms": wall,
                        "cpu_ms": cpu,
                        "write_ms": writing,
                        "latency_ms": timed_too - untimed,
                    }
                )
    return rows


def written(candidate: Candidate, graph: Graph) -> bytes:
    """Fold, quantize and write a graph to bytes."""
    rng = np.random.default_rng(0)
    return write_untrained(graph, candidate.recipe.compress, rng=rng).model


def exporting(candidate: Candidate, graph: Graph, rng: np.random.Generator) -> float:
    """Measure milliseconds of this thread to write the graph's own weights with known ranges."""
    folded, compress = fold(graph), candidate.recipe.compress
    example = rng.normal(size=(1, *graph.input_shape)).astype(np.float32)
    ranges = calibrate(folded, example, method="min-max")
    return timed(lambda: export(graph, compress, examples=example, ranges=ranges))[1]


def told(graph: Graph, *, int8: bool) -> dict[str, Any]:
    """Describe the network in a form that the other environment understands."""
    ops, alias = [], {INPUT: INPUT}
    for op in graph.ops:
        inputs = [alias[name] for name in op.inputs if name in alias]
        if isinstance(op, Dropout):
            alias[op.output] = inputs[0]
            continue
        alias[op.output] = op.output
        row: dict[str, Any] = {"op": type(op).__name__, "inputs": inputs, "output": op.output}
        for name in ("stride", "padding", "dilation", "window"):
            if hasattr(op, name):
                row[name] = getattr(op, name)
        if isinstance(op, Conv2D | DepthwiseConv2D | Dense):
            shape = graph.constants[op.inputs[1]].shape
            row |= {"kernel": shape[1:3], "filters": shape[0], "units": shape[0]}
            row["bias"] = len(op.inputs) > 2
        if isinstance(op, BatchNorm):
            row["inputs"] = inputs[:1]
        ops.append(row)
    return {"input_shape": graph.input_shape, "ops": ops, "int8": int8}


def against_tensorflow(pairs: int) -> list[dict[str, Any]]:
    """Write and convert the same candidates, alternating."""
    rng = np.random.default_rng(SEED + 1)
    python = subprocess.run(
        [sys.executable, str(TOOLS)], check=True, capture_output=True, text=True
    ).stdout.strip()
    rows = []
    with subprocess.Popen(
        [python, str(HERE / "worker_tensorflow.py")], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as worker:  # fmt: skip
        for turn in range(-1, pairs):
            for family in SPACES:
                ((space, point),) = points(family, 1, rng)
                for precision in ("int8", "float32"):
                    candidate = space.candidate(point)
                    values = {**candidate.values, "compress.precision": precision}
                    recipe = space.recipe.with_values(values)
                    one = type(candidate)(values=values, seed=candidate.seed, recipe=recipe)
                    graph = graph_of(one)
                    wall, cpu = timed(lambda c=one, g=graph: written(c, g))
                    export_cpu = exporting(one, graph, rng)
                    theirs = converted(worker, told(graph, int8=precision == "int8"))
                    if turn >= 0:
                        rows.append(
                            {
                                "family": family,
                                "precision": precision,
                                "ours_ms": wall,
                                "ours_cpu_ms": cpu,
                                "export_cpu_ms": export_cpu,
                                "ours_bytes": len(written(one, graph)),
                                "theirs_ms": theirs["ms"],
                                "theirs_cpu_ms": theirs["cpu_ms"],
                                "theirs_bytes": theirs["bytes"],
                            }
                        )
        worker.stdin.close()  # type: ignore[union-attr]  # it is a pipe
    return rows


def converted(worker: "subprocess.Popen[str]", network: dict[str, Any]) -> dict[str, float]:
    """Ask the other environment, and skip its other output."""
    worker.stdin.write(json.dumps(network) + "\n")  # type: ignore[union-attr]  # it is a pipe
    worker.stdin.flush()  # type: ignore[union-attr]  # it is a pipe
    for line in worker.stdout or ():
        if line.startswith("ANSWER "):
            answer: dict[str, float] = json.loads(line.removeprefix("ANSWER "))
            return answer
    raise RuntimeError("TensorFlow's process ended; run worker_tensorflow.py by hand to see why")


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Compute 25th percentile, median, 75th percentile."""
    low, middle, high = np.percentile(values, [25, 50, 75]).tolist()
    return low, middle, high


def rate_rows(rows: list[dict[str, Any]]) -> list[str]:
    """Write one line for each family, and for the mix."""
    lines = []
    means: dict[str, tuple[float, float]] = {}
    for family in SPACES:
        own = [row for row in rows if row["family"] == family]
        cpu, wall = [[row[key] for row in own] for key in ("cpu_ms", "wall_ms")]
        means[family] = float(np.mean(cpu)), quartiles(cpu)[0]
        sizes = [row["parameters"] for row in own]
        stage = {key: quartiles([row[key] for row in own])[1] for key in ("write_ms", "latency_ms")}
        rate = 1000 / means[family][0]
        lines.append(
            f"| {family} | {len(own)} | {min(sizes)}-{max(sizes)} | {quartiles(cpu)[0]:.2f} / "
            f"{quartiles(cpu)[1]:.2f} | {quartiles(wall)[0]:.2f} / {quartiles(wall)[1]:.2f} | "
            f"{stage['write_ms']:.2f} | {stage['latency_ms']:.2f} | {rate:.0f} | "
            f"{1000 / means[family][1]:.0f} | {'yes' if rate >= WANTED_RATE else 'no'} |"
        )
    mixed = [sum(share * means[f][i] for f, share in MIX.items()) for i in (0, 1)]
    verdict = "yes" if 1000 / mixed[0] >= WANTED_RATE else "no"
    parts = ", ".join(f"{family} {share:.0%}" for family, share in MIX.items())
    rates = " | ".join(f"{1000 / ms:.0f}" for ms in mixed)
    lines.append(f"| words: {parts} | | | | | | | {rates} | {verdict} |")
    return lines


def ratio_rows(rows: list[dict[str, Any]]) -> list[str]:
    """Write one line for each family and precision."""
    lines = []
    for family in [*SPACES, "all"]:
        for precision in ("int8", "float32"):
            own = [
                row
                for row in rows
                if row["precision"] == precision and family in {row["family"], "all"}
            ]
            wall = quartiles([row["theirs_ms"] / row["ours_ms"] for row in own])
            cpu, export_cpu = (
                quartiles([row["theirs_cpu_ms"] / row[key] for row in own])
                for key in ("ours_cpu_ms", "export_cpu_ms")
            )
            ours = quartiles([row["ours_ms"] for row in own])[1]
            theirs = quartiles([row["theirs_ms"] for row in own])[1]
            sizes = np.mean([row["ours_bytes"] / row["theirs_bytes"] for row in own])
            lines.append(
                f"| {family} | {precision} | {len(own)} | {ours:.2f} | {theirs:.0f} | "
                f"{wall[1]:.0f} ({wall[0]:.0f}-{wall[2]:.0f}) | {cpu[1]:.0f} | "
                f"{export_cpu[1]:.0f} | {sizes:.2f} | "
                f"{'yes' if wall[1] >= WANTED_RATIO else 'no'} |"
            )
    return lines


def markdown(facts: dict[str, Any]) -> str:
    """Render the report."""
    made_by = facts["made"]
    lines = [
        "# Screening",
        "",
        f"Made by `{made_by['command']}`, commit {made_by['commit']}, on {made_by['machine']}, one",
        "thread; the machine was not idle, so CPU time is given next to wall time.",
        "",
        "## Candidates a second on one core",
        "",
        "Random candidates of 5 to 30 thousand parameters, int8, from recipe values to verdict:",
        "the recipe, the graph and its weights, the file, the bound on its zip, the counts, and 20",
        "invocations of the file in LiteRT. Milliseconds of a candidate, 25th percentile / median;",
        "`write` and `latency` are parts of it (medians). Rates are 1 / mean CPU time, and 1 / its",
        f"25th percentile. Wanted: {WANTED_RATE} a second.",
        "",
        "| family | n | parameters | CPU ms | wall ms | write | latency | a second | p25 | met |",
        "|---|--:|---|---|---|--:|--:|--:|--:|---|",
        *rate_rows(facts["throughput"]),
        "",
        "## Writing a candidate against converting it",
        "",
        "The same networks in turns: motefit from Graph to bytes as screening writes it (fold,",
        "draw the numbers that training would find, write), and `converter.convert()` of",
        "TensorFlow 2.20 alone, its Keras model already built; int8 with one calibration example.",
        "Ratio of wall times: median (quartiles) over networks; of CPU times: median. `export` is",
        "the ratio of CPU times for the network's own weights (fold, quantize, write), ranges",
        f"found before. `bytes` is our file over theirs. Wanted: {WANTED_RATIO} times.",
        "",
        "| family | precision | n | ours ms | theirs ms | ratio | CPU | export | bytes | met |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|---|",
        *ratio_rows(facts["against_tensorflow"]),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=80, help="candidates of each family")
    parser.add_argument("--pairs", type=int, default=8, help="networks of each family converted")
    options = parser.parse_args()
    silence_litert()
    facts = {
        "made": made(f"run.py --each {options.each} --pairs {options.pairs}"),
        "throughput": throughput(options.each),
        "against_tensorflow": against_tensorflow(options.pairs),
    }
    (HERE / "results.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (HERE / "results.md").write_text(markdown(facts), encoding="utf-8")
    print(markdown(facts))


if __name__ == "__main__":
    main()
