"""Automatic gain of the front end: the same on both sides, and absent where nobody asks for it."""

from dataclasses import replace

import numpy as np
import pytest
import tone_model
from combinations import examples
from hypothesis import given
from hypothesis import strategies as st

import motefit
from motefit.codegen.frontend_tables import frontend_tables
from motefit.graph.frontend_graph import frontend_graph
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.runtime.streaming.window import window_of
from motefit.signal.features import Features
from motefit.spec.codec import decode, encode
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd

PLAIN = FrontEnd(rate_hz=8000, frame_length=256, frame_step=128)
GAIN = replace(PLAIN, gain_dbfs=-20)
CLIP = np.random.default_rng(0).normal(0, 0.05, 8000).astype(np.float32)
CLIP[:4000] *= 0.01


@examples(4)
@given(scale=st.floats(0.02, 5.0))
def test_a_clip_has_the_same_features_at_any_level(scale):
    features = Features(GAIN)
    np.testing.assert_allclose(
        features.clip(CLIP * np.float32(scale)), features.clip(CLIP), atol=2e-3
    )


def test_the_loudest_frame_has_the_level_asked_for_and_gain_is_limited():
    frame = np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000).astype(np.float32)
    spectrogram = replace(PLAIN, kind="spectrogram", mel_bins=0, coefficients=0)
    found = Features(replace(spectrogram, gain_dbfs=-20)).clip(frame * np.float32(0.02))
    plain = Features(spectrogram).clip(frame)
    assert found.max() / plain.max() == pytest.approx(10 ** (-20 / 20) * np.sqrt(2), rel=0.02)
    faint = Features(replace(spectrogram, gain_dbfs=-20)).clip(frame * np.float32(1e-5))
    assert faint.max() / plain.max() == pytest.approx(1e-3, rel=0.02)
    assert np.isfinite(Features(GAIN).clip(np.zeros(8000, np.int16))).all()


def test_cards_and_recipes_without_it_are_as_before():
    assert "gain_dbfs" not in encode(PLAIN)
    assert decode(FrontEnd, encode(GAIN), where="frontend") == GAIN
    with pytest.raises(RecipeError, match=r"gain_dbfs must be -60\.\.0"):
        FrontEnd(gain_dbfs=3.0)


def test_forms_without_the_whole_clip_refuse_it():
    for refuse in (frontend_tables, frontend_graph, lambda f: Features(f).whole(CLIP)):
        with pytest.raises(RecipeError, match="has no automatic gain: leave"):
            refuse(GAIN)


def test_a_stream_and_a_clip_get_equal_features_and_answers(tmp_path):
    frontend = replace(tone_model.FRONT_END, gain_dbfs=-20)
    path = tone_model.tone_model(tmp_path / "a.zip", frontend=frontend)
    spotter = KeywordSpotter.load(path)
    pcm = tone_model.tones((0.3, "low"), seconds=1)
    window = window_of(spotter)
    for hop in np.split(pcm.astype(np.float32) / 32768, 10):
        assert window.inputs() is None
        window.push(hop)
    batch = Features(frontend).batch(pcm[np.newaxis])
    np.testing.assert_array_equal(window.inputs(), batch)
    for level in (9000, 900):
        sound = tone_model.tones((1.0, "low"), (3.0, "high"), seconds=5, level=level)
        stream = StreamingSpotter(spotter)
        words = [found.word for found in (*stream.push(sound), *stream.finish())]
        assert words == ["low", "high"]
    assert motefit.load(path).io.frontend.gain_dbfs == -20
