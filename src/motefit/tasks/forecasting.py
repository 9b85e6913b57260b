"""Forecasting at each step of the pipeline."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from motefit.data.quality import SeriesAudit, audit_series
from motefit.data.series import SeriesDataset, load_series
from motefit.data.synth.climate import synthesize_climate
from motefit.data.synth.folder import synthetic_folder
from motefit.data.windows import INPUT_MISSING, TARGET_MISSING
from motefit.graph.families import Problem
from motefit.measure.baselines import forecast_baselines, persistence
from motefit.measure.forecast_errors import ForecastErrors, measure_errors, score_forecast
from motefit.measure.latency.paired import BenchmarkCase
from motefit.runtime.forecaster import Forecaster
from motefit.spec.codec import encode
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.series_spec import NAME, SeriesIO
from motefit.tasks import Measurement, Part, Progress, Task, register
from motefit.tflite.model import ModelFile

if TYPE_CHECKING:
    from motefit.train.series_source import SeriesSource


class Forecasting(Task[SeriesDataset, SeriesIO, "SeriesSource"]):
    """Windows of a series, and the steps that follow them."""

    name: ClassVar[str] = NAME

    def load(
        self, recipe: Recipe, data: Path | None, *, progress: Progress | None = None
    ) -> SeriesDataset:
        """Cut a CSV file into windows, or synthesize one."""
        return load_series(data or self._synthesize(recipe), recipe.data, progress=progress)

    def load_whole(
        self, recipe: Recipe, data: Path | None, *, progress: Progress | None = None
    ) -> SeriesDataset:
        """Load a file with every window in the test set."""
        path = data or self._synthesize(recipe)
        return load_series(path, recipe.data, whole=True, progress=progress)

    def scope(self, recipe: Recipe, dataset: SeriesDataset) -> str:
        """Describe the test set: a share of the file, or all of it."""
        windows = f"{len(dataset.test)} windows"
        if dataset.whole:
            return (
                f"the whole file, {windows}; least squares is fitted to these very windows, so "
                "that it is better there than on new data"
            )
        share = 100 - recipe.data.train_percent - recipe.data.validation_percent
        whole = "the file" if recipe.data.split == "whole" else "each gap-free run"
        return f"the last {share:g} % of {whole}, {windows}; --all scores the whole file"

    def _synthesize(self, recipe: Recipe) -> Path:
        days = recipe.data.synthetic_days

        def make(folder: Path) -> None:
            rng = np.random.default_rng(0)
            synthesize_climate(folder / "climate.csv", days=days, rng=rng)

        return synthetic_folder("climate", days, make=make) / "climate.csv"

    def data_key(self, dataset: SeriesDataset) -> str:
        """Content hash of rows, columns, steps and split."""
        return dataset.key

    def problem(self, recipe: Recipe, dataset: SeriesDataset) -> Problem:
        """A window in, all steps of all targets out; the naive forecast copies the last row."""
        del recipe
        columns = [dataset.inputs.index(name) for name in dataset.targets]
        last_row = (dataset.input_steps - 1) * len(dataset.inputs)
        return Problem(
            input_shape=(dataset.input_steps, len(dataset.inputs)),
            outputs=dataset.output_steps * len(columns),
            naive=tuple(last_row + column for column in columns) * dataset.output_steps,
        )

    def loss(self, recipe: Recipe) -> str:
        """The recipe's loss; the mean absolute error unless it says otherwise."""
        if recipe.train.loss == "cross-entropy":
            raise RecipeError("forecasting trains on mae, mse or huber, not on cross-entropy")
        return recipe.train.loss or "mae"

    def source(self, recipe: Recipe, dataset: SeriesDataset) -> "SeriesSource":
        """Standardized windows."""
        from motefit.train.series_source import SeriesSource  # noqa: PLC0415 - see motefit.tasks

        del recipe
        return SeriesSource(dataset)

    def io(self, recipe: Recipe, dataset: SeriesDataset, source: "SeriesSource") -> SeriesIO:
        """Columns, steps and normalization."""
        del recipe, source
        return _io(dataset)

    def foreign_io(self, recipe: Recipe, dataset: SeriesDataset, model: ModelFile) -> SeriesIO:
        """Inputs and outputs standardized with the statistics of this training set."""
        del recipe, model
        return _io(dataset)

    def require_fit(self, io: SeriesIO, dataset: SeriesDataset) -> None:
        """Columns, steps and step length must be the same."""
        names = ("inputs", "targets", "input_steps", "output_steps", "step_minutes")
        for name in names:
            if getattr(io, name) != getattr(dataset, name):
                raise RecipeError(
                    f"{name}: the model has {getattr(io, name)}, the data {getattr(dataset, name)}"
                )

    def measure(
        self, model: bytes, io: SeriesIO, dataset: SeriesDataset, part: Part
    ) -> Measurement:
        """Errors of the file on one part, in real units, and what persistence makes of it."""
        windows = dataset.parts[part]
        errors = measure_errors(Forecaster(model, io), windows.inputs, windows.targets)
        guess = persistence(windows.inputs, columns=io.target_columns, output_steps=io.output_steps)
        naive = score_forecast(io.targets, guess, windows.targets)
        measured = _measurement(errors)
        return replace(measured, facts={**measured.facts, **errors.skill_facts(naive)})

    def baselines(self, dataset: SeriesDataset, part: Part) -> Mapping[str, Measurement]:
        """Persistence and least squares."""
        rows = forecast_baselines(
            dataset.targets,
            tuple(dataset.inputs.index(name) for name in dataset.targets),
            train=dataset.train,
            test=(dataset.parts[part].inputs, dataset.parts[part].targets),
        )
        return {name: _measurement(errors) for name, errors in rows.items()}

    def audit(self, dataset: SeriesDataset) -> Mapping[str, object]:
        """Rows, gaps and windows."""
        audit = audit_series(dataset)
        facts = encode(audit)
        del facts["oddities"], facts["reading"]  # the notes say what matters
        return {**facts, "notes": _notes(audit)}

    def benchmark_case(
        self, model: bytes, io: SeriesIO, *, threads: int = 1, xnnpack: bool = True
    ) -> BenchmarkCase:
        """The model with a window at the training mean."""
        window = np.tile(np.asarray(io.normalization.mean), (1, io.input_steps, 1))
        forecaster = Forecaster(model, io, threads=threads, xnnpack=xnnpack)
        return BenchmarkCase(pipeline=forecaster, example=window)


