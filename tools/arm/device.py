"""Program for the Arm machine, and for this one to compare with: runs all models on given inputs.

``python device.py BUNDLES.json INPUTS.npz OUTPUTS.npz``: for each bundle the outputs of both sets
of kernels and of the whole pipeline, numpy's features, and those of a front end inside the model.
Prints the names of the counted stages as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
from marks import Stages

from motefit.runtime import Forecaster, KeywordSpotter, load_bundle
from motefit.runtime.gate import vouch
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.normalize import Normalizer
from motefit.signal.features import features_of
from motefit.spec.tasks.speech_spec import NAME as KEYWORDS
from motefit.tflite.model import ModelFile

KERNELS = ("builtin", "xnnpack")


def open_bundle(path: Path, *, xnnpack: bool) -> KeywordSpotter | Forecaster:
    """Open a bundle of either task, ready to run."""
    vouch(ModelFile.from_path(path))  # this machine cannot start the process that would try it
    bundle = load_bundle(path)
    kind = KeywordSpotter if bundle.card.task == KEYWORDS else Forecaster
    return kind(bundle.model, bundle.card.io, xnnpack=xnnpack)


def features(runner: KeywordSpotter | Forecaster, raw: np.ndarray) -> np.ndarray:
    """Compute the network's inputs from clips or windows with numpy, wherever the front end is."""
    if not isinstance(runner, KeywordSpotter):
        return encoded(runner, raw)
    frontend = runner.io.frontend
    normalizer = Normalizer(runner.io.normalization, columns=frontend.features)
    return normalizer.apply(features_of(frontend).batch(raw))


def encoded(runner: KeywordSpotter | Forecaster, raw: np.ndarray) -> np.ndarray:
    """What the network reads; forecasters with a calendar are asked at one time."""
    if isinstance(runner, KeywordSpotter):
        return runner.inputs(raw)
    return runner.inputs(raw, np.full(len(raw), np.datetime64("2024-03-25T13:50:00")))


def answered(
    runner: KeywordSpotter | Forecaster, inputs: np.ndarray, raw: np.ndarray
) -> np.ndarray:
    """What the network answers; forecasters of changes add them to the last row."""
    if isinstance(runner, KeywordSpotter):
        return runner.infer(inputs)
    return runner.infer(inputs, raw)


def main() -> None:
    """Run all bundles; the arrays' names end in the bundle's number."""
    bundles, inputs, outputs = map(Path, sys.argv[1:])
    given = np.load(inputs)
    stages = Stages()
    found: dict[str, np.ndarray] = {}
    for number, path in enumerate(json.loads(bundles.read_text())):
        raw, ready = given[f"raw{number}"], given[f"ready{number}"]
        for kernels in KERNELS:
            runner = open_bundle(Path(path), xnnpack=kernels == "xnnpack")
            found[f"{kernels}{number}"] = np.stack([runner.interpreter.run_raw(x) for x in ready])
            found[f"answer-{kernels}{number}"] = answered(runner, encoded(runner, raw), raw)
            one = encoded(runner, raw[:1])
            stages.count(f"{kernels}{number}", lambda r=runner, x=one, w=raw[:1]: answered(r, x, w))
            alone = given[f"inside{number}"].tobytes()
            if alone:
                made = Interpreter(alone, xnnpack=kernels == "xnnpack").run(runner.inputs(raw))
                found[f"made-{kernels}{number}"] = made
        found[f"features{number}"] = features(runner, raw)
        stages.count(f"frontend{number}", lambda r=runner, x=raw[:1]: encoded(r, x))
    np.savez(outputs, **found)
    print(json.dumps(stages.names))


if __name__ == "__main__":
    main()
