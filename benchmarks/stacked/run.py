"""Training eight candidates as one stack compared with one after another, paired, on one thread.

``MOTEFIT_DATA=FOLDER python benchmarks/stacked/run.py`` writes results.json and results.md beside
this file. Climate nets train on the windows of recipe climate-6, word nets on noise shaped like
features, which costs the same as words. A round trains the stack, then each model alone; a ratio is
the median over rounds of times within a round, so that slow drifts of the machine cancel. Exit
code 1: a promised ratio was missed.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from motefit.certify.provenance import machine
from motefit.graph.counter import count
from motefit.graph.families import Problem, build
from motefit.recipes.catalog import find_recipe
from motefit.spec.codec import dumps_json
from motefit.spec.files import write_atomic
from motefit.spec.recipe import TrainSpec
from motefit.tasks import TASKS
from motefit.train.loop import DivergedError, Source, train
from motefit.train.stacked.train import train_stacked, worth_stacking

HERE = Path(__file__).parent
MODELS = 8
PROMISED = 4.0
WORDS = (49, 40)
MFCC = (49, 10)
TINY = (25, 10)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """1000 examples of noise in eight classes."""

    shape: tuple[int, int]
    key: str = "noise"

    def epoch(self, _: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        del rng
        x = np.random.default_rng(0).normal(0, 1, (1000, *self.shape)).astype(np.float32)
        return x, np.arange(1000) % 8

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = self.epoch(0, rng=np.random.default_rng(0))
        return x[:200], y[:200]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A family with options, and its source of examples."""

    family: str
    knobs: Mapping[str, object]
    source: Source
    problem: Problem
    settings: TrainSpec
    loss: str
    promised: bool = False


def cases(data: Path) -> list[Case]:
    """List the cases: climate nets on real windows, word nets on noise."""
    plain = {"data.form": "rows", "data.predict": "value", "train.batch_size": 256}
    recipe = find_recipe("climate-6-linear").with_values({**plain, "train.optimizer": "adamw"})
    task = TASKS.find(recipe.task)
    dataset = task.load(recipe, next((data / "climate").glob("*.csv")))
    climate = {
        "source": task.source(recipe, dataset),
        "problem": task.problem(recipe, dataset),
        "settings": replace(recipe.train, epochs=2),
        "loss": task.loss(recipe),
    }
    found = [
        Case(family=family, knobs=knobs, promised=family != "conv1d", **climate)
        for family, knobs in (
            ("linear", {}),
            ("mlp", {"units": (4,)}),
            ("mlp", {"units": (8,)}),
            ("conv1d", {"filters": (4,), "units": (8,)}),
        )
    ]
    for shape, family, knobs in (
        (TINY, "tcnet", {"width": 8, "blocks": 2}),
        (TINY, "dscnn", {"width": 4, "blocks": 2}),
        (MFCC, "dscnn", {"width": 8}),
        (MFCC, "dscnn", {"width": 16}),
        (WORDS, "tcnet", {"width": 36, "blocks": 5, "kernels": (9, 9, 13, 13, 17)}),
    ):
        case = Case(
            family=family,
            knobs=knobs,
            source=Noise(shape=shape),
            problem=Problem(input_shape=shape, outputs=8),
            settings=TrainSpec(epochs=1, batch_size=100),
            loss="cross-entropy",
        )
        found.append(case)
    return found


