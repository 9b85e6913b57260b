"""Labels of test clips by a spotter's C on an emulated Cortex-M, beside those of Python.

``python tools/cortex_m/clips.py yes-no --data DATA`` draws 200 clips of the test set, and compares
the labels of the whole chain in C, from sound to label, with the Python runtime's. On a core
without an FPU the front end computes in fixed point. Needs what run.py needs.
Exit code 1: a label differs.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from run import CORES, emulated_lines, link

from motefit.certify.check import recipe_of
from motefit.codegen.project import identifier, write_c_source
from motefit.runtime.bundle import load_bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.zoo import find_model
from motefit.tasks import TASKS


def labels_in_c(model: Path, pcm: np.ndarray, core: str, folder: Path) -> list[int]:
    """Run clips, int16 (n, samples), through a model's C on an emulated core."""
    clips = folder / "clips.pcm"
    clips.write_bytes(pcm.astype("<i2").tobytes())
    source = write_c_source(load_bundle(model), folder, name=identifier(model.stem))
    program = link(source, CORES[core], "-O2", harness="clips.c", CLIPS=f'"{clips}"')
    lines = [line.split() for line in emulated_lines(program, CORES[core])]
    return [int(line[1]) for line in lines if line[:1] == ["label"]]


def main() -> None:
    """Compare the labels of a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="bundle of a spotter, or name of a shipped one")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--core", choices=CORES, default="M4")
    arguments = parser.parse_args()
    model = find_model(arguments.model)
    bundle = load_bundle(model)
    dataset = TASKS.find(bundle.card.task).load(recipe_of(bundle.card, model), arguments.data)
    test = dataset.subsets["test"]
    chosen = np.random.default_rng(0).permutation(len(test.pcm))[: arguments.clips]
    pcm, right = np.asarray(test.pcm[chosen]), np.asarray(test.label)[chosen]
    spotter = KeywordSpotter(bundle.model, bundle.card.io, xnnpack=False)
    python = spotter.infer(spotter.inputs(pcm)).argmax(axis=1)
    with tempfile.TemporaryDirectory() as folder:
        c = np.array(labels_in_c(model, pcm, arguments.core, Path(folder)))
    same = int((c == python).sum()) if len(c) == len(python) else 0
    print(
        f"{model.stem} on {arguments.core}: {len(pcm)} clips, {same} with the same label in C and "
        f"in Python; right {int((python == right).sum())} in Python"
    )
    sys.exit(0 if same == len(pcm) else 1)


if __name__ == "__main__":
    main()
