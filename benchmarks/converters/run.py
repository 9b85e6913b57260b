"""Measure the official converters' files: unchanged, shrunk, and written again by motefit.

``run.py FOLDER`` writes ``results.json`` and ``results.md`` beside this file. Every shrunk file is
compared before it counts; a file that was read and written again is compared with the original.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motefit.graph.graph import Graph
from motefit.runtime.interpreter import Interpreter
from motefit.spec.errors import ModelFileError
from motefit.tflite.archive import zip_bytes
from motefit.tflite.equivalence import check_equivalence
from motefit.tflite.importer.read import read_graph
from motefit.tflite.shrink import shrink
from motefit.tflite.write.write import write

HERE = Path(__file__).parent
SEED = 7
EXAMPLES = 64
TARGET = 45.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file.

    Attributes:
        name: network, then precision or converter.
        official: raw and zipped bytes of the converter's file.
        shrunk: raw and zipped bytes after ``motefit shrink``.
        written: raw and zipped bytes after ``read_graph`` and ``write``; None if it cannot be read.
        borrowed: raw bytes with ``bias_quantization="borrowed"``, for int8.
        difference: largest difference of the written file's outputs, builtin and XNNPACK: steps for
            int8, relative to the largest output for float32.
        refused: why it cannot be read.
    """

    name: str
    official: tuple[int, int]
    shrunk: tuple[int, int]
    written: tuple[int, int] | None = None
    borrowed: int | None = None
    difference: tuple[float, float] | None = None
    refused: str = ""


def sizes(data: bytes) -> tuple[int, int]:
    """Return raw and zipped bytes."""
    return len(data), len(zip_bytes(data, thorough=len(data) < 1 << 15))


def difference(before: bytes, after: bytes, graph: Graph, *, xnnpack: bool) -> float:
    """Compute the largest difference of outputs over random inputs."""
    rng = np.random.default_rng(SEED)
    left, right = (Interpreter(data, xnnpack=xnnpack) for data in (before, after))
    int8 = left.input_dtype == np.int8
    shape = (EXAMPLES, *graph.input_shape)
    inputs = rng.integers(-128, 128, shape, np.int8) if int8 else rng.normal(0, 1, shape)
    worst, largest = 0.0, 0.0
    for example in inputs.astype(left.input_dtype):
        pair = [runner.run_raw(example).astype(np.float64).ravel() for runner in (left, right)]
        worst = max(worst, float(np.abs(pair[0] - pair[1]).max()))
        largest = max(largest, float(np.abs(pair[0]).max()))
    return worst if left.output_dtype == np.int8 else worst / largest


def measure(path: Path) -> Row:
    """Measure one row."""
    data = path.read_bytes()
    small = shrink(data)
    check_equivalence(data, small, rng=np.random.default_rng(SEED))
    name, official, shrunk = path.stem, sizes(data), sizes(small)
    try:
        graph = read_graph(data)
    except ModelFileError as error:
        return Row(name=name, official=official, shrunk=shrunk, refused=str(error))
    written = write(graph)
    pair = [difference(data, written, graph, xnnpack=xnnpack) for xnnpack in (False, True)]
    borrowed = len(write(graph, bias_quantization="borrowed")) if "int8" in name else None
    return Row(
        name=name,
        official=official,
        shrunk=shrunk,
        written=sizes(written),
        borrowed=borrowed,
        difference=(pair[0], pair[1]),
    )


def saved(before: int, after: int) -> str:
    """Compute the share saved."""
    return f"{100 * (before - after) / before:.1f} %"


def markdown(rows: list[Row]) -> str:
    """Render the table."""
    lines = [
        "# The official converters' files, shrunk and written again",
        "",
        "Made by `python tools/official_converters.py`: TensorFlow 2.20 (Keras 3; `-fused` and",
        "`-keras2` with Keras 2), litert-torch 0.10 (`-int8` with the AI Edge Quantizer). Bytes",
        "raw / zipped. `shrink` keeps every operator and is proven equal bit for bit; `written` is",
        "`write(read_graph(file))`, `borrowed` the same with bias_quantization = borrowed (raw).",
        "`differs` is the largest difference of the written file's outputs with builtin / XNNPACK",
        "kernels: int8 steps, or relative to the largest output.",
        "",
        "| file | official | shrink | saved | written | saved | borrowed | differs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        official = "{} / {}".format(*row.official)
        shrunk = "{} / {}".format(*row.shrunk)
        cells = [row.name, official, shrunk, saved(row.official[0], row.shrunk[0])]
        if row.written is None or row.difference is None:
            cells += ["not read", "", "", ""]
        else:
            cells += ["{} / {}".format(*row.written), saved(row.official[0], row.written[0])]
            cells.append("" if row.borrowed is None else str(row.borrowed))
            cells.append("{:.1g} / {:.1g}".format(*row.difference))
        lines.append(f"| {' | '.join(cells)} |")
    refused = [f"- {row.name}: {row.refused}" for row in rows if row.refused]
    return "\n".join([*lines, "", "Not read, and why:", "", *refused, ""])


def main() -> None:
    """Measure a folder."""
    rows = [measure(path) for path in sorted(Path(sys.argv[1]).glob("*.tflite"))]
    facts = [vars(row) for row in rows]
    (HERE / "results.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (HERE / "results.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows))
    for row in rows:
        if row.name.startswith("dscnn16") and "int8" in row.name and row.written:
            gain = 100 - 100 * row.written[0] / row.official[0]
            print(f"{row.name}: {gain:.1f} % smaller raw (at least {TARGET} % wanted)")


if __name__ == "__main__":
    main()
