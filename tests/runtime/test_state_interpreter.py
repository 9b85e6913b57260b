"""Streaming by states: the same results whatever the chunks, in constant memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from combinations import examples
from hypothesis import given
from hypothesis import strategies as st

from motefit.exporting.streaming import streaming_file
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.runtime import KeywordSpotter
from motefit.runtime.state_interpreter import StateInterpreter
from motefit.runtime.streaming.detector import StreamingSettings
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.runtime.streaming.window import window_of
from motefit.spec.decision import Decision
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.write import write

RATE_HZ = 8000
STEP = 160
FRONT_END = FrontEnd(
    rate_hz=RATE_HZ, frame_length=320, frame_step=STEP, mel_bins=16, lower_hz=100.0,
    upper_hz=3800.0, coefficients=0,
)  # fmt: skip
WORDS = ("high", "low", "none")
EVERY = StreamingSettings(
    hop_ms=20, decision=Decision(prominence=-1, threshold=0, shortest_ms=0, agreement=0)
)
"""Evaluates every step, and reports whatever is likelier than chance."""


def network(padding: str, *, io: str = "int8") -> bytes:
    rng = np.random.default_rng(0)
    problem = Problem(input_shape=FRONT_END.shape, outputs=len(WORDS))
    options = {"width": 16, "blocks": 2, "kernels": (5,), "padding": padding}
    graph = fold(build("tcnet", options, problem=problem, rng=rng))
    examples = rng.normal(size=(32, *graph.input_shape)).astype(np.float32)
    if io == "none":
        return write(graph)
    return write(quantize(graph, calibrate(graph, examples), io=io))


def pair(padding: str, *, io: str = "int8") -> tuple[KeywordSpotter, KeywordSpotter]:
    """Build the same model for clips and in streaming form."""
    normalization = Normalization(mean=(-5.0,), std=(3.0,))
    card = SpeechIO(labels=WORDS, frontend=FRONT_END, normalization=normalization)
    model = network(padding, io=io)
    return KeywordSpotter(model, card), KeywordSpotter(*streaming_file(model, card))


@pytest.fixture(scope="module")
def spotters() -> tuple[KeywordSpotter, KeywordSpotter]:
    return pair("valid")


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """Generate tones that come and go, over noise: float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = [0.3 * np.sin(2 * np.pi * hz * time) for hz in (300, 900, 2500)]
    turns = np.sin(2 * np.pi * np.outer([0.4, 0.7, 1.1], time))
    mixed = sum(tone * np.maximum(turn, 0) for tone, turn in zip(tones, turns, strict=True))
    return np.asarray(mixed + 0.01 * rng.standard_normal(len(time)), np.float32)


def windows(spotter: KeywordSpotter, pcm: np.ndarray, hop: int) -> list[tuple[int, np.ndarray]]:
    """Compute the number of samples and the probabilities after each hop from a whole clip on."""
    window, found = window_of(spotter), []
    for stop in range(hop, len(pcm) + 1, hop):
        window.push(pcm[stop - hop : stop])
        said = window.probabilities()
        if said is not None:
            found.append((stop, said))
    return found


def clip_of_step(stop: int) -> int:
    """Return the first sample of the clip that a valid network's states cover after ``stop``."""
    frames = (stop - FRONT_END.frame_length) // STEP + 1
    whole = frames - (frames + FRONT_END.frames) % 2  # a clip ends with a step
    return (whole - FRONT_END.frames) * STEP


@pytest.mark.parametrize("io", ["int8", "float32", "none"])
@pytest.mark.parametrize("hop", [STEP, 2 * STEP, 3 * STEP, 5 * STEP])
def test_states_give_the_same_as_the_window(io, hop):
    whole, states = pair("valid", io=io)
    pcm = sound(4)
    found = windows(states, pcm, hop)
    assert len(found) > 20
    for stop, said in found:
        first = clip_of_step(stop)
        clip = pcm[np.newaxis, first : first + FRONT_END.clip_samples]
        np.testing.assert_allclose(said, whole.classify_batch(clip)[0], atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "causal"])
def test_clips_have_the_same_probabilities_bit_for_bit_as_with_the_plain_file(padding):
    whole, states = pair(padding)
    clips = np.stack([sound(1, seed) for seed in range(5)])
    np.testing.assert_array_equal(states.classify_batch(clips), whole.classify_batch(clips))
    short = clips[:, :5000]
    np.testing.assert_array_equal(states.classify_batch(short), whole.classify_batch(short))