def _io(dataset: SeriesDataset) -> SeriesIO:
    return SeriesIO(
        inputs=dataset.inputs,
        targets=dataset.targets,
        input_steps=dataset.input_steps,
        output_steps=dataset.output_steps,
        step_minutes=dataset.step_minutes,
        normalization=dataset.normalization,
    )


def _notes(audit: SeriesAudit) -> list[str]:
    """What the data are, and what was done about missing values."""
    notes = [
        f"{audit.rows} rows in {audit.runs} gap-free runs; windows: "
        + ", ".join(f"{count} {part}" for part, count in audit.windows.items())
    ]
    if audit.missing == "interpolate":
        notes.append(
            '[data] missing = "interpolate" is read as "hold", since a line between two known '
            'values would show the model the future; write missing = "hold"'
        )
    if audit.missing_rows:
        notes.append(f"{audit.missing_rows} rows left out: a value is missing there")
    if audit.filled_values:
        shares = audit.filled_inputs_percent.items()
        notes.append(
            "filled inputs, where the last known value is held: "
            + ", ".join(f"{share:.1f} % of {part}" for part, share in shares)
        )
    for reason in (TARGET_MISSING, INPUT_MISSING):
        counts = {part: found[reason] for part, found in audit.windows_left_out.items()}
        if any(counts.values()):
            left = ", ".join(f"{count} {part}" for part, count in counts.items())
            notes.append(f"windows left out, as {reason}: {left}")
    if audit.groups:
        notes.append(f"{len(audit.groups)} groups: {', '.join(audit.groups)}")
    notes += audit.reading
    for name, found in audit.oddities.items():
        notes += found.notes(name)
    return notes


def _measurement(errors: ForecastErrors) -> Measurement:
    table = encode(errors)
    columns = table.pop("columns")
    by_step = table.pop("mae_per_step")
    named = {
        "n": errors.n,
        "mae": dict(zip(columns, table["mae"], strict=True)),
        "rmse": dict(zip(columns, table["rmse"], strict=True)),
        "mae_by_step": dict(zip(columns, by_step, strict=True)),
    }
    return Measurement(facts=errors.facts, evidence={"errors": named})


register(Forecasting())
