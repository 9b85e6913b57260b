"""What is counted in long recordings is what the streaming spotter reports."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.stream_folder import LongRecording, SpokenWord
from motefit.graph.builder import Builder
from motefit.measure.decision_rule import choose_decision
from motefit.measure.stream_measurement import (
    RecordingCandidates,
    StreamCandidates,
    count,
    curve,
    find_candidates,
    stream_evidence,
)
from motefit.runtime import KeywordSpotter
from motefit.runtime.streaming.detector import (
    DetectionPostprocessor,
    StreamingSettings,
    WordCandidate,
)
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.spec.budget import Budget
from motefit.spec.decision import Decision
from motefit.spec.errors import DataError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.stream_evidence import RECORDINGS, SCRIPTED, StreamEvidence
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.write import write

RATE_HZ = 8000
TONES = {"high": 2800.0, "low": 500.0}
FRONT_END = FrontEnd(
    kind="spectrogram", rate_hz=RATE_HZ, frame_length=256, frame_step=160, mel_bins=0,
    lower_hz=100.0, upper_hz=3800.0, coefficients=0,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tones:
    """Tones of 0.4 s, by the second in which they are."""

    said: tuple[tuple[int, str], ...]
    words: tuple[SpokenWord, ...] = ()
    seconds: int = 8
    name: str = "tones"

    def pcm(self, rate_hz: int) -> np.ndarray:
        rng = np.random.default_rng(len(self.said))
        out = 0.002 * rng.standard_normal(self.seconds * rate_hz)
        length = round(0.4 * rate_hz)
        for second, word in self.said:
            tone = np.sin(2 * np.pi * TONES[word] / rate_hz * np.arange(length))
            out[second * rate_hz : second * rate_hz + length] += 0.3 * np.hanning(length) * tone
        return np.rint(32767 * out).astype(np.int16)


@pytest.fixture(scope="module")
def spotter() -> KeywordSpotter:
    io = SpeechIO(
        labels=tuple(TONES),
        frontend=FRONT_END,
        normalization=Normalization(mean=(-5.0,), std=(2.0,)),
    )
    net = Builder(io.input_shape, rng=np.random.default_rng(0))
    net.dense(2)
    graph = net.build()
    upper = np.arange(FRONT_END.features) >= FRONT_END.features // 2
    row = np.tile(np.where(upper, 1.0, -1.0), FRONT_END.frames) / FRONT_END.frames
    weight = np.stack([row, -row]).astype(np.float32)
    constants = {name: weight for name in graph.constants if name.endswith("weight")}
    return KeywordSpotter(write(graph.with_constants(constants)), io)


def spoken(*said: tuple[float, str]) -> tuple[SpokenWord, ...]:
    return tuple(SpokenWord(word=w, start_s=s, end_s=s + 0.4) for s, w in said)


def test_counts_are_those_of_the_stream(spotter):
    """Two recordings, one after the other: found, missed, confused, false, and an unknown word."""
    said = ((1, "low"), (3, "high"), (5, "low"))
    listed = spoken((1, "low"), (3, "low"), (6.5, "high")) + spoken((5, "lamp"))
    sounds = [Tones(said=said, words=listed), Tones(said=((2, "high"),), seconds=4)]
    calls = []
    heard = find_candidates(spotter, sounds, progress=lambda *given: calls.append(given))
    counts = count(heard)
    assert (counts.words, counts.found, counts.missed) == (3, 1, 2)
    assert (counts.confused, counts.false_accepts, counts.seconds) == (1, 2, 12)
    (latency_ms,) = counts.latencies_ms
    assert 0 < latency_ms < 1000
    assert [call[0] for call in calls] == sorted(call[0] for call in calls)
    assert calls[-1] == (2, 2, 12.0)
    assert len(calls) >= 8
    for sound, found in zip(sounds, heard.recordings, strict=True):
        for threshold in (0.0, 0.7, 1.0):
            chosen = Decision(threshold=threshold)
            stream = StreamingSpotter(spotter, settings=StreamingSettings(decision=chosen))
            reports = stream.push(sound.pcm(RATE_HZ)) + stream.finish()
            decided = heard.postprocessor(chosen).detect(found.candidates)
            assert [d.word for d in decided] == [r.word for r in reports]
            assert [d.time_s for d in decided] == pytest.approx([r.time_s for r in reports])


def test_a_recording_that_cannot_be_read_is_left_out_and_counted(spotter, tmp_path):
    (tmp_path / "cut.wav").write_bytes(b"RIFF")
    damaged = LongRecording(path=tmp_path / "cut.wav")
    heard = find_candidates(spotter, [damaged, Tones(said=((1, "low"),), words=spoken((1, "low")))])
    assert count(heard).found == 1
    evidence = stream_evidence({RECORDINGS: heard})
    assert evidence[RECORDINGS]["unread_example"].startswith("cut.wav: ")
    sentences = StreamEvidence.read(evidence).sentences
    assert "1 recordings could not be read and are left out" in sentences[0]
    with pytest.raises(DataError, match=r"none of 1 recordings can be read; .*cut\.wav"):
        find_candidates(spotter, [damaged])


def test_the_evidence_says_what_was_counted(spotter):
    heard = find_candidates(
        spotter, [Tones(said=((1, "low"), (4, "high")), words=spoken((1, "low")))]
    )
    evidence = stream_evidence({RECORDINGS: heard})
    found = StreamEvidence.read(evidence)
    assert found.facts["stream.miss_rate"] == 0
    assert found.facts["stream.false_accepts_per_hour"] == pytest.approx(1 / (8 / 3600))
    assert found.facts["stream.latency_ms"] == evidence[RECORDINGS]["latency_ms"]["median"]
    assert evidence[RECORDINGS]["curve"][0][1:] == [0, 1]
    budget = Budget.from_table({"stream": {"miss_rate": "<= 5 %"}}, where="test")
    assert StreamEvidence.read(evidence, budget).misses.confidence == "met, not shown at 95 %"


@pytest.mark.parametrize(
    "table",
    [
        {"false_accepts": 10**18, "seconds": 3600.0, "words": 10**18, "found": 0},
        {"false_accepts": 1, "seconds": 5e-324},
        {"false_accepts": 0, "seconds": math.nan, "words": 0, "found": 0},
        {"false_accepts": True, "seconds": 3600.0, "words": 1, "found": 2},
    ],
    ids=["events", "no time", "not a number", "more than all"],
)
def test_evidence_that_cannot_be_is_not_believed(table):
    assert StreamEvidence.read({RECORDINGS: table}) is None


def test_limits_without_a_finite_figure_have_none():
    table = {"false_accepts": 0, "seconds": 3600.0, "words": 1, "found": 1}
    table["latency_ms"] = {"median": math.inf}
    budget = Budget.from_table({"stream": {"false_accepts_per_hour": "< 1e-320"}}, where="test")
    found = StreamEvidence.read({RECORDINGS: table}, budget)
    assert (found.latency_ms, found.false_accepts.hours_to_show) == (None, None)


@st.composite
def heards(draw):
    """A recording with a word every 5 s, and candidates anywhere."""
    words = spoken(*((5.0 * i, "up") for i in range(draw(st.integers(1, 6)))))
    times = sorted(draw(st.lists(st.floats(0, 30), max_size=30)))
    candidates = tuple(
        WordCandidate(
            label=draw(st.sampled_from(["up", "down", "_unknown_"])),
            probability=draw(st.sampled_from([0.4, 0.6, 0.8, 0.9, 0.99])),
            agreement=1.0,
            time_s=time_s,
            received_s=time_s + 0.7,
        )
        for time_s in times
    )
    return StreamCandidates(
        recordings=(RecordingCandidates(seconds=3600.0, words=words, candidates=candidates),),
        decision=Decision(),
        postprocessor=lambda decision: DetectionPostprocessor(decision, unreported=("_unknown_",)),
    )


@given(heard=heards(), bound=st.sampled_from([None, 0.5, 3.5]))
def test_the_chosen_threshold_keeps_the_rule(heard, bound):
    budget = Budget()
    if bound is not None:
        line = {"stream": {"false_accepts_per_hour": f"<= {bound}"}}
        budget = Budget.from_table(line, where="test")
    chosen = choose_decision({SCRIPTED: heard}, [budget])
    now = count(replace(heard, decision=chosen.decision))
    every = curve(heard)
    words = now.words
    inside = [p for p in every if bound is not None and p.false_accepts <= bound]
    useful = [p for p in inside if p.missed <= words / 2]
    if useful:
        assert now.false_accepts <= bound
        assert now.missed == min(p.missed for p in useful)
        assert "inside the bound" in chosen.rule
    elif every:
        assert now.missed <= min(p.missed for p in every) + 0.02 * words
        assert ("no threshold keeps the bound" in chosen.rule) == (bound is not None)
    assert all(label != "_unknown_" for label in (d.word for d in _reports(heard, chosen)))
    assert chosen.evidence["threshold"] == chosen.decision.threshold


def _reports(heard, chosen):
    return heard.postprocessor(chosen.decision).detect(heard.recordings[0].candidates)


def test_without_words_nothing_is_chosen(spotter):
    heard = find_candidates(spotter, [Tones(said=((1, "low"),))])
    with pytest.raises(DataError, match="no word is spoken in the validation recordings"):
        choose_decision({RECORDINGS: heard})
