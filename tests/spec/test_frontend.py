"""The front end's settings and the shapes they give."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd
from motefit.spec.normalization import Normalization


def spectrogram(**changes):
    return FrontEnd(**{"kind": "spectrogram", "mel_bins": 0, "coefficients": 0} | changes)


@pytest.mark.parametrize(
    ("frontend", "shape"),
    [
        (FrontEnd(), (49, 10)),  # 640/320, 40 mel, 10 coefficients
        (FrontEnd(frame_length=1024, frame_step=400, mel_bins=16), (38, 10)),
        (FrontEnd(rate_hz=8000, frame_length=320, frame_step=160), (49, 10)),
        (FrontEnd(coefficients=0), (49, 40)),
        (spectrogram(lower_hz=0, upper_hz=8000), (49, 321)),
        (FrontEnd(frame_length=16_000), (1, 10)),
        (FrontEnd(frame_step=16_000), (1, 10)),
    ],
)
def test_shapes(frontend, shape):
    assert frontend.shape == shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kind": "mell"},
            r"unknown kind of features 'mell' \(did you mean 'mel'\?\); allowed: mel",
        ),
        ({"rate_hz": 0}, "rate_hz must be 1..768000 .* got 0 and 1.0"),
        ({"rate_hz": 10**9}, "rate_hz must be 1..768000"),
        ({"seconds": 0.0}, "seconds more than 0, at most 60"),
        ({"seconds": 1e305}, "seconds more than 0, at most 60"),
        ({"seconds": math.nan}, "seconds: expected a finite number"),
        ({"rate_hz": 16_000.0}, "rate_hz: expected int, got 16000.0"),
        ({"mel_bins": 2**31}, "mel_bins and coefficients must be at most 65536"),
        ({"rate_hz": 700_000, "frame_length": 70_000}, "frame_length, .* at most 65536"),
        ({"frame_length": 1}, r"frame_length must be 2..16000 samples \(one clip\), got 1"),
        ({"frame_length": 16_001}, "frame_length must be 2..16000"),
        ({"frame_step": 0}, "frame_step must be 1..16000 samples, got 0"),
        ({"lower_hz": 4000.0}, "0 <= lower_hz < upper_hz <= 8000"),
        ({"lower_hz": -1.0}, "0 <= lower_hz < upper_hz"),
        ({"upper_hz": 8000.5}, r"upper_hz <= 8000.0 \(half the rate\), got 20.0..8000.5"),
        ({"mel_bins": 0}, "mel_bins must be at least 1"),
        ({"coefficients": 41}, "coefficients 0..mel_bins, got 40 and 41"),
        ({"coefficients": -1}, "coefficients 0..mel_bins"),
        ({"kind": "spectrogram"}, "set mel_bins = 0 and coefficients = 0, got 40 and 10"),
    ],
)
def test_settings_out_of_range(change, message):
    with pytest.raises(RecipeError, match=message):
        FrontEnd(**change)


def test_a_band_between_two_bins_holds_nothing():
    with pytest.raises(RecipeError, match=r"no bin of the spectrum lies in 26\.0\.\.49\.0 Hz"):
        spectrogram(lower_hz=26, upper_hz=49)


@given(
    st.sampled_from([8000, 16_000, 22_050, 44_100, 48_000]),
    st.integers(64, 2048),
    st.integers(0, 1000),
    st.integers(2000, 4000),
)
def test_the_band_keeps_exactly_the_bins_inside_it(rate, length, lower, upper):
    made = spectrogram(rate_hz=rate, frame_length=length, lower_hz=lower, upper_hz=upper)
    inside = [k for k in range(length // 2 + 1) if lower <= Fraction(k * rate, length) <= upper]
    assert made.band_bins == (inside[0], inside[-1] + 1)
    assert made.features == len(inside)


@given(st.integers(2, 500), st.integers(1, 500))
def test_frames_are_all_that_fit_and_no_more(length, step):
    made = FrontEnd(
        rate_hz=500, frame_length=length, frame_step=step, lower_hz=1, upper_hz=250, mel_bins=10
    )
    last_start = (made.frames - 1) * step
    assert last_start + length <= made.clip_samples < last_start + step + length


def test_every_kind_is_known_by_its_name():
    assert {"mel", "spectrogram"} <= set(FEATURE_KINDS.names())
    for name in FEATURE_KINDS.names():
        assert FEATURE_KINDS.find(name) is FEATURE_KINDS.all()[name]


@pytest.mark.parametrize(
    "change",
    [
        {"mean": ()},
        {"mean": (0.0, 1.0)},
        {"std": (0.0,)},
        {"std": (-1.0,)},
        {"std": (math.inf,)},
        {"std": (1e-300,)},
        {"mean": (1e300,)},
        {"mean": (), "std": ()},
        {"mean": "a"},
    ],
)
def test_a_normalization_that_cannot_be_applied(change):
    with pytest.raises(RecipeError):
        Normalization(**change)
