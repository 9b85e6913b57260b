"""Resampling: length, pass band, aliases, chunks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.signal.resample import PASS_BAND, Resampler, resample
from motefit.spec.errors import DataError

# The promise is 60 dB; the design gives 75.
ALIAS_DB = -70.0
# Error of a tone in the pass band, ripple and float32 together.
TONE_DB = -70.0

RATIOS = [
    (16_000, 8000), (48_000, 16_000), (44_100, 16_000), (22_050, 8000), (11_025, 16_000),
    (8000, 16_000), (16_000, 48_000), (192_000, 11_025), (4000, 4001), (4001, 4000),
]  # fmt: skip


def tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz / rate * np.arange(int(rate * seconds))).astype(np.float32)


def level_db(signal: np.ndarray) -> float:
    """Of the middle half, relative to a tone of amplitude 1."""
    middle = signal[len(signal) // 4 : -len(signal) // 4].astype(np.float64)
    return 10 * math.log10(max(2 * float(np.mean(middle**2)), 1e-20))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATIOS)
def test_pass_band_is_unchanged_and_in_step(from_hz: int, to_hz: int) -> None:
    nyquist = min(from_hz, to_hz) / 2
    for hertz in (0.01 * nyquist, 0.37 * nyquist, PASS_BAND * nyquist):
        out = resample(tone(hertz, from_hz), from_hz, to_hz)
        assert level_db(out) > -0.01
        assert level_db(out - tone(hertz, to_hz)[: len(out)]) < TONE_DB


@pytest.mark.parametrize(("from_hz", "to_hz"), [r for r in RATIOS if r[0] > r[1]])
def test_aliases_are_down(from_hz: int, to_hz: int) -> None:
    nyquists = np.array([to_hz, from_hz]) / 2
    for hertz in np.linspace(*nyquists, 9)[:-1]:
        assert level_db(resample(tone(hertz * 1.0005, from_hz), from_hz, to_hz)) < ALIAS_DB


@given(
    samples=st.integers(0, 3000),
    from_hz=st.integers(1, 400),
    to_hz=st.integers(1, 400),
    data=st.data(),
)
def test_any_ratio_has_its_length_and_streams_what_it_does_whole(
    samples: int, from_hz: int, to_hz: int, data: st.DataObject
) -> None:
    pcm = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    whole = resample(pcm, from_hz, to_hz)
    assert whole.dtype == np.float32
    assert len(whole) == math.ceil(samples * to_hz / from_hz)
    assert np.isfinite(whole).all()
    resampler = Resampler(from_hz, to_hz)
    for _ in range(2):  # the second time shows that finish() resets
        cuts = sorted(data.draw(st.lists(st.integers(0, samples), max_size=6)))
        pieces = [resampler.push(part) for part in np.split(pcm, cuts)]
        streamed = np.concatenate((*pieces, resampler.finish()))
        np.testing.assert_allclose(streamed, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(100, 77), (4001, 4000)])
def test_constant_stays_constant(from_hz: int, to_hz: int) -> None:
    out = resample(np.full(20 * 4001, 0.5, np.float32), from_hz, to_hz)
    np.testing.assert_allclose(out[len(out) // 4 : -len(out) // 4], 0.5, atol=1e-6)


def test_both_ways_of_computing_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    pcm = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    by_matrix = resample(pcm, 44_100, 16_000)
    module = "motefit.signal.resample"
    from motefit.signal.resample import _filter  # noqa: PLC0415 - its cache must forget the matrix

    _filter.cache_clear()
    monkeypatch.setattr(f"{module}.LARGEST_MATRIX", 0)
    try:
        by_output = resample(pcm, 44_100, 16_000)
    finally:
        _filter.cache_clear()
    np.testing.assert_allclose(by_output, by_matrix, atol=1e-5)


def test_equal_rates_copy_and_int16_is_scaled() -> None:
    pcm = np.array([-32768, 0, 16384], np.int16)
    assert resample(pcm, 8000, 8000).tolist() == [-1.0, 0.0, 0.5]
    sound = np.ones(5, np.float32)
    assert not np.shares_memory(resample(sound, 8000, 8000), sound)
    np.testing.assert_array_equal(
        resample(pcm, 8000, 16_000), resample((pcm / 32768).astype(np.float32), 8000, 16_000)
    )


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="at least 1 Hz, got 0 and 8000"):
        resample(np.zeros(3, np.float32), 0, 8000)
    with pytest.raises(DataError, match="finite"):
        resample(np.array([np.nan], np.float32), 16_000, 8000)
    with pytest.raises(DataError, match="stereo"):
        resample(np.zeros((5, 2), np.float32), 16_000, 8000)
