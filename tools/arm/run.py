"""Models on an emulated Arm machine: outputs compared with this machine's, and instructions.

``python tools/arm/run.py zoo/*.zip`` creates the machine (see machine.py), runs every bundle on a
Cortex-A72 (Raspberry Pi 4) and a Cortex-A76 (Raspberry Pi 5) and writes results.json and results.md
to benchmarks/arm. The name of a recipe selects its untrained network: counts do not
depend on weights. Figures are instructions, not times.
Exit code 1: a promise was missed.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from bundles import write_in_graph, write_untrained
from device import KERNELS, open_bundle
from machine import CPUS, SOURCE, WHEELS, Machine, can_emulate, machine
from marks import instructions

from motefit.exporting.exported_form import sounds
from motefit.exporting.in_graph import EXCEEDING_SHARE, TOLERANCE
from motefit.graph.execute.int8 import Machine as Kernels
from motefit.graph.execute.int8 import run
from motefit.graph.frontend_graph import frontend_graph
from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import Quantize
from motefit.recipes.catalog import find_recipe
from motefit.runtime import KeywordSpotter, load_bundle
from motefit.spec.files import write_atomic, write_json
from motefit.tflite.importer.read import read_graph
from motefit.tflite.inspect import inspect
from motefit.tflite.write.write import write

HERE = Path(__file__).parent
RESULTS = HERE.parent.parent / "benchmarks" / "arm"
Arrays = dict[str, np.ndarray]
EXAMPLES = 32
XNNPACK_STEPS = 3
FLOAT_TOLERANCE = 1e-5
"""Of the greatest output, where outputs are float32: sums in another order."""
BUDGET = 4_000_000
BUDGET_RECIPE = "eight-words"
TENSORFLOW = "tensorflow==2.20.0"


@dataclass(frozen=True, kw_only=True)
class Given:
    """A bundle and its inputs.

    Attributes:
        name: of the bundle.
        path: of it.
        raw: clips or windows.
        ready: the same as inputs of the file, computed here, so that kernels get equal inputs.
        step: real value of one integer step of the output; 0.0 if it is computed in float32.
        graph: the network if all of it is in integers; else None. After a front end inside, it
            starts by rounding its input to integers.
        labels: of a keyword model.
        inside: bytes of the front end alone, as a model, if it is inside; else empty.
    """

    name: str
    path: Path
    raw: np.ndarray
    ready: np.ndarray
    step: float
    graph: Graph | None
    labels: tuple[str, ...]
    inside: bytes


def given(name: str, path: Path, network: Path | None = None) -> Given:
    """Draw the examples of a bundle.

    Args:
        name: of it.
        path: of it.
        network: path of its plain form, if its front end is inside.
    """
    runner, rng = open_bundle(path, xnnpack=False), np.random.default_rng(0)
    inside, labels = b"", ()
    if isinstance(runner, KeywordSpotter):
        io = runner.io
        raw, labels = sounds(io.frontend, EXAMPLES, rng=rng), io.labels
        if network is not None:
            inside = write(frontend_graph(io.frontend, io.normalization))
    else:
        io = runner.io
        shape = (EXAMPLES, io.input_steps, len(io.inputs))
        raw = rng.normal(io.normalization.mean, io.normalization.std, shape).astype(np.float32)
    model = load_bundle(path).model
    step = _output_step(model)
    return Given(
        name=name,
        path=path,
        raw=raw,
        ready=runner.interpreter.to_input(runner.inputs(raw)),
        step=step,
        graph=_network(network or path, behind=bool(inside)) if step else None,
        labels=labels,
        inside=inside,
    )


def _network(path: Path, *, behind: bool) -> Graph:
    graph = read_graph(load_bundle(path).model)
    if not behind:
        return graph
    rounded = Quantize(inputs=(INPUT,), output="rounded")
    ops = (replace(op, inputs=_renamed(op.inputs, rounded.output)) for op in graph.ops)
    edges = {rounded.output if k == INPUT else k: v for k, v in graph.quantization.items()}
    return replace(graph, ops=(rounded, *ops), quantization=edges)


def _renamed(names: Sequence[str], new: str) -> tuple[str, ...]:
    return tuple(new if name == INPUT else name for name in names)


def _output_step(model: bytes) -> float:
    found = inspect(model)
    if found.outputs[0].dtype != "float32":
        return 1.0
    last = found.ops[-1]
    scale = found.tensors[last.inputs[0]].scale
    return float(scale[0]) if last.name == "DEQUANTIZE" else 0.0


def compare(it: Given, ours: Arrays, theirs: Arrays) -> dict[str, Any]:
    """Compare the outputs of both machines: differences in steps, or relative for floats.

    Builtin kernels round matrix products in different places on the two machines, so that outputs
    occasionally differ by a step. For integer networks, each machine's outputs are compared with
    those of motefit's executor for that machine: they must be equal, bit for bit. A front end
    inside a model is in float32: it is compared with numpy's on the same machine.
    """
    row: dict[str, Any] = {"unit": "steps" if it.step else "share of the greatest output"}
    for kernels in KERNELS:
        here, there = (np.asarray(side[kernels], np.float64) for side in (ours, theirs))
        apart = np.abs(here - there) / (it.step or np.abs(here).max())
        best = [side[f"answer-{kernels}"].reshape(len(it.raw), -1) for side in (ours, theirs)]
        same = best[0].argmax(axis=1) == best[1].argmax(axis=1)
        row[kernels] = {
            "values": apart.size,
            "differing": int(np.count_nonzero(apart > 1e-6)),
            "greatest": round(float(apart.max()), 9),
            "same_answer": int(same.sum()) if it.labels else None,
        }
    limit = XNNPACK_STEPS if it.step else FLOAT_TOLERANCE
    passes = row["xnnpack"]["greatest"] <= limit + 1e-6
    row["not_as_computed"] = None
    if it.graph is not None:
        sides = {"x86-64": ours, "aarch64": theirs}
        wrong = {name: not_as_computed(it.graph, it, side, name) for name, side in sides.items()}
        row["not_as_computed"] = wrong
        passes = passes and not any(wrong.values())
    else:
        passes = passes and row["builtin"]["greatest"] <= limit + 1e-6
    row["feature_difference"] = float(np.abs(ours["features"] - theirs["features"]).max())
    row["inside"] = None
    if it.inside:
        off = np.stack([np.abs(theirs[f"made-{k}"] - theirs["features"]) for k in KERNELS])
        share = float(np.mean(off > TOLERANCE))
        row["inside"] = {"greatest": float(off.max()), "exceeding_share": share}
        passes = passes and share <= EXCEEDING_SHARE
    row["passes"] = bool(passes and row["feature_difference"] <= TOLERANCE)
    return row


def not_as_computed(graph: Graph, it: Given, found: Arrays, machine: Kernels) -> int:
    """Count outputs of a machine's builtin kernels that differ from the executor's.

    After a front end inside the model, the network's inputs are those that the machine computed.
    """
    inputs = found["made-builtin"] if it.inside else it.ready
    expected = run(graph, inputs, machine=machine)
    return int(np.count_nonzero(found["builtin"].reshape(expected.shape) != expected))


def run_here(arguments: list[str]) -> None:
    """Run device.py in a process on this machine."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True, text=True)


