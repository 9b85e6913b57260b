"""The streaming spotter, with a real model that distinguishes two tones."""

import tracemalloc
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from front_ends import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph.builder import Builder
from motefit.runtime import KeywordSpotter
from motefit.runtime.streaming.candidates import CandidateStream
from motefit.runtime.streaming.detector import Detection, StreamingSettings
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.runtime.streaming.window import window_of
from motefit.spec.decision import Decision
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.write import write

RATE_HZ = 8000
WORDS = {"high": 2800.0, "low": 500.0}
WORD_S = 0.4
FRONT_END = FrontEnd(
    kind="spectrogram", rate_hz=RATE_HZ, frame_length=256, frame_step=160, mel_bins=0,
    lower_hz=100.0, upper_hz=3800.0, coefficients=0,
)  # fmt: skip
TIME_S = 0.1
"""Tolerance of a report's time, since noise shifts the loudest point to the window's middle."""


def spotter_of(frontend: FrontEnd, *, audio: bool = False) -> KeywordSpotter:
    """ "high" where the upper half of the features is larger than the lower, else "low"."""
    io = SpeechIO(
        labels=tuple(WORDS),
        frontend=frontend,
        normalization=Normalization(mean=(-5.0,), std=(2.0,)),
        input="audio" if audio else "features",
    )
    net = Builder(io.input_shape, rng=np.random.default_rng(0))
    net.dense(2)
    graph = net.build()
    upper = np.arange(frontend.features) >= frontend.features // 2
    row = np.tile(np.where(upper, 1.0, -1.0), frontend.frames) / frontend.frames
    weight = np.stack([row, -row]).astype(np.float32)
    constants = {name: weight for name in graph.constants if name.endswith("weight")}
    return KeywordSpotter(write(graph if audio else graph.with_constants(constants)), io)


@pytest.fixture(scope="module")
def spotter() -> KeywordSpotter:
    return spotter_of(FRONT_END)


