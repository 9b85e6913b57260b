"""Kill a study with SIGKILL at random moments, resume it each time, and audit the result.

Writes kills.json and kills.md beside this file: how often it was killed and where, and that the
store has every candidate once, no finished work was repeated or changed, and the model is that
of an undisturbed run.

    python benchmarks/search/kills.py [--kills 30] [--out FOLDER]
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from motefit.certify.provenance import machine
from motefit.data.synth.climate import synthesize_climate

HERE = Path(__file__).resolve().parent
COMMAND = (sys.executable, "-c", "from motefit.cli import main; main()")
KILLS_A_RUN = 3
RECIPE = """
description = "small forecasting networks, to be killed"
task = "forecasting"
[data]
input_steps = 6
output_steps = 2
[model]
family = "mlp"
units = [4]
[train]
epochs = 40
batch_size = 128
[compress]
precision = "int8-weights"
[budget]
mae."T (degC)" = "< 2.0"
size.tflite_bytes = "< 2000 B"
objective = "mae.rh (%)"
[search]
strategy = "tpe"
max_candidates = 12
round_candidates = 6
rungs = [0.25]
keep = 0.5
finalists = 2
repeats = 2
[search.space]
"model.units" = [[2], [4], [8], [16], [4, 4]]
"train.learning_rate" = {low = 2e-3, high = 3e-2, log = true}
"""


@dataclass
class Watch:
    """Finished files as they were first seen: neither their bytes nor their dates may change."""

    run: Path
    seen: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def look(self) -> None:
        for pattern in ("rounds/*.json", "candidates/*/[!.]*"):
            for path in self.run.glob(pattern):
                if path.suffix in {".json", ".tflite"}:
                    self._compare(path)

    def _compare(self, path: Path) -> None:
        name = path.relative_to(self.run).as_posix()
        now = (path.stat().st_mtime_ns, path.read_bytes())
        if self.seen.setdefault(name, now) != now:
            self.faults.append(f"{name} was done again")

    def end(self) -> None:
        self.look()
        self.faults += [f"{name} was lost" for name in self.seen if not (self.run / name).is_file()]


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def whole(arguments: list[str]) -> float:
    """Run to the end; return the seconds."""
    begin = time.perf_counter()
    process = start(arguments)
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}: {said.decode()}")
    return time.perf_counter() - begin


def killed(arguments: list[str], after_s: float, watch: Watch) -> str:
    """Kill after some seconds; return what the run was doing, or that it had ended."""
    process = start(arguments)
    try:
        _, said = process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    else:
        if process.returncode:
            raise SystemExit(f"a run ended with {process.returncode}: {said.decode()}")
        return "had ended"
    while workers_of(process.pid):
        time.sleep(0.02)
    watch.look()
    run = watch.run
    if list(run.glob("candidates/*/result.json")):
        return "finishing"
    rounds = len(list(run.glob("rounds/*.json")))
    return f"round {rounds}" if rounds else "starting"


def workers_of(session: int) -> list[int]:
    """List the processes of a session that still exist."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[3]) == session:
            found.append(int(path.parent.name))
    return found


def audit(run: Path) -> dict[str, Any]:
    """Make sure that every candidate of every round is in the store once."""
    state = json.loads((run / "run.json").read_text())
    study = optuna.load_study(study_name=state["study"], storage=f"sqlite:///{run / 'study.db'}")
    records = [trial.user_attrs["motefit"] for trial in study.trials]
    places = Counter((record["round"], record["index"]) for record in records)
    wanted = {
        (int(path.stem), index)
        for path in run.glob("rounds/*.json")
        for index, entry in enumerate(json.loads(path.read_text())["entries"])
        if not entry["left_out"]
    }
    return {
        "entered": len(records),
        "lost": sorted(wanted - places.keys()),
        "twice": sorted(place for place, count in places.items() if count > 1),
        "unfinished": [t.number for t in study.trials if not t.state.is_finished()],
        "candidates": sorted(record["key"] for record in records),
    }


def model_of(run: Path) -> bytes:
    with zipfile.ZipFile(run / "kills.zip") as archive:
        return archive.read("model.tflite")


def experiment(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    recipe, data = folder / "kills.toml", folder / "climate.csv"
    recipe.write_text(RECIPE, encoding="utf-8")
    synthesize_climate(data, days=60, rng=np.random.default_rng(0))
    begin = ["fit", str(recipe), "--data", str(data), "--workers", "2"]
    seconds = whole([*begin, "--out", str(folder / "whole")])
    undisturbed = audit(folder / "whole")
    chance = random.Random(seed)  # noqa: S311 - moments to kill at
    places: Counter[str] = Counter()
    faults: list[str] = []
    audits, runs = [], 0
    while places.total() < kills:
        run = folder / f"run-{runs}"
        runs += 1
        watch = Watch(run=run)
        arguments = [*begin, "--out", str(run)]
        for _ in range(KILLS_A_RUN):
            place = killed(arguments, chance.uniform(0.15, 0.5) * seconds, watch)
            if place == "had ended":
                break
            places[place] += 1
            if (run / "run.json").is_file():
                arguments = ["fit", "--resume", str(run), "--workers", "2"]
        whole(arguments)
        watch.end()
        found = audit(run)
        faults += watch.faults
        faults += [
            f"run {runs}: {k}: {found[k]}" for k in ("lost", "twice", "unfinished") if found[k]
        ]
        if found["candidates"] != undisturbed["candidates"]:
            faults.append(f"run {runs}: other candidates than in the undisturbed run")
        if model_of(run) != model_of(folder / "whole"):
            faults.append(f"run {runs}: another model than in the undisturbed run")
        audits.append(found["entered"])
    return {
        "kills": places.total(),
        "at": dict(places),
        "runs": runs,
        "candidates_entered": audits,
        "undisturbed_s": round(seconds, 1),
        "seed": seed,
        "faults": faults,
        "machine": machine(),
    }


def report(result: dict[str, Any]) -> str:
    at = ", ".join(f"{count} in {place}" for place, count in sorted(result["at"].items()))
    faults = "".join(f"\n- {fault}" for fault in result["faults"])
    text = f"""# A study under kill -9

{result["kills"]} kills over {result["runs"]} runs ({at}); an undisturbed run takes
{result["undisturbed_s"]} s. Machine: {result["machine"]}. Seed {result["seed"]}.

Candidates in the store after each run: {result["candidates_entered"]}.

Faults (lost or doubled candidates, finished work done again or changed, another model than that
of the undisturbed run): {len(result["faults"])}.
{faults}"""
    return text.rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        result = experiment(Path(name), options.kills, options.seed)
    text = json.dumps(result, indent=1) + "\n"
    (options.out / "kills.json").write_text(text, encoding="utf-8")
    (options.out / "kills.md").write_text(report(result), encoding="utf-8")
    print(report(result))
    return 1 if result["faults"] else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
