"""Each word's recordings are counted, and words that were recorded unlike are named."""

from shutil import copytree

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.decode import Decoded, decode_clip
from motefit.data.quality import audit_speech
from motefit.data.recordings import LOWEST_DBFS, describe, from_row
from motefit.data.speech import load_speech
from motefit.data.word_facts import WordFacts, word_facts, word_warnings
from motefit.spec.tasks.speech_spec import SpeechData

RATE = 16_000
SECONDS = 0.25


def noise(seed, rate=RATE, seconds=SECONDS, level=0.1, channels=1):
    shape = (round(rate * seconds), channels)
    return level * np.random.default_rng(seed).standard_normal(shape)


def write(folder, word, n=20, *, rate=RATE, suffix="wav", subtype="PCM_16", **sound):
    (folder / word).mkdir(parents=True, exist_ok=True)
    first = len(list((folder / word).iterdir()))
    for i in range(first, first + n):
        samples = noise([i, *word.encode()], rate, **sound)
        path = folder / word / f"s{i}_nohash_0.{suffix}"
        soundfile.write(path, samples, rate, subtype=subtype)


@pytest.fixture
def facts(tmp_path):
    def _facts():
        dataset = load_speech(
            tmp_path / "d", SpeechData(), rate_hz=RATE, seconds=SECONDS, cache=tmp_path / "cache"
        )
        return word_facts(dataset)

    return _facts


def test_a_words_recordings_are_counted(tmp_path, facts):
    folder = tmp_path / "d"
    write(folder, "up", 12)
    write(folder, "up", 4, rate=8000, channels=2)
    write(folder, "up", 2, suffix="flac", seconds=0.2)
    write(folder, "up", 2, subtype="FLOAT", seconds=0.5, level=10.0)
    (folder / "up" / "x.mp3").write_bytes(b"x")
    (folder / "up" / "._a.wav").write_bytes(b"x")
    write(folder, "down", 10, level=0.01)
    found = facts()
    assert found["up"] == WordFacts(
        clips=20,
        rates_hz={"16000": 16, "8000": 4},
        channels={"1": 16, "2": 4},
        encodings={"FLAC PCM_16": 2, "WAV FLOAT": 2, "WAV PCM_16": 16},
        median_ms=250,
        min_ms=200,
        max_ms=500,
        shorter=2,
        longer=2,
        level_dbfs=found["up"].level_dbfs,
        clipped=2,
        bandwidth_hz=8000,
        unused=1,
    )
    assert found["up"].level_dbfs == pytest.approx(-20, abs=0.5)
    assert found["down"].level_dbfs == pytest.approx(-40, abs=0.5)
    assert facts() == found  # from the cache


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"rate": 8000}, "native sampling rate: down 16000 Hz 100 %; up 8000 Hz 100 %"),
        ({"channels": 2}, "number of channels: down 1 100 %; up 2 100 %"),
        ({"suffix": "flac"}, "encoding: down WAV PCM_16 100 %; up FLAC PCM_16 100 %"),
        ({"subtype": "PCM_24"}, "encoding: down WAV PCM_16 100 %; up WAV PCM_24 100 %"),
        ({"level": 0.02}, "level (median): up -34."),
        ({"seconds": 0.2}, "the share of clips that are padded: down 0 %, up 100 %"),
        ({"seconds": 0.3}, "the share of clips that are cropped: down 0 %, up 100 %"),
    ],
)
def test_words_that_were_recorded_unlike_are_a_warning(tmp_path, facts, odd, said):
    write(tmp_path / "d", "down")
    write(tmp_path / "d", "up", **odd)
    assert f"words differ in {said}" in "\n".join(word_warnings(facts()))


def test_the_same_word_at_8_and_at_16_khz_is_seen_after_resampling_too(tmp_path, facts):
    """Telephone sound that was saved at 16 kHz: only its bandwidth tells."""
    write(tmp_path / "d", "down")
    write(tmp_path / "d", "up", rate=8000)
    for path in (tmp_path / "d" / "up").iterdir():
        soundfile.write(path, decode_clip(path, rate_hz=RATE).pcm, RATE)
    (said,) = [text for text in word_warnings(facts()) if "bandwidth" in text]
    assert "up 4" in said
    assert "down 8000 Hz" in said
    assert not any("sampling rate" in text for text in word_warnings(facts()))


def test_half_a_word_in_another_format_is_a_warning(tmp_path, facts):
    write(tmp_path / "d", "down")
    write(tmp_path / "d", "up", 10)
    write(tmp_path / "d", "up", 10, rate=44_100)
    assert any("native sampling rate" in text for text in word_warnings(facts()))


