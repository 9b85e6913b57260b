"""Forecasting at each step of the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from motefit.codegen.agreement import CAgreement, compare_series
from motefit.codegen.compiled import CompiledModel
from motefit.data.quality import SeriesAudit, audit_series
from motefit.data.series import SeriesDataset, load_series
from motefit.data.synth.climate import synthesize_climate
from motefit.data.synth.folder import synthetic_folder
from motefit.data.window_statistics import answer_statistics, difference_statistics
from motefit.data.windows import INPUT_MISSING, TARGET_MISSING
from motefit.graph.families import Problem, reads_sequence
from motefit.measure.baselines import forecast_baselines, persistence
from motefit.measure.forecast_details import TOPIC, Forecasts, series_details
from motefit.measure.forecast_errors import (
    ForecastErrors,
    predict_windows,
    score_coverage,
    score_forecast,
)
from motefit.measure.latency.paired import BenchmarkCase
from motefit.runtime.bundle import Bundle
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.interpreter import Interpreter
from motefit.spec.codec import encode
from motefit.spec.errors import RecipeError
from motefit.spec.evidence import IN_HINDSIGHT, LEAST_SQUARES
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.series_spec import NAME, SeriesIO, pinball_name
from motefit.tasks import TASKS, Measurement, Progress, Subset, Task
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
                f"the whole file, {windows}; least squares in hindsight was fitted to these very "
                "windows, which no model can be"
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
        """Hash rows, columns, steps and split."""
        return dataset.key

    def refitting(self, recipe: Recipe, dataset: SeriesDataset) -> SeriesDataset:
        """Return training and validation set together, for both."""
        del recipe
        return dataset.refitting()

    def problem(self, recipe: Recipe, dataset: SeriesDataset) -> Problem:
        """State the shapes: a window in, all answers out; a naive forecast copies the last row."""
        window = window_layout(recipe)
        columns = window.columns
        known = set(dataset.targets) <= set(dataset.inputs) and recipe.data.predict == "value"
        last = [(dataset.input_steps - 1) * columns + i for i in range(len(dataset.inputs))]
        naive = [last[dataset.inputs.index(name)] for name in dataset.targets] if known else []
        quantiles = max(len(recipe.data.quantiles), 1)
        repeated = tuple(index for index in naive for _ in range(quantiles))
        return Problem(
            input_shape=window.shape,
            outputs=dataset.output_steps * len(dataset.targets) * quantiles,
            naive=repeated * dataset.output_steps,
        )

    def loss(self, recipe: Recipe) -> str:
        """Return the recipe's loss; the mean absolute error unless it says otherwise."""
        if recipe.train.loss == "cross-entropy":
            raise RecipeError("forecasting trains on mae, mse or huber, not on cross-entropy")
        if recipe.data.quantiles:
            if recipe.train.loss:
                raise RecipeError(
                    f"[data] quantiles are trained with the pinball loss; remove [train] loss = "
                    f'"{recipe.train.loss}"'
                )
            return pinball_name(recipe.data.quantiles)
        return recipe.train.loss or "mae"

    def source(self, recipe: Recipe, dataset: SeriesDataset) -> "SeriesSource":
        """Encode the windows."""
        from motefit.train.series_source import SeriesSource  # noqa: PLC0415 - see motefit.tasks

        return SeriesSource(dataset, series_io(recipe, dataset))

    def io(self, recipe: Recipe, dataset: SeriesDataset, source: "SeriesSource") -> SeriesIO:
        """Return columns, steps, forms and normalization."""
        del recipe, dataset
        return source.io

    def foreign_io(self, recipe: Recipe, dataset: SeriesDataset, model: ModelFile) -> SeriesIO:
        """Standardize inputs and outputs with the statistics of this training set."""
        del model
        return series_io(recipe, dataset)

    def require_fit(self, io: SeriesIO, dataset: SeriesDataset) -> None:
        """Require the same columns, steps and step length."""
        names = ("inputs", "targets", "input_steps", "output_steps", "step_minutes")
        for name in names:
            if getattr(io, name) != getattr(dataset, name):
                raise RecipeError(
                    f"{name}: the model has {getattr(io, name)}, the data {getattr(dataset, name)}"
                )

    def measure(
        self, model: bytes, io: SeriesIO, dataset: SeriesDataset, subset: Subset
    ) -> Measurement:
        """Measure the errors of the file on one set, in real units, and those of persistence."""
        windows, forecaster = dataset.subsets[subset], Forecaster(model, io)
        values, targets = predict_windows(forecaster, windows), windows.targets
        errors = score_forecast(io.targets, forecaster.answer(values), targets)
        coverage = score_coverage(io.targets, io.quantiles, values, targets)
        guess = persistence(windows.last_values, output_steps=io.output_steps)
        naive = score_forecast(io.targets, guess, targets)
        measured = _measurement(errors)
        forecasts = Forecasts(
            columns=io.targets,
            predictions=forecaster.answer(values),
            targets=targets,
            naive=guess,
            quantiles=values,
            times=windows.times,
            step_minutes=io.step_minutes,
        )
        return Measurement(
            facts={**measured.facts, **errors.skill_facts(naive), **coverage.facts},
            evidence={**measured.evidence, **coverage.evidence},
            details={TOPIC: series_details(forecasts)} if subset == "test" else {},
        )

    def baselines(self, dataset: SeriesDataset, subset: Subset) -> Mapping[str, Measurement]:
        """Measure persistence and least squares; on a whole file, the latter in hindsight."""
        rows = forecast_baselines(
            dataset.targets, train=dataset.train, test=dataset.subsets[subset]
        )
        if dataset.whole:
            rows[IN_HINDSIGHT] = rows.pop(LEAST_SQUARES)
        return {name: _measurement(errors) for name, errors in rows.items()}

    def audit(self, dataset: SeriesDataset) -> Mapping[str, object]:
        """Count rows, gaps and windows."""
        audit = audit_series(dataset)
        facts = encode(audit)
        del facts["oddities"], facts["reading"]  # the notes say what matters
        return {**facts, "notes": _notes(audit)}

    def compare_c(
        self, compiled: CompiledModel, bundle: Bundle, dataset: SeriesDataset, subset: Subset
    ) -> CAgreement:
        """Compare on the windows of one set."""
        windows = dataset.subsets[subset]
        return compare_series(compiled, bundle, windows.inputs, windows.times)

    def benchmark_case(
        self, model: bytes, io: SeriesIO, *, threads: int = 1, xnnpack: bool = True
    ) -> BenchmarkCase:
        """Open the model with a window at the training mean."""
        window = np.tile(np.asarray(io.normalization.mean), (1, io.input_steps, 1))
        forecaster = Forecaster(model, io, threads=threads, xnnpack=xnnpack)
        return BenchmarkCase(pipeline=TimedForecaster(forecaster), example=window)


