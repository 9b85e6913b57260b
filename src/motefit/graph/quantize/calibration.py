"""Calibration: the range of every activation over some examples, from which int8 scales follow."""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from motefit.graph.execute.float32 import run_all
from motefit.graph.graph import Graph
from motefit.graph.scales import NEGLIGIBLE, activation_quantization, fake_quantize
from motefit.spec.errors import RecipeError

CHUNK = 32
# Measured on dscnn, tcnet and bcresnet trained on 8 words, n = 1599: int8 without tuning loses 0.0,
# 0.2 and 3.8 points of accuracy with full ranges, gains 0.1, 0.1 and loses 0.9 without 1e-4.
OUTLIERS = 1e-4
BINS = 2048
SHARES = np.linspace(1.0, 0.2, 33)
"""Fractions of the full range that the search for the least square error tries at each end."""
Ranges = dict[str, tuple[float, float]]
Method = Literal["min-max", "percentile", "mse"]


def calibrate(
    graph: Graph,
    examples: np.ndarray,
    *,
    method: Method = "percentile",
    outliers: float = OUTLIERS,
) -> Ranges:
    """Find the range of every activation (and LSTM cell) over some examples.

    Args:
        graph: released float form.
        examples: (n, *input_shape), float32, as the network will see them.
        method: ``"min-max"``: all values; ``"percentile"``: without ``outliers``; ``"mse"``: the
            range whose 256 steps leave the least mean square error, from a histogram.
        outliers: fraction of a tensor's values to saturate at each end; with 0, or for a tensor of
            fewer than 1 / outliers values, the range is that of the least and the greatest value.

    Raises:
        RecipeError: for no examples, or a fraction outside [0, 0.5).
    """
    examples = np.asarray(examples, np.float32).reshape(-1, *graph.input_shape)
    if len(examples) == 0:
        raise RecipeError("calibration needs at least one example, got none")
    if not 0 <= outliers < 0.5:
        raise RecipeError(f"outliers must be a fraction in [0, 0.5), got {outliers}")
    full = _percentiles(graph, examples, outliers if method == "percentile" else 0.0)
    return _least_square_error(graph, examples, full) if method == "mse" else full


def _activations(graph: Graph, examples: np.ndarray) -> Iterator[Mapping[str, np.ndarray]]:
    for start in range(0, len(examples), CHUNK):
        yield run_all(graph, examples[start : start + CHUNK])


def _percentiles(graph: Graph, examples: np.ndarray, outliers: float) -> Ranges:
    tails: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for activations in _activations(graph, examples):
        for name, values in activations.items():
            keep = int(outliers * values[0].size * len(examples)) + 1
            low, high = tails.get(name, (values[:0].ravel(), values[:0].ravel()))
            flat = values.ravel()
            tails[name] = _least([low, flat], keep), -_least([-high, -flat], keep)
    # the last of the least values and the first of the greatest; NaN passes, quantize refuses it
    return {name: (float(low.max()), float(high.min())) for name, (low, high) in tails.items()}


def _least(parts: list[np.ndarray], count: int) -> np.ndarray:
    """Return the least numbers of some arrays, including any NaN, in no order."""
    values = np.concatenate(parts)
    if np.isnan(values).any():
        return np.array([np.nan], np.float32)
    if len(values) > count:
        values = np.partition(values, count - 1)[:count]
    return np.asarray(values)


def _least_square_error(graph: Graph, examples: np.ndarray, full: Ranges) -> Ranges:
    """Find ranges inside the full ones with the least square error of rounding and saturation."""
    counts: dict[str, np.ndarray] = {}
    for activations in _activations(graph, examples):
        for name, values in activations.items():
            if _has_width(full[name]):
                found = np.histogram(values, bins=BINS, range=full[name])[0]
                counts[name] = counts.get(name, 0) + found
    return {
        name: _best_range(counts[name], limits) if name in counts else limits
        for name, limits in full.items()
    }


def _has_width(limits: tuple[float, float]) -> bool:
    low, high = limits
    return bool(np.isfinite(low) and np.isfinite(high) and high - low > NEGLIGIBLE)


def _best_range(counts: np.ndarray, full: tuple[float, float]) -> tuple[float, float]:
    """Optimize one end after the other, each as a fraction of the full range."""
    low, high = full
    edges = np.linspace(low, high, BINS + 1)
    centers = (0.5 * (edges[:-1] + edges[1:])).astype(np.float32)

    def error(low: float, high: float) -> float:
        wrong = fake_quantize(centers, activation_quantization(low, high)) - centers
        return float(counts @ np.square(wrong, dtype=np.float64))

    for _ in range(2):
        high = min((full[1] * share for share in SHARES), key=lambda end: error(low, end))
        low = min((full[0] * share for share in SHARES), key=lambda end: error(end, high))
    return low, high
