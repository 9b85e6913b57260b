"""Folders of long recordings with lists of words, and recordings made by script."""

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from motefit.data.scripted_stream import script_stream, word_span
from motefit.data.speech import Clips
from motefit.data.stream_folder import SpokenWord, find_stream, read_words, recordings_key
from motefit.spec.errors import DataError

RATE_HZ = 8000


def recording(path: Path, seconds: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.zeros(round(seconds * RATE_HZ), "<i2").tobytes())
    return path


WORDS = (
    SpokenWord(word="up", start_s=1.25, end_s=1.8),
    SpokenWord(word="coffee on", start_s=12.0, end_s=12.75),
)
TRACK = "12.000000\t12.750000\tcoffee on\n\\\t100.0\t4000.0\n1.250000\t1.800000\tup\n\n"
TABLE = 'start_s,end_s,word\r\n1.25,1.80,up\r\n12,12.75,"coffee on"\r\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", TRACK),
        ("a.csv", TABLE),
        ("a.csv", TABLE.split("\r\n", 1)[1]),
        ("a.txt", "\ufeff" + TRACK),
    ],
    ids=["label track", "table", "table without header", "with a mark of order"],
)  # fmt: skip
def test_lists_of_words(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    assert read_words(path) == WORDS
    path.write_text("")
    assert read_words(path) == ()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "1.0 2.0 up\n", "line 1: expected START<tab>END<tab>WORD"),
        ("a.txt", "0\t1\tup\nsoon\t2\tup\n", "line 2: expected .* such as 1.25<tab>1.80<tab>up"),
        ("a.csv", "1,2\n", "line 1: expected START,END,WORD"),
        ("a.csv", "2,1,up\n", "0 <= start <= end, got 'up', 2 to 1"),
        ("a.csv", "nan,1,up\n", "0 <= start <= end"),
        ("a.csv", "0,1,\n", "needs a name"),
    ],
)
def test_lines_that_are_no_words_are_named(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_words(path)


def test_a_folder_of_recordings(tmp_path):
    recording(tmp_path / "radio" / "a.wav")
    recording(tmp_path / "b.wav")
    recording(tmp_path / "__MACOSX" / "b.wav")
    (tmp_path / "b.txt").write_text(TRACK)
    (tmp_path / "readme.txt").write_text("recorded in the kitchen")
    found = find_stream(tmp_path)
    assert found.validation == ()
    assert [(r.path.name, r.listed, r.words) for r in found.test] == [
        ("b.wav", True, WORDS),
        ("a.wav", False, ()),
    ]
    key = recordings_key(found.test)
    (tmp_path / "b.txt").write_text("")
    assert recordings_key(find_stream(tmp_path).test) != key
    (tmp_path / "b.csv").write_text(TABLE)
    with pytest.raises(DataError, match=r"has two lists, b.txt and b.csv; keep one"):
        find_stream(tmp_path)


def test_validation_and_test_are_apart(tmp_path):
    recording(tmp_path / "validation" / "a.wav")
    with pytest.raises(DataError, match="has a folder validation, but none named test"):
        find_stream(tmp_path)
    recording(tmp_path / "test" / "b.wav")
    found = find_stream(tmp_path)
    names = [[r.path.name for r in own] for own in found.subsets.values()]
    assert names == [["a.wav"], ["b.wav"]]
    with pytest.raises(DataError, match="contains no recordings"):
        find_stream(tmp_path.joinpath("none").mkdir() or tmp_path / "none")
    with pytest.raises(DataError, match="there is no such folder"):
        find_stream(tmp_path / "gone")


def clips_of(count: int, rng: np.random.Generator) -> Clips:
    """Clips of one second with a burst of 0.3 s at a random place."""
    pcm = np.zeros((count, RATE_HZ), np.int16)
    for row in pcm:
        start = int(rng.integers(0, RATE_HZ - 2400))
        row[start : start + 2400] = rng.integers(-9000, 9000, 2400)
    return Clips(
        pcm=pcm,
        label=rng.integers(0, 2, count),
        ids=tuple(f"w/{i}" for i in range(count)),
        speakers=(None,) * count,
        lengths=np.full(count, RATE_HZ),
        digests=tuple(map(str, range(count))),
    )


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 8), others=st.integers(0, 3))
@example(seed=502083, count=1, others=2)  # a word in the first 40 ms
def test_a_scripted_stream_has_every_word_where_it_says(seed, count, others):
    def make(rng: np.random.Generator):
        clips = clips_of(count, rng)
        noise = rng.integers(-50, 50, 1000).astype(np.int16)
        more = [np.full(400 * n, 300, np.int16) for n in range(others)]
        stream = script_stream(
            clips, ("down", "up"), noise, rate_hz=RATE_HZ, others=more, rng=np.random.default_rng(1)
        )
        return clips, stream

    clips, stream = make(np.random.default_rng(seed))
    assert sorted(w.word for w in stream.words) == sorted(("down", "up")[i] for i in clips.label)
    for word in stream.words:
        assert 0.2 <= word.end_s - word.start_s <= 0.36
        inside = stream.sound[round(word.start_s * RATE_HZ) : round(word.end_s * RATE_HZ)]
        assert np.abs(inside).max() > 8000
    loud = np.abs(stream.sound.astype(int)) > 2000
    for word in stream.words:
        first = max(round((word.start_s - 0.04) * RATE_HZ), 0)
        loud[first : round((word.end_s + 0.04) * RATE_HZ)] = False
    assert not loud.any()
    np.testing.assert_array_equal(stream.sound, make(np.random.default_rng(seed))[1].sound)


def test_a_silent_clip_is_all_word():
    assert word_span(np.zeros(RATE_HZ, np.int16), RATE_HZ) == (0.0, 1.0)
    assert word_span(np.zeros(9, np.int16), RATE_HZ) == (0.0, 9 / RATE_HZ)
