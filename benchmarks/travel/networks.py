"""Networks for forecasts in plain torch: which form travels, and what motefit's own training costs.

    MOTEFIT_DATA=... python benchmarks/travel/networks.py [--steps 6] [--networks "8 hidden"]
    python benchmarks/travel/networks.py --recipe office.toml --data office.csv

The first trains small networks in float on two of the given years and forecasts the third (one
seed, 25 epochs, mean absolute error, Adam at 0.01 in one cycle, batches of 512), and writes
``networks.json`` and ``networks.md`` here. The second trains the network of a recipe with the
family ``residual-mlp`` here and with ``motefit fit``, on the same windows, and prints both errors
on the test set. Neither uses motefit's own networks, losses, optimizers or loop for its float side.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from run import COLUMNS, HERE, YEARS, all_windows, split_years
from torch import nn

import motefit
from motefit.data.series import SeriesDataset, load_series
from motefit.data.windows import Windows
from motefit.measure.baselines import LeastSquares
from motefit.measure.forecast_errors import score_forecast
from motefit.runtime.window_codec import WindowCodec
from motefit.spec.files import write_atomic
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS

RATE = 0.01
STEPS = (3, 6, 9)
SEEDS = (0, 1, 2)
CALENDAR = {"data.calendar": ["hour", "half-day", "year"]}
NETWORKS: Mapping[str, tuple[bool, int, Mapping[str, object]]] = {
    "matrix + 4 hidden": (True, 4, {}),
    "matrix + 8 hidden": (True, 8, {}),
    "8 hidden alone": (False, 8, {}),
    "12 hidden alone": (False, 12, {}),
    "matrix + 8 hidden + calendar": (True, 8, CALENDAR),
}
"""Whether there is a matrix, the hidden units, and further settings of the recipe, by name."""


class Net(nn.Module):
    """The sum of a hidden layer with ReLU and, if wanted, of a matrix."""

    def __init__(self, inputs: int, outputs: int, *, matrix: bool, hidden: int) -> None:
        super().__init__()
        self.matrix = nn.Linear(inputs, outputs) if matrix else None
        self.hidden = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        corrected: torch.Tensor = self.hidden(x)
        return corrected if self.matrix is None else corrected + self.matrix(x)


def train(net: nn.Module, x: torch.Tensor, y: torch.Tensor, *, epochs: int, batch: int) -> None:
    """Minimize the mean absolute error."""
    steps = -(-len(x) // batch)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, epochs=epochs, steps_per_epoch=steps
    )
    order = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=order).split(batch):
            optimizer.zero_grad()
            nn.functional.l1_loss(net(x[rows]), y[rows]).backward()
            optimizer.step()
            cycle.step()


def errors(
    dataset: SeriesDataset,
    windows: Windows,
    recipe: Recipe,
    *,
    matrix: bool,
    hidden: int,
    seed: int,
) -> list[float]:
    """Train on a data set's training set; mean absolute error per target on some windows."""
    torch.manual_seed(seed)
    source = TASKS.find(recipe.task).source(recipe, dataset)
    x, y = map(torch.from_numpy, source.subset("train"))
    x = x.reshape(len(x), -1)
    net = Net(x.shape[1], y.shape[1], matrix=matrix, hidden=hidden)
    train(net, x, y, epochs=recipe.train.epochs, batch=recipe.train.batch_size)
    codec = WindowCodec(source.io)
    rows = windows.inputs
    encoded = torch.from_numpy(codec.encode(rows, windows.times))
    with torch.no_grad():
        out = net(encoded.reshape(len(encoded), -1)).numpy()
    answers = codec.answer(codec.decode(out, rows))
    return list(score_forecast(dataset.targets, answers, windows.targets).mae)


