"""Compare compression techniques on two real networks: alone on three seeds, and in pairs on one.

``python benchmarks/compression/run.py --data DIR`` takes the folder that contains ``speech/`` and
``climate/`` and writes results.json and results.md beside this file. It continues where it was
stopped: every trial stores its result in ``--cache``. ``--short`` trains for few epochs, on
synthetic data without ``--data``, tries techniques alone on one seed, and writes nothing
but ``--out``.
"""

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from experiment import Job, latency_ratios, run
from report import markdown
from techniques import pairs, singles

from motefit.certify.provenance import provenance
from motefit.recipes.catalog import find_recipe
from motefit.spec.files import write_atomic
from motefit.spec.recipe import Recipe
from motefit.spec.worker_environment import worker_environment
from motefit.tasks import TASKS

HERE = Path(__file__).parent
DSCNN = {"family": "dscnn", "width": 24, "blocks": 3, "first_stride": [2, 2]}
CLIMATE = "climate/jena_10min_2009_2020_2021.csv"
MASKS = ("time_masks", "time_mask_frames", "frequency_masks", "frequency_mask_bins")
SEEDS = (0, 1, 2)


PLAIN = {
    "data.form": "rows",
    "data.predict": "value",
    "data.limits": {},
    "data.validation": "last",
    "train.batch_size": 256,
    "train.optimizer": "adamw",
    "train.refit": False,
}
"""The linear net as it was when this was measured: standardized rows in, values out."""


def networks(data: Path | None, *, short: bool) -> tuple[dict[str, Any], ...]:
    """Return the two networks, as arguments of jobs."""
    speech = find_recipe("up-down" if data else "quickstart").to_table()
    speech["model"] = DSCNN
    # only augmentation without a front end in training, which would take most of the time
    masks = {key: speech["train"]["augment"][key] for key in MASKS}
    speech["train"] = {**speech["train"], "augment": masks}
    climate = find_recipe("climate-6-linear").with_values(PLAIN).to_table()
    climate["compress"] = {"calibration_examples": 4096}  # not the recipe's one scale per weight
    for table, epochs in ((speech, 30), (climate, 30)):
        table["train"] = {**table["train"], "epochs": 4 if short else epochs, "seeds": [0]}
        table["search"] = {}
    words = "up / down" if data else "two synthetic words"
    return (
        {
            "net": f"DS-CNN, 24 channels, {words}",
            "table": speech,
            "half": {"model.width": 12},
            "data": data / "speech" if data else None,
        },
        {
            "net": "climate-6, linear",
            "table": climate,
            "half": {},
            "data": data / CLIMATE if data else None,
        },
    )


def jobs(data: Path | None, cache: Path, *, short: bool) -> list[Job]:
    """List all trials, starting with the plain networks that the others start from."""
    found = []
    for network in networks(data, short=short):
        for trial in singles():
            seeds = SEEDS[:1] if short else SEEDS
            found += [Job(**network, trial=trial, seed=seed, cache=cache) for seed in seeds]
        found += [Job(**network, trial=t, seed=0, cache=cache) for t in pairs() if not short]
    able = [job for job in found if job.half or not job.trial.half]
    return sorted(able, key=lambda job: (bool(job.trial.parts), len(job.trial.parts) > 1))


def with_latency(rows: list[dict[str, Any]], todo: list[Job]) -> list[dict[str, Any]]:
    """Add to each row its latency relative to the float32 network of the same net and seed."""
    plain = {
        (job.net, job.seed): job.path.with_suffix(".tflite").read_bytes()
        for job in todo
        if not job.trial.parts
    }
    done = []
    for row, job in zip(rows, todo, strict=True):
        model = job.path.with_suffix(".tflite")
        if "refused" in row:
            done.append(row)
            continue
        ratios = latency_ratios(plain[job.net, job.seed], model.read_bytes())
        done.append({**row, "latency": {name: round(value, 3) for name, value in ratios.items()}})
    return done


def main() -> int:
    """Run unfinished trials, then measure latency, one file at a time, and write the table."""
    options = arguments()
    options.cache.mkdir(parents=True, exist_ok=True)
    os.environ.update(worker_environment())
    todo = jobs(options.data, options.cache, short=options.short)
    rows: list[dict[str, Any]] = []
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for job, row in zip(todo, pool.imap(run, todo), strict=True):
            rows.append(row)
            told = row.get("refused") or f"{row['raw_bytes']} / {row['zip_bytes']} bytes"
            print(
                f"{len(rows)}/{len(todo)} {job.net}, {job.trial.name}, {job.seed}: {told}",
                flush=True,
            )
    rows = with_latency(rows, todo)
    write(rows, options)
    return 0


def write(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Write the results as JSON and as Markdown."""
    options.out.mkdir(parents=True, exist_ok=True)
    kept = [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
    made = provenance_of(options)
    text = json.dumps({"made": made, "rows": kept}, indent=1) + "\n"
    write_atomic(options.out / "results.json", text)
    write_atomic(options.out / "results.md", markdown(rows, made))
    print(f"written: {options.out / 'results.md'}")


def provenance_of(options: argparse.Namespace) -> dict[str, Any]:
    """Collect command, commit, machine, and the number of examples in each subset."""
    examples = {}
    for network in networks(options.data, short=options.short):
        recipe = Recipe.from_table(network["table"], name=network["net"])
        dataset = TASKS.find(recipe.task).load(recipe, network["data"])
        examples[network["net"]] = {part: len(found) for part, found in dataset.subsets.items()}
    command = "python benchmarks/compression/run.py"
    made = provenance(seed=0, data_sha256="")
    return {
        "command": f"{command} --short" if options.short else f"{command} --data DIR",
        "commit": made.commit,
        "machine": made.machine,
        "examples": examples,
    }


def arguments() -> argparse.Namespace:
    """Define the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that holds speech/ and climate/")
    parser.add_argument("--short", action="store_true", help="few epochs, no pairs, one seed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("runs/compression"))
    parser.add_argument("--out", type=Path, help="folder of the results")
    options = parser.parse_args()
    options.out = options.out or (options.cache if options.short else HERE)
    if not options.short and options.data is None:
        parser.error("the full form needs --data")
    return options


if __name__ == "__main__":
    sys.exit(main())
