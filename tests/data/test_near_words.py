"""Near-words, other words and sentences: near but never the word itself, and equal for a seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.synth.free_speech import OTHER_WORDS, other_words, sentences
from motefit.data.synth.near_words import near_words
from motefit.data.synth.phonemes import is_vowel, parse, phoneme_distance, spoken
from motefit.data.synth.process import SpeakerProcess, Utterance
from motefit.data.synth.voices import ENGLISH_ACCENTS
from motefit.spec.errors import DataError

SYMBOLS = ("p", "b", "s", "'aI", "@", "'V", "i:", "I2", "h", "t#", "tS", " ")
texts = st.lists(st.sampled_from(SYMBOLS), max_size=6)


def phonemes_of(text: str) -> tuple[str, ...]:
    return parse(text.strip("[]").replace("|", "_"))


@given(texts, texts, texts)
def test_the_distance_is_a_metric_over_sounds(a: list[str], b: list[str], c: list[str]) -> None:
    assert phoneme_distance(a, a) == 0
    assert phoneme_distance(a, b) == phoneme_distance(b, a) <= len(a) + len(b)
    assert phoneme_distance(a, c) <= phoneme_distance(a, b) + phoneme_distance(b, c)


@given(texts)
def test_phonemes_are_written_as_they_are_read(symbols: list[str]) -> None:
    read = parse("_".join(symbols).replace("_ _", " "))
    assert phonemes_of(spoken(read)) == read


@pytest.mark.parametrize("word", ["up", "smart mirror"])
def test_near_words_are_near_and_not_the_word(word: str) -> None:
    found = near_words(word, 30, words=["cup"])
    assert found[:9] == near_words(word, 9, words=["cup"])
    assert len(set(found)) == 30
    assert found[:5] != near_words(word, 5, seed=1)
    with SpeakerProcess() as speaker:
        said = [parse(speaker.transcribe(word, accent)) for accent in ENGLISH_ACCENTS]
        cup = parse(speaker.transcribe("cup", "en-us"))
        sound = speaker.say(Utterance(text=found[0], voice="en-us+m1"))
    assert np.max(np.abs(sound)) > 0.05
    for near in map(phonemes_of, found):
        assert any(map(is_vowel, near))
        assert min(phoneme_distance(near, own) for own in [*said, cup]) >= 1
    edited = [near for near in map(phonemes_of, found) if len(near) >= len(said[0])]
    assert all(phoneme_distance(near, said[0]) <= 2 for near in edited)


def test_other_languages_and_silence() -> None:
    found = near_words("größe", 5, accents=["de"])
    assert len(found) == 5
    assert all("Y:" in near or phoneme_distance(phonemes_of(near), ()) < 6 for near in found)
    with pytest.raises(DataError, match="is silent for"):
        near_words("—", 5)
    with pytest.raises(DataError, match="no voice 'xx'"):
        near_words("up", 5, accents=["xx"])


def test_sentences_and_words_leave_out_the_words_however_spelled() -> None:
    said = sentences(80, without=["buk", "no"])
    assert len(set(said)) == 80
    assert said[:20] == sentences(20, without=["buk", "no"])
    assert not any("book" in text.split() for text in said)
    assert any("book" in text for text in sentences(300))
    words = other_words(len(OTHER_WORDS) + 10, without=["layk"])
    assert "lake" in OTHER_WORDS
    assert "lake" not in words
    assert len(set(words)) == len(OTHER_WORDS) + 10
    assert all(text.replace(", ", "").isdigit() for text in sentences(3, accents=["de"]))
