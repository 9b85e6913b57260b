"""hibari beside espeak-ng: an even voice for each speaker, and what it cannot read."""

import sys
from pathlib import Path

import numpy as np
import pytest

from motefit.data.synth.process import ESPEAK, HIBARI, SpeakerProcess, Utterance
from motefit.data.synth.spoken_words import SynthReport, synthesize_speech
from motefit.data.synth.voices import ENGLISH_ACCENTS, cast, chosen_synthesizers
from motefit.spec.errors import DataError, MissingExtraError, RecipeError
from motefit.spec.tasks.speech_spec import SpeechData

BOTH = (ESPEAK.name, HIBARI.name)
US = ("en-us",)


def make(folder: Path, words: tuple[str, ...], **changes) -> SynthReport:
    given = {
        "clips_per_word": 39,
        "rng": np.random.default_rng(0),
        "accents": US,
        "synthesizers": BOTH,
    }
    return synthesize_speech(words, folder, **{**given, **changes})


def said(pitch: int = 50, **changes) -> Utterance:
    return Utterance(text="mirror", voice="hibari", pitch=pitch, **changes)


def pitch_hz(samples: np.ndarray, rate_hz: int) -> float:
    """Pitch of the loudest 60 ms, by autocorrelation."""
    size = rate_hz * 60 // 1000
    starts = range(0, len(samples) - size, size // 2)
    loudest = max(starts, key=lambda start: float(np.square(samples[start : start + size]).sum()))
    frame = samples[loudest : loudest + size]
    found = np.correlate(frame, frame, "full")[size - 1 :]
    lags = slice(rate_hz // 400, rate_hz // 50)
    return rate_hz / (lags.start + int(found[lags].argmax()))


def test_equal_requests_get_equal_answers_in_any_order() -> None:
    with SpeakerProcess(HIBARI) as speaker:
        first, second, again = map(speaker.say, (said(), said(30), said()))
        assert speaker.version
    np.testing.assert_array_equal(first, again)
    assert first.size != second.size or not np.array_equal(first, second)


def test_pitch_and_speed_are_heard() -> None:
    with SpeakerProcess(HIBARI) as speaker:
        low, high = (pitch_hz(speaker.say(said(pitch)), speaker.rate_hz) for pitch in (15, 85))
        slow, fast = (len(speaker.say(said(speed=speed))) for speed in (90, 280))
    assert 2.0 < high / low < 4.0  # 4.4 ** 0.7 is 2.8
    assert slow > 1.5 * fast


def test_speakers_differ_and_keep_their_voice() -> None:
    """hibari adds half as many as espeak-ng has, whose speakers stay as they are."""
    alone, both = cast(ENGLISH_ACCENTS), cast(ENGLISH_ACCENTS, BOTH)
    added = both[len(alone) :]
    assert both[: len(alone)] == alone
    assert len(added) == len(alone) // 2
    assert {voice.synthesizer for voice in added} == {HIBARI}
    assert all(0 <= voice.pitch <= 100 and 0.8 < voice.size < 1.4 for voice in added)
    assert len({(voice.pitch, voice.size) for voice in added}) > 80


def test_words_are_said_by_both_and_near_words_by_espeak_alone(tmp_path) -> None:
    report = make(tmp_path / "out", ("go",), near_word_clips=30, sentence_clips=20)
    own = [p.name for p in (tmp_path / "out" / "go").iterdir()]
    rejects = tmp_path / "out" / "_unknown_"
    near = [p.name for p in (rejects / "near-words").iterdir()]
    free = [p.name for p in (rejects / "sentences").iterdir()]
    assert report.speakers == len(cast(US, BOTH)) == 39
    assert sum(name.startswith("hibari") for name in own) == 13
    assert not any(name.startswith("hibari") for name in near)
    assert any(name.startswith("hibari") for name in free)


def test_what_hibari_cannot_read_is_said_by_espeak(tmp_path) -> None:
    report = make(tmp_path / "out", ("日本",))
    assert report.speakers == len(cast(US)) == 26


def test_synthesizers_that_are_refused(tmp_path, monkeypatch) -> None:
    assert chosen_synthesizers(()) == (ESPEAK.name,)
    with pytest.raises(RecipeError, match="unknown synthesizer 'festival'; known are espeak-ng, h"):
        chosen_synthesizers(("espeak-ng", "festival"))
    with pytest.raises(RecipeError, match="espeak-ng must be among"):
        chosen_synthesizers(("hibari",))
    with pytest.raises(RecipeError, match=r'must be \["espeak-ng"\] or'):
        SpeechData(words=("a", "b"), synthesizers=("hibari",))
    with pytest.raises(DataError, match="hibari speaks English only, and de is not"):
        make(tmp_path / "x", ("grün",), accents=("de",))
    monkeypatch.setitem(sys.modules, "hibari", None)
    with pytest.raises(MissingExtraError, match=r"motefit\[synth\]"):
        make(tmp_path / "x", ("go",))
    assert not (tmp_path / "x").exists()
