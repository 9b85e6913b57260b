"""The front end equals TensorFlow's; vectors made by tools/golden_frontend.py."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motefit.signal.features import features_of
from motefit.spec.frontend import FrontEnd

GOLDEN = Path(__file__).parent.parent / "golden" / "frontend.npz"
# The product's promise. Largest seen: 8.7e-5 (a band of few bins), else 3e-5; both are float32.
ABSOLUTE = 1e-4
# Relative to the largest magnitude; float32 transforms of up to 1500 samples give 2e-7.
SPECTROGRAM = 1e-6

with np.load(GOLDEN) as _file:
    VECTORS = dict(_file)
SETTINGS: list[dict[str, Any]] = [json.loads(text) for text in VECTORS["settings"]]


def features(setting: dict[str, Any], **changes: Any) -> np.ndarray:
    fields = {k: v for k, v in setting.items() if k != "frames"}
    frontend = FrontEnd(**{**fields, **changes})
    return features_of(frontend).clip(VECTORS["pcm"])[setting["frames"]]


def test_all_published_and_twenty_random_settings_are_there() -> None:
    published = {(s["rate_hz"], s["frame_length"], s["frame_step"]) for s in SETTINGS[:8]}
    assert published == {
        (16_000, 256, 256), (16_000, 512, 512), (16_000, 640, 320), (8000, 320, 160),
        (16_000, 512, 160), (16_000, 1024, 400), (16_000, 256, 128),
    }  # fmt: skip
    assert len(SETTINGS) == 28
    assert any(s["frame_length"] % 2 for s in SETTINGS)


@pytest.mark.parametrize("index", range(len(SETTINGS)))
def test_mfcc(index: int) -> None:
    expected = VECTORS[f"mfcc_{index}"]
    assert expected.size
    np.testing.assert_allclose(features(SETTINGS[index]), expected, rtol=0, atol=ABSOLUTE)


@pytest.mark.parametrize("index", range(len(SETTINGS)))
def test_log_mel(index: int) -> None:
    expected = VECTORS[f"log_mel_{index}"]
    actual = features(SETTINGS[index], coefficients=0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=ABSOLUTE)


@pytest.mark.parametrize("index", range(0, len(SETTINGS), 4))
def test_spectrogram(index: int) -> None:
    setting = SETTINGS[index]
    magnitude = VECTORS[f"spectrogram_{index}"]
    hertz = np.arange(magnitude.shape[1]) * setting["rate_hz"] / setting["frame_length"]
    inside = (hertz >= setting["lower_hz"]) & (hertz <= setting["upper_hz"])
    actual = features(setting, kind="spectrogram", mel_bins=0, coefficients=0)
    atol = SPECTROGRAM * float(magnitude.max())
    np.testing.assert_allclose(actual, magnitude[:, inside], rtol=0, atol=atol)
