"""The zoo's spotters in C on their whole test sets, in float32 and in fixed point.

``python tools/c_zoo.py --data DATA`` prints for each model and front end: clips, clips whose int8
outputs equal those of LiteRT's builtin kernels, clips with Python's label, right labels in Python
and in C, and the largest difference of a normalized feature. Then, for the front end in float32,
how far features in C and in Python are from each other and from float64. Needs a C compiler.
Exit code 1: one of them does not agree.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from motefit.certify.check import recipe_of
from motefit.codegen.agreement import CHUNK, compiled_bundle
from motefit.codegen.compiled import CompiledModel
from motefit.runtime.bundle import load_bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.zoo import find_model, model_names
from motefit.signal.spectrum import hann
from motefit.spec.frontend import FEATURE_KINDS
from motefit.spec.tasks.speech_spec import NAME, SpeechIO
from motefit.tasks import TASKS

NEAR = 1e-4


def exact_features(io: SpeechIO, pcm: np.ndarray) -> np.ndarray:
    """Compute normalized features in float64, with the window and matrices of the front end.

    Args:
        io: of a spotter.
        pcm: (clips, samples) int16, each as long as a clip.

    Returns:
        (clips, frames, features) float64.
    """
    frontend, kind = io.frontend, FEATURE_KINDS.find(io.frontend.kind)
    length, (first, stop) = frontend.frame_length, kind.bins(frontend)
    windows = np.lib.stride_tricks.sliding_window_view(pcm / 32768, length, axis=1)
    frames = windows[:, :: frontend.frame_step] * hann(length)
    numbers = np.abs(np.fft.rfft(frames)[..., first:stop])
    for stage in kind.stages(frontend):
        if stage.matrix is not None:
            numbers = numbers @ stage.matrix.astype(np.float64)
        numbers = numbers + stage.offset
        if stage.logarithm:
            numbers = np.log(numbers)
    mean, std = (np.asarray(n) for n in (io.normalization.mean, io.normalization.std))
    return (numbers - mean) / std


def feature_errors(compiled: CompiledModel, spotter: KeywordSpotter, pcm: np.ndarray) -> str:
    """Describe how far features are from each other, as cells of a table."""
    near, largest = 0, np.zeros(3)
    for start in range(0, len(pcm), CHUNK):
        clips = np.asarray(pcm[start : start + CHUNK])
        python, exact = spotter.inputs(clips), exact_features(spotter.io, clips)
        c = compiled.features(clips, spotter.io.frontend.shape)
        gaps = [np.abs(a - b) for a, b in ((c, python), (python, exact), (c, exact))]
        near += int((gaps[0] <= NEAR).sum())
        largest = np.maximum(largest, [gap.max() for gap in gaps])
    values = len(pcm) * spotter.io.frontend.frames * spotter.io.frontend.features
    return f"{values} | {100 * near / values:.3f} % | {' | '.join(f'{n:.2g}' for n in largest)}"


def main() -> None:
    """Compare the given models, or all spotters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="names of shipped models; none: all spotters")
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    proven, errors = True, []
    print("| model | front end | clips | equal outputs | same label | right | right in C | error |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.models or model_names():
        path = find_model(name)
        bundle = load_bundle(path)
        if bundle.card.task != NAME:
            continue
        task = TASKS.find(NAME)
        dataset = task.load(recipe_of(bundle.card, path), arguments.data)
        for fixed in (False, True):
            with compiled_bundle(bundle, name, fixed=fixed) as compiled:
                found = task.compare_c(compiled, bundle, dataset, "test")
                if not fixed:
                    spotter = KeywordSpotter(bundle.model, bundle.card.io, xnnpack=False)
                    pcm = dataset.subsets["test"].pcm
                    errors.append(f"| {name} | {feature_errors(compiled, spotter, pcm)} |")
            proven = proven and found.proven
            print(
                f"| {name} | {'fixed point' if fixed else 'float32'} | {found.examples} "
                f"| {found.equal_outputs} | {found.equal_answers} | {found.right_in_python} "
                f"| {found.right_in_c} | {found.feature_error:.2g} |",
                flush=True,
            )
    print(
        f"\n| model | features | C within {NEAR} of Python | C - Python | Python - exact ", end=""
    )
    print("| C - exact |\n|---|---|---|---|---|---|", *errors, sep="\n")
    sys.exit(0 if proven else 1)


if __name__ == "__main__":
    main()
