"""Forecasting: real units in, real units out."""

import dataclasses

import numpy as np
import pytest

from motefit.graph.execute import float32
from motefit.runtime import Forecaster, write_bundle
from motefit.spec.errors import DataError, ModelFileError


@pytest.fixture
def forecaster(series_bundle, tmp_path):
    path = write_bundle(tmp_path / "m.zip", series_bundle.model, series_bundle.card)
    return Forecaster.load(path)


@pytest.fixture
def windows(series_bundle):
    norm = series_bundle.card.io.normalization
    unit = np.random.default_rng(6).standard_normal((20, 6, 3))
    return unit * norm.std + norm.mean


def test_predictions_are_in_the_targets_own_units_and_order(forecaster, series_graph, windows):
    norm = forecaster.io.normalization
    unit = ((windows - norm.mean) / norm.std).astype(np.float32)
    outputs = float32.run(series_graph, unit).reshape(20, 3, 2)
    wanted = outputs * np.array([16.0, 8.0]) + np.array([72.0, 9.0])  # rh first, then T
    predictions = forecaster.predict_batch(windows)
    assert predictions.dtype == np.float64
    np.testing.assert_allclose(predictions, wanted, atol=1e-3)
    np.testing.assert_array_equal(forecaster.predict(windows[7]), predictions[7])
    assert forecaster.predict_batch(windows[:0]).shape == (0, 3, 2)


def test_other_number_types_are_read(forecaster, windows):
    whole = np.round(windows.astype(np.float32))
    wanted = forecaster.predict_batch(whole)
    for dtype in (np.float64, np.int32):
        np.testing.assert_array_equal(forecaster.predict_batch(whole.astype(dtype)), wanted)
    np.testing.assert_array_equal(forecaster.predict(whole[0].tolist()), wanted[0])


@pytest.mark.parametrize("offset", [0.0, 2e7, 3e12])
def test_large_columns_keep_their_digits(series_bundle, windows, offset):
    """The same windows further up give the same predictions further up."""
    io = series_bundle.card.io
    higher = tuple(mean + offset for mean in io.normalization.mean)
    far = dataclasses.replace(io, normalization=dataclasses.replace(io.normalization, mean=higher))
    windows = np.round(windows * 512) / 512  # exact, also on top of the offset
    near = Forecaster(series_bundle.model, io).predict_batch(windows)
    found = Forecaster(series_bundle.model, far).predict_batch(windows + offset)
    np.testing.assert_allclose(found - offset, near, atol=2e-3)


def test_unfit_windows_are_data_errors(forecaster, windows):
    with pytest.raises(DataError, match=r"T \(degC\), p \(mbar\), rh \(%\)"):
        forecaster.predict(windows[0, :5])
    with pytest.raises(DataError, match="shape"):
        forecaster.predict(windows)
    holed = windows[0].copy()
    holed[3, 1] = np.nan
    with pytest.raises(DataError, match="NaN"):
        forecaster.predict(holed)
    with pytest.raises(DataError, match="real numbers"):
        forecaster.predict(windows[0].astype(str))


def test_a_card_of_another_model_is_refused(speech_bundle, series_bundle, tmp_path):
    io = dataclasses.replace(series_bundle.card.io, output_steps=4)
    with pytest.raises(ModelFileError, match=r"predictions of \(4, 2\)"):
        Forecaster(series_bundle.model, io)
    path = write_bundle(tmp_path / "kws.zip", speech_bundle.model, speech_bundle.card)
    with pytest.raises(ModelFileError, match="keyword-spotting"):
        Forecaster.load(path)
