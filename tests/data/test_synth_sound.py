"""The numpy steps between a voice and a clip."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.synth.sound import color, place, resample, trim, write_wav


def tone(hz: float, count: int, rate_hz: int) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(count) / rate_hz).astype(np.float32)


def test_trim_leaves_ten_milliseconds_of_silence() -> None:
    silence = np.zeros(4000, dtype=np.float32)
    cut = trim(np.concatenate([silence, tone(440, 8000, 16000), silence]), 16000)
    assert 8000 + 160 <= len(cut) <= 8000 + 160 * 2 + 160
    assert len(trim(silence, 16000)) == 0
    assert len(trim(silence[:0], 16000)) == 0


@pytest.mark.parametrize("count", [11025, 32000, 8001])
def test_resampling_keeps_a_tone(count: int) -> None:
    """440 Hz for 1 s, away from the ends, where it is cut off; half a sample's shift is allowed."""
    out = resample(tone(440, 22050, 22050), count)
    assert out.shape == (count,)
    middle = slice(count // 10, -count // 10)
    half_a_sample = 2 * np.pi * 440 / count / 2
    expected = tone(440, count, count)[middle]
    np.testing.assert_allclose(out[middle], expected, atol=half_a_sample + 0.005)


def test_resampling_removes_what_the_new_rate_cannot_carry() -> None:
    out = resample(tone(6000, 22050, 22050), 8000)
    assert np.std(out[800:-800]) < 0.01


@given(st.integers(500, 16000), st.integers(0, 8000), st.integers(0, 2**32))
def test_placed_clips_are_finite_and_within_full_scale(count: int, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bed = rng.standard_normal(25000, dtype=np.float32)
    clip = place(tone(300, count, 16000), count + more, 16000, bed, rng=rng)
    assert clip.shape == (count + more,)
    assert clip.dtype == np.float32
    peak_db = 20 * np.log10(np.max(np.abs(clip)))
    assert -24.01 < peak_db < -0.49


def test_color_keeps_most_of_a_voice() -> None:
    """Around 1 kHz, where the tilt is 0 dB: level within 3 dB for every microphone and room."""
    voice = sum(tone(hz, 8000, 16000) for hz in range(700, 1400, 27))
    for seed in range(40):
        out = color(voice, 8000, 16000, rng=np.random.default_rng(seed))
        assert abs(20 * np.log10(np.std(out[1000:]) / np.std(voice))) < 3


def test_wav_clips_instead_of_wrapping(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([0, 2, -2, 0.5], dtype=np.float32), 8000)
    pcm = np.frombuffer((tmp_path / "a.wav").read_bytes()[44:], dtype="<i2")
    assert pcm.tolist() == [0, 32767, -32768, 16384]