def part(arrays: Arrays, number: int) -> Arrays:
    """Select the arrays of one bundle."""
    own = (name for name in arrays if name.strip("-abcdefghijklmnopqrstuvwxyz") == str(number))
    return {name.removesuffix(str(number)): arrays[name] for name in own}


def measure(models: list[Given], arm: Machine, cpus: list[str]) -> list[dict[str, Any]]:
    """Measure each bundle on each processor, one row each."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bundles, inputs = folder / "bundles.json", folder / "inputs.npz"
        bundles.write_text(json.dumps([str(it.path.resolve()) for it in models]))
        arrays = {f"raw{n}": it.raw for n, it in enumerate(models)}
        arrays |= {f"ready{n}": it.ready for n, it in enumerate(models)}
        arrays |= {f"inside{n}": np.frombuffer(it.inside, np.uint8) for n, it in enumerate(models)}
        np.savez(inputs, **arrays)
        program = [str(HERE / "device.py"), str(bundles), str(inputs)]
        run_here([*program, str(folder / "here.npz")])
        ours = dict(np.load(folder / "here.npz"))
        rows = []
        for cpu in cpus:
            print(f"running {len(models)} models on {cpu}", file=sys.stderr)
            said, counts = arm.run(cpu, [*program, str(folder / f"{cpu}.npz")])
            spent = instructions(json.loads(said), counts)
            theirs = dict(np.load(folder / f"{cpu}.npz"))
            for number, it in enumerate(models):
                found = {name: spent[f"{name}{number}"] for name in ("frontend", *KERNELS)}
                row = compare(it, part(ours, number), part(theirs, number))
                rows.append({"model": it.name, "cpu": cpu, "instructions": found, **row})
    return rows


def published(cpu: str) -> int:
    """Count the instructions of the published TensorFlow front end for one clip."""
    arm = machine(wheels=[TENSORFLOW])
    said, counts = arm.run(cpu, [str(HERE / "published.py")])
    return instructions(json.loads(said), counts)["published"]


def promises(rows: list[dict[str, Any]], models: list[Given]) -> list[dict[str, Any]]:
    """Check the promises."""
    lines = [
        {
            "promise": "XNNPACK's outputs within 3 steps of x86-64's, builtin kernels' bit for bit "
            "as computed for each machine (float32 networks to 1e-5), features to 1e-4",
            "value": f"{sum(row['passes'] for row in rows)} of {len(rows)}",
            "met": all(row["passes"] for row in rows),
        }
    ]
    words = tuple(sorted(find_recipe(BUDGET_RECIPE).data.words))
    names = {it.name for it in models if it.labels == words}
    for row in (row for row in rows if row["model"] in names):
        total = row["instructions"]["frontend"] + row["instructions"]["xnnpack"]
        lines.append(
            {
                "promise": f"{row['model']}, {row['cpu']}: front end and inference (XNNPACK, the "
                "default) under 4 million instructions",
                "value": f"{total / 1e6:.2f} million",
                "met": total < BUDGET,
            }
        )
    return lines


def markdown(facts: dict[str, Any]) -> str:
    """Render the results as a page."""
    text = f"""# Arm, emulated: instructions per clip or window, and outputs against x86-64

