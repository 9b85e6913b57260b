"""Golden outputs of LiteRT's builtin int8 kernels on aarch64: ``tests/golden/arm.npz``.

``PYTHONPATH=src python tools/arm/golden.py`` runs small networks on the emulated machine and stores
them with inputs and outputs, so that every test run compares the integer executor's aarch64 rules
with them. Change networks here only with a reason in the commit message.

The file contains ``names`` and, per network i, ``model_i`` (bytes), ``inputs_i`` and ``outputs_i``.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from machine import machine

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import Conv2D, Dense
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.spec.files import write_atomic
from motefit.tflite.write.write import write

GOLDEN = Path(__file__).parent.parent.parent / "tests" / "golden" / "arm.npz"
SPEECH = Problem(input_shape=(20, 10), outputs=6)
SERIES = Problem(input_shape=(6, 2), outputs=12, naive=(10, 11) * 6)
FAMILIES = {
    "bcresnet": ({"channels": (4, 6), "blocks": (2, 1)}, SPEECH),
    "conv1d": ({"filters": (5,), "units": (7,)}, SERIES),
    "dscnn": ({"width": 9, "blocks": 2, "first_stride": (2, 1)}, SPEECH),
    "lstm": ({"units": 5, "layers": 2}, SERIES),
    "mlp": ({"units": (4,)}, SERIES),
    "tcnet": ({"width": 12, "blocks": 2, "dilations": (1, 2)}, SPEECH),
}
EDGES = ((3, 8), (4, 7), (4, 8))
"""Rows and depths on both sides of where aarch64 has a kernel of its own for a single column."""
RUNNER = """
import sys
import numpy as np
from motefit.runtime.interpreter import Interpreter
given, out = np.load(sys.argv[1]), {}
for n in range(len(given["names"])):
    model = Interpreter(given[f"model_{n}"].tobytes(), xnnpack=False)
    out[f"outputs_{n}"] = np.stack([model.run_raw(x) for x in given[f"inputs_{n}"]])
np.savez(sys.argv[2], **out)
"""


def networks(rng: np.random.Generator) -> dict[str, tuple[Graph, int]]:
    """Build float networks, with the number of examples to run each on, by name."""
    found = {}
    for name, (knobs, problem) in FAMILIES.items():
        found[name] = fold(build(name, knobs, problem=problem, rng=rng)), 8
    for rows, depth in EDGES:
        weights = {
            "weight": rng.normal(size=(rows, depth)).astype(np.float32),
            "bias": rng.normal(size=rows).astype(np.float32),
        }
        op = Dense(inputs=(INPUT, *weights), output="y")
        graph = Graph(input_shape=(depth,), ops=(op,), constants=weights)
        found[f"dense-{rows}x{depth}"] = graph, 500
        for columns in (1, 2):
            image = {**weights, "weight": weights["weight"].reshape(rows, 1, 1, depth)}
            conv = Conv2D(inputs=(INPUT, *image), output="y")
            graph = Graph(input_shape=(columns, 1, depth), ops=(conv,), constants=image)
            found[f"conv-{rows}x{depth}-{columns}"] = graph, 500
    return found


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(20_260_302)
    arrays: dict[str, np.ndarray] = {}
    found = networks(rng)
    for number, (graph, count) in enumerate(found.values()):
        examples = rng.normal(size=(count, *graph.input_shape)).astype(np.float32)
        int8 = quantize(graph, calibrate(graph, examples))
        edge = int8.quantization[INPUT]
        steps = np.round(examples / edge.scale[0]) + edge.zero_point
        arrays[f"inputs_{number}"] = np.clip(steps, -128, 127).astype(np.int8)
        arrays[f"model_{number}"] = np.frombuffer(write(int8), np.uint8)
    arrays["names"] = np.array(list(found))
    with tempfile.TemporaryDirectory() as place:
        given, out = Path(place) / "given.npz", Path(place) / "out.npz"
        np.savez_compressed(given, **arrays)
        machine().run("cortex-a72", ["-c", RUNNER, str(given), str(out)])
        np.savez_compressed(given, **arrays, **np.load(out))
        write_atomic(GOLDEN, given.read_bytes())
    print(json.dumps({"file": str(GOLDEN), "bytes": GOLDEN.stat().st_size}), file=sys.stderr)


if __name__ == "__main__":
    main()
