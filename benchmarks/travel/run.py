"""Do the climate forecasters travel? Each given year is left out in turn and forecast by the rest.

    MOTEFIT_DATA=... python benchmarks/travel/run.py [RECIPE ...]

For each recipe and left-out year, the recipe's network is trained, compressed and rounded on the
other two years as the refit of ``motefit fit`` does, and the shipped bytes forecast every window of
the year left out, through the runtime. Least squares is fitted to the same rows. One seed, one
thread. Writes ``results.json`` and ``results.md`` here; nothing is chosen by these figures.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from motefit.data.series import load_series, read_series
from motefit.data.windows import Windows, cut_windows
from motefit.fitting.jobs import CandidateJob, TrainedFile, TrainJob, load_outcome
from motefit.fitting.worker import run_job
from motefit.measure.baselines import LeastSquares
from motefit.measure.forecast_errors import measure_errors, score_forecast
from motefit.recipes.catalog import find_recipe
from motefit.runtime import Forecaster
from motefit.search.engines import open_engine
from motefit.search.space import Space
from motefit.spec.codec import decode
from motefit.spec.files import write_atomic
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.series_spec import SeriesData, SeriesIO
from motefit.tflite.archive import zip_bytes

HERE = Path(__file__).parent
YEARS = (2009, 2020, 2021)
RECIPES = (
    "climate-3", "climate-6", "climate-9", "climate-6-linear",
    "climate-3-clock", "climate-6-clock", "climate-9-clock",
)  # fmt: skip
COLUMNS = ("T (degC)", "rh (%)")


def split_years(csv: Path, folder: Path, year: int) -> tuple[Path, Path]:
    """Write the rows of all other years, and those of one year."""
    header, *lines = csv.read_text(encoding="utf-8").splitlines()
    inside = [line[6:10] == str(year) for line in lines]
    paths = folder / f"without-{year}.csv", folder / f"only-{year}.csv"
    for path, wanted in zip(paths, (False, True), strict=True):
        kept = [line for line, found in zip(lines, inside, strict=True) if found is wanted]
        path.write_text("\n".join([header, *kept, ""]), encoding="utf-8")
    return paths


def all_windows(path: Path, data: SeriesData) -> Windows:
    """Every window of a file, undivided."""
    series = read_series(path, data)
    return cut_windows(series.times, series.values, series.filled, series.runs, data)


def trained(recipe: Recipe, csv: Path) -> TrainedFile:
    """The shipped file of a recipe, refitted on all rows before the test set of a file."""
    candidate = replace(Space(recipe).candidate({"seed": recipe.train.seeds[0]}), refit=True)
    with tempfile.TemporaryDirectory() as folder, open_engine("local", workers=1) as engine:
        work = CandidateJob.of(candidate)
        job = TrainJob(works=(work,), epochs=None, data=csv, folder=Path(folder))
        for end in engine.run(run_job, [job], poll=lambda: None):
            end.result()
        return load_outcome(Path(folder), candidate.key)


def measured(recipe: Recipe, rest: Path, left_out: Path) -> dict[str, Any]:
    """Errors of the shipped bytes, and of least squares, on a year left out."""
    found = trained(recipe, rest)
    io = decode(SeriesIO, found.io, where="io")
    windows = all_windows(left_out, recipe.data)
    errors, _ = measure_errors(Forecaster(found.file.data, io), windows)
    rows = load_series(rest, recipe.data).refitting().train
    linear = LeastSquares.fit(rows.inputs, rows.targets).predict(windows.inputs)
    return {
        "windows": len(windows),
        "zip_bytes": len(zip_bytes(found.file.data)),
        "mae": list(errors.mae),
        "least_squares": list(score_forecast(COLUMNS, linear, windows.targets).mae),
    }


def page(results: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The table of all results, in Markdown."""
    lines = [
        "# Forecasting a year that was left out",
        "",
        "<!-- Written by benchmarks/travel/run.py; do not edit. -->",
        "",
        "T in degC / rh in %, mean absolute error of the shipped bytes; in brackets least squares,",
        "fitted to the same rows. `motefit` command and protocol: see `run.py`.",
        "",
        "| recipe | zip bytes | " + " | ".join(f"without {year}" for year in YEARS) + " | mean |",
        "|---|---:|" + "---|" * (len(YEARS) + 1),
    ]
    for name, years in results.items():
        cells = [years[str(year)] for year in YEARS if str(year) in years]
        sizes = [cell["zip_bytes"] for cell in cells]
        mean = {
            key: np.mean([cell[key] for cell in cells], axis=0) for key in ("mae", "least_squares")
        }
        texts = [_cell(cell["mae"], cell["least_squares"]) for cell in (*cells, mean)]
        lines.append(f"| `{name}` | {min(sizes)} to {max(sizes)} | " + " | ".join(texts) + " |")
    return "\n".join([*lines, ""])


def _cell(errors: Sequence[float], linear: Sequence[float]) -> str:
    won = all(own < other for own, other in zip(errors, linear, strict=True))
    text = f"{errors[0]:.3f} / {errors[1]:.3f}"
    return f"{f'**{text}**' if won else text} ({linear[0]:.3f} / {linear[1]:.3f})"


def main() -> None:
    """Measure, and write the results after every recipe."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    chosen = parser.parse_args().recipes
    csv = next((Path(os.environ["MOTEFIT_DATA"]) / "climate").glob("*.csv"))
    stored = HERE / "results.json"
    with tempfile.TemporaryDirectory() as folder:
        paths = {year: split_years(csv, Path(folder), year) for year in YEARS}
        for name in chosen:
            recipe = find_recipe(name)
            found = {str(y): measured(recipe, *paths[y]) for y in YEARS}
            known = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
            results = {**known, name: found}
            ordered = {one: results[one] for one in RECIPES if one in results}
            write_atomic(stored, json.dumps(ordered, indent=1) + "\n")
            write_atomic(HERE / "results.md", page(ordered))
            print(page({name: results[name]}).splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
