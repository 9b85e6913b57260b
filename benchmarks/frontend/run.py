"""Time the front end against the published TensorFlow pipeline and a C build, paired in one run.

``python benchmarks/frontend/run.py`` sets up everything it needs (see tools/tensorflow_env.py)
and writes results.json and results.md beside this file. All contenders run in one thread on the
same core, one at a time, in rounds; a ratio is the median over rounds of ratios within a round,
so that slow drifts of the machine cancel. Exit code 1: a promised ratio was missed.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
TOOLS = HERE.parent.parent / "tools"
SECONDS_PER_TURN = 0.04
TOLERANCE = 1e-4
FASTER_THAN_PUBLISHED = 20.0
SLOWER_THAN_C = 2.5

COMMON = {"rate_hz": 16_000, "lower_hz": 20.0, "upper_hz": 4000.0, "coefficients": 10}
SETTINGS: dict[str, dict[str, Any]] = {
    "16 kHz 640/320, 40 mel": {**COMMON, "frame_length": 640, "frame_step": 320, "mel_bins": 40},
    "16 kHz 256/256, 40 mel": {**COMMON, "frame_length": 256, "frame_step": 256, "mel_bins": 40},
    "8 kHz 320/160, 40 mel": {
        **COMMON, "rate_hz": 8000, "frame_length": 320, "frame_step": 160, "mel_bins": 40,
    },
    "16 kHz 512/160, 20 mel": {
        **COMMON, "frame_length": 512, "frame_step": 160, "mel_bins": 20, "upper_hz": 6000.0,
    },
    "16 kHz 1024/400, 16 mel": {**COMMON, "frame_length": 1024, "frame_step": 400, "mel_bins": 16},
    "16 kHz 256/128, 10 mel": {**COMMON, "frame_length": 256, "frame_step": 128, "mel_bins": 10},
}  # fmt: skip
FORMS = {
    "motefit": "motefit (numpy)",
    "numpy-plain": "numpy, tables ready, default rfft",
    "tf-per-call": "TensorFlow eager, mel matrix per call (published)",
    "tf-eager": "TensorFlow eager, matrix ready",
    "tf-function": "TensorFlow tf.function",
    "fftw": "C with FFTW",
}


C_FLAGS = ["-O3", "-march=native", "-ffast-math"]
C_ARGUMENTS = [
    "rate_hz", "samples", "frame_length", "frame_step",
    "mel_bins", "lower_hz", "upper_hz", "coefficients",
]  # fmt: skip


class Worker:
    """A process that computes and times the forms it knows."""

    def __init__(self, command: list[str], forms: list[str], environment: dict[str, str]) -> None:
        self.forms = forms
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.version = self._answer().removeprefix("ready").strip()

    def _answer(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"the worker {self._process.args!r} ended with {self._process.wait()}")
        return line

    def ask(self, command: str, form: str, count: int) -> np.ndarray:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        print(command, form, count, file=self._process.stdin, flush=True)
        return np.array(self._answer().split(), float)

    def close(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.close()
        self._process.wait()


def build_c(folder: Path) -> tuple[Path | None, str]:
    """Build the C program; return its path or None, and how it was built or why it was not."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    has_fftw = (
        compiler and _compile(compiler, folder / "probe", HERE / "frontend.c").returncode == 0
    )
    if not has_fftw and shutil.which("apt-get") and os.geteuid() == 0:
        packages = ["gcc", "libc6-dev", "libfftw3-dev"]
        options = ["-y", "-qq", "--no-install-recommends"]
        subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=sys.stderr)
        subprocess.run(["apt-get", "install", *options, *packages], check=False, stdout=sys.stderr)
        compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        return None, "no C compiler (install gcc and libfftw3-dev)"
    result = _compile(compiler, folder / "frontend", HERE / "frontend.c")
    if result.returncode:
        last = result.stderr.strip().splitlines()[0] if result.stderr.strip() else "no message"
        return None, f"cannot be built (install libfftw3-dev): {last}"
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True)
    return folder / "frontend", f"{version.stdout.splitlines()[0]}, {' '.join(C_FLAGS)}"


