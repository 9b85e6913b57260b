"""How far the accuracy of a published system varies with the seed of its training.

Usage: MOTEFIT_DATA=FOLDER python benchmarks/published/seeds.py [--seeds N] [ROW ...]

The rows of ``motefit reproduce`` are single trainings, like the reports' own figures. Here a row
is trained on N seeds with everything else equal, and each file is measured on the test set, which
is opened once for all of them; nothing is chosen by it. Writes ``seeds.json`` and ``seeds.md``
beside this file; rows that are not named keep their stored results.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from motefit.certify.provenance import machine
from motefit.fitting.fit import FitOptions, fit
from motefit.recipes.catalog import find_recipe
from motefit.recipes.published import published_figures
from motefit.spec.codec import dumps_json
from motefit.spec.files import read_json, write_atomic

HERE = Path(__file__).parent
ROWS = ("R4.final",)
SPEECH = "speech/mini_speech_commands"


def measure(row: str, seeds: int, data: Path, workers: int) -> dict[str, object]:
    """Train a row on seeds 0 to ``seeds - 1``; return its accuracies and the report's."""
    recipe = find_recipe(row)
    many = replace(
        recipe,
        train=replace(recipe.train, seeds=tuple(range(seeds))),
        search=replace(recipe.search, max_candidates=seeds, finalists=1, repeats=seeds),
    )
    with tempfile.TemporaryDirectory() as folder:
        done = fit(
            many, data / SPEECH, Path(folder) / "run", options=FitOptions(workers=workers)
        ).main
    if done is None:
        sys.exit(f"{row}: no candidate was trained")
    evidence = done.card.evidence
    return {
        "machine": machine(),
        "n": evidence["accuracy"]["n"],
        "seeds": evidence["seeds"]["n"],
        "validation": evidence["seeds"]["validation"]["accuracy"],
        "test": evidence["seeds"]["test"]["accuracy"],
        "published": published_figures(row)["accuracy"],
    }


def table(results: dict[str, dict[str, object]]) -> str:
    """Render the results as Markdown."""
    lines = [
        "# Seeds",
        "",
        "Made by `python benchmarks/published/seeds.py`: rows of `motefit reproduce`, trained on",
        "many seeds with everything else equal. Accuracy in percent, mean and standard deviation,",
        "least and best file in brackets; nothing is chosen by it.",
        "",
        "| row | seeds | validation | test | test clips | published |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row, found in sorted(results.items()):
        parts = [_moments(found[part]) for part in ("validation", "test")]
        lines.append(
            f"| `{row}` | {found['seeds']} | {' | '.join(parts)} | {found['n']} "
            f"| {100 * found['published']:.2f} |"
        )
    machines = sorted({str(found["machine"]) for found in results.values()})
    return "\n".join([*lines, "", f"Machine: {'; '.join(machines)}.", ""])


def _moments(of: dict[str, float]) -> str:
    mean, sd, least, best = (100 * of[key] for key in ("mean", "sd", "min", "max"))
    return f"{mean:.2f} ± {sd:.2f} ({least:.2f} to {best:.2f})"


def main() -> None:
    """Measure the named rows and store the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rows", nargs="*", default=ROWS)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--workers", type=int, default=0)
    given = parser.parse_args()
    folder = os.environ.get("MOTEFIT_DATA") or sys.exit("set MOTEFIT_DATA")
    results = read_json(HERE / "seeds.json") or {}
    for row in given.rows:
        results[row] = measure(row, given.seeds, Path(folder), given.workers)
        write_atomic(HERE / "seeds.json", dumps_json(results))
        write_atomic(HERE / "seeds.md", table(results))
        print(row, results[row])


if __name__ == "__main__":
    main()
