"""Weights of the estimate: instructions of the generated C as a sum over layers.

``python tools/cortex_m/work.py`` runs the zoo's networks, MLPerf Tiny's DS-CNN and networks of
random shapes on an emulated Cortex-M4, fits instructions per kind of work, and prints the weights:
those of ``motefit.codegen.work.INSTRUCTIONS``. The error of a network is that of its work relative
to the DS-CNN's, which is what an estimate uses, by weights fitted to networks of other shapes.
Needs what run.py needs.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from run import CORES, emulate, link, mlperf

from motefit.codegen.project import identifier, write_c_source
from motefit.codegen.work import INSTRUCTIONS, work_of
from motefit.graph.counter import count
from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import quantize_weights
from motefit.runtime.bundle import Bundle, load_bundle
from motefit.runtime.zoo import find_model, model_names

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from c_bundles import bundle_of, series_io

CORE = CORES["M4"]
ROUNDS = 5
"""Networks of random shapes of each family."""
MOST_MACS = 4_000_000
REFERENCE_SHARE = 10.0
"""How many networks the reference counts as: all others are compared with it."""
FORMS = ("int8", "int8", "float edges", "weights", "float32")
"""Of the networks of a family, in turn; the last two only of families without convolutions."""
CNN_FORMS: tuple[Mapping[str, object], ...] = (
    {},
    {"separable": True},
    {"pointwise_depthwise": True},
)


def random_options(family: str, rng: np.random.Generator) -> Mapping[str, object]:
    """Draw settings of a family."""

    def one_of(*values: object) -> object:
        return values[int(rng.integers(len(values)))]

    height, across = int(rng.integers(1, 11)), int(rng.integers(1, 6))
    width, blocks = int(rng.integers(6, 73)), int(rng.integers(1, 5))
    units = tuple(int(n) for n in rng.integers(3, 65, int(rng.integers(1, 4))))
    drawn: Mapping[str, Mapping[str, object]] = {
        "bcresnet": {"tau": one_of(0.5, 1.0), "published_head": bool(rng.integers(2) == 0)},
        "cnn": {
            "filters": units, "kernel_heights": (height,), "kernel_widths": (across,),
            "first_padding": "same",
            **CNN_FORMS[int(rng.integers(len(CNN_FORMS)))],
        },
        "dscnn": {
            "width": width, "blocks": blocks, "first_kernel": (height, across),
            "first_stride": one_of((1, 1), (2, 1), (2, 2)), "strides": one_of((1,), (2, 1)),
            "kernel": one_of((3, 3), (5, 1), (3, 1), (5, 3)),
        },
        "tcnet": {
            "width": width, "blocks": blocks, "first_kernel": height,
            "kernels": one_of((5,), (9, 17), (3, 11, 15)), "dilations": one_of((1,), (1, 2)),
            "residual": bool(rng.integers(2) == 0),
        },
        "conv1d": {
            "filters": units, "kernels": one_of((3,), (5, 2)), "units": units[:1],
            "padding": "same",
        },
        "linear": {},
        "lstm": {"units": units[0] // 2 + 2, "layers": len(units[:2])},
        "mlp": {"units": units},
        "residual-mlp": {"units": units[0]},
    }  # fmt: skip
    return drawn[family]


def random_network(family: str, form: str, rng: np.random.Generator) -> Graph:
    """Build an untrained network of random shape, in a form of :data:`FORMS`."""
    spots = "keyword-spotting" in FAMILIES.all()[family].tasks and family != "mlp"
    while True:
        rows, columns = ((24, 61), (10, 41)) if spots else ((4, 37), (1, 7))
        problem = Problem(
            input_shape=(int(rng.integers(*rows)), int(rng.integers(*columns))),
            outputs=int(rng.integers(2, 13)),
        )
        options = {**random_options(family, rng), **({"softmax": True} if spots else {})}
        graph = fold(build(family, options, problem=problem, rng=rng))
        if count(graph).macs <= MOST_MACS:
            break
    if family in {"linear", "mlp", "residual-mlp"} and form in {"weights", "float32"}:
        return graph if form == "float32" else quantize_weights(graph, min_size=1)
    examples = rng.normal(0, 1, (8, *graph.input_shape)).astype(np.float32)
    io = "float32" if form == "float edges" else "int8"
    return quantize(graph, calibrate(graph, examples), io=io)


def random_bundles(rounds: int, rng: np.random.Generator) -> Iterator[tuple[str, Bundle]]:
    """Yield networks of all families as bundles, in other forms each round."""
    for index in range(rounds):
        for family in sorted(FAMILIES.all()):
            form = FORMS[index % len(FORMS)]
            graph = random_network(family, form, rng)
            io = series_io(int(np.prod(graph.input_shape)), int(np.prod(graph.output_shape)))
            yield f"random {family} {index + 1}", bundle_of(graph, io)


def measured(bundle: Bundle, name: str) -> tuple[np.ndarray, float]:
    """Return the work of a network, (kinds,), and its instructions on the emulated core."""
    with tempfile.TemporaryDirectory() as folder:
        source = write_c_source(bundle, Path(folder), name=identifier(name))
        ticks = emulate(link(source, CORE, "-O2"), CORE)["inference"]
    work = work_of(source.graph)
    return np.array([work.get(kind, 0) for kind in INSTRUCTIONS]), ticks * 1000 / CORE.clock_mhz


def fit(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Solve least squares without a negative weight (Lawson and Hanson's active set).

    Args:
        matrix: (networks, kinds).
        wanted: (networks,).

    Returns:
        weights, (kinds,).
    """
    scale = np.maximum(matrix.max(axis=0), np.finfo(float).tiny)
    matrix, weights = matrix / scale, np.zeros(matrix.shape[1])
    used = np.zeros(len(weights), bool)
    while True:
        gain = np.where(used, -np.inf, matrix.T @ (wanted - matrix @ weights))
        if gain.max() < 1e-9:
            return weights / scale
        used[gain.argmax()] = True
        while True:
            best = np.zeros(len(weights))
            best[used] = np.linalg.lstsq(matrix[:, used], wanted, rcond=None)[0]
            below = used & (best <= 0)
            if not below.any():
                break
            step = (weights[below] / (weights[below] - best[below])).min()
            weights = weights + step * (best - weights)
            used &= weights > 1e-12
        weights = best