def test_a_causal_network_uses_more_sound_than_the_window():
    whole, states = pair("causal")
    pcm = sound(4)
    (first, said), *later = windows(states, pcm, STEP)
    assert first == FRONT_END.frame_length + (FRONT_END.frames - 1) * STEP
    clip = pcm[np.newaxis, : FRONT_END.clip_samples]
    np.testing.assert_array_equal(said, whole.classify_batch(clip)[0])
    stop, said = later[-1]
    clip = pcm[np.newaxis, stop - FRONT_END.clip_samples : stop]
    assert np.abs(said - whole.classify_batch(clip)[0]).max() > 1e-3


def test_a_reset_discards_everything(spotters):
    _, states = pair("causal")
    window, pcm = window_of(states), sound(2.5)
    before = windows(states, pcm, 2 * STEP)
    window.push(sound(3, 9))
    assert window.probabilities() is not None
    window.reset()
    assert window.probabilities() is None
    after = []
    for stop in range(2 * STEP, len(pcm) + 1, 2 * STEP):
        window.push(pcm[stop - 2 * STEP : stop])
        if (said := window.probabilities()) is not None:
            after.append((stop, said))
    assert [stop for stop, _ in after] == [stop for stop, _ in before]
    for (_, one), (_, other) in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@examples(5)
@given(data=st.data())
def test_any_chunking_gives_the_same_words(spotters, data):
    _, states = spotters
    pcm = sound(5)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pcm)), max_size=30)))
    streams = [StreamingSpotter(states, settings=EVERY) for _ in range(2)]
    found = [d for piece in np.split(pcm, cuts) for d in streams[0].push(piece)]
    expected = streams[1].push(pcm)
    assert found == expected
    assert streams[0].finish() == streams[1].finish()


def test_streams_and_clips_share_a_model(spotters):
    """States belong to the stream, not to the interpreter."""
    _, states = spotters
    one, other = sound(4, 1), sound(4, 2)
    alone = [StreamingSpotter(states, settings=EVERY).push(pcm) for pcm in (one, other)]
    streams = [StreamingSpotter(states, settings=EVERY) for _ in range(2)]
    found: list[list] = [[], []]
    for first in range(0, len(one), 700):
        for stream, pcm, words in zip(streams, (one, other), found, strict=True):
            words.extend(stream.push(pcm[first : first + 700]))
            states.classify(sound(1), RATE_HZ)
    assert found == alone
    assert any(alone)


def test_hops_are_whole_steps(spotters):
    whole, states = spotters
    for hop_ms, expected in ((1, 0.04), (20, 0.04), (70, 0.08), (100, 0.08), (130, 0.12)):
        stream = StreamingSpotter(states, settings=StreamingSettings(hop_ms=hop_ms))
        assert stream.hop_s == pytest.approx(expected)
    assert StreamingSpotter(whole, settings=EVERY).hop_s == pytest.approx(0.02)


def test_memory_is_constant(spotters):
    _, states = spotters
    stream, pcm = StreamingSpotter(states, settings=EVERY), sound(2)
    tracemalloc.start()
    sizes = []
    for _ in range(6):
        for _ in range(5):
            stream.push(pcm)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert abs(sizes[-1] - sizes[1]) < 4000
    assert stream.received_s == pytest.approx(60, abs=stream.hop_s)


def test_a_file_must_match_its_card(spotters):
    whole, states = spotters
    plain = network("valid")
    streaming, io = streaming_file(plain, whole.io)
    with pytest.raises(ModelFileError, match=r"streaming form is needed.*1 inputs and 1 outputs"):
        KeywordSpotter(plain, io)
    with pytest.raises(ModelFileError, match="exactly one input, this one has"):
        KeywordSpotter(streaming, whole.io)
    with pytest.raises(ModelFileError, match="belong to another model"):
        KeywordSpotter(streaming, replace(io, labels=("a", "b")))
    frames = states.interpreter
    assert isinstance(frames, StateInterpreter)
    with pytest.raises(DataError, match=r"takes int8 with shape \(49, 1, 16\)"):
        frames.put(np.zeros((2, 1, 16), np.int8))
