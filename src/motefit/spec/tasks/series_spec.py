"""Forecasting: input and target columns, how windows are cut, and units."""

from dataclasses import dataclass
from typing import Literal

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import MAE_PREFIX, SKILL_PREFIX
from motefit.spec.normalization import Normalization
from motefit.spec.tasks import TaskSpec, register

NAME = "forecasting"


@dataclass(frozen=True, kw_only=True)
class SeriesData:
    """The ``[data]`` section of a forecasting recipe.

    Attributes:
        time: name of the time column.
        time_format: ``strptime`` format of the time column; empty means ISO 8601.
        inputs: columns that the model sees.
        targets: columns that the model predicts; each must also be an input.
        input_steps: past steps that the model sees.
        output_steps: future steps that the model predicts, all at once.
        step_minutes: time between two rows; any other interval is a gap, and no window spans one.
        train_percent: size of the training set, in time order.
        validation_percent: size of the validation set; the rest is the test set.
        split: ``"whole"`` divides the series as a whole, ``"per-run"`` divides each gap-free run.
        sentinels: values that mean "missing", e.g. -9999.
        missing: how a missing value is handled: ``"gap"`` splits the series there, ``"hold"`` shows
            the model the column's last known value for up to ``max_filled_steps`` steps,
            ``"error"`` rejects the file. ``"interpolate"`` is treated as ``"hold"``: interpolating
            between two known values would show the model the future.
        max_filled_steps: steps for which ``"hold"`` repeats a value; after that the series is
            split. No target is a repeated value, and no window ends at one.
        repeated_rows: how a row is handled whose time is not later than the previous time:
            ``"error"`` rejects the file, ``"drop"`` removes the row if an earlier row has the same
            time and values.
        synthetic_days: length of the series to synthesize if no data file is given.
    """

    time: str = "Date Time"
    time_format: str = "%d.%m.%Y %H:%M:%S"
    inputs: tuple[str, ...] = ("T (degC)", "rh (%)")
    targets: tuple[str, ...] = ("T (degC)", "rh (%)")
    input_steps: int = 6
    output_steps: int = 6
    step_minutes: float = 10.0
    train_percent: float = 70.0
    validation_percent: float = 20.0
    split: Literal["whole", "per-run"] = "per-run"
    sentinels: tuple[float, ...] = (-9999.0,)
    missing: Literal["gap", "hold", "interpolate", "error"] = "gap"
    max_filled_steps: int = 3
    repeated_rows: Literal["error", "drop"] = "error"
    synthetic_days: int = 365

    def __post_init__(self) -> None:
        check_fields(self)
        _check_window(self)
        if self.synthetic_days < 1 or self.max_filled_steps < 0:
            raise RecipeError(
                "synthetic_days must be at least 1 and max_filled_steps at least 0, "
                f"got {self.synthetic_days} and {self.max_filled_steps}"
            )
        if not (
            self.train_percent > 0
            and self.validation_percent > 0
            and self.train_percent + self.validation_percent < 100
        ):
            raise RecipeError(
                "train_percent and validation_percent must be positive and leave a test set, "
                f"got {self.train_percent} and {self.validation_percent}"
            )

    @property
    def holds(self) -> bool:
        """Whether missing values are filled with the last known one."""
        return self.missing in {"hold", "interpolate"}


@dataclass(frozen=True, kw_only=True)
class SeriesIO:
    """Inputs and outputs of a forecaster; part of its card.

    Attributes:
        inputs: columns of the window, in order, in their own units.
        targets: columns of the prediction, in order, in their own units.
        input_steps: rows of the window.
        output_steps: rows of the prediction.
        step_minutes: time between two rows.
        normalization: per input column, from the training set.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    input_steps: int
    output_steps: int
    step_minutes: float
    normalization: Normalization

    def __post_init__(self) -> None:
        check_fields(self)
        _check_window(self)
        if len(self.normalization.mean) != len(self.inputs):
            raise RecipeError(
                f"{len(self.inputs)} inputs need as many means, got {self.normalization.mean}"
            )

    @property
    def target_columns(self) -> tuple[int, ...]:
        """Index of each target among the inputs."""
        return tuple(self.inputs.index(name) for name in self.targets)


def _check_window(window: SeriesData | SeriesIO) -> None:
    """Check what the data and the card of a forecaster have in common."""
    for name in ("inputs", "targets"):
        columns = getattr(window, name)
        if not columns or len(set(columns)) != len(columns):
            raise RecipeError(
                f"{name} needs at least one column and no duplicates, got {list(columns)}"
            )
    extra = [name for name in window.targets if name not in window.inputs]
    if extra:
        raise RecipeError(
            f"each target must also be an input (its last value is the naive forecast); "
            f"not an input: {', '.join(extra)}"
        )
    for name in ("input_steps", "output_steps", "step_minutes"):
        if getattr(window, name) <= 0:
            raise RecipeError(f"{name} must be positive, got {getattr(window, name)}")


def _metrics(data: SeriesData) -> tuple[str, ...]:
    return tuple(
        f"{prefix}{name}" for prefix in (MAE_PREFIX, SKILL_PREFIX) for name in data.targets
    )


register(TaskSpec(name=NAME, data=SeriesData, io=SeriesIO, has_frontend=False, metrics=_metrics))
