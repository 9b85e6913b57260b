"""How far the zips of trained files stay above the lower bound that screening uses.

``python benchmarks/screening/zip_bound.py --data DIR [--epochs N]`` trains small networks of every
family on real data, writes each in every precision, and writes ``zip_bound.json`` beside this file:
the bits that a weight took in the shortest zip, and the bound over that zip.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import made

from motefit.fitting.jobs import untrained
from motefit.runtime.quiet import silence_litert
from motefit.search.untrained_file import LEAST_BITS, Untrained, write_untrained
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import CompressSpec, Recipe
from motefit.tasks import TASKS
from motefit.tflite.archive import zip_bytes
from motefit.tflite.write.precision import export
from motefit.train.loop import train

HERE = Path(__file__).parent
RECIPES = HERE.parents[1] / "src/motefit/recipes"
PRECISIONS = (
    "float32", "float16", "dynamic-range", "int8-weights", "int4-weights", "int8", "int4",
)  # fmt: skip
STORED = {
    "float32": "float32", "float16": "float16", "dynamic-range": "int8", "int8-weights": "int8",
    "int8": "int8", "int4-weights": "int4", "int4": "int4",
}  # fmt: skip
WORDS, SERIES = ("up-down", "speech"), ("climate-6", "climate/jena_10min_2009_2020_2021.csv")
NETS: tuple[tuple[tuple[str, str], str, dict[str, Any]], ...] = (
    (WORDS, "tcnet", {"width": 16, "blocks": 3, "kernels": (9,)}),
    (WORDS, "tcnet", {"width": 36, "blocks": 5, "kernels": (9, 9, 13, 13, 17)}),
    (WORDS, "dscnn", {"width": 24, "blocks": 3}),
    (WORDS, "bcresnet", {"blocks": (1, 1, 2, 2)}),
    (WORDS, "mlp", {"units": (8,)}),
    (SERIES, "linear", {}),
    (SERIES, "mlp", {"units": (4,)}),
    (SERIES, "mlp", {"units": (64, 64)}),
    (SERIES, "conv1d", {"filters": (16,), "units": (32,)}),
    (SERIES, "lstm", {"units": 16}),
)


def rows(data: Path, epochs: int) -> list[dict[str, Any]]:
    """Measure one row for each network and precision."""
    found = []
    for (name, folder), family, options in NETS:
        recipe = Recipe.load(RECIPES / f"{name}.toml")
        recipe = replace(
            recipe,
            model=replace(recipe.model, family=family, options=options),
            train=replace(recipe.train, epochs=epochs),
            compress=CompressSpec(),
        )
        task = TASKS.find(recipe.task)
        dataset = task.load(recipe, data / folder)
        source = task.source(recipe, dataset)
        problem = task.problem(recipe, dataset)
        graph = untrained(recipe, 0, problem)
        trained = train(graph, source, recipe.train, loss=task.loss(recipe), seed=0).graph
        examples = np.asarray(source.subset("train")[0][:256], np.float32)
        for precision in PRECISIONS:
            compress = CompressSpec(precision=precision)
            try:
                drawn = write_untrained(graph, compress, rng=np.random.default_rng(0))
            except RecipeError:
                continue  # int4 has no LSTM
            row = one(drawn, export(trained, compress, examples=examples))
            found.append({"family": family, "options": options, "precision": precision, **row})
            print(found[-1], flush=True)
    return found


def one(drawn: Untrained, model: bytes) -> dict[str, Any]:
    """Compare the bound with a trained file."""
    zipped, bound = len(zip_bytes(model)), drawn.zip_bytes_at_least()
    return {
        "screened_bytes": len(drawn.model),
        "trained_bytes": len(model),
        "zip_bytes": zipped,
        "bound_bytes": bound,
        "bound_over_zip": round(bound / zipped, 4),
        "hard_bound_bytes": drawn.zip_bytes_with_all_alike(),
        "bits_per_weight": bits_per_weight(drawn, zipped - bound),
    }


def bits_per_weight(drawn: Untrained, slack_bytes: int) -> dict[str, float]:
    """Compute the bits per weight, by storage form, for which the bound would equal the zip."""
    sizes: dict[str, int] = {}
    for name, array in drawn.form.constants.items():
        quantization = drawn.form.quantization.get(name)
        kind = "int4" if quantization and quantization.bits == 4 else array.dtype.name
        if array.ndim > 1 and kind in LEAST_BITS:
            sizes[kind] = sizes.get(kind, 0) + array.size
    most = max(sizes, key=lambda kind: sizes[kind])
    return {most: round(LEAST_BITS[most] + 8 * slack_bytes / sizes[most], 2)}


def main() -> None:
    """Train, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    silence_litert()
    found = rows(options.data, options.epochs)
    facts = {"made": made(f"zip_bound.py --data DIR --epochs {options.epochs}"), "rows": found}
    (HERE / "zip_bound.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    worst = max(found, key=lambda row: row["bound_over_zip"])
    print(f"{len(found)} files; nearest: {worst}")


if __name__ == "__main__":
    main()
