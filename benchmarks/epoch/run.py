"""What an epoch of a broadcast residual net costs, and what running its blocks as a whole saves.

``MOTEFIT_DATA=FOLDER python benchmarks/epoch/run.py`` writes results.json and results.md beside
this file: seconds of processor time on one thread, in the environment of a worker, of augmentation,
features, training steps and evaluation, and the same steps operation by operation in the
environment that workers had before. Both kinds of steps take turns and the least of each is kept,
so that a busy machine slows both; with ``--rounds`` more turns. A second network is the plain form
with 98 frames and a batch of 100, whose tensors are three times as large. Exit code 1: running
blocks as a whole does not save time.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motefit.certify.provenance import machine
from motefit.fitting.jobs import untrained
from motefit.fitting.worker import load_dataset
from motefit.recipes.catalog import find_recipe
from motefit.spec.codec import dumps_json
from motefit.spec.files import write_atomic
from motefit.spec.worker_environment import MEMORY, worker_environment
from motefit.tasks import TASKS

HERE = Path(__file__).parent
RECIPE = "eight-words-25k"
PLAIN = {
    "channels": (12, 18, 24, 30),
    "first_channels": 24,
    "head_channels": 48,
    "dropout": 0.1,
}
"""A network as earlier versions had it: no bands, norms everywhere, no stride over time."""
CLIPS = 512
"""Clips that augmentation and features are timed on."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Training and evaluation of one form of the network.

    Attributes:
        train: one training step on a batch.
        evaluate: a pass over the same batch without gradients.
    """

    train: Callable[[], None]
    evaluate: Callable[[], None]


def steps(*, fused: bool, large: bool) -> Steps:
    """Set the network of the recipe, or a larger one, up on noise, which costs as much as words."""
    import torch  # noqa: PLC0415 - after the environment is set

    from motefit.graph.families import Problem, build  # noqa: PLC0415
    from motefit.train.module import GraphModule  # noqa: PLC0415
    from motefit.train.optimizer import loss_function, optimizer  # noqa: PLC0415

    torch.set_num_threads(1)
    recipe = find_recipe(RECIPE)
    shape = recipe.frontend.shape
    problem = Problem(input_shape=shape, outputs=8)
    graph = untrained(recipe, 0, problem)
    if large:
        graph = build("bcresnet", PLAIN, problem=problem, rng=np.random.default_rng(0))
    module = GraphModule(graph, seed=0, fused=fused)
    rule, loss = optimizer(module, recipe.train), loss_function("cross-entropy")
    rng = np.random.default_rng(0)
    size = 100 if large else recipe.train.batch_size
    x = torch.tensor(rng.normal(0, 1, (size, *graph.input_shape)), dtype=torch.float32)
    y = torch.from_numpy(rng.integers(0, 8, size))

    def train() -> None:
        module.train()
        rule.zero_grad()
        loss(module.logits(x), y).backward()
        rule.step()

    def evaluate() -> None:
        module.eval()
        with torch.no_grad():
            module.logits(x)

    return Steps(train=train, evaluate=evaluate)


def least(work: Callable[[], object], rounds: int) -> float:
    """Least processor time of some rounds, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def inside(kind: str) -> None:
    """Answer each line of standard input with the seconds of a training step and an evaluation."""
    form = steps(fused="fused" in kind, large="large" in kind)
    form.train()
    for line in sys.stdin:
        rounds = int(line)
        print(json.dumps([least(form.train, rounds), least(form.evaluate, rounds)]), flush=True)


