"""Reject recordings: found, split without sharing, decoded once, and cut into windows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.rejects.half_words import joined_window, word_span
from motefit.data.rejects.reject_folders import RejectFile
from motefit.data.rejects.reject_sampler import RejectSampler
from motefit.data.rejects.reject_sounds import RejectSounds
from motefit.data.rejects.reject_split import split_rejects
from motefit.data.rejects.reject_texts import reject_texts
from motefit.data.speech import exclude_overlap, find_broken, load_speech
from motefit.data.splits import SUBSETS
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.rejects import RejectSpec
from motefit.spec.tasks.speech_spec import SILENCE, UNKNOWN, SpeechData

RATE = 8000
SAMPLES = 800
WORDS = ("down", "up")
DATA = SpeechData(
    words=WORDS,
    train_percent=50.0,
    validation_percent=25.0,
    unknown=("other-words", "talk"),
    silence=("synthetic", "_background_noise_"),
    synthetic_clips=15,
)


def write(path: Path, samples: int, *key: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([samples, *key])
    soundfile.write(path, rng.integers(-20_000, 20_000, samples, dtype=np.int16), RATE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTEFIT_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "words"
    for number, word in enumerate((*WORDS, "left")):
        for clip in range(8):
            write(root / word / f"s{clip}_nohash_0.wav", SAMPLES, number, clip)
    for clip in range(6):
        write(root / "talk" / f"long{clip}.wav", 2500 + 700 * clip, clip)
        write(root / "_background_noise_" / f"hum{clip}.wav", 3000, 9, clip)
    return root


def load(root, data=DATA, rate_hz=RATE):
    return load_speech(root, data, rate_hz=rate_hz, seconds=SAMPLES / RATE)


def test_rejects_are_classes_after_the_words_and_no_recording_is_in_two_sets(folder):
    dataset = load(folder)
    assert dataset.labels == (*WORDS, UNKNOWN, SILENCE)
    assert (dataset.words, dataset.rejects) == (WORDS, (UNKNOWN, SILENCE))
    assert max(clips.label.max() for clips in dataset.subsets.values()) == 1
    for subsets in dataset.sounds.classes.values():
        names = [name for subset in SUBSETS for name in subsets[subset].names]
        assert len(set(names)) == len(names)
        assert all(len(subsets[subset]) for subset in SUBSETS)
    counts = {p: len(s) for p, s in dataset.sounds.classes[UNKNOWN].items()}
    assert sum(counts.values()) == 8 + 6
    assert dataset.unused == {}
    assert any("_unknown_ of talk: 6 recordings" in line for line in dataset.taken)


def test_noise_that_is_measured_is_not_mixed_into_training(folder):
    held = [
        name
        for subset in ("validation", "test")
        for name in load(folder).sounds.classes[SILENCE][subset].names
        if name.startswith("_background_noise_")
    ]
    assert len(held) == 3
    assert len(load(folder).noise) == (6 - len(held)) * 3000


def test_copies_are_left_out(folder):
    (folder / "talk" / "copy.wav").write_bytes((folder / "talk" / "long0.wav").read_bytes())
    (folder / "left" / "s9_nohash_0.wav").write_bytes(
        (folder / "up" / "s1_nohash_0.wav").read_bytes()
    )
    assert load(folder).sounds.dropped == {
        "a copy of another recording": 1,
        "the samples of a clip of a word": 1,
    }


def test_a_split_by_speaker_keeps_the_speakers_of_words_in_their_set(folder):
    data = SpeechData(words=WORDS, split="speaker", unknown=("other-words", "talk"))
    dataset = load(folder, data)
    for subset in SUBSETS:
        own = set(dataset.sounds.classes[UNKNOWN][subset].speakers) - {None}
        assert own == set(dataset.subsets[subset].speakers)


def test_published_lists_also_decide_about_other_words(folder):
    names = [f"{word}/s{i}_nohash_0.wav" for word in (*WORDS, "left") for i in range(8)]
    for subset, last in (("test", "7"), ("val", "6")):
        own = [name for name in names if f"s{last}_" in name]
        (folder / f"{subset}.txt").write_text("\n".join(own))
    data = SpeechData(words=WORDS, split="published", unknown=("other-words", "talk"))
    subsets = load(folder, data).sounds.classes[UNKNOWN]
    found = {
        subset: {n for n in subsets[subset].names if n.startswith("left")} for subset in SUBSETS
    }
    assert found["test"] == {"left/s7_nohash_0"}
    assert found["validation"] == {"left/s6_nohash_0"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"unknown": ("tolk",)}, "there is no folder 'tolk' of other sound"),
        ({"unknown": ("empty",)}, "no audio files"),
        ({"unknown": ("two",)}, "has no recording in the validation and the test set"),
    ],
)
def test_unusable_folders_are_named(folder, data, message):
    (folder / "empty").mkdir()
    write(folder / "two" / "a.wav", 3000, 5)
    write(folder / "two" / "b.wav", 3000, 6)
    with pytest.raises(DataError, match=message):
        load(folder, SpeechData(words=WORDS, **data))


def test_recordings_follow_the_channel_and_the_share_of_damaged_files(folder, caplog):
    (folder / "talk" / "long0.wav").write_bytes(b"no sound")
    sound = np.random.default_rng(5).uniform(-0.5, 0.5, 3000)
    soundfile.write(folder / "talk" / "long1.wav", np.stack([sound, -sound], axis=1), RATE)
    with pytest.raises(DataError, match=r"(?s)2 of \d+ audio files.*channels cancel each other"):
        load(folder, replace(DATA, damaged_percent=4))
    dataset = load(folder, replace(DATA, channel=1))
    assert [file.path.name for file in dataset.damaged] == ["long0.wav"]
    assert dataset.sounds.dropped == {"damaged": 1}
    assert "long0.wav" in caplog.text
    (second,) = [
        sounds.pcm[start : start + length]
        for sounds in dataset.sounds.classes[UNKNOWN].values()
        for name, start, length in zip(sounds.names, sounds.starts, sounds.lengths, strict=True)
        if name.endswith("long1")
    ]
    np.testing.assert_allclose(second, sound * 32768, atol=1)


def test_broken_recordings_are_listed(folder):
    (folder / "talk" / "bad.wav").write_bytes(b"RIFF")
    assert [file.path.name for file in find_broken(folder, DATA)] == ["bad.wav"]
    with pytest.raises(DataError, match="1 of"):
        load(folder, replace(DATA, damaged_percent=2))


@pytest.mark.parametrize(
    "data",
    [
        {"unknown": ("a", "a")},
        {"silence": ("other-words",)},
        {"unknown": ("other-words",)},
        {"words": ("up", UNKNOWN), "unknown": ("a",)},
    ],
)
def test_entries_that_make_no_sense_are_refused(data):
    with pytest.raises(RecipeError):
        SpeechData(**data)


voices = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.one_of(st.none(), st.integers(0, 9))), max_size=60
)


@given(voices, st.integers(0, 3), st.sampled_from([50.0, 80.0]))
def test_speakers_and_recordings_are_in_one_set(drawn, seed, train_percent):
    files = [
        RejectFile(
            name=f"{source}/{number}",
            path=Path("x"),
            label=UNKNOWN,
            source=source,
            speaker=None if voice is None else f"v{voice}",
        )
        for number, (source, voice) in enumerate(drawn)
    ]
    rules = {"train_percent": train_percent, "validation_percent": 10.0, "seed": seed}
    homes = split_rejects(files, listed={}, homes={"v0": "test"}, **rules)
    by_speaker = {}
    for file, home in zip(files, homes, strict=True):
        assert home in SUBSETS
        if file.speaker:
            assert by_speaker.setdefault(file.speaker, home) == home
    assert by_speaker.get("v0", "test") == "test"
    again = split_rejects(files[::-1], listed={}, homes={"v0": "test"}, **rules)
    alone = {f.name for f in files if sum(g.source != f.source for g in files) == 0}
    assert all(a == b for f, a, b in zip(files, homes, again[::-1], strict=True) if f.name in alone)
    if len({f.name for f in files if f.speaker is None and f.source == "a"}) >= 3:
        assert {h for f, h in zip(files, homes, strict=True) if f.source == "a"} == set(SUBSETS)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 15), st.data())
def test_windows_cover_every_sample_and_are_cut_where_they_are_asked_for(lengths, samples, data):
    pcm = np.arange(1, sum(lengths) + 1, dtype=np.int16)
    starts = np.cumsum(lengths) - lengths
    count = len(lengths)
    sounds = RejectSounds(
        pcm=pcm,
        starts=starts.astype(np.int64),
        lengths=np.array(lengths, np.int64),
        names=tuple(map(str, range(count))),
        sources=("a",) * count,
        speakers=(None,) * count,
        digests=("",) * count,
    )
    owners, places = sounds.windows(samples)
    cut = sounds.cut(owners, places, samples, continued=False)
    assert set(cut.ravel()) - {0} == set(pcm)
    assert all(
        (row == 0).sum() == max(samples - lengths[o], 0) for row, o in zip(cut, owners, strict=True)
    )
    place = data.draw(st.integers(-20, 60))
    (row,) = sounds.cut(np.array([0]), np.array([place]), samples, continued=False)
    padded = np.concatenate([np.zeros(60), pcm[: lengths[0]], np.zeros(120)])
    assert (row == padded[place + 60 : place + 60 + samples]).all()


def test_an_epoch_is_reproducible_and_has_the_wanted_shares(folder):
    dataset = load(folder)
    spec = RejectSpec(unknown=2.0, silence=0.5, half_words=0.25, mined=0.5)
    talk = next(n for n in dataset.sounds.classes[UNKNOWN]["train"].names if "talk" in n)

    def drawn(seed, mined=None):
        sampler = RejectSampler(
            dataset.sounds,
            dataset.train,
            labels=dataset.labels,
            spec=spec,
            rate_hz=RATE,
            mined=mined,
        )
        blocks = list(sampler.blocks(40, rng=np.random.default_rng(seed)))
        pcm, labels = (np.concatenate(subset) for subset in zip(*blocks, strict=True))
        assert len(labels) == sampler.size(40)
        return pcm, labels

    pcm, labels = drawn(1)
    assert np.bincount(labels, minlength=4).tolist() == [0, 0, 80, 20]
    assert (drawn(1)[0] == pcm).all()
    assert (drawn(2)[0] != pcm).any()
    hard, labels = drawn(1, {talk: (100,)})
    assert np.bincount(labels, minlength=4).tolist() == [0, 0, 80, 20]
    sounds = dataset.sounds.classes[UNKNOWN]["train"]
    start = int(sounds.starts[sounds.names.index(talk)])
    around = sounds.pcm[start + 60 : start + 940]
    windows = np.lib.stride_tricks.sliding_window_view(around, SAMPLES)
    assert sum((windows == row).all(axis=1).any() for row in hard) >= 40


def test_joined_halves_are_parts_of_both_words_over_background():
    seconds = np.arange(16_000) / 16_000
    inside = (seconds > 0.3) & (seconds < 0.7)
    clips = [
        np.asarray(8000 * np.sin(2 * np.pi * hz * seconds) * inside, np.int16) for hz in (500, 2000)
    ]
    start, stop = word_span(clips[0], 16_000)
    assert abs(start - 4800) <= 320
    assert abs(stop - 11_200) <= 320
    window = joined_window(*clips, rate_hz=16_000, rng=np.random.default_rng(0))
    power = np.abs(np.fft.rfft(window.astype(float)))
    assert min(power[500], power[2000]) > 20 * np.median(power)
    first, last = word_span(window, 16_000)
    assert 0.3 < (last - first) / 16_000 < 0.55


def test_texts_do_not_contain_the_words():
    words = ["up", "smart mirror", "go", "straße"]
    texts = reject_texts(words, 20, seed=0)
    assert texts == reject_texts(words, 20, seed=0)
    heard = [f" {text.replace(',', ' ')} ".replace("  ", " ") for text in texts]
    assert len(texts) == 20
    assert not any(f" {word} " in text for word in words for text in heard)


def test_a_teacher_of_more_words_hears_nothing_that_evaluates_the_model(folder):
    judged = load(folder)
    more = replace(DATA, words=(*WORDS, "left"), unknown=("talk",))
    wider = exclude_overlap(load(folder, more), judged)
    held = {
        name
        for subsets in judged.sounds.classes.values()
        for subset in SUBSETS[1:]
        for name in subsets[subset].names
    }
    assert held & {f"left/s{clip}_nohash_0" for clip in range(8)}
    assert not held & set(wider.train.ids)
    for subsets in wider.sounds.classes.values():
        assert not held & set(subsets["train"].names)
