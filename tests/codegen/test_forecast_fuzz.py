"""The sanitizers find nothing in forecasters in C, whatever they read."""

import numpy as np
import pytest
from c_bundles import bundle_of, series_io
from family_cases import make

import motefit
from motefit.runtime.bundle import load_bundle

FORECASTERS = {
    "calendar, float": lambda: load_bundle(motefit.find_model("climate-6-clock")),
    "int8": lambda: bundle_of(make("conv1d", "int8").graph, series_io(12, 12)),
    "int8, float edges": lambda: bundle_of(
        make("mlp", "int8-float-edges").graph, series_io(12, 12)
    ),
    "lstm": lambda: bundle_of(make("lstm", "int8").graph, series_io(12, 12)),
}
CALLS = {
    "calendar, float": 4_000_000,
    "int8": 3_000_000,
    "int8, float edges": 2_500_000,
    "lstm": 500_000,
}
"""Ten million together."""


def test_a_reading_that_is_no_number_counts_as_the_least(compiled):
    model = compiled({"model": FORECASTERS["int8"]()})["model"]
    windows = np.full((3, 12, 1), 12.0)
    windows[0, 5], windows[1, 5] = np.nan, -np.inf
    wrong, least, usual = model.forecast(windows, [0, 0, 0], (12, 1, 1))
    np.testing.assert_array_equal(wrong, least)
    assert not np.array_equal(wrong, usual)
    assert np.isfinite(wrong).all()


@pytest.mark.proof
@pytest.mark.parametrize("name", FORECASTERS)
def test_the_sanitizers_find_nothing_in_ten_million_forecasts(fuzzed, name):
    said = fuzzed(FORECASTERS[name](), "forecast_fuzz.c", CALLS[name])
    assert said.startswith(f"{CALLS[name]} calls")