def _compile(compiler: str, target: Path, source: Path) -> subprocess.CompletedProcess[str]:
    command = [compiler, *C_FLAGS, "-o", str(target), str(source), "-lfftw3f", "-lm"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def start_workers(
    setting: dict[str, Any], clip: Path, tensorflow: str, program: Path | None
) -> list[Worker]:
    environment = {**os.environ, "CLIP": str(clip), "TF_CPP_MIN_LOG_LEVEL": "3"}
    text = json.dumps(setting)
    numpy = [sys.executable, str(HERE / "worker.py"), text]
    published = [tensorflow, str(HERE / "worker_tensorflow.py"), text]
    workers = [
        Worker(numpy, ["motefit", "numpy-plain"], environment),
        Worker(published, ["tf-per-call", "tf-eager", "tf-function"], environment),
    ]
    if program:
        numbers = [str({**setting, "samples": setting["rate_hz"]}[name]) for name in C_ARGUMENTS]
        workers.append(Worker([str(program), *numbers], ["fftw"], environment))
    return workers


def compare(workers: list[Worker], rounds: int, rng: random.Random) -> dict[str, dict[str, float]]:
    """Check that all forms agree, then time them in rounds; microseconds and ratios per form."""
    turns = [(form, worker) for worker in workers for form in worker.forms]
    expected = workers[0].ask("check", "motefit", 0)
    counts = {}
    for form, worker in turns:
        difference = np.abs(worker.ask("check", form, 0) - expected).max()
        if not difference < TOLERANCE:
            sys.exit(f"{form} computes something else: it differs by {difference}")
        once = np.median(worker.ask("time", form, 20))
        counts[form] = max(int(SECONDS_PER_TURN / once), 5)
        worker.ask("time", form, counts[form])
    times: dict[str, list[np.ndarray]] = {form: [] for form, _ in turns}
    for _ in range(rounds):
        rng.shuffle(turns)
        for form, worker in turns:
            times[form].append(worker.ask("time", form, counts[form]))
    return {form: _summary(times, form) for form in FORMS if form in times}


def _summary(times: dict[str, list[np.ndarray]], form: str) -> dict[str, float]:
    pairs = zip(times[form], times["motefit"], strict=True)
    ratios = [float(np.percentile(own, 25) / np.percentile(ours, 25)) for own, ours in pairs]
    every = np.concatenate(times[form]) * 1e6
    lower, middle, upper = statistics.quantiles(ratios, n=4)
    return {
        "n": len(every),
        "median_us": float(np.median(every)),
        "percentile_25_us": float(np.percentile(every, 25)),
        "ratio_to_motefit": middle,
        "ratio_lower_quartile": lower,
        "ratio_upper_quartile": upper,
    }


def machine() -> dict[str, Any]:
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next(
            (x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), model
        )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def promises(main: dict[str, dict[str, float]], reason: str) -> list[dict[str, Any]]:
    """Return the two promised ratios, on the first setting."""
    published = main["tf-per-call"]["ratio_to_motefit"]
    lines: list[dict[str, Any]] = [
        {
            "promise": f"at least {FASTER_THAN_PUBLISHED:g} times faster than the published form",
            "value": published,
            "verdict": "met" if published >= FASTER_THAN_PUBLISHED else "missed",
        }
    ]
    promise = f"within {SLOWER_THAN_C:g} times of C with FFTW"
    if "fftw" in main:
        slower = 1 / main["fftw"]["ratio_to_motefit"]
        verdict = "met" if slower <= SLOWER_THAN_C else "missed"
        lines.append({"promise": promise, "value": slower, "verdict": verdict})
    else:
        lines.append({"promise": promise, "value": None, "verdict": f"not measured: {reason}"})
    return lines


def markdown(facts: dict[str, Any]) -> str:
    where = facts["machine"]
    first = next(iter(facts["settings"]))
    text = f"""# Front end: one clip of one second, MFCC, one thread

Made by `python benchmarks/frontend/run.py --rounds {facts["rounds"]}` on {where["cpu"]}
({where["cores"]} cores, {where["system"]}).
Python {where["python"]}; {", ".join(facts["versions"])}.
C: {facts["c_build"]}.
All forms ran on one core, one at a time, in rounds of random order; each was first checked to give
the same features to {TOLERANCE:g}. A ratio is the median over rounds of the form's 25th percentile
by motefit's in the same round (quartiles in brackets).

"""
    for line in facts["promises"]:
        value = "" if line["value"] is None else f"{line['value']:.2f}: "
        text += f"- {line['promise']} ({first}): {value}**{line['verdict']}**\n"
    for name, forms in facts["results"].items():
        text += f"\n## {name}\n\n"
        text += "| form | 25th percentile, us | median, us | time / motefit's | n |\n"
        text += "|---|---:|---:|---:|---:|\n"
        for form, row in forms.items():
            spread = f"{row['ratio_lower_quartile']:.2f}-{row['ratio_upper_quartile']:.2f}"
            text += (
                f"| {FORMS[form]} | {row['percentile_25_us']:.1f} | {row['median_us']:.1f} "
                f"| {row['ratio_to_motefit']:.2f} ({spread}) | {row['n']} |\n"
            )
    return text


def one_core() -> None:
    """Bind this process and its children to one core and one thread."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="turns of each form (default 30)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of results.json, results.md")
    options = parser.parse_args()
    tool = [sys.executable, str(TOOLS / "tensorflow_env.py")]
    tensorflow = subprocess.run(tool, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    rng = random.Random(0)  # noqa: S311 - the order of turns
    facts: dict[str, Any] = {"machine": machine(), "rounds": options.rounds, "settings": SETTINGS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program, facts["c_build"] = build_c(folder)
        if program is None:
            print(f"C WITH FFTW IS LEFT OUT: {facts['c_build']}", file=sys.stderr)
        one_core()
        facts["results"] = {}
        for title, setting in SETTINGS.items():
            clip = folder / "clip.f32"
            noise = np.random.default_rng(0).standard_normal(setting["rate_hz"])
            (0.1 * noise).astype(np.float32).tofile(clip)
            workers = start_workers(setting, clip, tensorflow, program)
            facts["versions"] = [worker.version for worker in workers]
            facts["results"][title] = compare(workers, options.rounds, rng)
            for worker in workers:
                worker.close()
            print(f"done: {title}", file=sys.stderr)
    facts["promises"] = promises(facts["results"][next(iter(SETTINGS))], facts["c_build"])
    text = markdown(facts)
    for suffix, content in (("json", json.dumps(facts, indent=1) + "\n"), ("md", text)):
        partial = options.out / f"results.{suffix}.partial"
        partial.write_text(content, encoding="utf-8")
        partial.replace(options.out / f"results.{suffix}")
    print(text)
    sys.exit(any(line["verdict"] == "missed" for line in facts["promises"]))


if __name__ == "__main__":
    main()