def relative_errors(matrix: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Compute each network's error by weights fitted to networks of other shapes.

    Args:
        matrix: (networks, kinds), work divided by instructions; the first is the reference.
        share: (networks,), the square root of how much each counts.
    """
    scaled, errors = matrix * share[:, None], np.zeros(len(matrix))
    for i in range(1, len(matrix)):
        others = (matrix != matrix[i]).any(axis=1)  # the zoo has networks of equal shapes
        weights = fit(scaled[others], share[others])
        errors[i] = (matrix[i] @ weights) / (matrix[0] @ weights) - 1
    return errors


def main() -> None:
    """Measure, fit and print."""
    bundles = {"mlperf": mlperf()}
    bundles |= {name: load_bundle(find_model(name)) for name in model_names()}
    bundles |= dict(random_bundles(ROUNDS, np.random.default_rng(0)))
    rows, counts = [], []
    for name, bundle in bundles.items():
        row, instructions = measured(bundle, name)
        rows.append(row)
        counts.append(instructions)
        print(f"{name}: {instructions:,.0f} instructions", flush=True)
    share = np.ones(len(rows))
    share[0] = np.sqrt(REFERENCE_SHARE)
    matrix = np.array(rows) / np.array(counts)[:, None]
    for kind, weight in zip(INSTRUCTIONS, fit(matrix * share[:, None], share), strict=True):
        print(f"{kind}: {weight:.3g}")
    errors = 100 * relative_errors(matrix, share)
    for name, error in zip(bundles, errors, strict=True):
        print(f"{name}: {error:+.1f} %")
    zoo = errors[1 : 1 + len(model_names())]
    for what, some in (("zoo", zoo), ("random shapes", errors[1 + len(zoo) :])):
        print(
            f"{what}: {len(some)} networks, half of them within {np.median(np.abs(some)):.1f} %, "
            f"errors {some.min():+.1f} to {some.max():+.1f} %"
        )


if __name__ == "__main__":
    main()
