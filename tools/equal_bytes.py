"""Train a small model of each family, and print the hashes of the files.

Equal recipe, data and seed give equal bytes on every x86-64 processor with AVX2; the hashes are
recorded in ``tests/golden/equal_bytes.json``, and a test compares.

    python tools/equal_bytes.py                       # as `motefit fit` trains: in a worker
    python tools/equal_bytes.py --write               # record the hashes
    python tools/equal_bytes.py --emulate Haswell-noTSX dscnn mlp    # another processor

The emulation needs ``qemu-x86_64`` 7.2 or later (Debian: qemu-user) and takes minutes per family.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motefit.fitting.jobs import CandidateJob, TrainJob, candidate_folder, load_outcome
from motefit.fitting.worker import run_job
from motefit.search.engines import open_engine
from motefit.search.space import Space
from motefit.spec.recipe import Recipe
from motefit.spec.worker_environment import worker_environment

RECORD = Path(__file__).parents[1] / "tests" / "golden" / "equal_bytes.json"
WORDS = ("fall", "rise", "rest")
CLIPS = 30
RATE_HZ = 8000
ROWS = 800
SPEECH = """
task = "keyword-spotting"
[frontend]
rate_hz = 8000
frame_length = 256
frame_step = 256
mel_bins = 16
lower_hz = 60
upper_hz = 4000
coefficients = 10
[train]
epochs = 3
batch_size = 16
learning_rate = 0.01
[train.augment]
shift_ms = 50
speed_percent = 5
noise_probability = 0.5
noise_snr_db = [5, 30]
time_masks = 1
time_mask_frames = 3
[compress]
precision = "float32"
[budget]
accuracy = "> 10 %"
"""
SERIES = """
task = "forecasting"
[data]
time = "time"
time_format = "%Y-%m-%dT%H:%M:%S"
inputs = ["a", "b"]
targets = ["a", "b"]
input_steps = 4
output_steps = 3
step_minutes = 10
[train]
epochs = 3
batch_size = 32
learning_rate = 0.01
[compress]
precision = "float32"
[budget]
mae.a = "< 100"
"""
FORMS = """targets = ["a", "b"]
form = "differences"
predict = "change"
calendar = ["hour", "year"]
validation = "blocks"
block_days = 1
"""
MODELS = {
    "bcresnet": SPEECH + '[model]\nfamily = "bcresnet"\nchannels = [4, 6]\nblocks = [1, 2]\n',
    "bcresnet, as published, averaged": SPEECH.replace("coefficients = 10", "coefficients = 0")
    .replace("learning_rate = 0.01", 'learning_rate = 0.05\noptimizer = "sgd"\naveraging = 0.9')
    .replace("[train.augment]", 'schedule = "cosine"\nwarm_up_epochs = 1\n[train.augment]')
    .replace("shift_ms = 50", "shift_ms = 50\nroom_probability = 0.5\nwarp_percent = 8")
    .replace("time_masks = 1", "time_masks = 1\nequalizer_db = 6\nband_limit_probability = 0.2")
    + '[model]\nfamily = "bcresnet"\ntau = 0.5\nbands = 4\npublished_head = true\n'
    + "blocks = [1, 2]\nfrequency_strides = [1, 2, 1]\ndropout = 0.1\n",
    "cnn": SPEECH + '[model]\nfamily = "cnn"\nfilters = [8, 12]\ndropout = 0.1\n',
    "dscnn": SPEECH + '[model]\nfamily = "dscnn"\nwidth = 12\nblocks = 2\n',
    "tcnet": SPEECH + '[model]\nfamily = "tcnet"\nwidth = 12\nblocks = 2\nfirst_kernel = 5\n',
    "tcnet, quantization-aware and zip-aware": SPEECH.replace("float32", "int8")
    + '[model]\nfamily = "tcnet"\nwidth = 8\nblocks = 2\nfirst_kernel = 5\n'
    + '[[compress.steps]]\nname = "quantization-aware"\nepochs = 1\n'
    + '[[compress.steps]]\nname = "zip-aware"\ntolerance = 0.05\n',
    "conv1d": SERIES + '[model]\nfamily = "conv1d"\nfilters = [4]\nunits = [5]\n',
    "linear": SERIES + '[model]\nfamily = "linear"\n',
    "lstm": SERIES + '[model]\nfamily = "lstm"\nunits = 4\n',
    "mlp": SERIES + '[model]\nfamily = "mlp"\nunits = [8]\n',
    "residual-mlp": SERIES.replace('targets = ["a", "b"]', FORMS)
    + '[model]\nfamily = "residual-mlp"\nunits = 4\n',
    "mlp, a stack of four": SERIES + '[model]\nfamily = "mlp"\nunits = [8]\n',
}
STACK = (0, 1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model to train.

    Attributes:
        name: key of :data:`MODELS`.
        data: folder that :func:`make_data` filled.
    """

    name: str
    data: Path


