"""A keyword model that takes samples, in the same class."""

import dataclasses

import numpy as np
import pytest

from motefit.graph.frontend_graph import with_frontend
from motefit.runtime import KeywordSpotter
from motefit.runtime.keyword_spotter import clips_of
from motefit.spec.errors import DataError, ModelFileError, RecipeError
from motefit.tflite.write.write import write


@pytest.fixture(scope="module")
def pcm():
    rng = np.random.default_rng(5)
    return (rng.standard_normal((4, 16_000)) * 3000).astype(np.int16)


@pytest.fixture(scope="module", params=["speech_graph", "int8_graph"])
def pair(request, speech_bundle):
    """The same network with its front end outside and inside."""
    graph, io = request.getfixturevalue(request.param), speech_bundle.card.io
    inside = write(with_frontend(graph, io.frontend, io.normalization))
    audio = dataclasses.replace(io, input="audio")
    return KeywordSpotter(write(graph), io), KeywordSpotter(inside, audio)


@pytest.mark.parametrize("samples", [16_000, 9_000, 20_000])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_same_probabilities_of_any_length_and_type(pair, pcm, samples, dtype):
    outside, inside = pair
    clips = np.resize(pcm, (4, samples))
    clips = clips if dtype == "int16" else (clips / 32768).astype(np.float32)
    assert inside.inputs(clips).shape == (4, 16_000)
    expected = outside.classify_batch(clips)
    np.testing.assert_allclose(inside.classify_batch(clips), expected, atol=0.02)
    assert inside.classify(clips[0], 16_000).label == outside.classify(clips[0], 16_000).label


def test_card_and_model_must_agree(pair, speech_bundle):
    io = speech_bundle.card.io
    with pytest.raises(ModelFileError, match=r"takes \(49, 10, 1\).*but audio \(16000,\)"):
        KeywordSpotter(speech_bundle.model, dataclasses.replace(io, input="audio"))
    with pytest.raises(RecipeError, match="input: got 'pcm'"):
        dataclasses.replace(io, input="pcm")


def test_bad_sound_is_refused(pair):
    broken = np.full((1, 16_000), np.nan, np.float32)
    with pytest.raises(DataError, match="finite"):
        pair[1].classify_batch(broken)


def test_clips_are_cropped_padded_and_scaled():
    pcm = np.array([[16384, -32768, 1]], np.int16)
    np.testing.assert_array_equal(clips_of(pcm, 2), [[0.5, -1.0]])
    np.testing.assert_array_equal(clips_of(pcm, 4), [[0.5, -1.0, 2**-15, 0.0]])