def across_years(steps: Sequence[int], names: Sequence[str]) -> None:
    """Forecast each given year by the others; store the results after every network."""
    csv = next((Path(os.environ["MOTEFIT_DATA"]) / "climate").glob("*.csv"))
    stored = HERE / "networks.json"
    with tempfile.TemporaryDirectory() as folder:
        paths = {year: split_years(csv, Path(folder), year) for year in YEARS}
        for ahead in steps:
            for name in names:
                known = json.loads(stored.read_text("utf-8")) if stored.exists() else {}
                known.setdefault(str(ahead), {})[name] = _years(name, ahead, paths)
                write_atomic(stored, json.dumps(known, indent=1) + "\n")
                write_atomic(HERE / "networks.md", page(known))


def _years(name: str, ahead: int, paths: Mapping[int, tuple[Path, Path]]) -> dict[str, Any]:
    matrix, hidden, settings = NETWORKS[name]
    recipe = motefit.find_recipe("climate-6").with_values({"data.output_steps": ahead, **settings})
    found: dict[str, Any] = {}
    for year, (rest, left_out) in paths.items():
        dataset = load_series(rest, recipe.data).refitting()
        windows = all_windows(left_out, recipe.data)
        mae = errors(dataset, windows, recipe, matrix=matrix, hidden=hidden, seed=0)
        rows = dataset.train
        linear = LeastSquares.fit(rows.inputs, rows.targets).predict(windows.inputs)
        least = list(score_forecast(COLUMNS, linear, windows.targets).mae)
        found[str(year)] = {"mae": mae, "least_squares": least}
        print(ahead, name, year, mae, least, flush=True)
    return found


def page(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """The table of all results, in Markdown."""
    names = [name for name in NETWORKS if any(name in row for row in results.values())]
    steps = sorted(results, key=int)
    lines = [
        "# Networks in float on a year that was left out",
        "",
        "<!-- Written by benchmarks/travel/networks.py; do not edit. -->",
        "",
        f"T in degC / rh in %, mean of the years {', '.join(map(str, YEARS))}, each forecast by",
        "the other two.",
        "",
        "| network | " + " | ".join(f"{ahead} steps" for ahead in steps) + " |",
        "|---|" + "---|" * len(steps),
        "| least squares | " + " | ".join(_mean(results[a], "least_squares") for a in steps) + " |",
    ]
    for name in names:
        cells = [_mean({name: results[a].get(name, {})}, "mae") for a in steps]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _mean(rows: Mapping[str, Mapping[str, Any]], key: str) -> str:
    years = next(iter(rows.values()))
    if not years:
        return "-"
    mean = np.mean([year[key] for year in years.values()], axis=0)
    return f"{mean[0]:.3f} / {mean[1]:.3f}"


def beside_motefit(recipe: Recipe, data: str) -> None:
    """Print the errors of a recipe's network, trained here and by motefit, on the test set."""
    dataset = TASKS.find(recipe.task).load(recipe, Path(data))
    fitted = dataset.refitting() if recipe.train.refit else dataset
    hidden = int(str(recipe.model.options.get("units", 8)))
    plain = [
        errors(fitted, dataset.test, recipe, matrix=True, hidden=hidden, seed=seed)
        for seed in SEEDS
    ]
    with tempfile.TemporaryDirectory() as folder:
        found = motefit.fit(recipe, data=data, out=Path(folder) / "run", workers=1).main
    if found is None:
        raise SystemExit("no candidate can meet the budget of the recipe; widen it")
    for name, mae in zip(dataset.targets, np.mean(plain, axis=0), strict=True):
        metric = f"mae.{name}"
        mean = found.card.evidence["seeds"]["test"][metric]["mean"]
        print(
            f"{name}: float torch {mae:.5f} (mean of {len(SEEDS)} seeds), motefit {mean:.5f} "
            f"(mean of its seeds, {mean / mae - 1:+.1%}), shipped {found.card.facts[metric]:.5f}"
        )


def main() -> None:
    """Train what is asked for."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--data")
    options = parser.parse_args()
    if options.recipe is not None:
        beside_motefit(Recipe.load(options.recipe), options.data)
    else:
        across_years(options.steps, options.networks)


if __name__ == "__main__":
    main()
