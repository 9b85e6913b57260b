"""Frames and transforms against their definitions in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.signal.spectrum import Spectrum, frame_count, framed, hann


@given(samples=st.integers(0, 200), length=st.integers(1, 50), step=st.integers(1, 70))
def test_frames_are_all_whole_windows(samples: int, length: int, step: int) -> None:
    signal = np.arange(samples, dtype=np.float32)
    starts = [s for s in range(0, samples, step) if s + length <= samples]
    frames = framed(signal, length, step)
    assert frame_count(samples, length, step) == len(starts)
    assert frames.shape == (len(starts), length)
    assert frames.tolist() == [signal[s : s + length].tolist() for s in starts]
    assert not frames.flags.writeable


@pytest.mark.parametrize("length", [2, 3, 16, 17, 640, 1305])
def test_window_has_tensorflows_period(length: int) -> None:
    window = hann(length)
    assert window.dtype == np.float32
    assert window[0] == 0
    # an even window is periodic (its mirror image misses the first sample), an odd one symmetric
    tail = window[1:] if length % 2 == 0 else window
    np.testing.assert_allclose(tail, tail[::-1], atol=1e-7)
    assert window[length // 2] == pytest.approx(1.0)


@pytest.mark.parametrize("length", [2, 3, 64, 97, 320, 640, 1000])
def test_magnitudes_equal_the_direct_transform(length: int) -> None:
    frames = np.random.default_rng(length).standard_normal((5, length)).astype(np.float32)
    bins = (0, length // 2 + 1)
    matrix = np.exp(-2j * np.pi / length * np.outer(np.arange(length), np.arange(*bins)))
    expected = np.abs((frames * hann(length).astype(np.float64)) @ matrix)
    spectrum = Spectrum(length, bins, 8)
    atol = 1e-6 * max(float(expected.max()), 1.0)
    np.testing.assert_allclose(spectrum(frames), expected, rtol=0, atol=atol)
    part = Spectrum(length, (1, length // 2 + 1), 8)
    np.testing.assert_allclose(part(frames[:2]), expected[:2, 1:], rtol=0, atol=atol)
