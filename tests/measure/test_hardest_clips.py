"""The ten hardest clips of a test set, and their sound."""

import base64
import io
import json

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.data.speech import Clips
from motefit.measure.hardest_clips import (
    BANDS,
    COUNT,
    MOST_FRAMES,
    SOUND_BYTES,
    hardest_clips,
    mu_law_wav,
    spectrogram,
    without_sound,
)  # fmt: skip
from motefit.signal.wav import parse_wav
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO


def speech_io(**frontend: float) -> SpeechIO:
    shape = FrontEnd(**frontend)
    return SpeechIO(labels=("down", "up"), frontend=shape, normalization=Normalization())


def clips(pcm: np.ndarray, label: np.ndarray) -> Clips:
    n = len(pcm)
    return Clips(
        pcm=pcm, label=label, ids=tuple(f"word/{i}" for i in range(n)), speakers=(None,) * n,
        lengths=np.full(n, pcm.shape[1]), digests=("",) * n,
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(
    samples=st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=200),
    rate=st.sampled_from([8000, 16_000, 44_100]),
)
def test_the_wav_is_what_libsndfile_reads_as_mu_law(samples: list[int], rate: int) -> None:
    pcm = np.array(samples, np.int16)
    data = mu_law_wav(pcm, rate)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert (file.samplerate, file.subtype, file.channels) == (rate, "ULAW", 1)
        heard = file.read(dtype="int16").astype(int)
    assert len(heard) == len(pcm)
    size = np.abs(pcm.astype(int))
    most = (size + 132) / 32 + 133 * (size > 32_635)  # half a step of G.711, and its clipping
    assert (np.abs(heard - pcm) <= most).all()
    stream, own = parse_wav(data, name="clip")
    assert stream.encoding == "WAV ULAW"
    assert own.tolist() == heard.tolist()


def test_the_clips_are_those_with_the_least_likely_true_word() -> None:
    rng = np.random.default_rng(0)
    pcm = rng.integers(-9000, 9000, (30, 16_000), dtype=np.int16)
    label = rng.integers(0, 2, 30)
    right = rng.uniform(0, 1, 30).astype(np.float32)
    probabilities = np.where(label[:, None] == [[0, 1]], right[:, None], 1 - right[:, None])
    found = hardest_clips(speech_io(), probabilities.astype(np.float32), clips(pcm, label))
    rows = json.loads(json.dumps(found))["clips"]
    assert [row["id"] for row in rows] == [f"word/{i}" for i in right.argsort()[:COUNT]]
    for row in rows:
        assert (row["word"] == row["heard"]) == (row["probability"] >= 0.5)
        assert len(row["spectrogram"]) == BANDS
        assert {len(line) for line in row["spectrogram"]} == {97}
        assert max("".join(row["spectrogram"])) == "f"
    assert found == hardest_clips(speech_io(), probabilities.astype(np.float32), clips(pcm, label))


def test_sound_is_bounded_and_can_be_left_out() -> None:
    seconds = 9
    pcm = np.zeros((12, 16_000 * seconds), np.int16)
    label = np.zeros(12, np.int64)
    even = np.full((12, 2), 0.5, np.float32)
    found = hardest_clips(speech_io(seconds=float(seconds)), even, clips(pcm, label))
    rows = json.loads(json.dumps(found))["clips"]
    sizes = [len(base64.b64decode(row["wav"])) for row in rows if "wav" in row]
    assert 0 < len(sizes) < COUNT
    assert sum(sizes) <= SOUND_BYTES
    assert all(len(row["spectrogram"][0]) <= MOST_FRAMES for row in rows)
    silent = without_sound({"hardest": found, "series": 1})
    assert "wav" not in json.dumps(silent)
    assert [row["id"] for row in silent["hardest"]["clips"]] == [row["id"] for row in rows]
    assert without_sound({"series": 1}) == {"series": 1}


@pytest.mark.parametrize("samples", [1, 100, 8000, 100_000])
def test_a_spectrogram_of_any_length_is_rectangular(samples: int) -> None:
    rows = spectrogram(np.zeros(samples, np.int16), 8000)
    assert len(rows) == BANDS
    assert len({len(row) for row in rows}) == 1
    assert 1 <= len(rows[0]) <= MOST_FRAMES