@dataclass(frozen=True, kw_only=True)
class WindowLayout:
    """Count the numbers that a model reads.

    Attributes:
        shape: of its input.
        columns: numbers from one row to the next in the flattened input.
        calendar_in: where it reads the calendar.
    """

    shape: tuple[int, ...]
    columns: int
    calendar_in: Literal["window", "rows"]


def window_layout(recipe: Recipe) -> WindowLayout:
    """Lay out a recipe's window and calendar: in every row for families that read a sequence."""
    data, calendar = recipe.data, 2 * len(recipe.data.calendar)
    steps, columns = data.input_steps, len(data.inputs)
    if calendar and reads_sequence(recipe.model.family):
        columns += calendar
        return WindowLayout(shape=(steps, columns), columns=columns, calendar_in="rows")
    shape = (steps * columns + calendar,) if calendar else (steps, columns)
    return WindowLayout(shape=shape, columns=columns, calendar_in="window")


def series_io(recipe: Recipe, dataset: SeriesDataset) -> SeriesIO:
    """Build the card's section from a recipe and the statistics of a training set."""
    data = recipe.data
    answers = None
    if data.predict == "change" or not set(dataset.targets) <= set(dataset.inputs):
        answers = answer_statistics(dataset.train, change=data.predict == "change")
    return SeriesIO(
        inputs=dataset.inputs,
        targets=dataset.targets,
        input_steps=dataset.input_steps,
        output_steps=dataset.output_steps,
        step_minutes=dataset.step_minutes,
        normalization=dataset.normalization,
        form=data.form,
        predict=data.predict,
        calendar=data.calendar,
        calendar_in=window_layout(recipe).calendar_in,
        limits=data.limits,
        quantiles=data.quantiles,
        differences=difference_statistics(dataset.train) if data.form == "differences" else None,
        answers=answers,
    )


@dataclass(frozen=True)
class TimedForecaster:
    """Forecaster as the latency protocols time it, with an example to read."""

    forecaster: Forecaster

    @property
    def interpreter(self) -> Interpreter:
        """Return the model in LiteRT."""
        return self.forecaster.interpreter

    def inputs(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Encode windows, all at one fixed time."""
        times = np.full(len(windows), np.datetime64("2024-03-25T13:50:00"))
        return self.forecaster.inputs(windows, times), windows

    def infer(self, inputs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Run the model, and decode its answers."""
        return self.forecaster.infer(*inputs)


def _notes(audit: SeriesAudit) -> list[str]:
    """Say what the data are, and what was done about missing values."""
    notes = [
        f"{audit.rows} rows in {audit.runs} gap-free run{'s' * (audit.runs != 1)}; windows: "
        + ", ".join(f"{count} {subset}" for subset, count in audit.windows.items())
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
            + ", ".join(f"{share:.1f} % of {subset}" for subset, share in shares)
        )
    for reason in (TARGET_MISSING, INPUT_MISSING):
        counts = {subset: found[reason] for subset, found in audit.windows_left_out.items()}
        if any(counts.values()):
            left = ", ".join(f"{count} {subset}" for subset, count in counts.items())
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


TASKS.register(NAME, Forecasting())