def paired(rounds: int) -> dict[str, list[float]]:
    """Least seconds of a step and an evaluation, by kind; the kinds take turns."""
    before = {k: v for k, v in worker_environment().items() if k not in MEMORY}
    environments = {
        f"{size}{kind}": environment
        for size in ("", "large ")
        for kind, environment in (("fused", worker_environment()), ("plain", before))
    }
    processes = {
        kind: subprocess.Popen(
            [sys.executable, __file__, "--inside", kind],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for kind, environment in environments.items()
    }
    found: dict[str, list[list[float]]] = {kind: [] for kind in processes}
    for _ in range(rounds):
        for kind, process in processes.items():
            if process.stdin is None or process.stdout is None:
                raise SystemExit("the processes that are timed have no pipes")
            process.stdin.write("2\n")
            process.stdin.flush()
            found[kind].append(json.loads(process.stdout.readline()))
    for process in processes.values():
        process.communicate()
    return {kind: np.min(times, axis=0).tolist() for kind, times in found.items()}


def preparation(data: Path, rounds: int) -> dict[str, float]:
    """Seconds of augmentation and of features for an epoch's clips."""
    from motefit.train.augmentation import Noise, Rooms, augment_clips  # noqa: PLC0415
    from motefit.train.spectral_augmentation import color_features  # noqa: PLC0415

    recipe = find_recipe(RECIPE)
    task = TASKS.find(recipe.task)
    dataset = load_dataset(task, recipe, data)
    features, spec = task.source(recipe, dataset)._features, recipe.train.augment
    rng = np.random.default_rng(0)
    pcm = dataset.train.pcm[:CLIPS]
    noise = Noise(dataset.noise, pcm.shape[1], rng=rng)
    rooms = Rooms(pcm.shape[1], rate_hz=16000, decay_s=spec.room_decay_s, rng=rng)
    known = {"rate_hz": 16000, "noise": noise, "rooms": rooms, "rng": rng}
    sound = augment_clips(pcm, spec, **known)
    clean = features.batch(sound)
    share = len(dataset.train.pcm) / len(pcm)
    return {
        "examples": len(dataset.train.pcm),
        "validation": len(dataset.validation.pcm),
        "augmentation": share * least(lambda: augment_clips(pcm, spec, **known), rounds),
        "features": share * least(lambda: features.batch(sound), rounds),
        "spectral augmentation": share
        * least(lambda: color_features(clean, spec, recipe.frontend, rng=rng), rounds),
    }


def table(found: dict[str, object], parts: dict[str, dict[str, float]]) -> str:
    """The page."""
    rows = [
        f"| {name} | {parts['fused'][name]:.1f} | {parts['plain'][name]:.1f} |"
        for name in parts["fused"]
    ]
    total = {kind: sum(own.values()) for kind, own in parts.items()}
    ratio = total["plain"] / total["fused"]
    step, large = found["step_ratio"], found["large_step_ratio"]
    return "\n".join(
        [
            "# An epoch of a broadcast residual net",
            "",
            (
                f"Recipe `{RECIPE}`, one thread, {found['machine']}; made by `python "
                "benchmarks/epoch/run.py`. Seconds of processor time, least of "
                f"{found['rounds']} turns; blocks as a whole, and operation by operation."
            ),
            "",
            "| part | as a whole | operation by operation |",
            "|---|---:|---:|",
            *rows,
            f"| all | {total['fused']:.1f} | {total['plain']:.1f} |",
            "",
            (
                f"The epoch takes 1/{ratio:.2f} of the time, a training step 1/{step:.2f}; a step "
                f"of the plain net with 98 frames and 100 examples 1/{large:.2f}."
            ),
            "",
        ]
    )


def main() -> int:
    """Measure, write, and compare with what is promised."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside)
        return 0
    os.environ.update(worker_environment())
    data = Path(os.environ["MOTEFIT_DATA"]) / "speech"
    ready = preparation(data, min(options.rounds, 5))
    seconds = paired(options.rounds)
    recipe = find_recipe(RECIPE)
    batches = ready.pop("examples") / recipe.train.batch_size
    checked = ready.pop("validation") / recipe.train.batch_size
    parts = {
        kind: {**ready, "training steps": batches * step, "evaluation": checked * evaluate}
        for kind, (step, evaluate) in seconds.items()
        if "large" not in kind
    }
    facts: dict[str, object] = {
        "machine": machine(),
        "rounds": options.rounds,
        "seconds": parts,
        "step_ratio": seconds["plain"][0] / seconds["fused"][0],
        "large_step_ratio": seconds["large plain"][0] / seconds["large fused"][0],
    }
    write_atomic(HERE / "results.json", (dumps_json(facts) + "\n").encode())
    write_atomic(HERE / "results.md", table(facts, parts).encode())
    print((HERE / "results.md").read_text())
    total = {kind: sum(own.values()) for kind, own in parts.items()}
    return 0 if total["plain"] > total["fused"] else 1


if __name__ == "__main__":
    sys.exit(main())
