"""Ranges of activations: full, without outliers, and of least square error."""

import numpy as np
import pytest

from motefit.graph.graph import Graph
from motefit.graph.ops import Dense
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.scales import activation_quantization, fake_quantize
from motefit.spec.errors import RecipeError

METHODS = ("min-max", "percentile", "mse")


def identity(size=4) -> Graph:
    op = Dense(inputs=("input", "w", "b"), output="out", activation="relu")
    constants = {"w": np.eye(size, dtype=np.float32), "b": np.zeros(size, np.float32)}
    return Graph(input_shape=(size,), ops=(op,), constants=constants)


@pytest.fixture
def heavy() -> np.ndarray:
    """Numbers with a few far ones, (5000, 4)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 4))
    x.flat[:4] = (90.0, -70.0, 60.0, 50.0)
    return x.astype(np.float32)


def test_min_max_is_the_whole_range(heavy):
    ranges = calibrate(identity(), heavy, method="min-max")
    assert ranges["input"] == (heavy.min(), heavy.max())
    assert ranges["out"] == (0.0, heavy.max())


def test_a_percentile_leaves_the_far_numbers_out(heavy):
    low, high = calibrate(identity(), heavy, method="percentile", outliers=1e-3)["input"]
    assert -5 < low < -2.5
    assert 2.5 < high < 5


def test_least_square_error_is_not_beaten_by_the_other_methods(heavy):
    graph = identity()
    wrong = {}
    for method in METHODS:
        limits = calibrate(graph, heavy, method=method)["input"]
        back = fake_quantize(heavy, activation_quantization(*limits))
        wrong[method] = float(np.mean((back - heavy) ** 2))
    assert wrong["mse"] <= 1.02 * min(wrong.values())
    assert wrong["mse"] < 0.97 * wrong["min-max"]


def test_least_square_error_keeps_a_range_that_is_used_evenly():
    x = np.random.default_rng(1).uniform(-3, 5, (2000, 4)).astype(np.float32)
    low, high = calibrate(identity(), x, method="mse")["input"]
    assert (low, high) == (pytest.approx(-3, abs=0.2), pytest.approx(5, abs=0.2))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 2.5, -1.0])
def test_a_constant_has_its_range(method, value):
    ranges = calibrate(identity(), np.full((9, 4), value, np.float32), method=method)
    assert ranges["input"] == (value, value)
    activation_quantization(*ranges["input"])


@pytest.mark.parametrize("method", METHODS)
def test_numbers_that_are_none_are_not_hidden(method):
    x = np.zeros((3, 4), np.float32)
    x[1, 1] = np.nan
    low, high = calibrate(identity(), x, method=method)["input"]
    with pytest.raises(RecipeError, match="not finite"):
        activation_quantization(low, high)


def test_what_cannot_be_calibrated():
    with pytest.raises(RecipeError, match="at least one example"):
        calibrate(identity(), np.zeros((0, 4)))
    with pytest.raises(RecipeError, match=r"\[0, 0.5\)"):
        calibrate(identity(), np.zeros((1, 4)), outliers=0.5)
