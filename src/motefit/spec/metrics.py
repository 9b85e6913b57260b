"""The metrics a budget can bound: name, unit, and which way is better."""

from dataclasses import dataclass
from typing import Literal

from motefit.spec.codec import nearest
from motefit.spec.errors import RecipeError

Unit = Literal["fraction", "percent", "bytes", "ms", "count", "column"]

UNIT_FACTORS: dict[str, dict[str, float]] = {
    "fraction": {"": 1.0, "%": 0.01},
    "percent": {"": 1.0, "%": 1.0},
    "bytes": {"": 1.0, "B": 1.0, "KB": 1024.0, "kB": 1024.0, "MB": 1024.0 * 1024.0},
    "ms": {"": 1.0, "ms": 1.0, "us": 0.001, "s": 1000.0},
    "count": {"": 1.0, "k": 1e3, "M": 1e6},
    "column": {"": 1.0},
}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One measurable property of a model file.

    Attributes:
        name: as written in a budget, e.g. ``"size.zip_bytes"``.
        unit: of its value; ``"column"`` is the unit of the predicted column itself.
        higher_is_better: whether a bound is a lower bound.
        before_training: whether the value is known before any training.
        quality: whether it is measured on data, by the task; otherwise every model file has it.
    """

    name: str
    unit: Unit
    higher_is_better: bool = False
    before_training: bool = False
    quality: bool = False


_METRICS = {
    m.name: m
    for m in (
        Metric(name="accuracy", unit="fraction", higher_is_better=True, quality=True),
        Metric(name="size.tflite_bytes", unit="bytes", before_training=True),
        Metric(name="size.zip_bytes", unit="bytes"),
        Metric(name="latency.frontend_ms", unit="ms"),
        Metric(name="latency.inference_ms", unit="ms"),
        Metric(name="latency.total_ms", unit="ms"),
        Metric(name="latency.saving_percent", unit="percent", higher_is_better=True),
        Metric(name="ram.arena_bytes", unit="bytes", before_training=True),
        Metric(name="macs", unit="count", before_training=True),
    )
}
METRIC_NAMES = tuple(_METRICS)
"""Of every model file; those of forecasts are :data:`MAE_PREFIX` and a column."""
MAE_PREFIX = "mae."
TIMING_PREFIX = "latency."
"""Metrics that differ from machine to machine and from run to run."""


def metric(name: str) -> Metric:
    """Look a metric up; ``mae.<column>`` exists for every column.

    Raises:
        RecipeError: for an unknown name.
    """
    if name.startswith(MAE_PREFIX) and len(name) > len(MAE_PREFIX):
        return Metric(name=name, unit="column", quality=True)
    if name not in _METRICS:
        column = f"{MAE_PREFIX}<column>"
        meant = f" (did you mean {column!r}?)" if name.startswith("mae") else ""
        allowed = ", ".join([*_METRICS, column])
        raise RecipeError(
            f"unknown metric {name!r}{meant or nearest(name, _METRICS)}; allowed: {allowed}"
        )
    return _METRICS[name]


def format_value(name: str, value: float) -> str:
    """Write a value for people, e.g. ``98.5 %``, ``12.3 KB (12 595 B)``, ``0.21 ms``."""
    unit = metric(name).unit
    if unit == "fraction":
        return f"{100 * value:.2f} %"
    if unit == "bytes":
        whole = f"{round(value):,} B".replace(",", " ")
        return f"{value / 1024:.2f} KB ({whole})" if value >= 10_240 else whole
    if unit == "ms":
        return f"{value:.3f} ms"
    if unit == "percent":
        return f"{value:.1f} %"
    if unit == "count":
        return f"{round(value):,}".replace(",", " ")
    return f"{value:.4g}"