def make_data(folder: Path) -> None:
    """Write clips of three words and a series, generated with integers alone."""
    rng = np.random.default_rng(0)
    time = np.arange(RATE_HZ)
    for place, word in enumerate(WORDS):
        (folder / "speech" / word).mkdir(parents=True)
        for clip in range(CLIPS):
            period = rng.integers(12, 20) + (0, time // 500, 15 - time // 500)[place]
            sound = np.where(time % period * 2 < period, 3000, -3000)
            sound = sound + rng.integers(-800, 800, RATE_HZ)
            path = folder / "speech" / word / f"{clip // 2:08x}_nohash_{clip % 2}.wav"
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE_HZ)
                file.writeframes(sound.astype("<i2").tobytes())
    values = np.cumsum(rng.integers(-100, 101, (ROWS, 2)), axis=0)
    start = np.datetime64("2024-01-01T00:00:00")
    lines = [
        f"{start + np.timedelta64(10 * i, 'm')},{a / 100},{b / 100}"
        for i, (a, b) in enumerate(values)
    ]
    (folder / "series.csv").write_text("\n".join(["time,a,b", *lines, ""]), encoding="utf-8")


def model_hash(case: Case) -> str:
    """Train a model as a worker of ``motefit fit`` does; return the SHA-256 of its file."""
    recipe = Recipe.loads(MODELS[case.name], name="equal-bytes")
    speech = recipe.task == "keyword-spotting"
    data = case.data / ("speech" if speech else "series.csv")
    space = Space(recipe)
    seeds = STACK if "stack" in case.name else STACK[:1]
    works = tuple(CandidateJob.of(space.candidate({"seed": seed})) for seed in seeds)
    with tempfile.TemporaryDirectory() as run:
        folder = Path(run)
        run_job(TrainJob(works=works, epochs=recipe.train.epochs, data=data, folder=folder))
        run_job(TrainJob(works=works[:1], epochs=None, data=data, folder=folder))
        key = works[0].key
        if not candidate_folder(folder, key).is_dir():
            raise SystemExit(f"{case.name}: the training diverged")
        return load_outcome(folder, key).file.sha256


def hashes(names: list[str], *, inside: bool = False) -> dict[str, str]:
    """Compute hashes by name of the model.

    Args:
        names: of the models; empty: all.
        inside: train in this process, which has a worker's environment, instead of in a worker.
    """
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder))
        cases = [Case(name=name, data=Path(folder)) for name in names or MODELS]
        os.environ["MOTEFIT_CACHE"] = str(Path(folder) / "cache")
        if inside:
            return {case.name: model_hash(case) for case in cases}
        with open_engine("local", workers=1) as engine:
            ended = engine.run(model_hash, cases, poll=lambda: None)
            return {cases[end.index].name: str(end.result()) for end in ended}


def emulated(cpu: str, names: list[str]) -> dict[str, str]:
    """Compute :func:`hashes` on an emulated processor."""
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        raise SystemExit("the emulation needs qemu-x86_64: apt-get install qemu-user")
    command = [qemu, "-cpu", cpu, os.path.realpath(sys.executable), __file__, "--inside", *names]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, **worker_environment(), "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> int:
    """Print, record or compare hashes; return 1 if they differ from the recorded ones."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="models; default: all")
    parser.add_argument("--write", action="store_true", help="record the hashes")
    parser.add_argument("--emulate", metavar="CPU", help="a processor that qemu-x86_64 knows")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.names) - MODELS.keys():
        parser.error(f"no such model: {', '.join(unknown)}; there are: {', '.join(MODELS)}")
    if options.emulate:
        found = emulated(options.emulate, options.names)
    else:
        found = hashes(options.names, inside=options.inside)
    print(json.dumps(found, indent=2))
    if options.inside:
        return 0
    if options.write:
        RECORD.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return 0
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    differing = [name for name, digest in found.items() if recorded.get(name) != digest]
    for name in differing:
        print(f"{name}: the recorded hash is {recorded.get(name)}", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    # workers find functions by module, and a script's __main__ is not theirs
    sys.exit(importlib.import_module(Path(__file__).stem).main())