def sound(words: list[tuple[float, str]], seconds: float, *, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Generate tones of WORD_S around the given times, over faint noise: float32."""
    rng = np.random.default_rng(3)
    out = 0.002 * rng.standard_normal(round(seconds * rate_hz))
    length = round(WORD_S * rate_hz)
    shape = np.hanning(length)
    for middle_s, word in words:
        first = round((middle_s - WORD_S / 2) * rate_hz)
        tone = np.sin(2 * np.pi * WORDS[word] / rate_hz * np.arange(length))
        out[first : first + length] += (0.3 * shape * tone)[: max(len(out) - first, 0)]
    return out.astype(np.float32)


def detect(stream: StreamingSpotter, pieces: list[np.ndarray]) -> list[Detection]:
    found = [detection for piece in pieces for detection in stream.push(piece)]
    return found + stream.finish()


def assert_detected(found: list[Detection], words: list[tuple[float, str]]) -> None:
    assert [detection.word for detection in found] == [word for _, word in words]
    for detection, (middle_s, _) in zip(found, words, strict=True):
        assert abs(detection.time_s - middle_s) < TIME_S
        assert detection.time_s < detection.reported_s <= middle_s + 1.2
        assert 0.5 < detection.probability <= 1


SAID = [(1.3, "low"), (2.4, "high"), (3.35, "high"), (5.02, "low"), (7.0, "high")]


def test_words_are_found_once_with_their_time(spotter):
    found = detect(StreamingSpotter(spotter), [sound(SAID, 9)])
    assert_detected(found, SAID)


@given(data=st.data())
def test_any_chunking_gives_the_same_words(spotter, data):
    pcm = sound(SAID, 9)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pcm)), max_size=30)))
    assert detect(StreamingSpotter(spotter), np.split(pcm, cuts)) == detect(
        StreamingSpotter(spotter), [pcm]
    )


@given(
    offset_s=st.floats(0.6, 2.6), gap_s=st.floats(0.8, 2.0), first=st.sampled_from(sorted(WORDS))
)
def test_a_word_is_found_wherever_it_is(spotter, offset_s, gap_s, first):
    """Even across the borders of seconds, hops or chunks, since windows overlap."""
    words = [(offset_s, first), (offset_s + gap_s, "low"), (offset_s + 2 * gap_s, "high")]
    pcm = sound(words, offset_s + 2 * gap_s + 1)
    found = detect(StreamingSpotter(spotter), np.split(pcm, range(RATE_HZ, len(pcm), RATE_HZ)))
    assert_detected(found, words)


@pytest.mark.parametrize("rate_hz", [11_025, 16_000, 44_100, 48_000])
def test_other_rates_are_resampled(spotter, rate_hz):
    pcm = sound(SAID, 9, rate_hz=rate_hz)
    stream = StreamingSpotter(spotter, rate_hz=rate_hz)
    pcm16 = np.rint(pcm * 32767).astype(np.int16)
    assert_detected(detect(stream, np.split(pcm16, range(999, len(pcm16), 999))), SAID)


@pytest.mark.parametrize("hop_ms", [20.0, 50.0, 200.0, 400.0])
def test_other_hops(spotter, hop_ms):
    stream = StreamingSpotter(spotter, settings=StreamingSettings(hop_ms=hop_ms))
    assert stream.hop_s == pytest.approx(hop_ms / 1000, abs=0.011)
    assert_detected(detect(stream, [sound(SAID, 9)]), SAID)


@pytest.mark.parametrize("kind", FEATURE_KINDS.names())
def test_the_window_is_the_batch_input_of_the_same_samples(kind):
    spotter = spotter_of(EXAMPLES[kind])
    frontend = spotter.io.frontend
    pcm = sound(SAID, 3)
    window, hop = window_of(spotter), 5 * frontend.frame_step
    compared = 0
    for stop in range(hop, len(pcm) + 1, hop):
        window.push(pcm[stop - hop : stop])
        inputs = window.inputs()
        last = (stop - frontend.frame_length) // frontend.frame_step
        first = (last - frontend.frames + 1) * frontend.frame_step
        assert (inputs is None) == (first < 0)
        if inputs is not None:
            clip = pcm[np.newaxis, first : first + frontend.clip_samples]
            np.testing.assert_allclose(inputs, spotter.inputs(clip), atol=1e-4)
            compared += 1
    assert compared > 10


def test_a_model_with_its_front_end_inside_sees_the_samples():
    spotter = spotter_of(replace(FRONT_END, seconds=0.5), audio=True)
    window, pcm = window_of(spotter), sound(SAID, 2)
    for stop in range(800, len(pcm) + 1, 800):
        window.push(pcm[stop - 800 : stop])
        inputs = window.inputs()
        if stop < 4000:
            assert inputs is None
        else:
            np.testing.assert_array_equal(
                inputs, spotter.inputs(pcm[np.newaxis, stop - 4000 : stop])
            )
    stream = StreamingSpotter(spotter)
    assert isinstance(detect(stream, [sound(SAID, 9)]), list)
    assert stream.received_s == 9


@pytest.mark.parametrize("level", [0.0, 0.001, 0.03, 0.3])
@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_silence_and_even_noise_are_not_words(spotter, level, offset):
    """At any level, and with the offset of a cheap microphone."""
    noise = np.random.default_rng(1).standard_normal(30 * RATE_HZ)
    pcm = np.clip(level * noise + offset, -1, 1).astype(np.float32)
    assert detect(StreamingSpotter(spotter), [pcm]) == []


def test_words_over_noise_and_offset(spotter):
    noise = 0.01 * np.random.default_rng(1).standard_normal(9 * RATE_HZ) + 0.1
    assert_detected(
        detect(StreamingSpotter(spotter), [sound(SAID, 9) + noise.astype(np.float32)]), SAID
    )


def test_labels_can_be_ignored(spotter):
    stream = StreamingSpotter(spotter, settings=StreamingSettings(ignored=("low",)))
    assert_detected(detect(stream, [sound(SAID, 9)]), [word for word in SAID if word[1] == "high"])
    with pytest.raises(
        RecipeError, match="lo: not a label of this model; its labels are high, low"
    ):
        StreamingSpotter(spotter, settings=StreamingSettings(ignored=("lo",)))


@pytest.mark.parametrize("level", [1.0, 0.2])
def test_a_quiet_word_next_to_a_loud_one(spotter, level):
    """Each has its own loudness peak."""
    for gap_s in (0.8, 0.9, 1.1):
        words = [(1.5, "low"), (1.5 + gap_s, "high")]
        pcm = sound(words[:1], 4) + np.float32(level) * sound(words[1:], 4)
        assert_detected(detect(StreamingSpotter(spotter), [pcm]), words)


def test_a_sustained_sound_is_not_a_word(spotter):
    """It has no loudness peak, however long it lasts and however sure the network is."""
    pcm = sound([], 9)
    n = np.arange(4 * RATE_HZ)
    pcm[2 * RATE_HZ : 6 * RATE_HZ] += 0.3 * np.sin(2 * np.pi * WORDS["low"] / RATE_HZ * n)
    assert detect(StreamingSpotter(spotter), [pcm]) == []


@pytest.mark.parametrize(
    ("given", "words", "noises"),
    [
        ({}, True, False),
        ({"prominence": -1.0, "threshold": 0.0, "shortest_ms": 0}, True, True),
        ({"threshold": 1.0}, False, False),
        ({"prominence": 4.0}, False, False),
        ({"shortest_ms": 700.0}, False, False),
    ],
    ids=str,
)
def test_threshold_and_prominence(spotter, given, words, noises):
    noise = np.random.default_rng(1).normal(0, 0.1, 9 * RATE_HZ).astype(np.float32)
    chosen = StreamingSettings(decision=Decision(**given))
    for pcm, expected in ((sound(SAID, 9), words), (noise, noises)):
        assert bool(detect(StreamingSpotter(spotter, settings=chosen), [pcm])) == expected


def test_reset_discards_the_sound_and_keeps_the_clock(spotter):
    stream = StreamingSpotter(spotter)
    half = sound([(2.0, "low")], 4)[: round(2.05 * RATE_HZ)]
    assert stream.push(half) == []
    assert stream.received_s == pytest.approx(2.0)
    stream.reset(rate_hz=16_000)
    assert stream.push(sound([(1.0, "high")], 3, rate_hz=16_000))[0].time_s == pytest.approx(
        3.0, abs=TIME_S
    )
    stream.finish()
    assert stream.received_s == pytest.approx(5.0)


def test_bad_chunks_leave_the_stream_as_it_was(spotter):
    pcm = sound(SAID, 9)
    stream, found = StreamingSpotter(spotter), []
    for piece in np.split(pcm, 9):
        found += stream.push(piece)
        for bad in (np.full(9, np.nan, np.float32), np.zeros((4, 2), np.int16), np.zeros(3)):
            with pytest.raises(DataError):
                stream.push(bad)
    assert found + stream.finish() == detect(StreamingSpotter(spotter), [pcm])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hop_ms": 0.0}, "hop_ms must be above 0"),
        ({"hop_ms": float("inf")}, "inf"),
        ({"decision": {"prominence": -1.5}}, "prominence must be at least -1"),
        ({"decision": {"threshold": -0.1}}, "threshold is a probability, 0 to 1"),
        ({"decision": {"threshold": float("nan")}}, "nan"),
        ({"decision": {"quietest_dbfs": 3.0}}, "quietest_dbfs must be at most 0"),
        ({"decision": {"threshold": "high"}}, "threshold"),
        ({"decision": {"agreement": 2}}, "agreement is a share"),
        ({"decision": {"shortest_ms": -1}}, "shortest_ms must be at least 0"),
    ],
    ids=str,
)
def test_settings_are_checked(wrong, said):
    with pytest.raises(RecipeError, match=said):
        StreamingSettings(**wrong)


def test_clicks_are_not_words(spotter):
    """However loud they are: they are too short. The network alone would take them for a word."""
    rng, pcm = np.random.default_rng(0), sound([], 12)
    for at in range(1, 11):
        pcm[at * RATE_HZ : at * RATE_HZ + 40] += rng.uniform(-0.9, 0.9, 40).astype(np.float32)
    open_ear = Decision(shortest_ms=0, threshold=0, agreement=0)
    found = [
        detect(StreamingSpotter(spotter, settings=StreamingSettings(decision=one)), [pcm])
        for one in (open_ear, replace(open_ear, shortest_ms=80))
    ]
    assert len(found[0]) >= 5
    assert found[1] == []


def test_loudness_does_not_buy_certainty(spotter):
    """A sound between both words is not reported at any level, however prominent it is."""
    between = sound([(2.0, "low"), (4.0, "low")], 6) + sound([(2.0, "high"), (4.0, "high")], 6)
    certain = StreamingSettings(decision=Decision(threshold=0.9))
    unsure = StreamingSettings(decision=Decision(threshold=0))
    for gain in (0.1, 1.0, 2.0):
        pcm = np.float32(gain) * between
        assert detect(StreamingSpotter(spotter, settings=certain), [pcm]) == []
        assert len(detect(StreamingSpotter(spotter, settings=unsure), [pcm])) == 2


def test_the_card_decides_and_rejects(spotter):
    """Settings come before the card; reject classes are never reported."""
    pcm = sound(SAID, 9)
    cards = (({"decision": Decision(prominence=4)}, []), ({"rejects": ("low",)}, ["high"]))
    for card, words in cards:
        own = copy(spotter)
        own.io = replace(spotter.io, **card)
        assert sorted({one.word for one in detect(StreamingSpotter(own), [pcm])}) == words
    settings = StreamingSettings(decision=Decision())
    own.io = replace(spotter.io, decision=Decision(prominence=4))
    assert_detected(detect(StreamingSpotter(own, settings=settings), [pcm]), SAID)


def test_nothing_follows_a_word_within_the_refractory_time(spotter):
    pcm = sound(SAID, 9)
    for refractory_ms, count in ((0, 5), (1000, 4), (2000, 3), (60_000, 1)):
        chosen = StreamingSettings(decision=Decision(refractory_ms=refractory_ms))
        found = detect(StreamingSpotter(spotter, settings=chosen), [pcm])
        assert len(found) == count


def test_a_hop_longer_than_the_clip_is_refused(spotter):
    with pytest.raises(RecipeError, match="hop_ms is 1500, but the model's window is only 1000 ms"):
        StreamingSpotter(spotter, settings=StreamingSettings(hop_ms=1500))
    with pytest.raises(DataError, match="at least 1 Hz"):
        StreamingSpotter(spotter, rate_hz=0)


@pytest.mark.parametrize(
    "seconds", [100, pytest.param(3600, marks=pytest.mark.proof)], ids=["100 s", "an hour"]
)
def test_a_long_stream_in_constant_memory_without_drift(spotter, seconds):
    """A word every 2.5 s at 48 kHz: each is found, at its own time, to the end."""
    rate_hz, period_s = 48_000, 2.5
    one = sound([(1.2, "low")], period_s, rate_hz=rate_hz)
    stream = StreamingSpotter(spotter, rate_hz=rate_hz)
    periods, found, before = round(seconds / period_s), 0, 0
    for period in range(periods):
        for detection in stream.push(one):
            assert detection.word == "low"
            assert abs(detection.time_s - (found * period_s + 1.2)) < TIME_S
            found += 1
        if period == 10:
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found += len(stream.finish())
    assert found == periods
    assert stream.received_s == pytest.approx(seconds, abs=stream.hop_s)
    assert after - before < 4 * rate_hz


def test_a_recording_shorter_than_a_hop_may_follow_another(spotter: KeywordSpotter) -> None:
    stream = CandidateStream(spotter)
    assert stream.push(sound([], 1.0)) + stream.finish() == []
    for samples in (0, 1, 200):
        before = stream.received_s
        assert stream.push(np.zeros(samples, np.int16)) + stream.finish() == []
        assert stream.received_s == before