def measure(case: Case, rounds: int) -> dict[str, object]:
    """Measure the seconds of both ways by round, and the difference of the final models."""
    nets = [
        build(case.family, case.knobs, problem=case.problem, rng=np.random.default_rng(seed))
        for seed in range(MODELS)
    ]
    settings = [case.settings] * MODELS
    stacked_seconds, alone_seconds, distance = [], [], 0.0
    for _ in range(rounds + 1):  # the first round is warm-up
        begin = time.perf_counter()
        stack = train_stacked(nets, case.source, settings, loss=case.loss, seeds=range(MODELS))
        middle = time.perf_counter()
        alone = [
            train(net, case.source, case.settings, loss=case.loss, seed=seed)
            for seed, net in enumerate(nets)
        ]
        stacked_seconds.append(middle - begin)
        alone_seconds.append(time.perf_counter() - middle)
        for one, other in zip(stack, alone, strict=True):
            if isinstance(one, DivergedError):
                raise one
            distance = max(distance, abs(one.history[-1].score - other.history[-1].score))
    pairs = zip(alone_seconds[1:], stacked_seconds[1:], strict=True)
    lower, middle_ratio, upper = statistics.quantiles([a / b for a, b in pairs], n=4)
    return {
        "family": case.family,
        "knobs": case.knobs,
        "promised": case.promised,
        "macs": count(nets[0]).macs,
        "batch_size": case.settings.batch_size,
        "epochs": case.settings.epochs,
        "examples": len(case.source.epoch(0, rng=np.random.default_rng(0))[0]),
        "stacked_seconds": statistics.median(stacked_seconds[1:]),
        "alone_seconds": statistics.median(alone_seconds[1:]),
        "ratio": middle_ratio,
        "ratio_quartiles": [lower, upper],
        "largest_difference_of_scores": distance,
        "worth_stacking": worth_stacking(nets[0], case.settings),
    }


def markdown(facts: dict) -> str:
    """Render the table."""
    text = f"""# Stacked training: {MODELS} models as one, against one after another

Made by `python benchmarks/stacked/run.py --rounds {facts["rounds"]}`
on {facts["machine"]}; one thread.
n = {facts["rounds"]} rounds after one to warm up, seeds 0 to {MODELS - 1}; load of the machine at
the end {facts["load"]:.1f}. A ratio is the median of ratios within a round (quartiles in brackets).
Climate nets: the windows of recipe climate-6, real data; word nets: noise in the features' shape.
`differs`: largest difference of a validation score to the model trained alone. `stack`: whether
`worth_stacking` says so.

| net | MACs | batch | examples | alone, s / epoch | stacked, s / epoch | ratio | differs | stack |
|---|---:|---:|---:|---:|---:|---:|---:|---|
"""
    for row in facts["results"]:
        knobs = ", ".join(f"{key} {value}" for key, value in row["knobs"].items())
        low, high = row["ratio_quartiles"]
        text += (
            f"| {row['family']} {knobs} | {row['macs']:,} | {row['batch_size']} "
            f"| {row['examples']:,} | {row['alone_seconds'] / row['epochs']:.3f} "
            f"| {row['stacked_seconds'] / row['epochs']:.3f} "
            f"| **{row['ratio']:.2f}** ({low:.2f}-{high:.2f}) "
            f"| {row['largest_difference_of_scores']:.1g} "
            f"| {'yes' if row['worth_stacking'] else 'no'} |\n"
        )
    verdict = "missed" if missed(facts) else "met"
    return f"{text}\nPromise, linear and mlp at least {PROMISED:g} times: **{verdict}**\n"


def missed(facts: dict) -> bool:
    """Whether a promised ratio was missed."""
    return any(row["promised"] and row["ratio"] < PROMISED for row in facts["results"])


def main() -> None:
    """Measure all cases and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each net (default 9)")
    options = parser.parse_args()
    if not os.environ.get("MOTEFIT_DATA"):
        sys.exit("MOTEFIT_DATA must name the folder that holds climate/")
    results = []
    for case in cases(Path(os.environ["MOTEFIT_DATA"])):
        results.append(measure(case, options.rounds))
        print(case.family, case.knobs, results[-1]["ratio"], file=sys.stderr, flush=True)
    facts = {
        "machine": machine(),
        "rounds": options.rounds,
        "models": MODELS,
        "load": os.getloadavg()[0],
        "results": results,
    }
    write_atomic(HERE / "results.json", dumps_json(facts))
    write_atomic(HERE / "results.md", markdown(facts))
    print(markdown(facts))
    sys.exit(missed(facts))


if __name__ == "__main__":
    main()
