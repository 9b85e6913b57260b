"""Augmentation of log-mel features against the same change of the samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.signal.features import Features
from motefit.spec.augment import AugmentSpec
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.train.spectral_augmentation import check_colors, color_features, colors

FRONT_END = FrontEnd(
    rate_hz=16000, seconds=0.5, frame_length=512, frame_step=256, mel_bins=32, upper_hz=7600,
    coefficients=0,
)  # fmt: skip


def features(rng: np.random.Generator, n: int = 5) -> np.ndarray:
    pcm = rng.normal(0, 0.1, (n, FRONT_END.clip_samples)).astype(np.float32)
    return Features(FRONT_END).batch(pcm)


def test_no_setting_changes_nothing() -> None:
    assert not colors(AugmentSpec(speed_percent=5))
    x = features(np.random.default_rng(0))
    same = color_features(x, AugmentSpec(), FRONT_END, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(same, x)


def test_a_warp_moves_a_tone_by_the_stretch_and_the_middle_one_changes_nothing() -> None:
    time = np.arange(FRONT_END.clip_samples) / 16000
    tone = np.tile(np.sin(2 * np.pi * 2000 * time).astype(np.float32), (400, 1))
    x = Features(FRONT_END).batch(tone)
    spec = AugmentSpec(warp_percent=20)
    warped = color_features(x, spec, FRONT_END, rng=np.random.default_rng(1))
    peaks = warped.mean(axis=1).argmax(axis=1)
    at = {
        hz: Features(FRONT_END).batch(np.sin(2 * np.pi * hz * time)[None].astype(np.float32))
        .mean(axis=1).argmax()
        for hz in (2000 / 1.2, 2000 / 0.8)
    }  # fmt: skip
    assert abs(int(peaks.min()) - int(at[2000 / 1.2])) <= 1
    assert abs(int(peaks.max()) - int(at[2000 / 0.8])) <= 1
    unmoved = np.isclose(warped, x, atol=1e-4).all(axis=(1, 2))
    assert 5 < unmoved.sum() < 50  # one stretch in 21


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), decibels=st.floats(0.5, 12))
def test_an_equalizer_is_one_smooth_bounded_response_per_clip(seed: int, decibels: float) -> None:
    x = features(np.random.default_rng(0))
    spec = AugmentSpec(equalizer_db=decibels)
    change = color_features(x, spec, FRONT_END, rng=np.random.default_rng(seed)) - x
    np.testing.assert_allclose(change, change[:, :1].repeat(change.shape[1], 1), atol=1e-4)
    assert np.abs(change).max() <= decibels * np.log(10) / 20 + 1e-4
    assert len(np.unique(change[:, 0, 0].round(5))) == len(x)


def test_a_band_limit_is_what_a_steep_filter_does() -> None:
    """The magnitudes above the cut fall by 60 dB, as if the samples had been filtered."""
    rng = np.random.default_rng(0)
    x = features(rng, n=200)
    spec = AugmentSpec(band_limit_probability=0.5)
    out = color_features(x, spec, FRONT_END, rng=np.random.default_rng(3))
    cut = (out != x).any(axis=(1, 2))
    assert 0.35 < cut.mean() < 0.65
    for before, after in zip(x[cut], out[cut], strict=True):
        lowest = (after != before).any(axis=0).argmax()
        np.testing.assert_array_equal(after[:, :lowest], before[:, :lowest])
        fall = np.exp(before[:, lowest:]) - np.exp(after[:, lowest:])
        assert np.all(np.exp(after[:, lowest:]) - 1e-6 < 1.1e-3 * np.exp(before[:, lowest:]))
        assert np.all(fall > 0)


@pytest.mark.parametrize("frontend", [{"coefficients": 10}, {"kind": "spectrogram", "mel_bins": 0}])
def test_other_features_are_refused(frontend: dict[str, object]) -> None:
    other = FrontEnd(**{"coefficients": 0, **frontend})  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="log-mel"):
        check_colors(AugmentSpec(equalizer_db=3), other)
    check_colors(AugmentSpec(speed_percent=3), other)
