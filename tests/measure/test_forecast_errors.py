"""Forecast errors and the naive forecasts, in real units."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.series import load_series
from motefit.data.windows import Windows
from motefit.measure import baselines
from motefit.measure import forecast_errors as module
from motefit.measure.baselines import LeastSquares, forecast_baselines, persistence
from motefit.measure.forecast_errors import (
    measure_errors,
    predict_windows,
    score_coverage,
    score_forecast,
)
from motefit.spec.errors import DataError
from motefit.spec.tasks.series_spec import SeriesData

COLUMNS = ("rh (%)", "T (degC)")


def made_windows(inputs: np.ndarray, targets: np.ndarray) -> Windows:
    """Windows that do not overlap, of given inputs and later rows; targets in reverse order."""
    n, steps, columns = inputs.shape
    rows = np.concatenate([inputs, targets], axis=1).reshape(-1, columns)
    span = steps + targets.shape[1]
    return Windows(
        rows=rows,
        filled=np.zeros(rows.shape, np.bool_),
        first=np.arange(n) * span,
        input_steps=steps,
        output_steps=targets.shape[1],
        input_columns=columns,
        target_columns=tuple(range(columns))[::-1],
        times=np.arange(n).astype("datetime64[s]"),
        left_out={},
    )


def test_errors_of_the_shipped_file(forecaster):
    rng = np.random.default_rng(2)
    windows = rng.standard_normal((9, 6, 2)).astype(np.float32) * (8, 16) + (9, 72)
    predictions = forecaster.predict_batch(windows)
    targets = predictions[:, :, ::-1] + np.array([-0.5, 2.0])  # T, rh: in the order of the rows
    result, coverage = measure_errors(forecaster, made_windows(windows, targets))
    assert result.n == 9
    assert coverage.facts == coverage.evidence == {}
    assert result.mae == pytest.approx((2.0, 0.5), abs=1e-5)
    assert result.facts == {"mae.rh (%)": result.mae[0], "mae.T (degC)": result.mae[1]}


def test_errors_by_hand():
    targets = np.zeros((2, 2, 2))
    predictions = np.array([[[1, 0], [3, 0]], [[-1, 4], [-5, 0]]])
    result = score_forecast(COLUMNS, predictions, targets)
    assert result.mae == (2.5, 1.0)
    assert result.mae_per_step == ((1.0, 4.0), (2.0, 0.0))
    assert result.rmse == pytest.approx((3.0, 2.0))


def test_skill_is_the_share_of_the_naive_error_that_is_saved():
    targets = np.zeros((2, 1, 2))
    model = score_forecast(COLUMNS, np.full((2, 1, 2), [1.0, 3.0]), targets)
    naive = score_forecast(COLUMNS, np.full((2, 1, 2), [4.0, 2.0]), targets)
    assert model.skill_facts(naive) == {"skill.rh (%)": 0.75, "skill.T (degC)": -0.5}
    assert naive.skill_facts(naive) == {"skill.rh (%)": 0.0, "skill.T (degC)": 0.0}


def test_without_a_naive_error_there_is_no_skill_rather_than_a_perfect_one():
    targets = np.zeros((2, 1, 2))
    naive = score_forecast(COLUMNS, np.full((2, 1, 2), [0.0, 2.0]), targets)
    perfect = score_forecast(COLUMNS, targets, targets)
    assert perfect.skill_facts(naive) == {"skill.T (degC)": 1.0}


def test_an_infinite_naive_error_gives_no_skill():
    one = score_forecast(COLUMNS, np.ones((1, 1, 2)), np.zeros((1, 1, 2)))
    endless = dataclasses.replace(one, mae=(np.inf, 4.0))
    assert endless.skill_facts(one) == {"skill.T (degC)": -3.0}


def test_coverage_by_hand():
    """Two windows of two steps; the first column is inside three times, on the edges too."""
    targets = np.array([[[1.0, 5.0], [2.0, 5.0]], [[3.0, 5.0], [9.0, 5.0]]])
    low, middle, high = (np.full((2, 2, 2), value) for value in (1.0, 2.0, 3.0))
    values = np.stack([low, middle, high], axis=-1)
    found = score_coverage(COLUMNS, (0.1, 0.5, 0.9), values, targets)
    assert found.inside == (0.75, 0.0)
    assert found.below == ((0.25, 0.5, 0.75), (0.0, 0.0, 0.0))
    assert found.facts == {"coverage.rh (%)": 0.75, "coverage.T (degC)": 0.0}
    assert found.evidence == {
        "quantiles": {
            "promised": pytest.approx(0.8),
            "inside": {"rh (%)": 0.75, "T (degC)": 0.0},
            "below": {
                "rh (%)": {"0.1": 0.25, "0.5": 0.5, "0.9": 0.75},
                "T (degC)": {"0.1": 0.0, "0.5": 0.0, "0.9": 0.0},
            },
        }
    }


def test_a_single_quantile_covers_nothing_but_is_evidence():
    values = np.full((3, 1, 2, 1), 2.0)
    found = score_coverage(COLUMNS, (0.5,), values, np.full((3, 1, 2), 2.0))
    assert found.facts == {}
    assert found.evidence["quantiles"]["promised"] == 0.0
    pair = score_coverage(COLUMNS, (0.2, 0.7), np.repeat(values, 2, axis=3), np.zeros((3, 1, 2)))
    assert set(pair.facts) == {"coverage.rh (%)", "coverage.T (degC)"}


def test_windows_are_predicted_in_blocks(forecaster, monkeypatch):
    rng = np.random.default_rng(3)
    inputs = rng.standard_normal((5, 6, 2)) * (8, 16) + (9, 72)
    windows = made_windows(inputs, np.zeros((5, 3, 2)))
    whole = predict_windows(forecaster, windows)
    assert whole.shape == (5, 3, 2, 1)
    monkeypatch.setattr(module, "BLOCK", 2)
    np.testing.assert_array_equal(predict_windows(forecaster, windows), whole)
    with pytest.raises(DataError, match="at least one window"):
        predict_windows(forecaster, made_windows(inputs[:0], np.zeros((0, 3, 2))))


@pytest.mark.parametrize(
    ("shape", "value", "reason"),
    [
        ((0, 3, 2), 0.0, "at least one"),
        ((4, 3, 1), 0.0, "like the targets"),
        ((4, 3, 2), np.nan, "finite"),
    ],
)
def test_targets_that_do_not_fit_are_errors(shape, value, reason):
    predictions = np.zeros((shape[0], 3, 2))
    with pytest.raises(DataError, match=reason):
        score_forecast(COLUMNS, predictions, np.full(shape, value))


def test_persistence_keeps_the_last_row():
    got = persistence(np.array([[11.0, 9], [23, 21]]), output_steps=2)
    np.testing.assert_array_equal(got, [[[11, 9]] * 2, [[23, 21]] * 2])


@given(st.integers(0, 2**32 - 1))
def test_least_squares_finds_a_linear_law_and_is_the_best_linear_map(seed):
    rng = np.random.default_rng(seed)
    windows = rng.standard_normal((60, 3, 2)) * (5, 20) + (10, 70)
    law, shift = rng.standard_normal((6, 4)), rng.standard_normal(4)
    exact = (windows.reshape(60, 6) @ law + shift).reshape(60, 2, 2)
    fitted = LeastSquares.fit(windows, exact)
    np.testing.assert_allclose(fitted.predict(windows), exact, atol=1e-6)
    noisy = exact + rng.standard_normal(exact.shape)
    fitted = LeastSquares.fit(windows, noisy)
    residual = (fitted.predict(windows) - noisy).reshape(60, 4)
    design = np.column_stack([windows.reshape(60, 6), np.ones(60)])
    np.testing.assert_allclose(design.T @ residual, 0, atol=1e-5)  # the normal equations


def test_least_squares_needs_data_and_survives_constant_columns():
    with pytest.raises(DataError, match="at least one"):
        LeastSquares.fit(np.zeros((0, 3, 2)), np.zeros((0, 2, 2)))
    windows, targets = np.full((5, 3, 2), 7.0), np.full((5, 2, 1), 3.0)
    np.testing.assert_allclose(LeastSquares.fit(windows, targets).predict(windows), targets)


def test_least_squares_near_twenty_million(tmp_path):
    """Steps of 0.1, of which float32 holds none there."""
    start = np.datetime64("2020-01-01T00:00")
    lines = [f"{start + i * np.timedelta64(10, 'm')},{2e7 + i / 10:.1f}" for i in range(500)]
    path = tmp_path / "s.csv"
    path.write_text("\n".join(["time,x", *lines]))
    data = SeriesData(time="time", time_format="", inputs=("x",), targets=("x",))
    dataset = load_series(path, data)
    found = forecast_baselines(dataset.targets, train=dataset.train, test=dataset.test)
    assert found["least squares"].mae[0] < 1e-6
    assert found["persistence"].mae == pytest.approx((0.35,), abs=1e-6)


def test_least_squares_in_blocks_finds_the_same_solution(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    start = np.datetime64("2020-01-01T00:00")
    walk = 20 + rng.standard_normal(900).cumsum()
    lines = [f"{start + i * np.timedelta64(10, 'm')},{x:.3f}" for i, x in enumerate(walk)]
    path = tmp_path / "s.csv"
    path.write_text("\n".join(["time,x", *lines]))
    data = SeriesData(time="time", time_format="", inputs=("x",), targets=("x",))
    train = load_series(path, data).train
    whole = LeastSquares.fit_windows(train)
    monkeypatch.setattr(baselines, "BLOCK", 70)
    blocks = LeastSquares.fit_windows(train)
    np.testing.assert_allclose(blocks.weight, whole.weight, rtol=0, atol=1e-9)
    np.testing.assert_allclose(blocks.intercept, whole.intercept, rtol=0, atol=1e-7)


@pytest.mark.data
@pytest.mark.parametrize(
    ("steps", "naive", "linear"),
    [
        (3, (0.210, 0.992), (0.176, 0.914)),
        (6, (0.325, 1.509), (0.275, 1.409)),
        (9, (0.434, 1.985), (0.374, 1.873)),
    ],
)
def test_the_known_figures_of_the_climate_series(real_data, steps, naive, linear):
    """Figures found independently, to the three digits they were written down with."""
    path = real_data / "climate/jena_10min_2009_2020_2021.csv"
    dataset = load_series(path, SeriesData(output_steps=steps))
    found = forecast_baselines(dataset.targets, train=dataset.train, test=dataset.test)
    assert found["persistence"].mae == pytest.approx(naive, abs=5.1e-4)
    assert found["least squares"].mae == pytest.approx(linear, abs=5.1e-4)
