"""Keyword spotting: every step of the pipeline compared with its definition."""

import dataclasses

import numpy as np
import pytest

from motefit.graph.execute import float32
from motefit.runtime import KeywordSpotter, write_bundle
from motefit.runtime.keyword_spotter import softmax
from motefit.signal.features import features_of
from motefit.signal.resample import resample
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.normalization import Normalization


@pytest.fixture
def clips():
    rng = np.random.default_rng(5)
    return (rng.standard_normal((4, 16_000)) * 3000).astype(np.int16)


@pytest.fixture
def spotter(speech_bundle):
    return KeywordSpotter(speech_bundle.model, speech_bundle.card.io)


def test_probabilities_are_front_end_normalization_model_softmax(spotter, speech_graph, clips):
    io = spotter.io
    features = features_of(io.frontend).batch(clips)
    features = (features - np.float32(io.normalization.mean)) / np.float32(io.normalization.std)
    logits = float32.run(speech_graph, features).astype(np.float64)
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(spotter.classify_batch(clips), wanted, atol=1e-5)


@pytest.mark.parametrize("form", ["speech_bundle", "int8_bundle"])
@pytest.mark.parametrize("xnnpack", [True, False])
def test_a_bundle_loads_and_names_the_most_probable_word(form, xnnpack, request, tmp_path, clips):
    bundle = request.getfixturevalue(form)
    path = write_bundle(tmp_path / "m.zip", bundle.model, bundle.card)
    spotter = KeywordSpotter.load(path, xnnpack=xnnpack)
    rows = spotter.classify_batch(clips)
    for clip, row in zip(clips, rows, strict=True):
        result = spotter.classify(clip, 16_000)
        assert list(result.probabilities) == ["down", "left", "up"]
        assert result.label == spotter.io.labels[row.argmax()]
        assert result.probability == result.probabilities[result.label] == row.max()
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


def test_probabilities_pass_through_if_the_model_outputs_them(speech_bundle, clips):
    io = dataclasses.replace(speech_bundle.card.io, output="probabilities")
    passed = KeywordSpotter(speech_bundle.model, io).classify_batch(clips)
    logits = KeywordSpotter(speech_bundle.model, speech_bundle.card.io).classify_batch(clips)
    np.testing.assert_allclose(softmax(passed), logits, atol=1e-6)


def test_other_rates_are_resampled_and_other_lengths_padded_or_cropped(spotter, clips):
    sound = clips[0]
    loud = resample(sound, 16_000, 44_100)
    np.testing.assert_array_equal(
        spotter.classify_batch(loud[np.newaxis], 44_100),
        spotter.classify_batch(resample(loud, 44_100, 16_000)[np.newaxis]),
    )
    assert spotter.classify_batch(clips[:0], 44_100).shape == (0, 3)
    short, long = sound[:9000], np.concatenate([sound, clips[1]])
    padded = np.concatenate([short, np.zeros(7000, np.int16)])
    assert spotter.classify(short, 16_000) == spotter.classify(padded, 16_000)
    assert spotter.classify(long, 16_000) == spotter.classify(sound, 16_000)


def test_int16_and_float32_give_equal_results(spotter, clips):
    as_float = clips.astype(np.float32) / 32768
    np.testing.assert_array_equal(spotter.classify_batch(as_float), spotter.classify_batch(clips))


def test_silence_gives_numbers(spotter):
    assert np.isfinite(spotter.classify_batch(np.zeros((1, 16_000), np.int16))).all()


@pytest.mark.parametrize(
    ("pcm", "rate_hz", "reason"),
    [
        (np.full(16_000, np.nan, np.float32), 16_000, "NaN"),
        (np.full(16_000, np.nan, np.float32), 44_100, "NaN"),
        (np.zeros(16_000), 16_000, "float64"),
        (np.zeros((16_000, 2), np.int16), 16_000, "one channel"),
        ([0.0] * 16_000, 16_000, "list"),
        (np.zeros(0, np.int16), 16_000, "without samples"),
        (np.zeros(100, np.int16), 0, "1 Hz"),
    ],
)
def test_unsuitable_sound_is_a_data_error(spotter, pcm, rate_hz, reason):
    with pytest.raises(DataError, match=reason):
        spotter.classify(pcm, rate_hz)


def test_a_card_of_another_model_is_refused(speech_bundle, series_bundle, tmp_path):
    io = speech_bundle.card.io
    with pytest.raises(ModelFileError, match="2 labels"):
        KeywordSpotter(speech_bundle.model, dataclasses.replace(io, labels=("a", "b")))
    short = dataclasses.replace(io.frontend, coefficients=8)
    with pytest.raises(ModelFileError, match=r"10 means for 8 columns|\(49, 8\)"):
        KeywordSpotter(speech_bundle.model, dataclasses.replace(io, frontend=short))
    two = Normalization(mean=(0.0, 0.0), std=(1.0, 1.0))
    with pytest.raises(ModelFileError, match="2 means for 10"):
        KeywordSpotter(speech_bundle.model, dataclasses.replace(io, normalization=two))
    path = write_bundle(tmp_path / "m.zip", series_bundle.model, series_bundle.card)
    with pytest.raises(ModelFileError, match="forecasting"):
        KeywordSpotter.load(path)
