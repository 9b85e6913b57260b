"""Compute to the same validation quality: motefit's search, and Optuna alone on the same space.

Both draw candidates with Optuna's TPE. Optuna alone trains each to the end and learns afterwards
that a file is too large; motefit screens before it trains and stops worse ones at its rungs. First
motefit's search runs to its end; the quality of its best fitting candidate is the goal. Then
Optuna alone runs until it reaches that goal, or has spent CAP times as much. Compute is the time
of the training epochs, on one thread, and also their number, which does not depend on load. Rungs
and rounds were chosen on seed 0 of the first space, which is not among the seeds reported.

    MOTEFIT_DATA=FOLDER python benchmarks/search/compute.py [--seeds 3] [--workers 4]

Writes compute.json and compute.md beside this file.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from optuna import create_study
from optuna.samplers import TPESampler

from motefit.certify.provenance import machine
from motefit.fitting.jobs import HISTORY, CandidateJob, TrainJob, diverged, rung_facts
from motefit.fitting.scheduler import Scheduler
from motefit.fitting.screener import Screener
from motefit.fitting.study import Study
from motefit.fitting.worker import run_job
from motefit.search.engines import open_engine
from motefit.search.optuna_adapter import OptunaAdapter
from motefit.search.progress import Listener
from motefit.search.ranking import choose
from motefit.search.rounds import Rounds
from motefit.search.space import Space
from motefit.search.storage import TrialStore
from motefit.search.timing import Timing
from motefit.spec.codec import dumps_json
from motefit.spec.files import write_atomic
from motefit.spec.metrics import metric
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS, load_dataset

HERE = Path(__file__).resolve().parent
CAP = 8
HEAD = (
    "| seed | goal | screened, rejected, trained | motefit: s, epochs "
    "| Optuna alone: trials, s, epochs | ratio in s | in epochs |"
)
SPACE = """
task = "keyword-spotting"
[data]
words = {words}
split = "published"
[frontend]
frame_length = 640
frame_step = 320
mel_bins = 40
lower_hz = 20
upper_hz = 7600
coefficients = 0
[model]
family = "tcnet"
first_kernel = 5
first_stride = 2
[train]
epochs = 30
[train.augment]
time_masks = 2
frequency_masks = 2
[budget]
size.tflite_bytes = "< 8 KB"
objective = "accuracy"
[search]
strategy = "tpe"
max_candidates = 48
round_candidates = 24
rungs = [0.07, 0.2, 0.5]
keep = 0.25
stack = 1
[search.space]
"frontend.frame_length" = [128, 256, 512, 640, 1024]
"frontend.frame_step" = [160, 320, 512]
"frontend.mel_bins" = [10, 20, 30, 40]
"frontend.upper_hz" = [2000, 4000, 7600]
"model.width" = {{low = 8, high = 96, step = 8}}
"model.blocks" = {{low = 2, high = 6}}
"model.kernels" = [[3], [9], [17]]
"model.dropout" = [0.0, 0.2, 0.5]
"train.learning_rate" = {{low = 1e-5, high = 1.0, log = true}}
"train.batch_size" = [32, 128]
"""
RECIPES = {
    "up and down, < 8 KB": SPACE.format(words='["up", "down"]'),
    "go and stop, < 8 KB": SPACE.format(words='["go", "stop"]'),
}
"""Two spaces as a person would write them before knowing what fits."""


def spent(run: Path) -> tuple[float, int]:
    """Add up seconds and epochs of all trainings of a run."""
    reports = [
        json.loads(line)
        for path in run.glob(f"trainings/*/{HISTORY}")
        for line in path.read_text().splitlines()
    ]
    return sum(r["seconds"] for r in reports), len(reports)


def with_motefit(recipe: Recipe, data: Path, run: Path) -> dict[str, Any]:
    """Search with screening and rungs, one worker; return what it found and spent."""
    task, space = TASKS.find(recipe.task), Space(recipe)
    dataset = load_dataset(task, recipe, data)
    screener = Screener(task, dataset, Timing())
    rounds, listener = Rounds(run), Listener()
    trial_store = TrialStore(f"sqlite:///{run / 'study.db'}", "compute", space, about={})
    begin = time.perf_counter()
    with open_engine("local", workers=1) as engine:
        trainer = Scheduler(
            task=task, dataset=dataset, engine=engine, folder=run, data=data, device="cpu",
            listener=listener,
        )  # fmt: skip
        study = Study(
            space=space, screener=screener, rounds=rounds, trial_store=trial_store, trainer=trainer,
            listener=listener,
        )  # fmt: skip
        trained = study.run()
    wall = time.perf_counter() - begin
    facts = {t.candidate.key: t.facts for t in trained}
    best = facts[choose(facts, recipe.budget)]
    trial_store.close()
    seconds, epochs = spent(run)
    return {
        "quality": best[recipe.budget.objective],
        "fits": all(b.holds(best[b.metric]) for b in recipe.budget.bounds),
        "seconds": seconds,
        "epochs": epochs,
        "wall_s": wall,
        "screened": len(screener.screened),
        "rejected": sum(bool(s.missed) for s in screener.screened),
        "trained": sum(t.epochs > 0 for t in trial_store.trials),
    }


def with_optuna(recipe: Recipe, data: Path, run: Path, goal: float, cap_s: float) -> dict[str, Any]:
    """Train every candidate to the end until a fitting one is as good as the goal."""
    space = Space(recipe)
    terms = OptunaAdapter(space)
    sampler = TPESampler(seed=recipe.search.seed, n_startup_trials=12, multivariate=True)
    study = create_study(directions=terms.directions, sampler=sampler)
    better = metric(recipe.budget.objective).higher_is_better
    trials, reached, best = 0, False, None
    known: set[str] = set()
    while not reached and spent(run)[0] < cap_s:
        trial = study.ask(terms.distributions)
        candidate = space.candidate(terms.point(trial.params))
        work, epochs = CandidateJob.of(candidate), candidate.recipe.train.epochs
        run_job(TrainJob(works=(work,), epochs=epochs, data=data, folder=run))
        trials += candidate.key not in known
        known.add(candidate.key)
        facts = rung_facts(run, work.key, epochs)
        if diverged(run, work.training_key) is not None or facts is None:
            study.tell(trial, [-1e30 if better else 1e30])
            continue
        for bound in recipe.budget.bounds:
            trial.set_constraint(bound.metric, bound.violation(facts[bound.metric]))
        value = facts[recipe.budget.objective]
        study.tell(trial, [value])
        if all(b.holds(facts[b.metric]) for b in recipe.budget.bounds):
            best = value if best is None else max(best, value) if better else min(best, value)
            reached = value >= goal if better else value <= goal
    seconds, epochs = spent(run)
    return {
        "quality": best, "reached": reached, "seconds": seconds, "epochs": epochs, "trials": trials,
    }  # fmt: skip


def one(name: str, seed: int, data: Path) -> dict[str, Any]:
    """Run both searches with one seed."""
    recipe = Recipe.loads(RECIPES[name], name="compute")
    recipe = replace(
        recipe,
        search=replace(recipe.search, seed=seed),
        train=replace(recipe.train, seeds=(seed,)),
    )
    with tempfile.TemporaryDirectory() as folder:
        ours = with_motefit(recipe, data, _new(Path(folder) / "motefit"))
        theirs = with_optuna(
            recipe, data, _new(Path(folder) / "optuna"), ours["quality"], CAP * ours["seconds"]
        )
    return {"space": name, "seed": seed, "motefit": ours, "optuna": theirs}


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def ratio(row: dict[str, Any], unit: str) -> float:
    """Compute the ratio of Optuna's compute to motefit's; a lower bound if it missed the goal."""
    return row["optuna"][unit] / row["motefit"][unit]


def report(rows: list[dict[str, Any]], where: str) -> str:
    lines = [
        "# Compute to the same validation quality",
        "",
        f"Written by `python benchmarks/search/compute.py` on {where}. Ratios are Optuna alone",
        f"against motefit; Optuna alone was stopped at {CAP} times the seconds (then `>`).",
    ]
    for name in dict.fromkeys(row["space"] for row in rows):
        own = [row for row in rows if row["space"] == name]
        lines += [
            "", f"## {name}", "",
            HEAD,
            "|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        for row in own:
            a, b = row["motefit"], row["optuna"]
            mark = "" if b["reached"] else "> "
            lines.append(
                f"| {row['seed']} | {a['quality']:.4g} | {a['screened']}, {a['rejected']}, "
                f"{a['trained']} | {a['seconds']:.0f}, {a['epochs']} | {b['trials']}, "
                f"{b['seconds']:.0f}, {b['epochs']} | {mark}{ratio(row, 'seconds'):.1f} | "
                f"{mark}{ratio(row, 'epochs'):.1f} |"
            )
        seconds = statistics.median(ratio(row, "seconds") for row in own)
        epochs = statistics.median(ratio(row, "epochs") for row in own)
        lines += [
            "",
            f"Median of {len(own)} seeds: {seconds:.1f} in seconds, {epochs:.1f} in epochs.",
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=1, help="seed")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--only", default="", help="spaces whose name holds this")
    options = parser.parse_args()
    root = Path(os.environ["MOTEFIT_DATA"])
    jobs = [
        (n, s)
        for n in RECIPES
        for s in range(options.first, options.first + options.seeds)
        if options.only in n
    ]
    data = root / "speech"
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        found = [pool.submit(one, name, seed, data) for name, seed in jobs]
        rows = []
        for future in found:
            rows.append(future.result())
            print(json.dumps(rows[-1]), flush=True)
    result = {"machine": machine(), "workers": options.workers, "cap": CAP, "rows": rows}
    write_atomic(options.out / "compute.json", dumps_json(result))
    write_atomic(options.out / "compute.md", report(rows, machine()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