def test_words_recorded_alike_give_no_warning(tmp_path, facts):
    for word in ("up", "down"):
        write(tmp_path / "d", word, 10)
        write(tmp_path / "d", word, 10, rate=44_100, channels=2)
    assert word_warnings(facts()) == ()


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"level": 1e-4}, "clips are almost silent: down 20 of 20; up 20 of 20"),
        ({"level": 1e-3, "subtype": "PCM_32"}, "filled only the lower 24 of 32 bits"),
        ({"level": 9.0}, "most clips are clipped, as with too high a gain: down 20 of 20; up 20"),
    ],
)
def test_clips_that_hold_little_are_a_warning_where_words_are_alike_too(tmp_path, facts, odd, said):
    write(tmp_path / "d", "down", **odd)
    write(tmp_path / "d", "up", **odd)
    (found,) = word_warnings(facts())
    assert said in found


def test_copies_under_another_word_are_a_warning(tmp_path):
    write(tmp_path / "d", "down")
    copytree(tmp_path / "d" / "down", tmp_path / "d" / "up")
    audit = audit_speech(load_speech(tmp_path / "d", SpeechData(), rate_hz=RATE, seconds=SECONDS))
    assert audit.warnings[-1].startswith("40 clips have the samples of a clip of another word")


@pytest.mark.parametrize(
    ("up", "down", "said"),
    [
        (
            10,
            0,
            ["words lose unequal shares of their audio files: down 0 of 20 (0 %); up 10 of 30"],
        ),
        (22, 22, ["words lose their audio files: down 22 of 42 (52 %); up 22 of 42 (52 %)"]),
        (1, 0, []),
        (0, 0, []),
    ],
)
def test_files_that_are_left_out_are_counted_by_word(tmp_path, facts, up, down, said):
    for word, lost in {"up": up, "down": down}.items():
        write(tmp_path / "d", word)
        for i in range(lost):
            (tmp_path / "d" / word / f"{i}.m4a").write_bytes(b"x")
    found = facts()
    assert (found["up"].unused, found["down"].unused) == (up, down)
    told = word_warnings(found)
    assert len(told) == len(said)
    for text, start in zip(told, said, strict=True):
        assert text.startswith(start)


@given(
    kinds=st.lists(st.sampled_from([8000, 16_000, 44_100]), min_size=4, max_size=40),
    scale=st.integers(1, 5),
)
def test_equal_shares_are_never_a_warning(kinds, scale):
    """Whatever the mixture, and however many more clips one word has."""
    rates = {str(kind): kinds.count(kind) for kind in set(kinds)}
    made = {
        word: WordFacts(
            clips=n * len(kinds),
            rates_hz={kind: n * count for kind, count in rates.items()},
            channels={"1": n * len(kinds)},
            encodings={"WAV PCM_16": n * len(kinds)},
            median_ms=900,
            min_ms=500,
            max_ms=1000,
            shorter=n,
            longer=0,
            level_dbfs=-25.0,
            clipped=0,
            bandwidth_hz=7500,
            unused=0,
        )
        for word, n in {"up": 1, "down": scale}.items()
    }
    assert word_warnings({"up": made["up"], "down": made["up"]}) == ()
    assert not any("rate" in text for text in word_warnings(made))


@given(
    pcm=st.lists(st.integers(-32768, 32767), min_size=1, max_size=64),
    rate=st.sampled_from([8000, 16_000]),
)
def test_any_clip_is_measured_in_range(pcm, rate):
    made = Decoded(pcm=np.array(pcm, np.int16), rate_hz=44_100, channels=2, encoding="WAV PCM_16")
    found = describe(made, rate_hz=rate, samples=48)
    assert LOWEST_DBFS <= found.level_dbfs <= 0
    assert 0 <= found.bandwidth_hz <= rate / 2
    assert found.silent == (max(map(abs, pcm[:48])) < 32)
    assert from_row(found.row()) == found


@pytest.mark.proof
@pytest.mark.data
def test_real_words_are_recorded_alike(real_data):
    dataset = load_speech(
        real_data / "speech", SpeechData(words=("up", "down"), split="published"),
        rate_hz=RATE, seconds=1.0,
    )  # fmt: skip
    found = word_facts(dataset)
    (warning,) = word_warnings(found)
    assert warning.startswith("clips have an offset, whose level counts as sound: down 12 of 1000;")
    assert found["up"].encodings == {"FLAC PCM_16": 999}
