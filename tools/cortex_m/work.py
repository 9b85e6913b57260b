"""Weights of the estimate: instructions of the generated C as a sum over layers.

``python tools/cortex_m/work.py`` runs networks of several families on an emulated Cortex-M4, fits
instructions per kind of work without a negative weight, and prints the weights and their errors:
those of ``motefit.codegen.work.INSTRUCTIONS``. Needs what run.py needs.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from run import CORES, emulate, link, mlperf

from motefit.codegen.project import identifier, write_c_source
from motefit.codegen.work import INSTRUCTIONS, work_of
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model, model_names

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from c_bundles import bundle_of
from family_cases import make

LARGE = ("mlperf", "eight-words", "yes-no")
"""Count most in the fit; seven forecasters together count as two small networks."""
FAMILIES = ("cnn", "dscnn", "tcnet", "bcresnet", "mlp", "conv1d", "residual-mlp", "lstm")


def fit(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Solve least squares without a negative weight, coordinate by coordinate."""
    weights = np.zeros(matrix.shape[1])
    for _ in range(3000):
        for i in np.flatnonzero((matrix**2).sum(axis=0)):
            column = matrix[:, i]
            rest = wanted - matrix @ weights + column * weights[i]
            weights[i] = max(0.0, column @ rest / (column @ column))
    return weights


def main() -> None:
    """Measure, fit and print."""
    core = CORES["M4"]
    names = [n for n in model_names() if n in LARGE or "climate" in n]
    bundles = {name: load_bundle(find_model(name)) for name in names}
    bundles |= {f"small {name}": bundle_of(make(name, "int8").graph) for name in FAMILIES}
    bundles["mlperf"] = mlperf()
    rows, measured = [], []
    for name, bundle in bundles.items():
        with tempfile.TemporaryDirectory() as folder:
            source = write_c_source(bundle, Path(folder), name=identifier(name))
            found = emulate(link(source, core, "-O2"), core)
        measured.append(found["inference"] * 1000 / core.clock_mhz)
        rows.append([work_of(source.graph)[kind] for kind in INSTRUCTIONS])
    share = np.sqrt([2.0 if n in LARGE else 1 / 7 if "climate" in n else 0.5 for n in bundles])
    scaled = np.array(rows) / np.array(measured)[:, None]
    weights = fit(scaled * share[:, None], share)
    for kind, weight in zip(INSTRUCTIONS, weights, strict=True):
        print(f"{kind}: {weight:.3g}")
    for name, ratio, instructions in zip(bundles, scaled @ weights, measured, strict=True):
        print(f"{name}: {instructions:,.0f} instructions, fitted {100 * (ratio - 1):+.0f} %")


if __name__ == "__main__":
    main()