Made by `{facts["command"]}`:
{facts["emulator"]}, one thread;
{", ".join(facts["packages"])} (aarch64 wheels). Counts are of instructions executed in user mode,
the median of 5 repeats after a warm-up (they repeat to 0.1 %); they say nothing about time. Each
model ran on {facts["examples"]} generated examples; kernels of both machines were given the same
inputs.
Differences are in steps of the int8 output, for float32 models as a share of the greatest output.
LiteRT's builtin kernels round most matrix products once on aarch64 and twice on x86-64, so that
outputs of the two are steps apart; "not as computed" counts outputs that differ from what motefit's
integer executor computes for that machine (x86-64 / aarch64).
"features": numpy's, aarch64 against x86-64. "made inside": features of a front end inside the model
against numpy's on the same aarch64 machine, both kinds of kernels; where a band is a thousandth of
the loudest, the logarithm magnifies the rounding of any float32 transform, so that up to
{1e6 * EXCEEDING_SHARE:.0f} in a million may differ by more than {TOLERANCE:.0e}. The network behind
it is compared with the executor on the features that the machine itself computed.

"""
    for line in facts["promises"]:
        text += f"- {line['promise']}: {line['value']}: **{'met' if line['met'] else 'missed'}**\n"
    if facts["published"]:
        text += "- the published TensorFlow front end alone, for one clip: "
        text += ", ".join(f"{n / 1e6:.1f} million ({c})" for c, n in facts["published"].items())
        text += f" ({facts['tensorflow']})\n"
    text += """
| model | processor | front end | builtin | XNNPACK | XNNPACK differs | builtin differs \
| not as computed | features | made inside |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""
    for row in facts["results"]:
        spent = [f"{row['instructions'][n]:,}" for n in ("frontend", *KERNELS)]
        apart = [
            f"{row[k]['differing']} of {row[k]['values']}, most {row[k]['greatest']:.3g}"
            for k in reversed(KERNELS)
        ]
        wrong = row["not_as_computed"]
        exact = "-" if wrong is None else f"{wrong['x86-64']} / {wrong['aarch64']}"
        features = f"{row['feature_difference']:.1e}"
        inside = row["inside"]
        made = "-"
        if inside is not None:
            rare = 1e6 * inside["exceeding_share"]
            made = f"{inside['greatest']:.1e}, {rare:.0f} in a million above {TOLERANCE:.0e}"
        cells = [row["model"], row["cpu"], *spent, *apart, exact, features, made]
        text += f"| {' | '.join(cells)} |\n"
    return text


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="bundles, or names of recipes (untrained)")
    parser.add_argument("--cpu", action="append", choices=sorted(CPUS), help="default: all")
    parser.add_argument(
        "--in-graph", action="store_true", help="also keyword models with their front end inside"
    )
    parser.add_argument("--tensorflow", action="store_true", help="count the published front end")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of results.json and .md")
    options = parser.parse_args()
    reason = can_emulate()
    if reason:
        sys.exit(f"the machine cannot be made here: {reason}")
    arm, cpus = machine(), options.cpu or sorted(CPUS)
    with tempfile.TemporaryDirectory() as place:
        models = []
        for text in options.models:
            path, name = Path(text), Path(text).stem
            if not path.is_file():
                name, path = f"{text} (untrained)", write_untrained(text, Path(place))
            models.append(given(name, path))
            if options.in_graph and models[-1].labels:
                inside = write_in_graph(path, Path(place))
                models.append(given(f"{name}, front end inside", inside, path))
        rows = measure(models, arm, cpus)
    facts = {
        "command": shlex.join(["python", "tools/arm/run.py", *sys.argv[1:]]),
        "emulator": arm.emulator.version,
        "packages": [f"{name} {version(name)}" for name in WHEELS],
        "examples": EXAMPLES,
        "results": rows,
        "promises": promises(rows, models),
        "published": {cpu: published(cpu) for cpu in cpus} if options.tensorflow else {},
        "tensorflow": TENSORFLOW,
    }
    write_json(options.out / "results.json", facts)
    write_atomic(options.out / "results.md", markdown(facts))
    print(markdown(facts))
    sys.exit(not all(line["met"] for line in facts["promises"]))


if __name__ == "__main__":
    main()
