"""Every shipped recipe on real data, from scratch: the table in README.md.

Usage: MOTEFIT_DATA=FOLDER python benchmarks/recipes/run.py [--zoo] [RECIPE ...]

Runs ``motefit fit RECIPE --data ...`` as a user would, one after the other, and writes
``results.json`` (facts and certificates) and ``results.md`` (the table) beside this file. Recipes
that are not named keep their stored rows. With ``--zoo`` the bundles in zoo/ are measured again
instead; their rows say "zoo" for the seconds.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from motefit.certify.provenance import machine
from motefit.recipes.catalog import find_recipe
from motefit.runtime.bundle import load_bundle
from motefit.spec.codec import dumps_json
from motefit.spec.files import write_atomic
from motefit.spec.metrics import MAE_PREFIX

HERE = Path(__file__).parent
RECIPES = (
    "up-down", "up-down-live", "yes-no", "yes-no-4k", "go-stop", "up-stop",
    "eight-words", "eight-words-6k", "eight-words-12k", "eight-words-25k", "eight-words-budgets",
    "climate-3", "climate-6", "climate-9", "climate-6-linear",
    "climate-3-clock", "climate-6-clock", "climate-9-clock",
)  # fmt: skip


KEPT = ("accuracy", "errors", "baselines", "seeds", "search")


def fit(name: str, data: Path) -> dict[str, object]:
    """Run one recipe in a new folder; return its facts, certificate and wall time."""
    with tempfile.TemporaryDirectory() as folder:
        command = [shutil.which("motefit") or "motefit", "fit", name, "--data", str(data)]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "--out", f"{folder}/run", "--json"],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        if done.returncode > 1:
            sys.exit(f"{name}: exit {done.returncode}")
        found = json.loads(done.stdout)
        check = [command[0], "check", f"{folder}/run/{name}.zip", "--data", str(data)]
        checked = subprocess.run(check, stdout=subprocess.DEVNULL, check=False)
    evidence = found["evidence"]
    return {
        "machine": machine(),
        "seconds": round(seconds, 1),
        "check_exit": checked.returncode,
        "facts": found["facts"],
        "certificate": found["certificate"],
        "met": found["met"],
        "evidence": {topic: evidence[topic] for topic in KEPT if topic in evidence},
    }


def measured(name: str, data: Path) -> dict[str, object]:
    """Measure the bundle in zoo/ again; its card says how it was made."""
    bundle = HERE.parent.parent / "zoo" / f"{name}.zip"
    with tempfile.TemporaryDirectory() as folder:
        command = [shutil.which("motefit") or "motefit", "check", str(bundle), "--data", str(data)]
        done = subprocess.run(
            [*command, "--out", folder, "--json"], stdout=subprocess.PIPE, text=True, check=False
        )
    if done.returncode > 1:
        sys.exit(f"{name}: exit {done.returncode}")
    found = json.loads(done.stdout)
    own = load_bundle(bundle).card.evidence  # known only to its run: the seeds, the search
    kept = {k: v for k, v in {**own, **found["evidence"]}.items() if k in KEPT}
    return {
        "machine": machine(),
        "seconds": None,
        "check_exit": done.returncode,
        "facts": found["facts"],
        "certificate": found["certificate"],
        "met": found["met"],
        "evidence": kept,
    }


def row(name: str, result: dict) -> str:
    """Write one line of the table."""
    facts, evidence = result["facts"], result["evidence"]
    seconds = f"{result['seconds']:.0f}" if result.get("seconds") else "zoo"
    if "accuracy" in evidence:
        counts = evidence["accuracy"]
        part = f"{counts['n']} clips"
        interval = f"{100 * counts['low']:.1f}..{100 * counts['high']:.1f}"
        quality = f"{100 * facts['accuracy']:.2f} % ({interval})"
    else:
        part = f"{evidence['errors']['n']} windows"
        least = evidence["baselines"]["least squares"]["mae"]
        quality = "; ".join(
            f"{metric.removeprefix(MAE_PREFIX)} {value:.3f} (least squares "
            f"{least[metric.removeprefix(MAE_PREFIX)]:.3f})"
            for metric, value in sorted(facts.items())
            if metric.startswith(MAE_PREFIX)
        )
    return (
        f"| `{name}` | {part} | {quality} | {spread(evidence.get('seeds'))} | "
        f"{facts['size.tflite_bytes']:,.0f} | {facts['size.zip_bytes']:,.0f} | "
        f"{facts['latency.total_ms']:.2f} ms | {seconds} | "
        f"{'met' if result['met'] else 'missed'} |"
    )


def spread(seeds: dict | None) -> str:
    """Return minimum and maximum of each quality over the seeds, on the test set."""
    if seeds is None:
        return ""
    found = {k: v for k, v in seeds["test"].items() if k == "accuracy" or k.startswith(MAE_PREFIX)}
    ranges = [
        f"{100 * m['min']:.2f} to {100 * m['max']:.2f} %"
        if name == "accuracy"
        else f"{m['min']:.3f} to {m['max']:.3f}"
        for name, m in sorted(found.items())
    ]
    return f"{'; '.join(ranges)} (n = {seeds['n']})"


def main(names: list[str]) -> None:
    """Run the named recipes, or all, and write the table."""
    if not os.environ.get("MOTEFIT_DATA"):
        sys.exit("MOTEFIT_DATA must name the folder that holds speech/ and climate/")
    root = Path(os.environ["MOTEFIT_DATA"])
    series = next((root / "climate").glob("*.csv"))
    store = HERE / "results.json"
    results = json.loads(store.read_text("utf-8")) if store.is_file() else {}
    zoo = "--zoo" in names
    for name in [n for n in names if n != "--zoo"] or RECIPES:
        has_words = find_recipe(name).frontend is not None
        results[name] = (measured if zoo else fit)(name, root / "speech" if has_words else series)
        write_atomic(store, dumps_json(results))
        print(row(name, results[name]), flush=True)
    head = (
        "| recipe | test set | result (95 % interval) | over seeds | .tflite bytes | zip bytes "
        "| front end + inference | seconds | budget |\n"
        "|---|---|---|---|---:|---:|---:|---:|---|\n"
    )
    rows = "\n".join(row(name, results[name]) for name in RECIPES if name in results)
    write_atomic(HERE / "results.md", f"{head}{rows}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
